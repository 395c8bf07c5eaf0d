"""What every page shares: the blueprint, who may see a page, its headers, and the page of an error."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, make_response, render_template, request

from service import auth
from service.auth import Identity
from service.database import commit, session
from service.permissions import Permission, allows
from shared.errors import ForbiddenError, RacewayError

pages = Blueprint(
    "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/pages/static"
)

_HEADERS = {
    # No inline style or script anywhere, so that text from a CAD file can never become code.
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then hide the origin of our own forms too.
    "Referrer-Policy": "same-origin",
}
_HEADINGS = {
    400: "This request makes no sense",
    403: "You may not see this",
    404: "There is nothing here",
    405: "This address does not work that way",
    503: "Not available just now",
}

View = Callable[..., str]


def page(path: str, permission: Permission) -> Callable[[View], View]:
    """Declare a page: ``?token=`` is exchanged first, then whoever asks needs ``permission``."""

    def declare(view: View) -> View:
        def serve(**values: object) -> Response:
            from service.pages import sign_in

            if "token" in request.args:
                return sign_in.exchange_token()
            auth.authorise(permission)
            body = view(**values)
            commit(session())
            return make_response(body)

        pages.add_url_rule(path, view.__name__, serve, methods=["GET"])
        return view

    return declare


def may(permission: str) -> bool:
    """Whether the reader has a permission, for the sections of a page that not everybody sees."""
    who = reader()
    return who is not None and allows(who.role, Permission(permission))


def reader() -> Identity | None:
    """Who is logged in, where somebody is."""
    identity: Identity | None = g.get("identity")
    return identity


def refuse_other_sites() -> None:
    """Accept a form of our own pages only.

    Raises ForbiddenError where the browser says that another site sent it.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        # Over plain HTTP browsers send the origin only; programs send neither and carry no cookie by accident.
        known = {request.host, urlsplit(auth.config().public_url).netloc}
        # A browser that hides its origin says "null", which has no host.
        ours = origin is None or (urlsplit(origin).netloc or None) in known
    if not ours:
        raise ForbiddenError(
            "This form was sent from another site.",
            hint="Open the page here and send it again.",
            code="auth.other_site",
        )


def error_page(error: RacewayError) -> Response:
    """An error in the look of the pages; without a valid session, the login instead."""
    if error.status == 401:
        from service.pages import sign_in

        return sign_in.login_page(error)
    heading = _HEADINGS.get(error.status, "Something went wrong")
    response = make_response(render_template("pages/error.html", error=error, heading=heading))
    response.status_code = error.status
    return finish(response)


@pages.after_request
def finish(response: Response) -> Response:
    """Set the headers of a page."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "text/html":
        # What one user saw must not come back from a cache after logging out.
        response.headers["Cache-Control"] = "no-store"
    return response


@pages.app_context_processor
def _shared_values() -> dict[str, object]:
    return {"reader": reader(), "may": may}
