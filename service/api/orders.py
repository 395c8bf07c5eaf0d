"""Orders: a client asks for pictures of products; the studio accepts, makes and delivers them, or says why not."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from flask import Response
from pydantic import Field, StringConstraints
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission, Role, allows
from service.api.fields import Changes, Day, EditableOut, OneLine
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import change, declare_archive, live_row, row_to_change
from service.api.routing import Reply, Request, Resource
from service.api.stored_files import zipped_media
from service.database import session
from service.models import Order, OrderItem, Project, User
from service.models.comments import LONGEST
from service.review import orders
from shared.errors import ConflictError, ForbiddenError
from shared.orders import OrderState, OrderStep, steps_from

resource = Resource("orders", "/orders")
RESOURCES = (resource,)

OrderTitle = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), OneLine]
Note = Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True)]


class OrderItemIn(Request):
    asset_id: UUID = Field(description="of an asset of the order's project")
    kind: Literal["still", "turntable"] = "still"
    request: dict[str, Any] = Field(
        default_factory=dict, description="parameters of that step, see /api/workflows/steps: width, height, ..."
    )
    note: Note = Field("", description="in words, for the people who make it")


class OrderMediumOut(Reply):
    id: UUID
    name: str
    mime_type: str
    url: str


class OrderItemOut(Reply):
    id: UUID
    position: int
    asset_id: UUID
    asset: str | None
    kind: str
    request: dict[str, Any]
    note: str
    job_id: UUID | None = Field(description="the job that makes it, once the order is in progress")
    job_state: str | None
    media: list[OrderMediumOut] = Field(
        description="what the client gets with the next delivery, or got with the last one; they see what was delivered"
    )


class OrderOut(EditableOut):
    number: int
    title: str
    note: str
    state: OrderState
    next_steps: list[OrderStep] = Field(description="what can be done with it now")
    reject_reason: str
    due: date | None
    delivery: int = Field(description="number of the last delivery, from 1; 0 while nothing was delivered")
    delivered_at: datetime | None = Field(description="when the last delivery was made")
    delivered_by: str | None = Field(description="name of who made it; not for clients")
    answered_at: datetime | None = Field(description="when it was approved, or changes to it were requested")
    answered_by: str | None = Field(description="name of who did")
    client_id: UUID
    client: str
    project_id: UUID
    project: str | None
    items: list[OrderItemOut]


class NewOrder(Request):
    title: OrderTitle
    note: Note = ""
    project_id: UUID
    due: Day | None = None
    client_id: UUID | None = Field(None, description="in whose name, for managers; default: oneself")
    items: list[OrderItemIn] = Field(min_length=1, max_length=10_000)


class OrderChanges(Changes):
    nullable: ClassVar[frozenset[str]] = frozenset({"due"})

    title: OrderTitle | None = None
    note: Note | None = None
    due: Day | None = None


class Rejection(Request):
    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]


class Seen(Request):
    delivery: int = Field(ge=1, le=2**31 - 1, description="number of the delivery that was looked at", examples=[1])


class RequestedChanges(Seen):
    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=LONGEST, strip_whitespace=True),
        Field(description="what shall change; a comment on the order, with mentions as in others"),
    ]


class Resubmission(Request):
    title: OrderTitle | None = None
    note: Note | None = None
    due: Day | None = None
    items: list[OrderItemIn] | None = Field(
        None, min_length=1, max_length=10_000, description="instead of those it has; default: the same again"
    )


class ItemMedia(Request):
    media_ids: list[UUID] = Field(max_length=100)


class OrderQuery(EditableQuery):
    state: OrderState | None = None
    client_id: UUID | None = None
    project: str = Field("", description="name of the project")


def describe(order: Order) -> dict[str, Any]:
    """What the API answers for an order."""
    made = {"next_steps", "client", "delivered_by", "answered_by", "project", "items"}
    people = allows(auth.current().role, Permission.USER_READ)
    return {
        **{name: getattr(order, name) for name in OrderOut.model_fields if name not in made},
        "next_steps": steps_from(OrderState(order.state)),
        "client": order.client.name,
        "delivered_by": order.delivered_by.name if order.delivered_by and people else None,
        "answered_by": order.answered_by.name if order.answered_by else None,
        "project": order.project.name if order.project else None,
        "items": [_described_item(item) for item in order.items],
    }


@resource.declare("GET", "/", permission=Permission.ORDER_READ, query=OrderQuery, answer=Page[OrderOut])
def list_orders(query: OrderQuery) -> dict[str, Any]:
    """List orders, the newest first; a client sees their own."""
    wanted = equal((Order.state, query.state), (Order.client_id, query.client_id), (Project.name, query.project))
    page = page_of(
        select(Order).outerjoin(Order.project).join(Order.client).where(*wanted),
        query,
        key=Order,
        search=(Order, User),
        sort={
            "number": Order.number,
            "title": Order.title,
            "state": Order.state,
            "due": Order.due,
            "client": User.name,
            "created_at": Order.created_at,
            "updated_at": Order.updated_at,
        },
        default_sort="-created_at",
    )
    page["items"] = [describe(order) for order in page["items"]]
    return page


@resource.declare("POST", "/", permission=Permission.ORDER_WRITE, body=NewOrder, answer=OrderOut, status=201)
def create_order(body: NewOrder) -> dict[str, Any]:
    """Order pictures of products of one project."""
    project, client = live_row(Project, body.project_id), _client(body.client_id)
    order = Order(title=body.title, note=body.note, due=body.due, client_id=client.id, project_id=project.id)
    return describe(orders.submit(session(), order, _wanted(body.items)))


@resource.declare("GET", "/<uuid:order_id>", permission=Permission.ORDER_READ, answer=OrderOut)
def get_order(order_id: UUID) -> dict[str, Any]:
    """An order with its items, their jobs and media."""
    return describe(row(Order, order_id))


@resource.declare("GET", "/<uuid:order_id>/zip", permission=Permission.ORDER_READ, media_type="application/zip")
def get_order_files(order_id: UUID) -> Response:
    """All pictures and films of an order, numbered by its items, as one ZIP; for clients, what was delivered last."""
    order = row(Order, order_id)
    given = [(item.asset.name if item.asset else "", each.medium) for item in order.items for each in item.current]
    return zipped_media(given, f"Order {order.number} {order.title}")


@resource.declare(
    "PATCH",
    "/<uuid:order_id>",
    permission=Permission.ORDER_WRITE,
    body=OrderChanges,
    answer=OrderOut,
    if_match="optional",
)
def change_order(order_id: UUID, body: OrderChanges) -> dict[str, Any]:
    """Change an order's title, note or due date: whose it is, until it is accepted, and project managers."""
    order = row_to_change(Order, order_id)
    _check_may_change(order)
    waiting = (OrderState.SUBMITTED, OrderState.RESUBMITTED, OrderState.REJECTED)
    if order.state not in waiting and not auth.current().role.includes(Role.PROJECT_MANAGER):
        raise ConflictError(
            f"Order {order.number} is {order.state} and cannot be changed any more.",
            hint="Ask the studio.",
            code="conflict.order_state",
        )
    return describe(change(order, body.given()))


