"""One's own account: name and address, password, where one is logged in, tokens for programs; and choosing a password
by a link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Response, flash, get_flashed_messages, make_response, redirect, render_template, request, url_for
from sqlalchemy import select

from service.accounts import auth, logins, password_links
from service.accounts.permissions import Permission
from service.api import account as api
from service.api import tokens
from service.api.listing import row
from service.database import commit, session
from service.models import ApiToken, User
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, finish, page, pages, refuse_other_sites
from service.pages.sign_in import enter
from shared.errors import AuthError, InputError, RacewayError

_TOKEN = "token"
"""A message from one page to the next: the text of a new token, shown once."""
_MOST_TOKENS = 200


@page("/account", Permission.ACCOUNT)
def account() -> str:
    """Who one is here, and everything by which one comes in."""
    who = auth.current()
    newest = ApiToken.last_used_at.desc().nulls_last(), ApiToken.id
    sessions = logins.sessions_of(who.user_id).order_by(*newest).limit(_MOST_TOKENS)
    personal = select(ApiToken).where(ApiToken.user_id == who.user_id, ApiToken.kind == "personal")
    personal = personal.order_by(ApiToken.created_at.desc(), ApiToken.id)
    made = get_flashed_messages(category_filter=[_TOKEN])
    return render_template(
        "pages/account.html",
        user=row(User, who.user_id),
        sessions=session().scalars(sessions).all(),
        current_id=who.token_id,
        tokens=session().scalars(personal.limit(_MOST_TOKENS)).all(),
        now=datetime.now(UTC),
        made=made[0] if made else "",
    )


@action("/account/change", Permission.ACCOUNT_WRITE)
def change_account() -> str:
    """Change one's name or address; ``version`` is what the reader saw."""
    user, form = row(User, auth.current().user_id, lock=True), request.form
    check_seen(user)
    given = {name: form[name] for name in ("name", "email") if form.get(name, "") != getattr(user, name)}
    if given:
        given["current_password"] = form.get("current_password", "")
        api.change_account(read_form(api.AccountChanges, given, "Nothing was changed."))
        flash("Saved.", "done")
    return url_for("pages.account")


@action("/account/password", Permission.ACCOUNT_WRITE)
def change_own_password() -> str:
    """Change one's password."""
    given = {name: request.form.get(name, "") for name in ("current_password", "new_password")}
    _check_repeated("new_password")
    api.change_password(read_form(api.PasswordChange, given, "The password was not changed."))
    flash("The password was changed. All other sessions have ended.", "done")
    return url_for("pages.account")


@action("/account/tokens", Permission.ACCOUNT_WRITE)
def make_own_token() -> str:
    """Make a token for a program, and show it."""
    form = request.form
    days = form.get("days", "")
    ends = datetime.now(UTC) + timedelta(days=int(days)) if days.isdecimal() and len(days) < 5 else None
    given = {"name": form.get("name", ""), **({"expires_at": ends.isoformat()} if ends else {})}
    made = tokens.create_token(read_form(tokens.NewToken, given, "No token was made."))
    flash(made["token"], _TOKEN)
    return url_for("pages.account", _anchor="tokens")


@action("/account/tokens/<uuid:token_id>/revoke", Permission.ACCOUNT_WRITE)
def revoke_own_token(token_id: UUID) -> str:
    """Revoke a token."""
    tokens.delete_token(token_id)
    flash("The token was revoked: it is refused from now on.", "done")
    return url_for("pages.account", _anchor="tokens")


@action("/account/sessions/<uuid:session_id>/end", Permission.ACCOUNT_WRITE)
def end_own_session(session_id: UUID) -> str:
    """End a session."""
    api.end_session(session_id)
    return url_for("pages.account", _anchor="sessions")


@action("/account/sessions/end-others", Permission.ACCOUNT_WRITE)
def end_own_other_sessions() -> str:
    """End all sessions but this one."""
    api.end_other_sessions()
    flash("All other sessions have ended.", "done")
    return url_for("pages.account", _anchor="sessions")


# -- without an account's session


@pages.get("/password")
def password() -> Response:
    """Where a link leads by which somebody chooses a password: what is secret of it only the browser knows."""
    return _password_page()


@pages.post("/password")
def choose_password() -> Response:
    """Choose a password by a link, and begin a session."""
    refuse_other_sites()
    form = request.form
    try:
        _check_repeated("password")
        given = {name: form.get(name, "") for name in ("code", "password", "two_factor_code")}
        body = read_form(api.ChosenPassword, given, "No password was chosen.")
        user = password_links.choose(auth.config(), body.code, body.password, body.two_factor_code)
    except (AuthError, InputError) as error:
        session().rollback()
        return _password_page(error, code=form.get("code", ""))
    return enter(user.id, "/")


@pages.get("/forgotten-password")
def forgotten_password() -> Response:
    """Where one asks for a new password."""
    return finish(make_response(render_template("pages/forgotten_password.html", error=None)))


@pages.post("/forgotten-password")
def forget_password() -> Response:
    """Mail a link to whoever has that address."""
    refuse_other_sites()
    try:
        given = {"email": request.form.get("email", "")}
        body = read_form(api.ForgottenPassword, given, "No mail was sent.")
        password_links.forgotten(auth.config(), body.email)
    except (AuthError, InputError) as error:
        session().rollback()
        answer = make_response(render_template("pages/forgotten_password.html", error=error), error.status)
        return finish(answer)
    commit(session())
    flash(f"If {body.email} is known here, a mail is on its way to it, with a link to choose a new password.", "done")
    return finish(make_response(redirect(url_for("pages.login"), 303)))


def _password_page(error: RacewayError | None = None, *, code: str = "") -> Response:
    second = error is not None and error.code in ("auth.code_needed", "auth.wrong_code")
    answer = make_response(render_template("pages/password.html", error=error, code=code, second=second))
    answer.status_code = error.status if error else 200
    return finish(answer)


def _check_repeated(name: str) -> None:
    if request.form.get(name) != request.form.get("repeated"):
        raise InputError("The two passwords are not the same.", hint="Type it twice.", fields={"repeated": "differs"})
