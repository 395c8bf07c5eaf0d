"""Orders of clients: what may be ordered, and what each step of an order does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role, allows
from service.accounts.settings import tenant_settings
from service.database import current_actor, current_tenant
from service.models import (
    Asset,
    Comment,
    MediaAsset,
    Order,
    OrderItem,
    OrderMedium,
    Part,
    Project,
    Publish,
    Tenant,
    User,
)
from service.queue import render_jobs
from service.review.comments import mentioned
from service.titles import titled
from shared.errors import ConflictError, InputError, NotFoundError
from shared.jobs import JobState
from shared.orders import OrderState, OrderStep, next_state
from shared.steps import step

KINDS = ("still", "turntable")
"""Process steps that make what a client can order."""
ATTACHABLE = (OrderState.ACCEPTED, OrderState.IN_PROGRESS, OrderState.CHANGES_REQUESTED)
"""States in which media are chosen for the next delivery."""


@dataclass(frozen=True)
class Wanted:
    """One picture or film that a client asks for."""

    asset_id: UUID
    kind: str
    request: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def submit(current: Session, order: Order, wanted: Iterable[Wanted]) -> Order:
    """Add a new order, numbered, with its items.

    Raises InputError where there are too many items, or one asks for what cannot be made; NotFoundError for an asset
    that is not of the order's project.
    """
    order.id = uuid4()
    # Counted on the tenant's row, which also locks: a client, who asks, does not see the orders of others.
    counted = update(Tenant).where(Tenant.id == current_tenant(current)).values(last_order=Tenant.last_order + 1)
    order.number = current.scalars(counted.returning(Tenant.last_order)).one()
    current.add(order)
    current.flush()
    return replace_items(current, order, wanted)


def replace_items(current: Session, order: Order, wanted: Iterable[Wanted]) -> Order:
    """Give the order these items instead of those it has.

    Raises as :func:`submit` does, and ConflictError where something was delivered for those that it has.
    """
    if order.delivery:
        raise ConflictError(
            f"Order {order.number} has been delivered, and its items stay.",
            hint="Order anew what else is needed.",
            code="conflict.order_state",
        )
    items = list(wanted)
    _check_size(current, len(items))
    _check_assets(current, order, {item.asset_id for item in items})
    for item in items:
        step(item.kind).check(dict(item.request))
    for old in current.scalars(select(OrderItem).where(OrderItem.order_id == order.id)).all():
        current.delete(old)
    current.flush()
    current.add_all(
        OrderItem(
            id=uuid4(),
            order_id=order.id,
            position=position,
            asset_id=item.asset_id,
            kind=item.kind,
            request=dict(item.request),
            note=item.note,
        )
        for position, item in enumerate(items, 1)
    )
    current.flush()
    current.expire_all()
    return order


def take(order: Order, taken: OrderStep) -> None:
    """Move the order on. Raises ConflictError where it is not where that step begins."""
    order.state = next_state(OrderState(order.state), taken).value


def accept(current: Session, order: Order) -> None:
    """Take the order on, in the name of who asks."""
    take(order, OrderStep.ACCEPT)
    order.accepted_by_id = current_actor(current)


def start(current: Session, order: Order) -> None:
    """Begin the work, or do it anew: a job for each item whose asset has something published; the others are made by
    hand.

    Raises ConflictError where nothing of it can be rendered, InputError where an item asks for what the tenant does not
    allow.
    """
    take(order, OrderStep.START)
    shown = renderable(current, order)
    if not shown:
        raise ConflictError(
            f"Order {order.number} has nothing to render: nothing is published of {_products(order)}.",
            hint="Publish it first; or choose for each item what was made by hand, and deliver the order.",
            code="conflict.nothing_to_render",
        )
    for item in order.items:
        if item.asset_id in shown:
            publish_id = shown[item.asset_id]
            job = render_jobs.submit(current, item.kind, item.request, asset_id=item.asset_id, publish_id=publish_id)
            item.job_id = job.id
    current.flush()
    current.expire_all()


def renderable(current: Session, order: Order) -> dict[UUID, UUID]:
    """Under which publish a picture of each asset of the order is filed, the newest of its current ones; assets of
    which nothing is published are left out. One statement."""
    newest = (
        select(Part.asset_id, Publish.id)
        .join(Publish, (Part.tenant_id == Publish.tenant_id) & (Part.current_publish_id == Publish.id))
        .where(Part.asset_id.in_({item.asset_id for item in order.items}))
        .ext(distinct_on(Part.asset_id))
        .order_by(Part.asset_id, Publish.created_at.desc())
    )
    return {asset_id: publish_id for asset_id, publish_id in current.execute(newest) if asset_id}


def attach(current: Session, order: Order, item_id: UUID, media_ids: Iterable[UUID]) -> None:
    """Say which media an item gets with the next delivery, instead of those that were said before.

    Raises NotFoundError for what is not there, InputError for a film where a still was ordered, or a picture where a
    film was.
    """
    if order.state not in ATTACHABLE:
        raise ConflictError(
            f"Order {order.number} is {order.state}: nothing can be added to it.",
            hint="Media are chosen while an order is accepted, in progress, or changes to it are requested.",
            code="conflict.order_state",
        )
    item = next((item for item in order.items if item.id == item_id), None)
    if item is None:
        raise NotFoundError(f"Order {order.number} has no item {item_id}.", hint="GET the order for its items.")
    wanted = list(dict.fromkeys(media_ids))
    known = {
        medium.id: medium for medium in current.scalars(select(MediaAsset).where(MediaAsset.id.in_(wanted))).unique()
    }
    for media_id in wanted:
        if media_id not in known:
            raise NotFoundError(f"There is no medium {media_id}.", hint="List them: GET /api/media/assets.")
        _check_kind(order, item, known[media_id])
    chosen = select(OrderMedium).where(OrderMedium.item_id == item_id, OrderMedium.delivery.is_(None))
    for old in current.scalars(chosen).all():
        current.delete(old)
    current.flush()
    current.add_all(OrderMedium(id=uuid4(), item_id=item_id, media_id=media_id) for media_id in wanted)
    current.flush()
    current.expire_all()


def deliver(current: Session, order: Order) -> None:
    """Hand over, for the first time or again: from now on the client sees the media of this delivery, too.

    An item for which nobody chose media gets what its job made, and where no job was started since the last delivery,
    the same again. Raises ConflictError where an item has nothing.
    """
    # Asked before anything is changed: a question writes what was, and the state and the delivery are one change.
    given = next_delivery(current, order)
    take(order, OrderStep.DELIVER)
    if lacking := undeliverable(order, given):
        raise ConflictError(
            f"Order {order.number} cannot be delivered: there is nothing for {lacking}.",
            hint="Wait for the jobs, or choose what the client gets for each of them.",
            code="conflict.order_incomplete",
        )
    delivery = order.delivery + 1
    for item in order.items:
        chosen = {each.media_id: each for each in item.chosen}
        for media_id in given[item.id]:
            if media_id in chosen:
                chosen[media_id].delivery = delivery
            else:
                current.add(OrderMedium(id=uuid4(), item_id=item.id, media_id=media_id, delivery=delivery))
    order.delivery, order.delivered_at, order.delivered_by_id = delivery, datetime.now(UTC), current_actor(current)
    order.answered_at = order.answered_by_id = None
    current.flush()
    current.expire_all()


def next_delivery(current: Session, order: Order) -> dict[UUID, list[UUID]]:
    """The media that each item would have, were the order delivered now, by the item's id; one statement."""
    jobs_of = {item.job_id: item for item in order.items if item.job and item.job.state == JobState.COMPLETED}
    whole = (MediaAsset.asset_type != "thumbnail", MediaAsset.archived_at.is_(None))
    made = select(MediaAsset.job_id, MediaAsset.id, MediaAsset.mime_type).where(MediaAsset.job_id.in_(jobs_of), *whole)
    rendered: dict[UUID, list[UUID]] = {}
    for job_id, media_id, mime_type in current.execute(made.order_by(MediaAsset.created_at, MediaAsset.id)):
        if is_ordered(jobs_of[job_id], mime_type):
            rendered.setdefault(jobs_of[job_id].id, []).append(media_id)
    return {
        item.id: [each.media_id for each in item.chosen]
        or (rendered.get(item.id, []) if is_made_anew(order, item) else [each.media_id for each in item.delivered])
        for item in order.items
    }