declare_archive(resource, Order, Permission.ORDER_MANAGE, OrderOut, describe=describe)


@resource.declare(
    "POST", "/<uuid:order_id>/accept", permission=Permission.ORDER_MANAGE, answer=OrderOut, if_match="optional"
)
def accept_order(order_id: UUID) -> dict[str, Any]:
    """Accept an order that was submitted."""
    order = row_to_change(Order, order_id)
    orders.accept(session(), order)
    return describe(change(order, {}))


@resource.declare(
    "POST", "/<uuid:order_id>/start", permission=Permission.ORDER_MANAGE, answer=OrderOut, if_match="optional"
)
def start_order(order_id: UUID) -> dict[str, Any]:
    """Begin with an accepted order, or with changes to it: a job is queued for each item whose asset has something
    published. Where none has, the order stays as it is (409); what is made by hand needs no start."""
    order = row_to_change(Order, order_id)
    orders.start(session(), order)
    return describe(order)


@resource.declare(
    "PUT",
    "/<uuid:order_id>/items/<uuid:item_id>/media",
    permission=Permission.ORDER_MANAGE,
    body=ItemMedia,
    answer=OrderOut,
    if_match="required",
)
def set_item_media(order_id: UUID, item_id: UUID, body: ItemMedia) -> dict[str, Any]:
    """Choose what the client gets for an item with the next delivery, instead of what its job makes: films for a
    turntable, pictures for a still. ``If-Match`` is the order's."""
    order = row_to_change(Order, order_id)
    orders.attach(session(), order, item_id, body.media_ids)
    order.revision += 1
    return describe(change(order, {}))


@resource.declare(
    "POST", "/<uuid:order_id>/deliver", permission=Permission.ORDER_MANAGE, answer=OrderOut, if_match="optional"
)
def deliver_order(order_id: UUID) -> dict[str, Any]:
    """Deliver an order: from now on its client sees the media of every item. Deliveries are numbered.

    After changes were requested, it is delivered again; what nobody chose or rendered anew is the same again.
    """
    order = row_to_change(Order, order_id)
    orders.deliver(session(), order)
    return describe(order)


