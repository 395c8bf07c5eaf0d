"""One's own second factor: set up with a QR code, recovery codes shown once, new ones, off."""

from __future__ import annotations

from typing import Any

import segno
from flask import flash, get_flashed_messages, render_template, request, url_for
from flask import session as cookie

from service.accounts import auth
from service.accounts import two_factor as factors
from service.accounts.permissions import Permission
from service.accounts.settings import tenant_settings
from service.api import two_factor as api
from service.api.listing import row
from service.database import session
from service.models import User
from service.pages.forms import read_form
from service.pages.frame import action, page

_CODES = "recovery_codes"
"""A message from one page to the next: new recovery codes, shown once."""
_BEGUN = "two_factor"
"""In the reader's cookie: what their phone is to be told, until a code confirms it."""


@page("/account/two-factor", Permission.ACCOUNT, before_two_factor=True)
def two_factor() -> str:
    """How it stands, and what is next: the password, the QR code, the recovery codes."""
    user = row(User, auth.current().user_id)
    begun: dict[str, str] | None = cookie.get(_BEGUN)
    if begun and not (factors.is_begun(user) and begun["secret"] == factors.secret_of(auth.config(), user)):
        cookie.pop(_BEGUN)
        begun = None
    made = get_flashed_messages(category_filter=[_CODES])
    return render_template(
        "pages/two_factor.html",
        user=user,
        is_required=tenant_settings(session()).require_two_factor,
        begun=begun,
        picture=segno.make(begun["uri"], error="m").svg_data_uri(scale=5, border=3, light="#fff") if begun else "",
        codes=str(made[0]).split() if made else [],
    )


@action("/account/two-factor", Permission.ACCOUNT_WRITE, before_two_factor=True)
def begin_two_factor() -> str:
    """Make a secret for the phone, and show it."""
    body = _read(api.CurrentPassword, "Two-factor login was not begun.", "current_password")
    begun = api.begin_two_factor(body)
    cookie[_BEGUN] = {"secret": begun.secret, "uri": begun.uri}
    return url_for("pages.two_factor")


@action("/account/two-factor/confirm", Permission.ACCOUNT_WRITE, before_two_factor=True)
def confirm_two_factor() -> str:
    """Switch it on, and show the recovery codes."""
    made = api.confirm_two_factor(_read(api.AppCode, "Two-factor login was not switched on.", "code"))
    cookie.pop(_BEGUN, None)
    flash(" ".join(made["recovery_codes"]), _CODES)
    return url_for("pages.two_factor")


@action("/account/two-factor/recovery-codes", Permission.ACCOUNT_WRITE)
def renew_recovery_codes() -> str:
    """Make new recovery codes, and show them."""
    body = _read(api.PasswordAndCode, "No new codes were made.", "current_password", "code")
    flash(" ".join(api.renew_recovery_codes(body)["recovery_codes"]), _CODES)
    return url_for("pages.two_factor")


@action("/account/two-factor/off", Permission.ACCOUNT_WRITE)
def disable_two_factor() -> str:
    """Switch it off."""
    body = _read(api.PasswordAndCode, "Two-factor login was not switched off.", "current_password", "code")
    api.disable_two_factor(body)
    flash("Two-factor login is off: your password is all that your login asks for.", "done")
    return url_for("pages.account", _anchor="two-factor")


def _read(form: Any, refused: str, *names: str) -> Any:
    return read_form(form, {name: request.form.get(name, "") for name in names}, refused)
