"""What every page shares: the blueprint, who may see a page, and its headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, g, make_response, redirect, request

from service.accounts import auth
from service.accounts.auth import Identity
from service.accounts.permissions import Permission, allows
from service.database import commit, release, session
from service.pages.hints import on_page
from shared.errors import ForbiddenError, InputError, RacewayError

pages = Blueprint(
    "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/pages/static"
)

_HEADERS = {
    # No inline style or script anywhere, so that text from a CAD file can never become code.
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then hide the origin of our own forms too.
    "Referrer-Policy": "same-origin",
}

_MOST_TOLD = 1500
"""Bytes."""
_REFUSALS = frozenset({403, 404, 409, 412, 422, 428})
"""What can be wrong with what a form asks; everything else has a page of its own."""

View = Callable[..., str]

READ_LATER: set[str] = set()
"""Endpoints whose forms have files, or that take a file: read once it is known who sends it."""


def page(path: str, permission: Permission, *, before_two_factor: bool = False) -> Callable[[View], View]:
    """Declare a page that shows itself to whoever has ``permission``.

    Who has to set up a second factor first sees only what is open ``before_two_factor``; everything else leads there.
    """

    def declare(view: View) -> View:
        def serve(**values: object) -> Response:
            auth.authorise(permission, before_two_factor=before_two_factor)
            body = view(**values)
            commit(session())
            return make_response(body)

        pages.add_url_rule(path, view.__name__, serve, methods=["GET"])
        return view

    return declare


def action(
    path: str, permission: Permission, *, with_files: bool = False, before_two_factor: bool = False
) -> Callable[[View], View]:
    """Declare what a form of ours does, for whoever has ``permission``; the view answers where to go afterwards.

    What is refused leads back to the page on which the form stands, which says why and keeps what was typed (keep.js).
    A form ``with_files`` may be as large as uploads are; it is read once it is known who sends it.
    """

    def declare(view: View) -> View:
        def serve(**values: object) -> Response:
            refuse_other_sites()
            auth.authorise(permission, before_two_factor=before_two_factor)
            if with_files:
                request.max_content_length = auth.config().max_upload_bytes
                release(session())
                _refuse_null_characters(request.form)
            try:
                target = view(**values)
                commit(session())
            except RacewayError as error:
                target = page_of_form()
                if error.status not in _REFUSALS or not target:
                    raise
                tell_refusal(error)
            return make_response(redirect(target, 303))

        if with_files:
            READ_LATER.add(f"{pages.name}.{view.__name__}")
        pages.add_url_rule(path, view.__name__, serve, methods=["POST"])
        return view

    return declare


def page_of_form() -> str:
    """The page of ours on which the form stands that was sent; empty where the browser does not tell."""
    page = urlsplit(request.referrer or "")
    if page.netloc not in _our_hosts() or not page.path.startswith("/") or page.path.startswith("//"):
        return ""
    return f"{page.path}?{page.query}" if page.query else page.path


def _our_hosts() -> set[str]:
    return {request.host, urlsplit(auth.config().public_url).netloc}


def tell_refusal(error: RacewayError, *more: str) -> None:
    """Undo what a form has done so far, and let the page that is shown next say why, with ``more`` lines."""
    session().rollback()
    flash(shortened([f"{error.message} {on_page(error.hint)}".strip(), *more]), "refused")


def shortened(lines: Sequence[str]) -> str:
    """As many of ``lines`` as fit into the cookie in which they travel to the page that is shown next."""
    kept, left = 0, _MOST_TOLD
    while kept < len(lines) and (left := left - len(lines[kept].encode())) >= 0:
        kept += 1
    more = f"... and {len(lines) - kept:,} more." if kept < len(lines) else ""
    return "\n".join([*lines[:kept], *([more] if more else [])])


def may(permission: str) -> bool:
    """Whether the reader has a permission, for the sections of a page that not everybody sees."""
    who = reader()
    return who is not None and not who.needs_two_factor and allows(who.role, Permission(permission))


def reader() -> Identity | None:
    """Who is logged in, where somebody is."""
    identity: Identity | None = g.get("identity")
    return identity


def refuse_other_sites() -> None:
    """Accept a form of our own pages only, and the browser's session with it.

    Raises ForbiddenError where the browser says that another site sent it.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        # Over plain HTTP browsers send the origin only; programs send neither and carry no cookie by accident.
        # A browser that hides its origin says "null", which has no host.
        ours = origin is None or (urlsplit(origin).netloc or None) in _our_hosts()
    if not ours:
        raise ForbiddenError(
            "This form was sent from another site.",
            hint="Open the page here and send it again.",
            code="auth.other_site",
        )
    g.own_form = True


@pages.before_request
def _check_text() -> None:
    _refuse_null_characters(request.args)
    if request.endpoint not in READ_LATER:
        _refuse_null_characters(request.form)


def _refuse_null_characters(values: Mapping[str, str]) -> None:
    # PostgreSQL has no text with them, so none of our names does either.
    if any("\0" in text for text in values.values()):
        raise InputError("The request holds a null character.", hint="Type it again.", code="input.text", status=400)


@pages.after_request
def finish(response: Response) -> Response:
    """Set the headers of a page."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "text/html":
        # What one user saw must not come back from a cache after logging out.
        response.headers["Cache-Control"] = "private, no-store"
    return response


@pages.app_context_processor
def _shared_values() -> dict[str, object]:
    return {"reader": reader(), "may": may}
