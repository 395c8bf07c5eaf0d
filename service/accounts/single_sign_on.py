"""Logging in by the studio's identity provider (Keycloak, Entra ID, Google, Okta, ...): OpenID Connect, by Authlib.

``RACEWAY_OIDC_ISSUER`` is the provider's address, ``RACEWAY_OIDC_CLIENT_ID`` and ``RACEWAY_OIDC_CLIENT_SECRET`` are
what it knows this service by, ``RACEWAY_OIDC_NAME`` is what people call it. The authorization code flow is used, with
PKCE, state and nonce (https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth). Whoever comes back with an
e-mail address that the provider has verified is the user with that address: nobody becomes a user by coming.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, current_app
from flask import session as cookie
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

from shared.errors import AuthError, InputError, ServiceError

log = logging.getLogger(__name__)

_REGISTERED = "raceway_single_sign_on"
_VARIABLES = ("RACEWAY_OIDC_ISSUER", "RACEWAY_OIDC_CLIENT_ID", "RACEWAY_OIDC_CLIENT_SECRET")
_DISCOVERY = "/.well-known/openid-configuration"
_SECONDS = 10
_BEGUN = "_state_provider_"
"""What Authlib calls a login that was begun."""
_MOST_BEGUN = 4
"""Logins under way in one browser, in several of its tabs. Browsers drop cookies of more than 4 KiB."""


@dataclass(frozen=True)
class Provider:
    """Who vouches for people. ``trusts_email``: also for addresses of which it does not say that it verified them."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "single sign-on"
    trusts_email: bool = False

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Provider | None:
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
            env.get("RACEWAY_OIDC_NAME", "").strip() or cls.name,
            env.get("RACEWAY_OIDC_TRUST_EMAIL", "") == "1",
        )


def register(app: Flask, env: Mapping[str, str]) -> None:
    """Let people log in by the provider that the environment names, if it names one. Raises InputError."""
    provider = Provider.from_environment(env)
    if provider is None:
        return
    OAuth(app).register(
        "provider",
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        server_metadata_url=f"{provider.issuer}{_DISCOVERY}",
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "default_timeout": _SECONDS},
    )
    app.extensions[_REGISTERED] = provider


def provider() -> Provider | None:
    """Who vouches for people here, None where nobody does."""
    found: Provider | None = current_app.extensions.get(_REGISTERED)
    return found


def send_to_provider(callback: str) -> Response:
    """Send a browser to the provider, which sends it to the address ``callback`` afterwards. Raises ServiceError."""
    # Each login that is begun is kept in the cookie until it ends; some never do.
    for name in [name for name in cookie if name.startswith(_BEGUN)][: 1 - _MOST_BEGUN]:
        del cookie[name]
    try:
        answer: Response = _client().authorize_redirect(callback)
        return answer
    except (requests.RequestException, AuthlibBaseError, RuntimeError, ValueError) as error:
        raise _away(error) from error


def verified_email() -> str:
    """The address of whom the provider has sent here with this request.

    Raises AuthError where it does not vouch for anybody, or not for an address; ServiceError where it is away.
    """
    vouching = _vouching()
    # Who it is for and from whom is what makes a token an answer to us.
    expected = {"aud": {"essential": True, "value": vouching.client_id}}
    try:
        issuer = _client().load_server_metadata()["issuer"]
        expected["iss"] = {"essential": True, "value": issuer}
        claims = _client().authorize_access_token(claims_options=expected)["userinfo"]
    except requests.RequestException as error:
        raise _away(error) from error
    except (AuthlibBaseError, JoseError, KeyError, ValueError, RuntimeError) as error:
        log.warning("single sign-on refused: %s", type(error).__name__, exc_info=error)
        raise AuthError(
            f"You were not logged in by {vouching.name}: its answer does not hold.",
            hint="Try again. Where that does not help, the log of the service has the reason.",
            code="auth.single_sign_on",
        ) from error
    return _email_of(claims, vouching)


def _email_of(claims: Mapping[str, Any], vouching: Provider) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise AuthError(
            f"{vouching.name} does not tell your e-mail address.",
            hint="An administrator lets it: the claim email of the scope email.",
            code="auth.single_sign_on",
        )
    # Some write the truth as text.
    if claims.get("email_verified") not in (True, "true") and not vouching.trusts_email:
        raise AuthError(
            f"{vouching.name} has not verified the address {email}.",
            hint="Verify it there. Where every address is the studio's own, RACEWAY_OIDC_TRUST_EMAIL=1 says so.",
            code="auth.single_sign_on",
        )
    return email


def _vouching() -> Provider:
    found = provider()
    if found is None:
        raise AuthError(
            "There is no single sign-on here.",
            hint="Log in with e-mail address and password.",
            code="auth.single_sign_on",
        )
    return found


def _client() -> Any:
    _vouching()
    return current_app.extensions["authlib.integrations.flask_client"].provider


def _away(error: Exception) -> ServiceError:
    log.warning("single sign-on: %s", error)
    return ServiceError(
        f"{_vouching().name} does not answer as an identity provider does.",
        hint="Try again in a moment, or log in with your password; an administrator looks at RACEWAY_OIDC_ISSUER.",
        code="service.identity_provider",
    )
