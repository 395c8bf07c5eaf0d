"""Tells people of what happened, in every tenant: beside the sweeper, in every worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from flask import Flask
from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from service.accounts import password_links
from service.activity import mail, notifications
from service.config import Config
from service.database import db, tenant_session
from service.webhooks.sending import forget_old as forget_deliveries

log = logging.getLogger(__name__)

NOTIFY_SECONDS = 1.5
_FORGET_SECONDS = 24 * 3600.0
_ALL = text("SELECT tenant_id FROM list_tenants()")
_TO_TELL = text("SELECT tenant_id FROM list_tenants_to_tell()")
"""Where there is something to tell: with many studios, asking each would take longer than the time between."""


def run_for_ever(app: Flask, stop: threading.Event) -> None:
    """Tell now and then until ``stop`` is set. Of several processes one tells a tenant's people at a time."""
    server = mail.MailServer.from_environment()
    forgotten = 0.0
    with app.app_context():
        while not stop.wait(NOTIFY_SECONDS):
            try:
                tell(app, server)
                if time.monotonic() - forgotten > _FORGET_SECONDS:
                    forgotten = time.monotonic()
                    for tenant_id in _tenants(_ALL):
                        with tenant_session(tenant_id) as current:
                            notifications.forget_old(current)
                            forget_deliveries(current)
            except SQLAlchemyError as error:
                log.warning("notifications put off: %s", error)
            except Exception:
                log.exception("notifications failed")


def tell(app: Flask, server: mail.MailServer | None = None) -> None:
    """Everything that is to be told now."""
    config: Config = app.extensions["raceway"]
    links = {password_links.KIND: partial(password_links.link_for, config.secret_key, config.public_url)}
    for tenant_id in _tenants(_TO_TELL):
        while True:
            with tenant_session(tenant_id) as current:
                if not notifications.tell_of_events(current):
                    break
        with tenant_session(tenant_id) as current:
            notifications.send_digests(current)
        if server is not None:
            with tenant_session(tenant_id) as current:
                mail.send_waiting(current, server, config.public_url, links=links)


def _tenants(lookup: TextClause) -> Sequence[UUID]:
    with db.engine.connect() as connection:
        return connection.scalars(lookup).all()
