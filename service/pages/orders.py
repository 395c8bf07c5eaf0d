"""Orders: what clients ask to be pictured, how far it is, and what they got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import flash, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api import orders as api
from service.api.listing import row
from service.api.records import change, row_to_change
from service.database import session
from service.models import Asset, AuditRecord, Comment, MediaAsset, Order, Project
from service.models.comments import LONGEST
from service.pages.comments import comments_on
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, may, page
from service.pages.paging import page_number, paged
from service.pages.pictures import Picture, in_use, latest_thumbnails, pictures_of, standing_for
from service.pages.task_statuses import today
from service.review.orders import (
    ATTACHABLE,
    KINDS,
    asks_for_film,
    is_made_anew,
    is_ordered,
    next_delivery,
    renderable,
    undeliverable,
)
from service.search import matching
from shared.errors import InputError
from shared.orders import OrderState, OrderStep, steps_from
from shared.steps import step

_PAGE = 50
_ASSETS = 500
_HISTORY = 100
_CHOICE = 60
_WAITING = (OrderState.SUBMITTED, OrderState.RESUBMITTED)
_OPEN = (*_WAITING, *ATTACHABLE)
_TAKEN_BY_STUDIO: dict[str, Callable[[UUID], Any]] = {
    OrderStep.ACCEPT: api.accept_order,
    OrderStep.START: api.start_order,
    OrderStep.DELIVER: api.deliver_order,
}


@dataclass(frozen=True)
class HistoryEntry:
    """What happened to an order. ``state`` is what it became, empty where something else was changed: ``fields``;
    ``delivery`` is the number of what was delivered then, or else 0."""

    at: datetime
    who: str
    state: str
    reason: str
    fields: Sequence[str]
    delivery: int


@page("/orders", Permission.ORDER_READ)
def orders() -> str:
    """Orders, the newest first; a client sees their own. ``state`` and ``q`` narrow them, ``archived`` adds others."""
    state, query, archived = (
        request.args.get("state", ""),
        request.args.get("q", "").strip(),
        "archived" in request.args,
    )
    live = select(Order) if archived else select(Order).where(Order.archived_at.is_(None))
    if query:
        live = live.where(*matching(query, Order))
    grouped = live.with_only_columns(Order.state, func.count()).group_by(Order.state)
    counts = dict(session().execute(grouped).all())
    wanted = _OPEN if state == "open" else [state] if state in set(OrderState) else []
    found = live.where(Order.state.in_(wanted)) if wanted else live
    number = page_number()
    rows, more = paged(found.order_by(Order.created_at.desc(), Order.id), number, _PAGE)
    return render_template(
        "pages/orders.html",
        orders=rows,
        state=state,
        query=query,
        archived=archived,
        counts=counts,
        open_count=sum(counts.get(name, 0) for name in _OPEN),
        states=[each.value for each in OrderState],
        number=number,
        more=more,
        projects=_projects(),
    )


@page("/orders/new", Permission.ORDER_WRITE)
def new_order() -> str:
    """The form of a new order of pictures of the products of ``project``."""
    found = next((each for each in _projects() if str(each.id) == request.args.get("project")), None)
    assets = _assets(found.id) if found else []
    return render_template(
        "pages/new_order.html",
        project=found,
        projects=_projects(),
        assets=assets,
        thumbnails=latest_thumbnails(each.id for each in assets),
        kinds=_kinds(),
        today=today(),
    )


@page("/orders/<uuid:order_id>", Permission.ORDER_READ)
def order(order_id: UUID) -> str:
    """An order: what was asked for, what was made of it, what happened so far, what can be done next, and what is said
    about it. ``fragment`` answers the comments, or what stands above them, alone."""
    found, fragment = row(Order, order_id), request.args.get("fragment")
    if fragment == "comments":
        return render_template("pages/_said.html", comments=comments_on(found))
    given = standing_for(list({each.media_id: each.medium for item in found.items for each in item.media}.values()))
    manages = may(Permission.ORDER_MANAGE) and found.archived_at is None
    at_work = manages and found.state in ATTACHABLE
    may_change = may(Permission.ORDER_WRITE) and found.archived_at is None and api.may_change(found)
    return render_template(
        "pages/_order.html" if fragment else "pages/order.html",
        order=found,
        steps=steps_from(OrderState(found.state)) if found.archived_at is None else [],
        manages=manages,
        editable=may_change and (manages or found.state in (*_WAITING, OrderState.REJECTED)),
        may_change=may_change,
        is_own=found.client_id == auth.current().user_id,
        requested=_requested(found),
        making={item.id for item in found.items if item.job and not item.chosen and is_made_anew(found, item)},
        pictures={picture.medium.id: picture for picture in given},
        films={item.id for item in found.items if asks_for_film(item)},
        choice=_choice(found) if at_work else {},
        renderable=renderable(session(), found) if at_work else {},
        undeliverable=undeliverable(found, next_delivery(session(), found)) if at_work else "",
        history=_history(found),
        kinds=dict(_kinds()),
        longest=LONGEST,
        comments=None if fragment else comments_on(found),
    )


@action("/orders", Permission.ORDER_WRITE)
def make_order() -> str:
    """Order what the form has: ``asset`` for each product, with its ``kind.ID`` and ``note.ID``."""
    form = request.form
    items = [
        {"asset_id": asset_id, "kind": form.get(f"kind.{asset_id}", "still"), "note": form.get(f"note.{asset_id}", "")}
        for asset_id in form.getlist("asset")
    ]
    if not items:
        raise InputError("Nothing was ordered.", hint="Choose at least one product.")
    given = {**_asked(), "project_id": form.get("project_id", ""), "items": items}
    made = api.create_order(read_form(api.NewOrder, given, "Nothing was ordered."))
    flash(f"Order {made['number']} was sent.", "done")
    return url_for("pages.order", order_id=made["id"])


@action("/orders/<uuid:order_id>/change", Permission.ORDER_WRITE)
def change_order(order_id: UUID) -> str:
    """Change an order's title, note or due date."""
    _seen(order_id)
    api.change_order(order_id, read_form(api.OrderChanges, _asked(), "The order was not changed."))
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/<any(accept, start, deliver):what>", Permission.ORDER_MANAGE)
def take_order(order_id: UUID, what: str) -> str:
    """Accept an order, begin with it, or deliver it."""
    _seen(order_id)
    _TAKEN_BY_STUDIO[what](order_id)
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/approve", Permission.ORDER_WRITE)
def approve_order(order_id: UUID) -> str:
    """Accept what was delivered; ``delivery`` is what the reader saw."""
    api.approve_order(order_id, read_form(api.Seen, _given("delivery"), "Nothing was approved."))
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/request-changes", Permission.ORDER_WRITE)
def request_order_changes(order_id: UUID) -> str:
    """Ask for changes to what was delivered, and say which; ``delivery`` is what the reader saw."""
    form = read_form(api.RequestedChanges, _given("delivery", "text"), "Nothing was requested.")
    api.request_order_changes(order_id, form)
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/reject", Permission.ORDER_MANAGE)
def reject_order(order_id: UUID) -> str:
    """Reject an order, and say why."""
    _seen(order_id)
    api.reject_order(order_id, read_form(api.Rejection, _given("reason"), "The order was not rejected."))
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/resubmit", Permission.ORDER_WRITE)
def resubmit_order(order_id: UUID) -> str:
    """Submit a rejected order again, as the form has it."""
    _seen(order_id)
    api.resubmit_order(order_id, read_form(api.Resubmission, _asked(), "The order was not submitted."))
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/cancel", Permission.ORDER_WRITE)
def cancel_order(order_id: UUID) -> str:
    """Cancel an order."""
    _seen(order_id)
    api.cancel_order(order_id)
    return url_for("pages.order", order_id=order_id)


