"""The login by the studio's identity provider: there and back."""

from __future__ import annotations

from flask import Response, make_response, request
from flask import session as cookie

from service.accounts import single_sign_on
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
        return finish(make_response(single_sign_on.required().send()))
    except RacewayError as error:
        return login_page(error, target=cookie.pop(_GOING)["next"])


@pages.post(single_sign_on.BACK)
def take_answer() -> Response:
    """Take an answer that the provider lets the browser post: from another site, so without the browser's session."""
    try:
        return finish(make_response(single_sign_on.required().take_answer()))
    except RacewayError as error:
        return login_page(error, target="/")


@pages.get(single_sign_on.BACK)
def back_from_provider() -> Response:
    """Begin a session for whom the provider vouches for, or ask for a code as well."""
    going = cookie.pop(_GOING, {})
    target = going.get("next") or "/"
    try:
        user = user_vouched_for(single_sign_on.required().email(), going.get("tenant", ""))
    except SeveralTenantsError as error:
        session().rollback()
        return login_page(error, target=target, tenants=error.tenants)
    except RacewayError as error:
        session().rollback()
        return login_page(error, target=target)
    return go_on(user, target)


@pages.get(single_sign_on.METADATA)
def provider_metadata() -> Response:
    """What the provider is told of this service."""
    answer = make_response(single_sign_on.required().metadata())
    answer.mimetype = "application/samlmetadata+xml"
    return answer
