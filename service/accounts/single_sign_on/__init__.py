"""Logging in by the studio's identity provider: it vouches for people, by OpenID Connect or by SAML 2.0.

Whoever comes back from it is the user with the e-mail address that it vouches for: nobody becomes a user by coming.
``provider`` has what the two protocols have in common, ``openid`` is the one and ``saml`` the other, of which
``saml_metadata`` has what both sides say of themselves and ``saml_answer`` whether an answer holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, current_app

from service.accounts.single_sign_on.openid import OpenIDProvider
from service.accounts.single_sign_on.provider import BACK, METADATA, IdentityProvider
from service.config import Config
from shared.errors import AuthError, InputError

__all__ = ["BACK", "METADATA", "IdentityProvider", "provider", "provider_from", "register", "required"]

_REGISTERED = "raceway_single_sign_on"


def register(app: Flask, config: Config, env: Mapping[str, str]) -> None:
    """Let people log in by the provider that the environment names, if it names one. Raises InputError."""
    found = provider_from(config.public_url, env)
    if found is not None:
        found.register(app)
        app.extensions[_REGISTERED] = found


def provider_from(public_url: str, env: Mapping[str, str]) -> IdentityProvider | None:
    """The provider that the environment names, which sends people back to ``public_url``; None where nothing is set.

    Raises InputError (``input.config``) that names what is missing or wrong.
    """
    openid = OpenIDProvider.from_environment(env)
    if not env.get("RACEWAY_SAML_METADATA", "").strip():
        return openid
    if openid:
        raise InputError(
            "Single sign-on is configured twice: RACEWAY_OIDC_ISSUER and RACEWAY_SAML_METADATA are both set.",
            hint="Set one of them. OpenID Connect is the simpler one, where the identity provider has both.",
            code="input.config",
            fields={"RACEWAY_SAML_METADATA": "is set beside RACEWAY_OIDC_ISSUER"},
        )
    # Its libraries are loaded by who needs them.
    from service.accounts.single_sign_on.saml import SamlProvider

    return SamlProvider.from_environment(env, public_url)


def provider() -> IdentityProvider | None:
    """Who vouches for people here, None where nobody does."""
    found: IdentityProvider | None = current_app.extensions.get(_REGISTERED)
    return found


def required() -> IdentityProvider:
    """Who vouches for people here. Raises AuthError where nobody does."""
    found = provider()
    if found is None:
        raise AuthError(
            "There is no single sign-on here.",
            hint="Log in with e-mail address and password.",
            code="auth.single_sign_on",
        )
    return found
