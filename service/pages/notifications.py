"""One's notifications: what came, read or not, and how often one wants to hear of what."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import func, select, update

from service.accounts import auth
from service.accounts.permissions import Permission
from service.activity import events, live
from service.api.notifications import choose, preferences_of
from service.database import session
from service.models import Notification
from service.models.notifications import CHANNELS, FREQUENCIES
from service.pages.frame import action, page, pages, reader
from service.pages.paging import page_number, paged
from shared.errors import InputError

_PAGE = 30


@page("/notifications", Permission.ACCOUNT)
def notifications() -> str:
    """One's notifications, the newest first; ``channel`` and ``unread`` narrow them."""
    channel = request.args.get("channel", "")
    statement = select(Notification).where(Notification.user_id == auth.current().user_id)
    if channel in CHANNELS:
        statement = statement.where(Notification.channel == channel)
    if "unread" in request.args:
        statement = statement.where(Notification.read_at.is_(None))
    number = page_number()
    rows, more = paged(statement.order_by(Notification.created_at.desc(), Notification.id), number, _PAGE)
    return render_template(
        "pages/_notifications.html" if "fragment" in request.args else "pages/notifications.html",
        notifications=rows,
        channel=channel,
        channels=CHANNELS,
        only_unread="unread" in request.args,
        frequencies=FREQUENCIES,
        preferences=preferences_of(auth.current().user_id),
        number=number,
        more=more,
    )


@action("/notifications/read", Permission.ACCOUNT_WRITE)
def read_notifications() -> str:
    """Mark one notification (``id``) as read, or all; ``next`` is where to go then."""
    mine = [Notification.user_id == auth.current().user_id, Notification.read_at.is_(None)]
    if request.form.get("id"):
        mine.append(Notification.id == _id(request.form["id"]))
    read = update(Notification).where(*mine).values(read_at=func.now())
    session().execute(read.execution_options(synchronize_session=False))
    events.changed(session(), auth.current().user_id)
    return url_for("pages.notifications")


@action("/notifications/preferences", Permission.ACCOUNT_WRITE)
def choose_notifications() -> str:
    """Store the frequencies of the form: a field ``frequency CHANNEL KIND`` for each, and ``email CHANNEL KIND``."""
    user_id = auth.current().user_id
    known = preferences_of(user_id)
    for each in [*known["channels"], *known["kinds"]]:
        name = f"{each['channel']} {each.get('kind', '')}".strip()
        frequency = request.form.get(f"frequency {name}", each["frequency"])
        email = f"email {name}" in request.form if known["email_available"] else None
        if frequency not in FREQUENCIES:
            raise InputError(f"There is no frequency {frequency!r}.", hint=f"Choose one of {', '.join(FREQUENCIES)}.")
        if frequency != each["frequency"] or email not in (None, each["email"]):
            choose(user_id, each["channel"], each.get("kind", ""), frequency, email)
    return url_for("pages.notifications", _anchor="preferences")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InputError(f"{text!r} is no id.", hint="Load the page again.") from None


@pages.app_context_processor
def _unread() -> dict[str, Callable[[], int]]:
    def unread_notifications() -> int:
        who = reader()
        return live.unread_of(session(), who.user_id) if who else 0

    return {"unread_notifications": unread_notifications}
