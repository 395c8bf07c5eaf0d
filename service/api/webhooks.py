"""Webhooks: the studio's own programs are told of events, by HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy import func, select

from service import audit
from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.fields import Changes, EditableOut, NameOf, OneLine, Row
from service.api.listing import EditableQuery, ListQuery, Page, equal, missing, page_of, row
from service.api.records import add, change, declare_archive, live_row, row_to_change
from service.api.routing import Reply, Request, Resource
from service.api.validation import Matches
from service.database import current_tenant, hold, session
from service.models import Project, Webhook, WebhookDelivery
from service.webhooks import collecting, kinds, sending
from service.webhooks.post import check_url
from service.webhooks.secrets import secret_for
from shared.errors import ConflictError, InputError

webhooks = Resource("webhooks", "/webhooks")
RESOURCES = (webhooks,)

MOST = 100
"""Webhooks of one tenant, archived ones too."""


def _url(text: str) -> str:
    try:
        check_url(text)
    except InputError as error:
        raise ValueError(error.fields["url"]) from None
    return text


WebhookName = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), OneLine]
Url = Annotated[
    str,
    StringConstraints(max_length=2000),
    Matches(
        r"^https?://(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?([/?][!\"$-~]*)?$",
        "must be an address that begins with http:// or https://",
        "https://bot.studio.example/raceway",
    ),
    AfterValidator(_url),
    Field(
        description="http or https; loopback and private addresses are sent to, link-local ones (169.254.0.0/16,"
        " fe80::/10), where clouds have their metadata, are not",
    ),
]
Kinds = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(max_length=60),
            Matches(r"^[a-z][a-z_]*\.([a-z][a-z_]*|\*)$", "must be a kind of event, or all of a thing", "task.*"),
        ]
    ],
    Field(
        max_length=100,
        examples=[["publish.created", "task.*"]],
        description="kinds of events, as GET /webhooks/kinds lists them, or all of a thing; none for all",
    ),
]


class WebhookOut(EditableOut):
    name: str
    url: str
    kinds: list[str]
    project_id: UUID | None
    project: NameOf | None
    active: bool
    off_reason: str = Field(description="why the service switched it off; empty where it did not")
    failing_since: datetime | None = Field(description="since when every try has failed; null where the last did not")


class WithSecret(WebhookOut):
    secret: str = Field(description="shown only here; the receiver verifies with it what it gets")


class NewWebhook(Request):
    name: WebhookName
    url: Url
    kinds: Kinds = Field(default_factory=list)
    project_id: UUID | None = Field(None, description="events of this project only; null for all events")
    active: bool = Field(True, strict=True)


class WebhookChanges(Changes):
    nullable = frozenset({"project_id"})

    name: WebhookName | None = None
    url: Url | None = None
    kinds: Kinds | None = None
    project_id: UUID | None = Field(None, description="events of this project only; null for all events")
    active: bool | None = Field(None, strict=True, description="it is told of what happens while it is on")


class WebhookQuery(EditableQuery):
    active: bool | None = None


class KindsOut(Reply):
    kinds: list[str]


class DeliveryOut(Row):
    webhook_id: UUID
    event_id: UUID | None = Field(description="null for a ping")
    kind: str
    state: Literal["waiting", "delivered", "failed"]
    tries: int
    next_at: datetime = Field(description="when a waiting one is tried next")
    tried_at: datetime | None
    seconds: float | None = Field(description="how long the last try took")
    status: int | None = Field(description="which HTTP status the last try was answered with; null for none")
    error: str = Field(description="why the last try failed")


class WholeDelivery(DeliveryOut):
    body: str = Field(description="the JSON that is sent")


class DeliveryQuery(ListQuery):
    state: Literal["waiting", "delivered", "failed"] | None = None
    kind: str = Field("", max_length=60)


@webhooks.declare("GET", "/", permission=Permission.WEBHOOK_MANAGE, query=WebhookQuery, answer=Page[WebhookOut])
def list_webhooks(query: WebhookQuery) -> dict[str, Any]:
    """List webhooks."""
    return page_of(
        select(Webhook).where(*equal((Webhook.active, query.active))),
        query,
        key=Webhook,
        search=(Webhook.name, Webhook.url),
        sort={"name": Webhook.name, "created_at": Webhook.created_at, "updated_at": Webhook.updated_at},
        default_sort="name",
    )


@webhooks.declare("GET", "/kinds", permission=Permission.WEBHOOK_MANAGE, answer=KindsOut)
def list_kinds() -> dict[str, Any]:
    """Every kind of event that a webhook can ask for."""
    return {"kinds": kinds.known()}


@webhooks.declare(
    "POST", "/", permission=Permission.WEBHOOK_MANAGE, body=NewWebhook, answer=WithSecret, status=201, errors=(404, 409)
)
def create_webhook(body: NewWebhook) -> dict[str, Any]:
    """Tell a program of the studio of what happens, from now on.

    Of each event it gets a POST of `{id, kind, channel, at, project, actor, object, payload}`, where `object` is
    `{type, id, name, url}` and `payload` is that of `GET /api/activity`: `changes` has what changed, as `[before,
    after]`; of a publish it also says `project`, `entity`, `part_name`, `department`, `version`, `iteration`, `status`,
    `software`, `item_usd_path` and `comment`. No event is told whose `at` is before the webhook was made or switched
    on.

    It answers with a status from 200 to 299 within 10 seconds, or the event is sent again: after 10 seconds, 1, 5 and
    30 minutes, 2, 6 and 15 hours. With 410 it asks to be switched off; so it is after three days without success, and
    administrators are told. Messages may come twice, and later ones before one that is sent again: whoever knows the
    header `webhook-id` already has had that message.

    Messages are signed as Standard Webhooks (standardwebhooks.com) has it, so that its libraries verify them, or do it
    like this: take the part of the secret behind `whsec_`, decoded from base64, as the key of HMAC-SHA256 over
    `webhook-id`, a dot, `webhook-timestamp`, a dot and the body as it came; in base64 and behind `v1,` it must be
    one of the `webhook-signature`, which stand apart by spaces. Refuse what is older than five minutes. In Python:
    `shared.webhooks.verify(headers, body, secret)`.

    The secret is kept nowhere: it is derived from `RACEWAY_SECRET_KEY`, and changes with it.
    """
    _check(body.kinds, body.project_id)
    current = session()
    # One after the other, or two at once would pass the limit.
    hold(current, current_tenant(current), "webhooks")
    number = current.scalar(select(func.count()).select_from(Webhook)) or 0
    if number >= MOST:
        raise ConflictError(
            f"There are {number} webhooks already.",
            hint="Restore and change an archived one, or let one program pass on what others need.",
            code="conflict.too_many",
        )
    new = add(Webhook(**body.model_dump(), salt=uuid4()), Webhook.name == body.name)
    if new.active:
        collecting.start_now(current, new)
    return _with_secret(new)


@webhooks.declare("GET", "/<uuid:webhook_id>", permission=Permission.WEBHOOK_MANAGE, answer=WebhookOut)
def get_webhook(webhook_id: UUID) -> Webhook:
    """A webhook."""
    return row(Webhook, webhook_id)


@webhooks.declare(
    "PATCH",
    "/<uuid:webhook_id>",
    permission=Permission.WEBHOOK_MANAGE,
    body=WebhookChanges,
    answer=WebhookOut,
    if_match="optional",
)
def change_webhook(webhook_id: UUID, body: WebhookChanges) -> Webhook:
    """Change a webhook, or switch it off and on.

    What happens while it is off is not told to it; what waits for it then is sent when it is on again.
    """
    return change_fields(row_to_change(Webhook, webhook_id), body.given())


@webhooks.declare(
    "POST",
    "/<uuid:webhook_id>/rotate-secret",
    permission=Permission.WEBHOOK_MANAGE,
    answer=WithSecret,
    if_match="optional",
)
def rotate_secret(webhook_id: UUID) -> dict[str, Any]:
    """Give a webhook another secret; the one before signs nothing any more.

    What its receiver refuses until it knows the new one is sent again.
    """
    return _with_secret(change(row_to_change(Webhook, webhook_id), {"salt": uuid4()}))


@webhooks.declare(
    "POST", "/<uuid:webhook_id>/ping", permission=Permission.WEBHOOK_MANAGE, answer=WholeDelivery, status=201
)
def ping_webhook(webhook_id: UUID) -> WebhookDelivery:
    """Send a webhook a message of the kind `webhook.ping`, to try it."""
    found = live_row(Webhook, webhook_id)
    who = auth.current()
    made = sending.ping(session(), found, (who.user_id, who.user_name))
    audit.note(session(), "ping", Webhook.__tablename__, found.id, after={"delivery_id": str(made.id)})
    return made


@webhooks.declare(
    "GET",
    "/<uuid:webhook_id>/deliveries",
    permission=Permission.WEBHOOK_MANAGE,
    query=DeliveryQuery,
    answer=Page[DeliveryOut],
)
def list_deliveries(webhook_id: UUID, query: DeliveryQuery) -> dict[str, Any]:
    """What a webhook was sent and is to be sent, the newest first; deliveries are kept for 30 days."""
    row(Webhook, webhook_id)
    wanted = equal((WebhookDelivery.state, query.state), (WebhookDelivery.kind, query.kind))
    return page_of(
        select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, *wanted),
        query,
        key=WebhookDelivery,
        search=(WebhookDelivery.kind, WebhookDelivery.error),
        sort={"number": WebhookDelivery.number, "created_at": WebhookDelivery.created_at},
        default_sort="-number",
    )


@webhooks.declare(
    "GET",
    "/<uuid:webhook_id>/deliveries/<uuid:delivery_id>",
    permission=Permission.WEBHOOK_MANAGE,
    answer=WholeDelivery,
)
def get_delivery(webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """A delivery, with what is sent."""
    return delivery_of(webhook_id, delivery_id)


@webhooks.declare(
    "POST",
    "/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/send-again",
    permission=Permission.WEBHOOK_MANAGE,
    answer=WholeDelivery,
)
def send_delivery_again(webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Send a delivery once more, within seconds, whatever came of it; its id stays the same."""
    found = live_row(Webhook, webhook_id)
    again = sending.send_again(session(), found, delivery_of(webhook_id, delivery_id, lock=True))
    audit.note(session(), "send_again", Webhook.__tablename__, found.id, after={"delivery_id": str(again.id)})
    return again


def change_fields(found: Webhook, changes: dict[str, Any]) -> Webhook:
    """Set fields of a webhook (locked). Raises InputError and NotFoundError as the calls do."""
    _check(changes.get("kinds", ()), changes.get("project_id"))
    if changes.get("active") and not found.active:
        collecting.start_now(session(), found)
        changes |= {"off_reason": "", "failing_since": None}
    return change(found, changes)


def delivery_of(webhook_id: UUID, delivery_id: UUID, *, lock: bool = False) -> WebhookDelivery:
    """A delivery of a webhook. Raises NotFoundError, also for another's."""
    found = row(WebhookDelivery, delivery_id, lock=lock)
    if found.webhook_id != webhook_id:
        raise missing(WebhookDelivery, delivery_id)
    return found


def _switch_off(found: Webhook) -> None:
    found.active = False


declare_archive(webhooks, Webhook, Permission.WEBHOOK_MANAGE, WebhookOut, before=_switch_off)


def _check(wanted: Any, project_id: UUID | None) -> None:
    kinds.check(wanted)
    if project_id is not None:
        live_row(Project, project_id)


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    shown = WebhookOut.model_validate(webhook).model_dump()
    return {**shown, "secret": secret_for(auth.config(), webhook)}