@action("/orders/<uuid:order_id>/items/<uuid:item_id>/media", Permission.ORDER_MANAGE)
def choose_order_media(order_id: UUID, item_id: UUID) -> str:
    """Choose what the client gets for an item."""
    _seen(order_id)
    form = read_form(api.ItemMedia, {"media_ids": request.form.getlist("media")}, "Nothing was chosen.")
    api.set_item_media(order_id, item_id, form)
    return f"{url_for('pages.order', order_id=order_id)}#item-{item_id}"


@action("/orders/<uuid:order_id>/<any(archive, restore):what>", Permission.ORDER_MANAGE)
def archive_order(order_id: UUID, what: str) -> str:
    """Put an order away, or take it out again."""
    found = row_to_change(Order, order_id, archived=True)
    if (found.archived_at is None) == (what == "archive"):
        change(found, {"archived_at": datetime.now(UTC) if what == "archive" else None})
    return url_for("pages.order", order_id=order_id)


def orders_of_reader(most: int) -> Sequence[Order]:
    """The newest orders of who reads: for a client's first page."""
    own = select(Order).where(Order.client_id == auth.current().user_id, Order.archived_at.is_(None))
    return session().scalars(own.order_by(Order.created_at.desc(), Order.id).limit(most)).unique().all()


def _seen(order_id: UUID) -> None:
    check_seen(row_to_change(Order, order_id))


