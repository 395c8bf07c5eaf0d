"""What every identity provider does, whatever it speaks."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import ClassVar

from flask import Flask, request
from werkzeug.wrappers import Response

from service.accounts import auth
from shared.errors import AuthError, NotFoundError, ServiceError

log = logging.getLogger(__name__)

BACK = "/login/provider/back"
"""Where the provider sends or posts people to: the one address of ours that it must know."""
METADATA = "/login/provider/metadata"
TIMEOUT_SECONDS = 10
MOST_BEGUN = 4
"""Logins under way in one browser, in several of its tabs. Browsers drop cookies of more than 4 KiB."""
DEFAULT_NAME = "single sign-on"


class IdentityProvider(ABC):
    """Who vouches for people."""

    variable: ClassVar[str]
    """What names it in the environment."""
    name: str
    """What people call it."""

    def register(self, app: Flask) -> None:  # noqa: B027 - not every protocol has something to register
        """Prepare the application for it."""

    @abstractmethod
    def look(self) -> str:
        """Ask the provider what it says of itself: its name for itself.

        Raises OSError where it does not answer (requests' own errors are some), ValueError that says what is wrong.
        """

    @abstractmethod
    def send(self) -> Response:
        """Send the browser to the provider, which sends it to ``BACK`` afterwards. Raises ServiceError."""

    def take_answer(self) -> Response:
        """Look at an answer that the browser posts to ``BACK`` in the provider's name, and send it there by GET.

        Raises AuthError where it does not hold, ServiceError.
        """
        raise self.refused("it does not answer by a form", "Begin the login here again.")

    @abstractmethod
    def email(self) -> str:
        """The address of whom the provider has sent to ``BACK`` with this request.

        Raises AuthError where it does not vouch for anybody, or not for an address; ServiceError where it is away.
        """

    def metadata(self) -> bytes:
        """What the provider is told of this service, as a document. Raises NotFoundError where it needs none."""
        raise NotFoundError(
            f"{self.name} needs no metadata of this service.", hint=f"Tell it the address {address_of(BACK)}."
        )

    def refused(self, why: str, hint: str, error: BaseException | None = None) -> AuthError:
        """That its answer does not hold; the log says more than whoever posted it may know."""
        log.warning("single sign-on refused: %s: %s", why, error or "-", exc_info=error)
        return AuthError(f"You were not logged in by {self.name}: {why}.", hint=hint, code="auth.single_sign_on")

    def without_address(self, why: str, hint: str) -> AuthError:
        """That it vouches for somebody, but not for an address; ``why`` is what it does or does not."""
        return AuthError(f"{self.name} {why}.", hint=hint, code="auth.single_sign_on")

    def away(self, error: Exception) -> ServiceError:
        """That it does not answer, or not as such a provider does."""
        log.warning("single sign-on: %s", error)
        return ServiceError(
            f"{self.name} does not answer as an identity provider does.",
            hint=f"Try again in a moment, or log in with your password; an administrator looks at {self.variable}.",
            code="service.identity_provider",
        )


def address_of(path: str) -> str:
    """A page of ours as the provider and browsers know it."""
    return f"{auth.config().public_url or request.host_url.rstrip('/')}{path}"