def undeliverable(order: Order, given: Mapping[UUID, list[UUID]]) -> str:
    """The items for which there is nothing in ``given``, in words; empty where each has something."""
    lacking = [f"{item.position} ({_product(item)}{_job_state(item)})" for item in order.items if not given[item.id]]
    return f"item{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}" if lacking else ""


def is_made_anew(order: Order, item: OrderItem) -> bool:
    """Whether the next delivery has what the item's job makes, where nothing else is chosen."""
    return not order.delivered_at or (item.job is not None and item.job.created_at > order.delivered_at)


def approve(current: Session, order: Order, delivery: int) -> None:
    """Accept what was delivered, as who asks has seen it: ``delivery`` is its number.

    Raises ConflictError where nothing waits for an answer, and (``conflict.stale``, status 412) where another delivery
    does.
    """
    _answer(current, order, OrderStep.APPROVE, delivery)


def request_changes(current: Session, order: Order, delivery: int, text: str) -> None:
    """Ask for changes to what was delivered, with a comment that says which; raises as :func:`approve` does."""
    _answer(current, order, OrderStep.REQUEST_CHANGES, delivery)
    current.flush()
    current.add(
        Comment(
            id=uuid4(),
            order_id=order.id,
            delivery=delivery,
            author_id=order.answered_by_id,
            text=text,
            for_client=True,
            mentions=[str(user_id) for user_id in mentioned(current, text)],
        )
    )
    current.flush()


