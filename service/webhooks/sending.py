"""Deliveries that are due: which come next, and what follows from what came of one.

A process claims a webhook for some seconds and sends to it alone, the oldest delivery first; a claim that its holder
does not renew, because it is dead, runs out. What was under way then is sent again under the same id. A delivery that
fails waits, longer each time, while later ones go on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from service.activity import events
from service.database import current_tenant
from service.models import Webhook, WebhookDelivery
from service.webhooks import kinds
from service.webhooks.post import SECONDS, Outcome
from shared.errors import ConflictError

WAITS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 15 * 3600))
"""Between the tries of a delivery: eight tries within a day."""
PATIENCE = timedelta(days=3)
"""How long a webhook may fail, without one success, before it is switched off."""
KEPT = timedelta(days=30)
"""How long deliveries are kept."""
_CLAIM = timedelta(seconds=3 * SECONDS)
_REST = timedelta(seconds=5)
"""After a failure, before the next delivery to the same webhook: it may be down altogether."""
_GONE = 410


def claim(current: Session, most: int) -> list[tuple[UUID, datetime]]:
    """Claim up to ``most`` webhooks that have something due; answers the id of each, and until when it is claimed."""
    waiting = exists().where(*_due(Webhook.id))
    free = (
        select(Webhook.id)
        .where(Webhook.active, Webhook.archived_at.is_(None), waiting)
        .where(or_(Webhook.busy_until.is_(None), Webhook.busy_until <= func.now()))
        .order_by(Webhook.busy_until.nulls_first())
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claimed = _busy(func.now() + _CLAIM, Webhook.id.in_(free)).returning(Webhook.id, Webhook.busy_until)
    return [(webhook_id, until) for webhook_id, until in current.execute(claimed) if until is not None]


def next_due(current: Session, webhook_id: UUID, until: datetime) -> tuple[Webhook, WebhookDelivery, datetime] | None:
    """The oldest delivery that is due, the claim renewed; None where there is none, or the claim is another's now."""
    due = select(WebhookDelivery).where(*_due(webhook_id)).order_by(WebhookDelivery.number).limit(1)
    delivery = current.scalars(due).one_or_none()
    if delivery is None:
        return None
    mine = (Webhook.id == webhook_id, Webhook.busy_until == until, Webhook.active, Webhook.archived_at.is_(None))
    renewed = _busy(func.now() + _CLAIM, *mine).returning(Webhook).execution_options(populate_existing=True)
    webhook = current.scalars(renewed).one_or_none()
    return None if webhook is None else (webhook, delivery, webhook.busy_until)


def release(current: Session, webhook_id: UUID, until: datetime, *, failed: bool) -> None:
    """Let others send to the webhook, after a rest where it ``failed``; nothing where the claim is another's now."""
    mine = (Webhook.id == webhook_id, Webhook.busy_until == until)
    current.execute(_busy(func.now() + _REST if failed else None, *mine))


def record(current: Session, webhook: Webhook, sent: WebhookDelivery, outcome: Outcome) -> None:
    """Write what came of a try of ``sent``, as both were read; nothing where it was sent again meanwhile."""
    tries = sent.tries + 1
    values: dict[str, Any] = {
        "tries": tries,
        "tried_at": func.now(),
        "status": outcome.status,
        "error": outcome.error,
        "seconds": outcome.seconds,
    }
    if outcome.is_delivered:
        values["state"] = "delivered"
    elif outcome.status == _GONE or tries > len(WAITS):
        values["state"] = "failed"
    else:
        values["next_at"] = func.now() + WAITS[tries - 1]
    same = (WebhookDelivery.id == sent.id, WebhookDelivery.tries == sent.tries, WebhookDelivery.state == "waiting")
    written = current.scalar(
        _quietly(update(WebhookDelivery).where(*same).values(**values)).returning(WebhookDelivery.id)
    )
    if written is None:
        return
    if outcome.is_delivered:
        # Only who has the claim, as we had, writes that it fails.
        if webhook.failing_since is not None:
            working = update(Webhook).where(Webhook.id == webhook.id)
            current.execute(_quietly(working.values(failing_since=None, updated_at=Webhook.updated_at)))
    else:
        _count_failure(current, sent.webhook_id, outcome)


