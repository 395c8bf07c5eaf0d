"""Orders of clients: what may be ordered, and what each step of an order does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.accounts.settings import tenant_settings
from service.database import current_tenant
from service.models import Asset, MediaAsset, Order, OrderItem, OrderMedium, Part, Project, Publish, Tenant
from service.queue import jobs
from shared.errors import ConflictError, InputError, NotFoundError
from shared.jobs import JobState
from shared.orders import OrderState, OrderStep, next_state
from shared.steps import step

KINDS = ("still", "turntable")
"""Process steps that make what a client can order."""


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
    """Give the order these items instead of those it has; raises as :func:`submit` does."""
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


def start(current: Session, order: Order) -> None:
    """Begin the work: a job for each item whose asset has something published; the others are made by hand."""
    take(order, OrderStep.START)
    for item in order.items:
        publish_id = _shown(current, item.asset_id)
        if publish_id is not None:
            job = jobs.create(current, item.kind, dict(item.request), asset_id=item.asset_id, publish_id=publish_id)
            item.job_id = job.id
    current.flush()
    current.expire_all()


def attach(current: Session, order: Order, item_id: UUID, media_ids: Iterable[UUID]) -> None:
    """Say which media an item gets, instead of those it has. Raises NotFoundError for what is not there."""
    if order.state not in (OrderState.ACCEPTED, OrderState.IN_PROGRESS):
        raise ConflictError(
            f"Order {order.number} is {order.state}: nothing can be added to it.",
            hint="Media are chosen while an order is accepted or in progress.",
            code="conflict.order_state",
        )
    if item_id not in {item.id for item in order.items}:
        raise NotFoundError(f"Order {order.number} has no item {item_id}.", hint="GET the order for its items.")
    wanted = list(dict.fromkeys(media_ids))
    known = set(current.scalars(select(MediaAsset.id).where(MediaAsset.id.in_(wanted))))
    if missing := [str(media_id) for media_id in wanted if media_id not in known]:
        raise NotFoundError(f"There is no medium {missing[0]}.", hint="List them: GET /api/media/assets.")
    for old in current.scalars(select(OrderMedium).where(OrderMedium.item_id == item_id)).all():
        current.delete(old)
    current.flush()
    current.add_all(OrderMedium(id=uuid4(), item_id=item_id, media_id=media_id) for media_id in wanted)
    current.flush()
    current.expire_all()


def deliver(current: Session, order: Order) -> None:
    """Hand over: from now on the client sees the media of the order.

    An item for which nobody chose media gets what its job made. Raises ConflictError where an item has nothing.
    """
    take(order, OrderStep.DELIVER)
    empty = []
    for item in order.items:
        if item.media:
            continue
        made = _made_by_job(current, item)
        current.add_all(OrderMedium(id=uuid4(), item_id=item.id, media_id=media_id) for media_id in made)
        if not made:
            empty.append(f"{item.position} ({item.asset.name if item.asset else item.asset_id}{_job_state(item)})")
    if empty:
        raise ConflictError(
            f"Order {order.number} cannot be delivered: there is nothing for item {', '.join(empty)}.",
            hint="Wait for the jobs, or choose media: PUT /api/orders/{id}/items/{item_id}/media.",
            code="conflict.order_incomplete",
        )
    order.delivered_at = datetime.now(UTC)
    current.flush()
    current.expire_all()


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