def _answer(current: Session, order: Order, taken: OrderStep, delivery: int) -> None:
    take(order, taken)
    if order.delivery != delivery:
        raise ConflictError(
            f"Delivery {delivery} of order {order.number} is not the last one, which is delivery {order.delivery}.",
            hint=f"Look at delivery {order.delivery} before you answer.",
            code="conflict.stale",
            fields={"delivery": f"is now {order.delivery}"},
            status=412,
        )
    order.answered_at, order.answered_by_id = datetime.now(UTC), current_actor(current)


def managers(current: Session) -> frozenset[UUID]:
    """Who can accept orders."""
    roles = [role for role in Role if allows(role, Permission.ORDER_MANAGE)]
    return frozenset(current.scalars(select(User.id).where(User.role.in_(roles))))


def handlers(current: Session, order: Order) -> frozenset[UUID]:
    """Whom of the studio an order concerns: who accepted and who delivered it; all who could, where none of them is
    there to be told."""
    theirs = select(User.id).where(User.id.in_([order.accepted_by_id, order.delivered_by_id]))
    there = theirs.where(User.archived_at.is_(None), User.role != Role.CLIENT)
    return frozenset(current.scalars(there)) or managers(current)


def writers(current: Session, order: Order) -> frozenset[UUID]:
    """Who has written on an order."""
    said = select(Comment.author_id).where(Comment.order_id == order.id, Comment.archived_at.is_(None))
    return frozenset(author for author in current.scalars(said) if author)


def _check_size(current: Session, size: int) -> None:
    most = tenant_settings(current).max_order_size
    if not 1 <= size <= most:
        raise InputError(
            f"An order has 1 to {most} items, and this one has {size}.",
            hint="Split it into several orders, or ask an administrator to raise max_order_size.",
            code="input.order_size",
            fields={"items": f"1 to {most}"},
        )


def _check_assets(current: Session, order: Order, asset_ids: set[UUID]) -> None:
    of_project = select(Asset.id).where(Asset.project_id == order.project_id, Asset.archived_at.is_(None))
    known = set(current.scalars(of_project.where(Asset.id.in_(asset_ids))))
    if missing := sorted(str(asset_id) for asset_id in asset_ids - known):
        project = current.get_one(Project, (current_tenant(current), order.project_id))
        raise NotFoundError(
            f"Project {project.name} has no asset {missing[0]}.",
            hint=f"List them: GET /api/assets/?project={project.name}.",
            fields={"items": f"unknown asset {', '.join(missing)}"},
        )


def is_ordered(item: OrderItem, mime_type: str) -> bool:
    """Whether a medium of that type is what the item asks for: a film for a turntable, a picture for a still."""
    return mime_type.startswith("video/") == asks_for_film(item)


def asks_for_film(item: OrderItem) -> bool:
    """Whether an item is a film: a turntable, unless its frames are wanted as they are."""
    return item.kind == "turntable" and item.request.get("format", render_jobs.FILM) == render_jobs.FILM


def _check_kind(order: Order, item: OrderItem, medium: MediaAsset) -> None:
    if not is_ordered(item, medium.mime_type):
        wanted, other = ("film", "picture") if asks_for_film(item) else ("picture", "film")
        raise InputError(
            f"Item {item.position} of order {order.number} asks for a {item.kind}, and {medium.name} is a {other}.",
            hint=f"Choose a {wanted}. What was not ordered can go along in a comment on the order.",
            code="input.order_medium",
            fields={"media_ids": f"must be a {wanted}"},
        )


def _products(order: Order) -> str:
    return ", ".join(dict.fromkeys(_product(item) for item in order.items))


def _product(item: OrderItem) -> str:
    return titled(item.asset) if item.asset else str(item.asset_id)


def _job_state(item: OrderItem) -> str:
    return f", its job is {item.job.state}" if item.job else ""