def _asked() -> dict[str, Any]:
    """What the form says of the order itself."""
    return {**_given("title", "note"), "due": request.form.get("due") or None}


def _given(*names: str) -> dict[str, Any]:
    return {name: request.form[name].replace("\r\n", "\n").strip() for name in names if name in request.form}


def _kinds() -> list[tuple[str, str]]:
    return [(kind, step(kind).label.removeprefix("Render ").capitalize()) for kind in KINDS]


def _projects() -> Sequence[Project]:
    live = select(Project).where(Project.archived_at.is_(None)).order_by(Project.name_order)
    return session().scalars(live).unique().all()


def _assets(project_id: UUID) -> Sequence[Asset]:
    live = select(Asset).where(Asset.project_id == project_id, Asset.archived_at.is_(None)).order_by(Asset.name_order)
    return session().scalars(live.limit(_ASSETS)).unique().all()


def _choice(found: Order) -> dict[UUID, list[Picture]]:
    """What each item of an order can be given of its product, by the item's id, the newest first: one statement."""
    assets = {item.asset_id for item in found.items}
    media = select(MediaAsset).where(MediaAsset.asset_id.in_(assets), in_use()).order_by(MediaAsset.created_at.desc())
    shown = pictures_of(session().scalars(media.limit(_CHOICE * len(assets))).unique().all())
    of_asset = {asset_id: [each for each in shown if each.medium.asset_id == asset_id] for asset_id in assets}
    return {
        item.id: [each for each in of_asset[item.asset_id] if is_ordered(item, each.medium.mime_type)][:_CHOICE]
        for item in found.items
    }


def _history(found: Order) -> list[HistoryEntry]:
    """What happened to an order, the newest first, as the audit log has it."""
    statement = select(AuditRecord).where(AuditRecord.row_id == found.id).options(joinedload(AuditRecord.actor))
    records = session().scalars(statement.order_by(AuditRecord.created_at.desc(), AuditRecord.id).limit(_HISTORY))
    return [entry for record in records.unique() if (entry := _entry(record))]


def _entry(record: AuditRecord) -> HistoryEntry | None:
    after = record.after or {}
    state = OrderState.SUBMITTED.value if record.action == "create" else str(after.get("state", ""))
    if record.action in ("archive", "restore"):
        state = f"{record.action}d"
    fields = [name for name in ("title", "note", "due") if name in after and record.action != "create"]
    if not state and not fields:
        return None
    who = record.actor.name if record.actor else ""
    reason, delivery = str(after.get("reject_reason") or ""), int(after.get("delivery") or 0)
    return HistoryEntry(record.created_at, who, state, reason, fields, delivery)


def _requested(found: Order) -> Comment | None:
    """The comment that says which changes to the last delivery are requested, while they are to be made."""
    if not found.answered_at or found.state not in ATTACHABLE:
        return None
    said = select(Comment).where(Comment.order_id == found.id, Comment.delivery == found.delivery)
    return session().scalars(said.where(Comment.archived_at.is_(None))).unique().first()
