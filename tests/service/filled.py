"""A tenant with rows of most kinds, for tests that try every route with ids of all sorts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select

from service.accounts.permissions import Role
from service.api.routing import Endpoint
from service.database import tenant_session
from service.models import Base
from tests.service.studio import Api, StudioUnderTest

_TABLES = {
    "alias": "material_aliases",
    "delivery": "webhook_deliveries",
    "entry": "time_entries",
    "field": "custom_fields",
    "film": "playlist_films",
    "item": "order_items",
    "link": "guest_links",
    "media": "media_assets",
    "publish": "publishes",
    "run": "workflow_runs",
    "status": "task_statuses",
    "template": "task_templates",
    "token": "api_tokens",
}
"""The tables of arguments of addresses, such as ``token_id``, that are not called by the plural of what they are."""


@dataclass(frozen=True)
class Filled:
    """A tenant's rows: the ids of each table's, the eldest first."""

    studio: StudioUnderTest
    rows: dict[str, list[str]]

    @property
    def ids(self) -> list[str]:
        return [row_id for ids in self.rows.values() for row_id in ids]

    @property
    def api(self) -> Api:
        return self.studio.api(Role.GLOBAL_ADMIN)

    def ids_of(self, argument: str) -> list[str]:
        """The ids of the rows that an address's argument such as ``job_id`` may name."""
        name = argument.removesuffix("_id")
        return self.rows.get(_TABLES.get(name, f"{name}s"), [])

    def of_its_kind(self, endpoint: Endpoint) -> list[str]:
        """The ids of the rows that ``endpoint`` is about, none where it names none or there is none."""
        named = re.findall(r"<uuid:([a-z_]+)>", endpoint.path)
        return self.ids_of(named[0]) if named else []


def filled_with(app: Flask, studio: StudioUnderTest) -> Filled:
    """All that ``studio`` has by now."""
    rows: dict[str, list[str]] = {}
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        for table in (each for each in Base.metadata.sorted_tables if "tenant_id" in each.c):
            of_it = select(table.c.id).order_by(*(table.c[name] for name in ("created_at", "id") if name in table.c))
            rows[table.name] = [str(row_id) for row_id in session.scalars(of_it)]
    return Filled(studio, rows)
