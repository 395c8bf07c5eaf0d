"""What a worker does for webhooks, and what the API tells of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import update

from service.database import tenant_session
from service.models import Webhook, WebhookDelivery
from service.tasks import webhooks as sender
from tests.service.studio import Json, StudioUnderTest

NEVER = threading.Event()


def send(app: Flask, most: int = 100, start: Callable[[Callable[[], None]], None] = lambda work: work()) -> None:
    """What a worker does when it looks."""
    with app.app_context():
        sender.look(app, start, NEVER, most=most)


def pass_time(studio: StudioUnderTest, by: timedelta) -> None:
    """What passing time does to deliveries that wait, and to webhooks that rest or fail."""
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        earlier = {"next_at": WebhookDelivery.next_at - by, "created_at": WebhookDelivery.created_at - by}
        session.execute(update(WebhookDelivery).values(earlier).execution_options(synchronize_session=False))
        rested = {"busy_until": Webhook.busy_until - by, "failing_since": Webhook.failing_since - by}
        session.execute(update(Webhook).values(rested).execution_options(synchronize_session=False))


def deliveries(studio: StudioUnderTest, webhook: Json, **query: str) -> list[Json]:
    path = f"/webhooks/{webhook['id']}/deliveries"
    items: list[Json] = studio.admin.get(path, query_string=query).data["items"]
    return items


def shown(studio: StudioUnderTest, webhook: Json) -> Json:
    found: Json = studio.admin.get(f"/webhooks/{webhook['id']}").data
    return found
