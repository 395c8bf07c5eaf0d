"""Orders of clients: what may be ordered, and what each step of an order does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
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
from service.queue import jobs
from service.review.comments import mentioned
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
    hand."""
    take(order, OrderStep.START)
    for item in order.items:
        publish_id = _shown(current, item.asset_id)
        if publish_id is not None:
            job = jobs.create(current, item.kind, dict(item.request), asset_id=item.asset_id, publish_id=publish_id)
            item.job_id = job.id
    current.flush()
    current.expire_all()


def attach(current: Session, order: Order, item_id: UUID, media_ids: Iterable[UUID]) -> None:
    """Say which media an item gets with the next delivery, instead of those that were said before.

    Raises NotFoundError for what is not there.
    """
    if order.state not in ATTACHABLE:
        raise ConflictError(
            f"Order {order.number} is {order.state}: nothing can be added to it.",
            hint="Media are chosen while an order is accepted, in progress, or changes to it are requested.",
            code="conflict.order_state",
        )
    if item_id not in {item.id for item in order.items}:
        raise NotFoundError(f"Order {order.number} has no item {item_id}.", hint="GET the order for its items.")
    wanted = list(dict.fromkeys(media_ids))
    known = set(current.scalars(select(MediaAsset.id).where(MediaAsset.id.in_(wanted))))
    if missing := [str(media_id) for media_id in wanted if media_id not in known]:
        raise NotFoundError(f"There is no medium {missing[0]}.", hint="List them: GET /api/media/assets.")
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
    take(order, OrderStep.DELIVER)
    delivery, empty = order.delivery + 1, []
    for item in order.items:
        if chosen := item.chosen:
            for each in chosen:
                each.delivery = delivery
            continue
        given = _made_by_job(current, item) if is_made_anew(order, item) else [each.media_id for each in item.delivered]
        current.add_all(
            OrderMedium(id=uuid4(), item_id=item.id, media_id=media_id, delivery=delivery) for media_id in given
        )
        if not given:
            product = (item.asset.title or item.asset.name) if item.asset else item.asset_id
            empty.append(f"{item.position} ({product}{_job_state(item)})")
    if empty:
        raise ConflictError(
            f"Order {order.number} cannot be delivered: there is nothing for item {', '.join(empty)}.",
            hint="Wait for the jobs, or choose what the client gets for each of them.",
            code="conflict.order_incomplete",
        )
    order.delivery, order.delivered_at, order.delivered_by_id = delivery, datetime.now(UTC), current_actor(current)
    order.answered_at = order.answered_by_id = None
    current.flush()
    current.expire_all()


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


def _shown(current: Session, asset_id: UUID) -> UUID | None:
    """What a picture of the whole asset is filed under: the newest of its current publishes."""
    return current.scalar(
        select(Publish.id)
        .join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.current_publish_id == Publish.id))
        .where(Part.asset_id == asset_id)
        .order_by(Publish.created_at.desc())
        .limit(1)
    )


def _made_by_job(current: Session, item: OrderItem) -> list[UUID]:
    if item.job is None or item.job.state != JobState.COMPLETED:
        return []
    made = select(MediaAsset.id).where(
        MediaAsset.job_id == item.job_id, MediaAsset.asset_type == item.kind, MediaAsset.archived_at.is_(None)
    )
    return list(current.scalars(made.order_by(MediaAsset.created_at, MediaAsset.id)))


def _job_state(item: OrderItem) -> str:
    return f", its job is {item.job.state}" if item.job else ""
