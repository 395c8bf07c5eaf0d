"""Webhooks, for administrators: made, changed and tried, and what each was sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import flash, get_flashed_messages, render_template, request, url_for
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api import webhooks as api
from service.api.listing import row
from service.api.records import change
from service.database import session
from service.models import Project, Webhook, WebhookDelivery
from service.models.webhooks import DELIVERY_STATES
from service.pages.forms import read_form
from service.pages.frame import action, page
from service.pages.paging import page_number, paged
from service.webhooks import kinds
from service.webhooks.secrets import secret_for
from shared.errors import ConflictError

_PAGE = 50
_LABELS = {"url": "Address", "kinds": "Events", "project_id": "Project"}
_SECRET = "secret"
"""A message from one page to the next: of which webhook to show the secret, once."""


@page("/webhooks", Permission.WEBHOOK_MANAGE)
def webhooks() -> str:
    """All webhooks; ``archived`` those that were put away, too."""
    with_archived = "archived" in request.args
    found = select(Webhook).order_by(Webhook.archived_at.nulls_first(), Webhook.name)
    if not with_archived:
        found = found.where(Webhook.archived_at.is_(None))
    return render_template(
        "pages/webhooks.html",
        webhooks=session().scalars(found).unique().all(),
        with_archived=with_archived,
        projects=_projects(),
        kinds=kinds.known(),
    )


@page("/webhooks/<uuid:webhook_id>", Permission.WEBHOOK_MANAGE)
def webhook(webhook_id: UUID) -> str:
    """A webhook and its deliveries, the newest first; ``state`` narrows them."""
    found = row(Webhook, webhook_id)
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    state = request.args.get("state", "")
    if state in DELIVERY_STATES:
        statement = statement.where(WebhookDelivery.state == state)
    number = page_number()
    deliveries, more = paged(statement.order_by(WebhookDelivery.number.desc()), number, _PAGE)
    is_new = str(webhook_id) in get_flashed_messages(category_filter=[_SECRET])
    return render_template(
        "pages/webhook.html",
        webhook=found,
        deliveries=deliveries,
        state=state,
        states=DELIVERY_STATES,
        number=number,
        more=more,
        secret=secret_for(auth.config(), found) if is_new else "",
        projects=_projects(),
        kinds=kinds.known(),
    )


@action("/webhooks", Permission.WEBHOOK_MANAGE)
def make_webhook() -> str:
    """Make the webhook that the form describes, and show its secret."""
    made = api.create_webhook(read_form(api.NewWebhook, _given(), "The webhook was not made.", _LABELS))
    return _to(made["id"], with_secret=True)


@action("/webhooks/<uuid:webhook_id>/change", Permission.WEBHOOK_MANAGE)
def change_webhook(webhook_id: UUID) -> str:
    """Change what the form says."""
    found = _unchanged(webhook_id)
    changes = read_form(api.WebhookChanges, _given(), "The webhook was not changed.", _LABELS)
    api.change_fields(found, changes.given())
    return _to(webhook_id)


@action("/webhooks/<uuid:webhook_id>/<any(on, off, archive, restore):what>", Permission.WEBHOOK_MANAGE)
def switch_webhook(webhook_id: UUID, what: str) -> str:
    """Switch a webhook on or off, put it away, or take it out again."""
    found = _unchanged(webhook_id)
    if what in ("on", "off"):
        api.change_fields(found, {"active": what == "on"})
    else:
        change(found, {"archived_at": datetime.now(UTC) if what == "archive" else None, "active": False})
    return _to(webhook_id)


@action("/webhooks/<uuid:webhook_id>/rotate-secret", Permission.WEBHOOK_MANAGE)
def rotate_webhook_secret(webhook_id: UUID) -> str:
    """Give a webhook another secret, and show it."""
    api.rotate_secret(webhook_id)
    return _to(webhook_id, with_secret=True)


@action("/webhooks/<uuid:webhook_id>/ping", Permission.WEBHOOK_MANAGE)
def ping_webhook(webhook_id: UUID) -> str:
    """Try a webhook."""
    api.ping_webhook(webhook_id)
    flash("A ping is on its way. Load the page again to see what came of it.", "done")
    return _to(webhook_id)


@action("/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/send-again", Permission.WEBHOOK_MANAGE)
def send_delivery_again(webhook_id: UUID, delivery_id: UUID) -> str:
    """Send a delivery once more."""
    api.send_delivery_again(webhook_id, delivery_id)
    flash("It is sent again. Load the page again to see what came of it.", "done")
    return _to(webhook_id)


def _given() -> dict[str, Any]:
    form = request.form
    return {
        "name": form.get("name", ""),
        "url": form.get("url", "").strip(),
        "kinds": form.get("kinds", "").replace(",", " ").split(),
        "project_id": form.get("project_id") or None,
    }


def _unchanged(webhook_id: UUID) -> Webhook:
    """The webhook, locked, as the page showed it. Raises ConflictError where it was changed since."""
    found = row(Webhook, webhook_id, lock=True)
    if request.form.get("revision") != str(found.revision):
        raise ConflictError(
            f"Somebody else changed the webhook {found.name} meanwhile.",
            hint="Go back, load the page again, and look at what is there now.",
            code="conflict.stale",
            status=412,
        )
    return found


def _projects() -> list[Project]:
    live = select(Project).where(Project.archived_at.is_(None)).order_by(Project.name_order)
    return list(session().scalars(live).unique())


def _to(webhook_id: UUID, *, with_secret: bool = False) -> str:
    if with_secret:
        flash(str(webhook_id), _SECRET)
    return url_for("pages.webhook", webhook_id=webhook_id)
