"""The one error hierarchy. Every failure a user can meet is a :class:`RacewayError`.

An error says what was wrong and with which object (``message``), what to do (``hint``), and carries a ``code``
that never changes once released, so that programs and translations can rely on it. ``fields`` names the offending
input fields of a request, each with its own message. ``status`` is the HTTP status the service answers with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RacewayError(Exception):
    """Root of all errors of the pipeline."""

    code = "raceway.error"
    status = 500
    hint = ""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        fields: Mapping[str, str] | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or type(self).hint
        self.code = code or type(self).code
        self.fields = dict(fields or {})
        self.status = status or type(self).status

    def to_json(self) -> dict[str, Any]:
        """The ``error`` object of an HTTP answer, a job document or a ``--json`` output."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "fields": self.fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], status: int = 0) -> RacewayError:
        """Rebuild an error another process or the service reported; the class follows from the code's first word."""
        code = str(data.get("code") or cls.code)
        family = _FAMILIES.get(code.split(".", 1)[0], RacewayError)
        fields = data.get("fields")
        return family(
            str(data.get("message") or "unknown error"),
            hint=str(data.get("hint") or ""),
            code=code,
            fields=fields if isinstance(fields, Mapping) else None,
            status=status,
        )


class InputError(RacewayError):
    """A value given by the user or a request is not acceptable."""

    code = "input.invalid"
    status = 422


class NotFoundError(RacewayError):
    """The named thing does not exist, or this user may not know that it does."""

    code = "not_found"
    status = 404


class ConflictError(RacewayError):
    """The request contradicts what already stands (a taken name, a newer revision, an illegal state change)."""

    code = "conflict"
    status = 409


class AuthError(RacewayError):
    """No token, a wrong one, or one that may not do this."""

    code = "auth.unauthorized"
    status = 401
    hint = "Log in again, or pass a valid token (PM_API_TOKEN)."


class ForbiddenError(AuthError):
    code = "auth.forbidden"
    status = 403
    hint = "Ask a project manager or tenant administrator for the right."


_MAY_PASS = frozenset(
    {
        *("service.unavailable", "service.database", "service.database_full", "service.no_connection"),
        *("service.deadlock", "service.serialization", "service.lock_timeout"),
    }
)


class ServiceError(RacewayError):
    """The service cannot be reached or gave an answer that is not the API's."""

    code = "service.unavailable"
    status = 503
    hint = "Start it with `raceway up`, or check PM_API_URL."

    @property
    def is_away(self) -> bool:
        """Whether it may answer later as if nothing had been: it, or its database, is down, starting or busy."""
        return self.code in _MAY_PASS


class StorageError(RacewayError):
    """A file or folder of the shared storage cannot be read or written."""

    code = "storage.failed"
    status = 507


class ProcessError(RacewayError):
    """A tool's process crashed, hung, or used more than it may."""

    code = "process.failed"


class CadError(RacewayError):
    """A CAD file cannot be read or converted."""

    code = "cad.failed"
    status = 422


class UsdError(RacewayError):
    """A USD layer or stage is not acceptable."""

    code = "usd.failed"
    status = 422


class PublishError(RacewayError):
    """A publish did not come about; nothing of it is visible."""

    code = "publish.failed"
    status = 422


class RenderError(RacewayError):
    """A render did not come about."""

    code = "render.failed"


_FAMILIES: dict[str, type[RacewayError]] = {
    "input": InputError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "auth": AuthError,
    "service": ServiceError,
    "storage": StorageError,
    "process": ProcessError,
    "cad": CadError,
    "usd": UsdError,
    "publish": PublishError,
    "render": RenderError,
}
