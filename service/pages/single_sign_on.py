"""The login by the studio's identity provider: there and back."""

from __future__ import annotations

from flask import Response, make_response, request, url_for
from flask import session as cookie

from service.accounts import auth, single_sign_on
from service.accounts.logins import SeveralTenantsError, user_vouched_for
from service.database import session
from service.pages.frame import finish, pages
from service.pages.sign_in import go_on, login_page
from shared.errors import RacewayError

_GOING = "single_sign_on"
"""In the cookie of the browser's session: where whoever comes back wants to go, and to which tenant."""


@pages.get("/login/provider")
def ask_provider() -> Response:
    """Go to the provider; ``next`` is the page to go to afterwards, ``tenant`` the one to log in to."""
    cookie[_GOING] = {name: request.args.get(name, "")[:2000] for name in ("next", "tenant")}
    try:
        return finish(make_response(single_sign_on.send_to_provider(_callback())))
    except RacewayError as error:
        return login_page(error, target=cookie.pop(_GOING)["next"])


@pages.get("/login/provider/back")
def back_from_provider() -> Response:
    """Begin a session for whom the provider vouches for, or ask for a code as well."""
    going = cookie.pop(_GOING, {})
    target = going.get("next") or "/"
    try:
        user = user_vouched_for(single_sign_on.verified_email(), going.get("tenant", ""))
    except SeveralTenantsError as error:
        session().rollback()
        return login_page(error, target=target, tenants=error.tenants)
    except RacewayError as error:
        session().rollback()
        return login_page(error, target=target)
    return go_on(user, target)


def _callback() -> str:
    """Our address as the provider knows it."""
    base = auth.config().public_url
    path = url_for("pages.back_from_provider")
    return f"{base}{path}" if base else url_for("pages.back_from_provider", _external=True)
