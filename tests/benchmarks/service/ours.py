"""Raceway's service as ``raceway up`` runs it, with its rows."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import create_engine, text

from service.config import driver_url
from service.stack import Stack
from service.stack import running as stack_running
from shared.client import Client
from tests.benchmarks.service.calls import Call, Work
from tests.benchmarks.service.scale import Scale

REFERENCES = 500


@dataclass(frozen=True)
class Ours:
    """The running service; ``tasks`` and ``assets`` belong together, ``items`` are published paths."""

    url: str
    headers: dict[str, str]
    root: Path
    project: str
    assets: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    publishes: list[str]
    items: list[str]
    total: int

    def work(self) -> dict[str, Work]:
        """What is measured, by name."""

        def read(path: Callable[[int], str]) -> Work:
            return lambda client, number: Call("GET", f"/api{path(7919 * (client + 1) + number)}")

        def asset(number: int) -> str:
            found = self.assets[number % len(self.assets)]
            return f"project={found['project']}&asset={found['name']}"

        def outdated(client: int, number: int) -> Call:
            start = (client * 997 + number * 37) % max(1, len(self.items) - REFERENCES)
            return Call("POST", "/api/publishes/outdated", {"item_usd_paths": self.items[start : start + REFERENCES]})

        def publish(client: int, number: int) -> Call:
            task, target = self.tasks[client], self.assets[client]
            item = f"{target['project']}/assets/{target['name']}/usd/bench/data/{uuid.uuid4().hex}.usd"
            place = self.root / item
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text('#usda 1.0\n(defaultPrim = "a")\ndef Xform "a" {}\n')
            body = {
                "task_id": task["id"],
                "target_type": "asset",
                "target_id": target["id"],
                "software": "benchmark",
                "item_usd_path": item,
                "metadata": {"asset_name": target["name"], "part_name": "bench"},
            }
            return Call("POST", "/api/publishes/", body)

        pages = self.total // 100
        return {
            "get one publish": read(lambda n: f"/publishes/{self.publishes[n % len(self.publishes)]}"),
            "page of 100 publishes": read(lambda n: f"/publishes/?page_size=100&page={n % pages + 1}"),
            "publishes of an asset": read(lambda n: f"/publishes/?page_size=200&{asset(n)}"),
            "latest per part": read(lambda n: f"/publishes/?latest_per_part=1&page_size=200&{asset(n)}"),
            "search": read(lambda n: f"/publishes/?q=asset{n % 50 + 1} part{n % 10 + 1}".replace(" ", "%20")),
            f"outdated of {REFERENCES}": outdated,
            "publish": publish,
        }


@contextlib.contextmanager
def running(folder: Path, scale: Scale) -> Iterator[Ours]:
    """Start the service with its data in ``folder`` and load its rows."""
    with stack_running(folder, workers=0) as stack, Client(stack.api_url, stack.admin_token) as client:
        assets, tasks = _production(client, scale)
        publishes, items = _load(stack, tasks, scale)
        headers = {"Authorization": f"Bearer {stack.admin_token}"}
        project = assets[0]["project"]
        yield Ours(stack.url, headers, stack.root, project, assets, tasks, publishes, items, scale.publishes)


def _production(client: Client, scale: Scale) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    assets, tasks = [], []
    for number in range(1, scale.projects + 1):
        project = client.post("/projects/", {"name": f"project{number}"})
        for name in range(1, scale.assets + 1):
            asset = client.post("/assets/", {"project_id": project["id"], "name": f"asset{name}"})
            task = {"target_type": "asset", "target_id": asset["id"], "name": "model", "department": "model"}
            assets.append(asset)
            tasks.append(client.post("/tasks/", task))
    return assets, tasks


def _load(stack: Stack, tasks: list[dict[str, Any]], scale: Scale) -> tuple[list[str], list[str]]:
    engine = create_engine(driver_url(stack.config.database_url))
    try:
        with engine.begin() as connection:
            loaded = _insert(connection, stack, [task["id"] for task in tasks], scale)
    finally:
        engine.dispose()
    owner = create_engine(driver_url(stack.config.database_owner_url), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    owner.dispose()
    return loaded


def _insert(
    connection: DatabaseConnection, stack: Stack, tasks: list[str], scale: Scale
) -> tuple[list[str], list[str]]:
    connection.execute(
        text("SELECT set_config('app.current_tenant', :tenant, true)"), {"tenant": str(stack.studio.tenant_id)}
    )
    values = {"tasks": tasks, "parts": scale.parts, "versions": scale.versions}
    connection.execute(
        text(
            "INSERT INTO parts (id, asset_id, name, department, last_version, last_iteration)"
            " SELECT gen_random_uuid(), t.asset_id, 'part' || n, 'model', :versions, 1"
            " FROM tasks t, generate_series(1, :parts) n WHERE t.id = ANY(CAST(:tasks AS uuid[]))"
        ),
        values,
    )
    rows = connection.execute(
        text(
            "INSERT INTO publishes (id, part_id, task_id, version, iteration, software, item_usd_path, sha256, size,"
            " status, created_at)"
            " SELECT gen_random_uuid(), p.id, t.id, v, 1, 'benchmark', j.name || '/assets/' || a.name || '/usd/' ||"
            " p.name || '/data/' || p.name || '_v' || lpad(v::text, 3, '0') || '_i001.usd', repeat('0', 64), 100,"
            " 'published', now() - make_interval(secs => 1e6 * random())"
            " FROM parts p JOIN tasks t ON t.asset_id = p.asset_id JOIN assets a ON a.id = t.asset_id"
            " JOIN projects j ON j.id = a.project_id, generate_series(1, :versions) v RETURNING id, item_usd_path"
        ),
        values,
    ).all()
    connection.execute(
        text(
            "UPDATE parts SET current_publish_id = b.id FROM publishes b"
            " WHERE b.part_id = parts.id AND b.version = parts.last_version"
        )
    )
    sample = rows[:: max(1, len(rows) // 5000)]
    return [str(row.id) for row in sample], [row.item_usd_path for row in sample]
