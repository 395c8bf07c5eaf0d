"""An identity provider that speaks OpenID Connect (Keycloak, Entra ID, Google, Okta, ...), by Authlib.

``RACEWAY_OIDC_ISSUER`` is the provider's address, ``RACEWAY_OIDC_CLIENT_ID`` and ``RACEWAY_OIDC_CLIENT_SECRET`` are
what it knows this service by, ``RACEWAY_OIDC_NAME`` is what people call it. The authorization code flow is used, with
PKCE, state and nonce (https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, current_app
from flask import session as cookie
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

from service.accounts.single_sign_on.provider import (
    BACK,
    DEFAULT_NAME,
    MOST_BEGUN,
    TIMEOUT_SECONDS,
    IdentityProvider,
    address_of,
)
from shared.errors import InputError

_VARIABLES = ("RACEWAY_OIDC_ISSUER", "RACEWAY_OIDC_CLIENT_ID", "RACEWAY_OIDC_CLIENT_SECRET")
_DISCOVERY = "/.well-known/openid-configuration"
_BEGUN = "_state_provider_"
"""What Authlib calls a login that was begun."""


@dataclass(frozen=True)
class OpenIDProvider(IdentityProvider):
    """``trusts_email``: it vouches for addresses of which it does not say that it verified them, too."""

    variable: ClassVar[str] = _VARIABLES[0]
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = DEFAULT_NAME
    trusts_email: bool = False

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> OpenIDProvider | None:
        """None where nothing is set. Raises InputError (``input.config``) that names what is missing or wrong."""
        given = {name: env.get(name, "").strip() for name in _VARIABLES}
        if not any(given.values()):
            return None
        wrong = {name: "is not set" for name, text in given.items() if not text}
        issuer, client_id, client_secret = given.values()
        address = urlsplit(issuer)
        if issuer and (address.scheme not in ("https", "http") or not address.netloc):
            wrong[_VARIABLES[0]] = "is no address, such as https://login.studio.example/realms/studio"
        if wrong:
            raise InputError(
                f"Single sign-on is not configured: {', '.join(wrong)}.",
                hint="Set what the identity provider says of this service, or none of it.",
                code="input.config",
                fields=wrong,
            )
        return cls(
            issuer.removesuffix("/").removesuffix(_DISCOVERY),
            client_id,
            client_secret,
            env.get("RACEWAY_OIDC_NAME", "").strip() or DEFAULT_NAME,
            env.get("RACEWAY_OIDC_TRUST_EMAIL", "") == "1",
        )

    def register(self, app: Flask) -> None:
        OAuth(app).register(
            "provider",
            client_id=self.client_id,
            client_secret=self.client_secret,
            server_metadata_url=f"{self.issuer}{_DISCOVERY}",
            client_kwargs={
                "scope": "openid email",
                "code_challenge_method": "S256",
                "default_timeout": TIMEOUT_SECONDS,
            },
        )

    def look(self) -> str:
        answer = requests.get(f"{self.issuer}{_DISCOVERY}", timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict) or "issuer" not in found:
            raise ValueError(f"{answer.url} is not what a provider of OpenID Connect says of itself")
        return str(found["issuer"])

    def send(self) -> Response:
        # Each login that is begun is kept in the cookie until it ends; some never do.
        for name in [name for name in cookie if name.startswith(_BEGUN)][: 1 - MOST_BEGUN]:
            del cookie[name]
        try:
            answer: Response = _client().authorize_redirect(address_of(BACK))
            return answer
        except (requests.RequestException, AuthlibBaseError, RuntimeError, ValueError) as error:
            raise self.away(error) from error

    def email(self) -> str:
        # Who it is for and from whom is what makes a token an answer to us.
        expected = {"aud": {"essential": True, "value": self.client_id}}
        try:
            issuer = _client().load_server_metadata()["issuer"]
            expected["iss"] = {"essential": True, "value": issuer}
            claims = _client().authorize_access_token(claims_options=expected)["userinfo"]
        except requests.RequestException as error:
            raise self.away(error) from error
        except (AuthlibBaseError, JoseError, KeyError, ValueError, RuntimeError) as error:
            hint = "Try again. Where that does not help, the log of the service has the reason."
            raise self.refused("its answer does not hold", hint, error) from error
        return self._email_of(claims)

    def _email_of(self, claims: Mapping[str, Any]) -> str:
        email = claims.get("email")
        if not isinstance(email, str) or not email:
            raise self.without_address(
                "does not tell your e-mail address", "An administrator lets it: the claim email of the scope email."
            )
        # Some write the truth as text.
        if claims.get("email_verified") not in (True, "true") and not self.trusts_email:
            raise self.without_address(
                f"has not verified the address {email}",
                "Verify it there. Where every address is the studio's own, RACEWAY_OIDC_TRUST_EMAIL=1 says so.",
            )
        return email


def _client() -> Any:
    return current_app.extensions["authlib.integrations.flask_client"].provider