def ping(current: Session, webhook: Webhook, actor: tuple[UUID, str]) -> WebhookDelivery:
    """A delivery that says no more than that the webhook works. Raises ConflictError where it is off."""
    _check_on(webhook)
    body = {
        "id": str(uuid4()),
        "kind": kinds.PING,
        "channel": "activity",
        "at": datetime.now(UTC).isoformat(),
        "project": None,
        "actor": {"id": str(actor[0]), "name": actor[1]},
        "object": {"type": "webhook", "id": str(webhook.id), "name": webhook.name, "url": ""},
        "payload": {},
    }
    made = WebhookDelivery(id=uuid4(), webhook_id=webhook.id, kind=kinds.PING, body=json.dumps(body))
    return _soon(current, made)


def send_again(current: Session, webhook: Webhook, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send a delivery (locked) again, whatever came of it, and as often as a new one. Raises ConflictError."""
    _check_on(webhook)
    delivery.state, delivery.tries, delivery.next_at = "waiting", 0, datetime.now(UTC)
    return _soon(current, delivery)


def forget_old(current: Session) -> None:
    """Delete deliveries after a month."""
    old = delete(WebhookDelivery).where(WebhookDelivery.created_at < func.now() - KEPT)
    current.execute(old.execution_options(synchronize_session=False))


def _soon(current: Session, delivery: WebhookDelivery) -> WebhookDelivery:
    current.add(delivery)
    current.flush()
    current.refresh(delivery)
    return delivery


def _count_failure(current: Session, webhook_id: UUID, outcome: Outcome) -> None:
    """Remember since when it fails; switch it off where that is too long, or where it asks for that."""
    now = datetime.now(UTC)
    key = (current_tenant(current), webhook_id)
    webhook = current.get_one(Webhook, key, with_for_update={"of": Webhook}, populate_existing=True)
    since = webhook.failing_since or now
    if webhook.failing_since is None:
        first = update(Webhook).where(Webhook.id == webhook_id).values(failing_since=now, updated_at=Webhook.updated_at)
        current.execute(_quietly(first))
    if outcome.status == _GONE:
        why = "its receiver answered 410 (gone), which means that it wants no more"
    elif now - since > PATIENCE:
        why = f"all tries have failed for {(now - since).days} days; the last one: it {outcome.error}"
    else:
        return
    if webhook.active:
        webhook.active, webhook.off_reason = False, why
        payload = {
            "name": webhook.name,
            "title": f"The webhook {webhook.name} was switched off: {why}.",
            "message": "What happens from now on is not told to it.",
            "hint": "Put its receiver right and switch it on again; what waits for it is sent then.",
        }
        events.emit(current, "webhook.switched_off", "webhook", webhook_id, payload, alert=True)


def _check_on(webhook: Webhook) -> None:
    if not webhook.active:
        raise ConflictError(
            f"The webhook {webhook.name} is off: nothing is sent to it.",
            hint='Switch it on first, on its page, or by PATCH with {"active": true}.',
            code="conflict.webhook_off",
        )


def _due(webhook_id: Any) -> Sequence[Any]:
    return (
        WebhookDelivery.webhook_id == webhook_id,
        WebhookDelivery.state == "waiting",
        WebhookDelivery.next_at <= func.now(),
    )


def _busy(until: Any, *which: Any) -> Any:
    return _quietly(update(Webhook).where(*which).values(busy_until=until, updated_at=Webhook.updated_at))


def _quietly(statement: Any) -> Any:
    """What machines write all the time is neither recorded nor counted as a change."""
    return statement.execution_options(synchronize_session=False)