@resource.declare(
    "POST",
    "/<uuid:order_id>/approve",
    permission=Permission.ORDER_WRITE,
    body=Seen,
    answer=OrderOut,
    if_match="optional",
)
def approve_order(order_id: UUID, body: Seen) -> dict[str, Any]:
    """Accept what was delivered: only whose order it is. 412 where another delivery came since."""
    order = row_to_change(Order, order_id)
    if order.client_id != auth.current().user_id:
        raise ForbiddenError(
            f"Order {order.number} is that of {order.client.name}: only they approve what was delivered.",
            hint="Ask them in a comment. What they never answer to can be archived.",
        )
    orders.approve(session(), order, body.delivery)
    return describe(change(order, {}))


@resource.declare(
    "POST",
    "/<uuid:order_id>/request-changes",
    permission=Permission.ORDER_WRITE,
    body=RequestedChanges,
    answer=OrderOut,
    if_match="optional",
)
def request_order_changes(order_id: UUID, body: RequestedChanges) -> dict[str, Any]:
    """Ask for changes to what was delivered, in a comment on the order: whose it is, and project managers.

    412 where another delivery came since. The studio can deliver again then.
    """
    order = row_to_change(Order, order_id)
    _check_may_change(order)
    orders.request_changes(session(), order, body.delivery, body.text)
    return describe(change(order, {}))


@resource.declare(
    "POST",
    "/<uuid:order_id>/reject",
    permission=Permission.ORDER_MANAGE,
    body=Rejection,
    answer=OrderOut,
    if_match="optional",
)
def reject_order(order_id: UUID, body: Rejection) -> dict[str, Any]:
    """Reject an order and say why; its client may change and resubmit it."""
    return _taken(order_id, OrderStep.REJECT, {"reject_reason": body.reason})


@resource.declare(
    "POST",
    "/<uuid:order_id>/resubmit",
    permission=Permission.ORDER_WRITE,
    body=Resubmission,
    answer=OrderOut,
    if_match="optional",
)
def resubmit_order(order_id: UUID, body: Resubmission) -> dict[str, Any]:
    """Submit a rejected order again, changed or as it is: whose it is, and project managers."""
    changes = body.model_dump(include={"title", "note", "due"}, exclude_none=True)
    described = _taken(order_id, OrderStep.RESUBMIT, {**changes, "reject_reason": ""})
    if body.items is None:
        return described
    return describe(orders.replace_items(session(), row(Order, order_id), _wanted(body.items)))


@resource.declare(
    "POST", "/<uuid:order_id>/cancel", permission=Permission.ORDER_WRITE, answer=OrderOut, if_match="optional"
)
def cancel_order(order_id: UUID) -> dict[str, Any]:
    """Cancel an order that is not delivered: whose it is, and project managers. Jobs that run for it go on."""
    return _taken(order_id, OrderStep.CANCEL)


def _taken(order_id: UUID, step: OrderStep, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    order = row_to_change(Order, order_id)
    _check_may_change(order)
    orders.take(order, step)
    return describe(change(order, changes or {}))


def may_change(order: Order) -> bool:
    """Whether the caller may change an order: their own, or as a project manager."""
    who = auth.current()
    return order.client_id == who.user_id or who.role.includes(Role.PROJECT_MANAGER)


def _check_may_change(order: Order) -> None:
    if not may_change(order):
        raise ForbiddenError(
            f"Order {order.number} is that of {order.client.name}.", hint="They and project managers change it."
        )


def _client(client_id: UUID | None) -> User:
    """In whose name an order is made."""
    who = auth.current()
    if client_id not in (None, who.user_id) and not who.role.includes(Role.PROJECT_MANAGER):
        raise ForbiddenError("Only a project manager orders in somebody else's name.")
    return live_row(User, client_id or who.user_id)


def _wanted(items: list[OrderItemIn]) -> list[orders.Wanted]:
    return [orders.Wanted(item.asset_id, item.kind, item.request, item.note) for item in items]


def _described_item(item: OrderItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "position": item.position,
        "asset_id": item.asset_id,
        "asset": item.asset.name if item.asset else None,
        "kind": item.kind,
        "request": item.request,
        "note": item.note,
        "job_id": item.job_id,
        "job_state": item.job.state if item.job else None,
        "media": [
            {
                "id": chosen.media_id,
                "name": chosen.medium.name,
                "mime_type": chosen.medium.mime_type,
                "url": f"/api/media/assets/{chosen.media_id}/file",
            }
            for chosen in item.current
        ],
    }
