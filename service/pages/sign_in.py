"""The browser's session: begun by a login or by a token in the address, ended by a logout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, make_response, redirect, render_template, request

from service.accounts import auth, password_links, single_sign_on, two_factor
from service.accounts.logins import user_of_password
from service.accounts.permissions import Permission
from service.database import commit, session
from service.models import ApiToken, User
from service.pages.frame import finish, page_of_form, pages, refuse_other_sites
from shared.errors import AuthError, InputError, RacewayError

_SESSION_NAME = "browser"


@pages.get("/login")
def login() -> Response:
    """The login form; ``next`` is the page to go to afterwards."""
    return login_page(None, target=request.args.get("next", "/"))


@pages.post("/login")
def log_in() -> Response:
    """Begin a session with email and password, or ask for a code as well."""
    refuse_other_sites()
    target = request.form.get("next", "/")
    email = request.form.get("email", "").strip()
    try:
        user = user_of_password(email, request.form.get("password", ""), request.form.get("tenant", "").strip())
    except (AuthError, InputError) as error:
        session().rollback()
        return login_page(error, target=target, email=email)
    return go_on(user, target)


@pages.post("/login/code")
def log_in_with_code() -> Response:
    """The second step of a login: a code, with the ``ticket`` that says who took the first just now."""
    refuse_other_sites()
    ticket, target = request.form.get("ticket", ""), request.form.get("next", "/")
    try:
        user = two_factor.user_of_ticket(auth.config(), ticket)
    except AuthError as error:
        return login_page(error, target=target)
    try:
        two_factor.check(auth.config(), user, request.form.get("code", "")[:100])
    except AuthError as error:
        session().rollback()
        return _code_page(ticket, target, error)
    return enter(user.id, target)


@pages.post("/logout")
def logout() -> Response:
    """End the session: its token is worth nothing from now on."""
    refuse_other_sites()
    try:
        who = auth.identify(request.cookies.get(auth.COOKIE, ""))
        auth.revoke(ApiToken.id == who.token_id, ApiToken.kind == "session")
        commit(session())
    except AuthError:
        pass
    answer = make_response(redirect("/login", 303))
    answer.delete_cookie(auth.COOKIE, httponly=True, samesite="Lax")
    return finish(answer)


@pages.before_request
def exchange_token() -> Response | None:
    """Where the address has a ``token``: a session for it, and on to the same address without it.

    Raises AuthError for a token that is not valid.
    """
    if request.method != "GET" or "token" not in request.args:
        return None
    who = auth.identify(request.args.get("token", ""))
    return enter(who.user_id, _clean_address(), who.scopes)


def login_page(
    error: RacewayError | None, *, target: str = "", email: str = "", tenants: Sequence[str] = ()
) -> Response:
    """The login form. Without ``target`` it leads back to the page that was asked for.

    ``tenants`` are those that know for whom the identity provider vouches.
    """
    wanted = target or _clean_address()
    # Whoever comes without a session has done nothing wrong.
    shown = None if error and error.code == "auth.missing_token" else error
    response = make_response(
        render_template(
            "pages/login.html",
            error=shown,
            # A form that was sent without a session: keep.js puts what was typed back after the login.
            is_kept=not target and request.method == "POST",
            target=_local(wanted),
            email=email,
            can_mail=password_links.can_be_mailed(auth.config()),
            provider=single_sign_on.provider(),
            tenants=tenants,
        )
    )
    response.status_code = error.status if error else 200
    return finish(response)


def go_on(user: User, target: str) -> Response:
    """Begin a session for who has proved who they are, or ask for a code as well."""
    if user.two_factor_at:
        return _code_page(two_factor.ticket_for(auth.config(), user), target)
    return enter(user.id, target)


def _code_page(ticket: str, target: str, error: RacewayError | None = None) -> Response:
    shown = render_template("pages/login_code.html", error=error, ticket=ticket, target=_local(target))
    return finish(make_response(shown, error.status if error else 200))


def enter(user_id: UUID, target: str, scopes: Collection[Permission] | None = None) -> Response:
    """Begin a session in the browser, and go to a page of ours."""
    # The session may do no more than the token it was begun with.
    row, token = auth.new_token(user_id, _SESSION_NAME, lifetime=auth.SESSION_LIFETIME, scopes=scopes)
    session().add(row)
    commit(session())
    answer = make_response(redirect(_local(target), 303))
    answer.set_cookie(
        auth.COOKIE,
        token,
        max_age=int(auth.SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=request.is_secure or auth.config().public_url.startswith("https:"),
    )
    return finish(answer)


def _clean_address() -> str:
    """The page that was asked for, without a token in its address; of a form, the page on which it stands."""
    if request.path in ("/login", "/login/code"):
        return "/"
    if request.method != "GET":
        return page_of_form() or "/"
    rest = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != "token"])
    return f"{request.path}?{rest}" if rest else request.path


def _local(target: str) -> str:
    """``target`` if it is a page of ours, else the first page: nobody is sent to another site after a login."""
    # Browsers drop control characters and read a backslash as a slash.
    plain = target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"
