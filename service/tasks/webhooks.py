"""Sends webhooks, in every tenant: beside the notifier, in every worker that serves the queue ``default``.

In threads of its own and not as jobs of that queue, so that a worker that renders for an hour still sends, and a
receiver that takes its time holds up no job and, while there is a thread left, no other receiver.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.config import Config
from service.database import db, tenant_session
from service.webhooks import collecting, sending
from service.webhooks.post import post
from service.webhooks.secrets import secret_for
from shared import __version__
from shared.webhooks import headers_of

log = logging.getLogger(__name__)

QUEUE = "default"
LOOK_SECONDS = 1.0
_THREADS = 8
"""Receivers that one worker sends to at a time."""
_ROUND_SECONDS = 30.0
"""How long a receiver keeps a thread while others may wait for one."""
_LEAVE_SECONDS = 1.5


def run_for_ever(app: Flask, stop: threading.Event, queues: Collection[str] = (QUEUE,)) -> None:
    """Send what is due until ``stop`` is set; nothing in a worker with other ``queues``.

    Of several processes one sends to a webhook at a time.
    """
    if QUEUE not in queues:
        return
    rounds: set[threading.Thread] = set()

    def start(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="webhook", daemon=True)
        thread.start()
        rounds.add(thread)

    with app.app_context():
        while not stop.wait(LOOK_SECONDS):
            rounds = {thread for thread in rounds if thread.is_alive()}
            try:
                look(app, start, stop, most=_THREADS - len(rounds))
            except SQLAlchemyError as error:
                log.warning("webhooks put off: %s", error)
    until = time.monotonic() + _LEAVE_SECONDS
    for thread in rounds:
        thread.join(max(0.0, until - time.monotonic()))


def look(app: Flask, start: Callable[[Callable[[], None]], None], stop: threading.Event, *, most: int) -> None:
    """Collect what happened, and ``start`` a round for each webhook that something is due for, ``most`` in all."""
    with db.engine.connect() as connection:
        tenants = connection.scalars(text("SELECT tenant_id FROM list_webhook_tenants()")).all()
    # In another order each time, so that the busiest does not always come first.
    for tenant_id in random.sample(tenants, len(tenants)):
        with _guarded(f"webhooks of tenant {tenant_id}"):
            claimed = _collect(app, tenant_id, most)
            most -= len(claimed)
            for webhook_id, until in claimed:
                start(_round(app, tenant_id, webhook_id, until, stop))


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """What is wrong with one must not keep the others."""
    try:
        yield
    except SQLAlchemyError as error:
        log.warning("%s put off: %s", what, error)
    except Exception:
        log.exception("%s failed", what)


def _collect(app: Flask, tenant_id: UUID, most: int) -> list[tuple[UUID, datetime]]:
    """Write what is to be sent, and claim up to ``most`` webhooks that something is due for."""
    config: Config = app.extensions["raceway"]
    with tenant_session(tenant_id) as current:
        webhook_ids = collecting.behind(current)
        if not webhook_ids:
            # Nothing has happened: only what waits for another try may be due.
            return sending.claim(current, most) if most > 0 else []
    for webhook_id in webhook_ids:
        looked_at = 1
        while looked_at:
            with tenant_session(tenant_id) as current:
                looked_at = collecting.collect(current, webhook_id, config.public_url)
    with tenant_session(tenant_id) as current:
        return sending.claim(current, most) if most > 0 else []


def _round(app: Flask, tenant_id: UUID, webhook_id: UUID, until: datetime, stop: threading.Event) -> Callable[[], None]:
    def work() -> None:
        with app.app_context(), _guarded(f"webhook {webhook_id}"):
            _send_due(app, tenant_id, webhook_id, until, stop)

    return work


def _send_due(app: Flask, tenant_id: UUID, webhook_id: UUID, until: datetime, stop: threading.Event) -> None:
    """Send what is due for a webhook that is claimed ``until`` then: until one fails, all is sent, or time is over."""
    began, sent, failed = time.monotonic(), None, False
    while True:
        goes_on = not failed and not stop.is_set() and time.monotonic() - began < _ROUND_SECONDS
        # What came of one and which is next are one transaction, in which nothing is sent.
        with tenant_session(tenant_id) as current:
            if sent is not None:
                sending.record(current, *sent)
            found = sending.next_due(current, webhook_id, until) if goes_on else None
            if found is None:
                sending.release(current, webhook_id, until, failed=failed)
                return
        webhook, delivery, until = found
        body = delivery.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Raceway/{__version__}",
            **headers_of(secret_for(app.extensions["raceway"], webhook), str(delivery.id), body),
        }
        outcome = post(webhook.url, body, headers)
        failed = not outcome.is_delivered
        log.info("delivery %s of webhook %s: %s", delivery.id, webhook_id, outcome.error or "taken")
        sent = (webhook, delivery, outcome)
