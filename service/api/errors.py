"""Every error becomes the API's one form: ``{"ok": false, "error": {code, message, hint, fields}}``."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Container
from http import HTTPStatus

from flask import Flask, Response, g, jsonify, request
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, RequestEntityTooLarge

from service.accounts.throttle import RateLimitError
from service.api.routing import PREFIX
from service.database import session
from shared.errors import ConflictError, InputError, NotFoundError, RacewayError, ServiceError

log = logging.getLogger(__name__)

_HINTS = {
    404: "Check the address; /api/docs lists what there is.",
    413: "Raise RACEWAY_MAX_UPLOAD_MB, or send less.",
    415: "Send JSON with the header Content-Type: application/json.",
}
_KEPT_HEADERS = {"Allow", "Content-Range"}
"""What HTTP wants to be said with 405 and 416."""
_UNIQUE, _REFERENCE, _CHECK, _NO_PRIVILEGE = "23505", "23503", "23514", "42501"
_AGAIN = "Send it again; nothing of it was done."
_NO_CONNECTION = (
    "service.no_connection",
    "The service has no free connection to its database.",
    "Try again in a moment. Where that lasts, raise max_connections of PostgreSQL.",
)
_TROUBLE = {
    "40P01": ("service.deadlock", "This request and another one waited for each other; this one was given up.", _AGAIN),
    "40001": ("service.serialization", "Another request changed the same at the same moment.", _AGAIN),
    "55P03": ("service.lock_timeout", "Another request holds what this one would change, for too long.", _AGAIN),
    "57014": (
        "service.statement_timeout",
        "The database gave this request up, because it took too long.",
        "Ask for less at a time; an administrator finds the limit as statement_timeout of PostgreSQL.",
    ),
    "53100": (
        "service.database_full",
        "The disk of the database is full: nothing can be written.",
        "Free some space on the database's disk, or give it a larger one; then send it again.",
    ),
    "53300": _NO_CONNECTION,
}
"""Code, message and hint by PostgreSQL's code (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
_NO_SLOT = re.compile("too many (clients|connections)|connection slots are reserved")
"""What PostgreSQL says where a connection fails for their number: the driver has no code of a connection that fails."""


def register(app: Flask, page: Callable[[RacewayError], Response], *, probes: Container[str]) -> None:
    """Install the handlers; ``page`` shows an error of a web page instead of the API.

    ``probes`` are paths outside the API that programs ask: they are shown a page only where they ask for HTML.
    """

    def answer(error: RacewayError) -> Response:
        session().rollback()
        return page(error) if shows_page() else json_error(error)

    def shows_page() -> bool:
        if request.path.rstrip("/") in probes:
            return request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html"
        # Scripts of the pages ask for JSON, as the browser itself never does.
        return not request.path.startswith(PREFIX) and request.accept_mimetypes.best != "application/json"

    def answer_http(error: HTTPException) -> Response:
        response = answer(_from_http(error))
        for name, value in error.get_headers():
            if name in _KEPT_HEADERS:
                response.headers[name] = value
        return response

    app.register_error_handler(RacewayError, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(IntegrityError, lambda error: answer(from_integrity(error)))
    app.register_error_handler(DataError, lambda _: answer(_from_data()))
    app.register_error_handler(ProgrammingError, lambda error: answer(_from_programming(error)))
    app.register_error_handler(OperationalError, lambda error: answer(_from_operational(error)))
    app.register_error_handler(InterfaceError, lambda error: answer(_from_operational(error)))
    app.register_error_handler(NoConnectionError, lambda error: answer(_from_trouble(_NO_CONNECTION, error)))
    app.register_error_handler(Exception, lambda error: answer(_from_defect(error)))


def json_error(error: RacewayError) -> Response:
    """The API's answer for an error."""
    response = jsonify({"ok": False, "error": error.to_json()})
    response.status_code = error.status
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimitError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _from_http(error: HTTPException) -> RacewayError:
    status = error.code or 500
    if isinstance(error, RequestEntityTooLarge):
        return InputError("The request is too large.", hint=_HINTS[413], code="input.too_large", status=413)
    if isinstance(error, ClientDisconnected):
        return InputError(
            "The body of the request did not arrive whole.", hint="Send it again.", code="input.incomplete", status=400
        )
    phrase = HTTPStatus(status).phrase
    hint = _HINTS.get(status, "")
    if isinstance(error, MethodNotAllowed):
        hint = f"This address takes {', '.join(sorted(error.valid_methods or ()))}; /api/docs says what each does."
    return RacewayError(
        f"{request.method} {request.path}: {phrase}.",
        hint=hint,
        code={404: "not_found", 405: "input.method"}.get(status, f"http.{status}"),
        status=status,
    )


def from_integrity(error: IntegrityError) -> RacewayError:
    """What a constraint of the database refused: a backstop, because views check first and say it better."""
    code = getattr(error.orig, "pgcode", "")
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", "") or "a constraint"
    if code == _UNIQUE:
        return ConflictError(
            "Something of that name or number exists already.",
            hint="Choose another name, or use the one that exists.",
            code="conflict.exists",
            fields={"constraint": constraint},
        )
    if code == _REFERENCE:
        return ConflictError(
            "The request refers to something that does not exist, or removes what others still use.",
            hint="Check the ids of the request.",
            code="conflict.reference",
            fields={"constraint": constraint},
        )
    if code == _CHECK:
        return InputError("A value is out of its range.", hint="Check the request.", fields={"constraint": constraint})
    return _from_defect(error)


def _from_data() -> RacewayError:
    return InputError("A value is not one the database can hold.", hint="Check lengths and ranges of the request.")


def _from_programming(error: ProgrammingError) -> RacewayError:
    """Also what row-level security refused: a backstop for what is hidden from somebody in the middle of a request."""
    if getattr(error.orig, "pgcode", "") != _NO_PRIVILEGE or "row-level security" not in str(error.orig):
        return _from_defect(error)
    log.warning("refused by row-level security: %s", str(error.orig).strip())
    return NotFoundError(
        "The request is about something that is not there for you.",
        hint="Nothing of it was done. Reload: you may have been taken off the project's team.",
    )


def _from_operational(error: OperationalError | InterfaceError) -> RacewayError:
    told = str(error.orig or error).strip()
    code = getattr(error.orig, "pgcode", None) or ("53300" if _NO_SLOT.search(told) else "")
    away = ("service.database", "The database does not answer.", "Try again in a moment; /ready tells when it is back.")
    return _from_trouble(_TROUBLE.get(code, away), told.splitlines()[0])


def _from_trouble(trouble: tuple[str, str, str], told: object) -> ServiceError:
    code, message, hint = trouble
    log.error("database: %s [%s]", told, code)
    return ServiceError(message, hint=hint, code=code)


def _from_defect(error: BaseException) -> RacewayError:
    log.exception("unexpected error", exc_info=error)
    return RacewayError(
        "The service met an error of its own.",
        hint=f"Report it with the request id {g.get('request_id', '')}; the log has the rest.",
        code="service.internal",
    )
