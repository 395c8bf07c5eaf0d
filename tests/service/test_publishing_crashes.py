"""kill -9 of anybody at any step of a publish: nothing of it is visible, or all of it; and what is left is cleared.

Real processes are killed for real: clients, the service's workers, PostgreSQL, Redis, the sweeper. After each kill the
same three things must hold. Whatever the database names stands on the storage with its SHA-256, and entries name
nothing else. The client's next try with its key publishes exactly once. And after the sweeper's next rounds there is
nothing that does not belong there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from service import schema
from service.accounts.permissions import Role
from service.app import create_app
from service.config import Config
from service.database import tenant_session
from service.embedded import Servers
from service.models import Part, Publish, Reservation, StaleEntry
from service.tasks import publish_sweep, sweeper
from shared.client import Client, Json
from shared.context import Context, Entity
from shared.errors import ServiceError
from shared.files import TEMPORARY_PREFIX, sha256_of
from shared.process_tree import kill_tree
from tests.service import faults
from tests.service.studio import Production, StudioUnderTest, make_studio
from tests.service.web_server import ROOT, WebServer, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are killed as on Linux")

RETRY_SECONDS = 30
LAYER = '#usda 1.0\n(\n    defaultPrim = "gear"\n    metersPerUnit = 0.001\n    upAxis = "Z"\n)\nover "gear"\n{\n}\n'


@dataclass
class Installation:
    """A whole installation of its own, whose every process may be killed."""

    folder: Path
    servers: Servers
    config: Config
    app: Flask = field(init=False)
    web: WebServer = field(init=False)

    @property
    def url(self) -> str:
        return self.web.url

    @property
    def armed(self) -> Path:
        return self.folder / "faults"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.config.to_environment(), faults.VARIABLE: str(self.armed)}

    def kill(self, server: str) -> None:
        """Kill PostgreSQL or Redis with all its processes."""
        kill_tree(int((self.folder / "data" / f"{server}.lock").read_text()))

    def start_again(self) -> None:
        """What ``raceway up`` does at its next start or look: whatever has ended is started."""
        self.servers.stop()
        self.servers.start()
        self.web.start_again_if_ended()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("crashes")
    (folder / "faults").mkdir()
    (folder / "storage").mkdir()
    servers = Servers(folder / "data", environ={})
    urls = servers.start()
    try:
        given = {**urls.environment(), "RACEWAY_ROOT": str(folder / "storage"), "RACEWAY_SECRET_KEY": "of the tests"}
        made = Installation(folder, servers, Config.from_environment(given))
        schema.upgrade(made.config)
        made.app = create_app(made.config)
        environment = {faults.VARIABLE: str(made.armed)}
        with serving(made.config, folder, app="tests.service.faulty_service:app", environment=environment) as made.web:
            yield made
    finally:
        servers.stop()


@dataclass
class Scene:
    """An asset with one publish that stands, and one that is about to meet with a fault."""

    installation: Installation
    studio: StudioUnderTest
    production: Production
    first: Json
    key: str = field(default_factory=lambda: uuid4().hex)
    reserved: Json = field(default_factory=dict)
    by_program: bool = False
    """Whether an artist's program makes the second publish, or calls of the API."""

    @property
    def usd(self) -> Path:
        return self.studio.root / self.production.project["name"] / "assets/gear/usd"

    def client(self) -> Client:
        return Client(self.installation.url, self.studio.tokens[Role.ARTIST])

    def body(self) -> Json:
        """The commit of the second publish; reserved and written the first time."""
        if not self.reserved:
            with self.client() as client:
                self.reserved = client.reserve_publish(
                    **self.production.reserve_body("look", department="look"), idempotency_key=self.key
                )
            self.studio.write(self.reserved["item_usd_path"], LAYER)
        return self.production.publish_body(
            self.reserved["item_usd_path"], "look", reservation_id=self.reserved["reservation_id"]
        ) | {"metadata": {"part_name": "look", "department": "look"}}

    def commit(self) -> Json:
        with self.client() as client:
            return client.commit_publish(self.key, **self.body())

    def commit_in_vain(self) -> None:
        with pytest.raises(ServiceError):
            self.commit()

    def publish_process(self) -> subprocess.Popen[bytes]:
        """The second publish as an artist's program makes it, in a process of its own."""
        file = self.installation.folder / "layer.usda"
        file.write_text(LAYER)
        context = Context(
            f"{self.installation.url}/api",
            self.studio.tokens[Role.ARTIST],
            self.production.project["name"],
            Entity.asset("gear"),
            self.production.task["id"],
            root=self.studio.root,
        )
        environment = {**self.installation.environment, **context.to_environment()}
        command = [sys.executable, "-m", "tests.service.faulty_process", "publish", str(file), "look", self.key]
        return subprocess.Popen(command, env=environment, cwd=ROOT)

    def killed_client(self, point: str) -> None:
        faults.arm(self.installation.armed, point)
        self.by_program = True
        assert self.publish_process().wait(60) == -9

    def killed_service(self, point: str) -> None:
        self.body()
        faults.arm(self.installation.armed, point)
        self.commit_in_vain()
        assert not (self.installation.armed / point).exists()

    @contextlib.contextmanager
    def held_service(self, point: str) -> Iterator[None]:
        """The service stands still at ``point``, in the middle of the commit, while the block runs."""
        self.body()
        faults.arm(self.installation.armed, point, "hold")
        command = [
            sys.executable,
            "-c",
            "import json, sys; from shared.client import Client; job = json.load(sys.stdin)",
        ]
        command[-1] += "; Client(job['url'], job['token']).commit_publish(job['key'], **job['body'])"
        client = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert client.stdin is not None
        token = self.studio.tokens[Role.ARTIST]
        client.stdin.write(
            json.dumps({"url": self.installation.url, "token": token, "key": self.key, "body": self.body()})
        )
        client.stdin.close()
        faults.wait_until_held(self.installation.armed, point)
        self.client_process = client
        yield
        faults.release(self.installation.armed, point)
        client.wait(60)

    def rows(self, what: Any) -> list[Any]:
        with self.studio.app.app_context(), tenant_session(self.studio.tenant_id) as session:
            return list(session.scalars(select(what)))

    def published(self) -> list[Publish]:
        """What there is of the second publish."""
        return [row for row in self.rows(Publish) if row.idempotency_key == self.key]

    def check_nothing_is_half(self) -> None:
        """What the database names stands on the storage as it was recorded, and entries name nothing else."""
        published = {row.item_usd_path: row for row in self.rows(Publish)}
        for path, row in published.items():
            assert sha256_of(self.studio.root / path) == row.sha256
            assert (self.studio.root / path).stat().st_size == row.size
        for part in self.rows(Part):
            assert part.current_publish_id in {None, *(row.id for row in published.values())}
        names = {Path(path).name for path in published}
        for entry in (*self.usd.glob("*/*.usd"), *self.usd.glob("*.usd")):
            text = entry.read_text()
            assert text.startswith("#usda 1.0\n") and text.endswith("}\n")
            assert set(re.findall(r"@\./data/(.+?)@", text)) <= names
        assert self.first["item_usd_path"] in published

    def try_again(self) -> Json:
        """The client's next try with its key, which it repeats while the service is starting again."""
        if self.by_program:
            assert self.publish_process().wait(60) == 0
            with self.client() as client:
                return client.publishes(project=self.production.project["name"], part="look")[0]
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return self.commit()
            except ServiceError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def sweep(self) -> publish_sweep.Report:
        """The sweeper's next rounds, a few days later."""
        with self.studio.app.app_context():
            later = datetime.now(UTC) + timedelta(days=2)
            report = publish_sweep.sweep(self.studio.tenant_id, self.studio.root, later)
            for left in self.studio.root.rglob(f"{TEMPORARY_PREFIX}*"):
                os.utime(left, (0, 0), follow_symlinks=False)
            sweeper.tidy(self.studio.app)
        return report

    def check_nothing_is_left(self) -> None:
        """Exactly what is published stands there, and the entries are those of the database."""
        published = {self.studio.root / row.item_usd_path for row in self.rows(Publish)}
        assert set(self.usd.glob("*/data/*")) == published
        assert not list(self.studio.root.rglob(f"{TEMPORARY_PREFIX}*"))
        assert self.rows(StaleEntry) == [] and not [row for row in self.rows(Reservation) if row.state == "open"]
        parts = {part.name: part.current_publish_id for part in self.rows(Part) if part.current_publish_id}
        current = {row.id: Path(row.item_usd_path).name for row in self.rows(Publish)}
        assert set(re.findall(r"@\./(\w+)/\w+\.usd@", (self.usd / "gear.usd").read_text())) == set(parts)
        for name, publish_id in parts.items():
            assert f"@./data/{current[publish_id]}@" in (self.usd / name / f"{name}.usd").read_text()


@pytest.fixture
def scene(installation: Installation) -> Scene:
    studio = make_studio(installation.app)
    production = studio.production()
    return Scene(installation, studio, production, studio.publish(production))


def _killed_during_the_request(scene: Scene) -> None:
    with scene.held_service("service after insert, before commit"):
        scene.client_process.kill()
        scene.client_process.wait(10)
    # Nobody waits for its answer, but the service goes on.
    deadline = time.monotonic() + RETRY_SECONDS
    while len(scene.rows(Publish)) < 2 or scene.rows(StaleEntry):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _postgres_killed(scene: Scene, point: str) -> None:
    with scene.held_service(point):
        scene.installation.kill("postgres")
    scene.installation.start_again()


def _redis_killed(scene: Scene) -> None:
    with scene.held_service("service after insert, before commit"):
        scene.installation.kill("redis")
    scene.check_nothing_is_half()
    scene.installation.start_again()


def _sweeper_killed(scene: Scene, point: str) -> None:
    scene.body()
    if point == "sweeper while writing an entry":
        faults.arm(scene.installation.armed, "service after commit, before entries")
        scene.commit_in_vain()
    faults.arm(scene.installation.armed, point)
    command = [sys.executable, "-m", "tests.service.faulty_process", "sweep"]
    command += [str(scene.studio.tenant_id), str(scene.studio.root)]
    assert (
        subprocess.run(command, env=scene.installation.environment, cwd=ROOT, timeout=60, check=False).returncode == -9
    )


FAULTS: dict[str, tuple[Callable[[Scene], None], bool]] = {
    "client before reserve": (lambda scene: scene.killed_client("client before reserve"), False),
    "client after reserve": (lambda scene: scene.killed_client("client after reserve"), False),
    "client during write": (lambda scene: scene.killed_client("client during write"), False),
    "client after rename, before commit": (
        lambda scene: scene.killed_client("client after rename, before commit"),
        False,
    ),
    "client during the commit request": (_killed_during_the_request, True),
    "client after commit": (lambda scene: scene.killed_client("client after commit"), True),
    "service before lock": (lambda scene: scene.killed_service("service before lock"), False),
    "service after insert, before commit": (
        lambda scene: scene.killed_service("service after insert, before commit"),
        False,
    ),
    "service after commit, before entries": (
        lambda scene: scene.killed_service("service after commit, before entries"),
        True,
    ),
    "service between part entry and asset entry": (
        lambda scene: scene.killed_service("service between part entry and asset entry"),
        True,
    ),
    "service while writing an entry": (lambda scene: scene.killed_service("service while writing an entry"), True),
    "service after entries, before their commit": (
        lambda scene: scene.killed_service("service after entries, before their commit"),
        True,
    ),
    "PostgreSQL during the commit": (
        lambda scene: _postgres_killed(scene, "service after insert, before commit"),
        False,
    ),
    "PostgreSQL after the commit": (
        lambda scene: _postgres_killed(scene, "service after commit, before entries"),
        True,
    ),
    "PostgreSQL after the entries": (
        lambda scene: _postgres_killed(scene, "service after entries, before their commit"),
        True,
    ),
    "Redis during the commit": (_redis_killed, True),
    "sweeper after removing an item": (
        lambda scene: _sweeper_killed(scene, "sweeper after removing an item"),
        False,
    ),
    "sweeper while writing an entry": (lambda scene: _sweeper_killed(scene, "sweeper while writing an entry"), True),
}
"""How each fault is brought about, and whether the publish stands after it."""


LEFTOVERS = (
    "client after rename, before commit",
    "service after insert, before commit",
    "service after commit, before entries",
)
"""Faults that leave something behind, for the sweeper to find when nobody comes back."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_kill_leaves_nothing_or_a_whole_publish(scene: Scene, fault: str) -> None:
    strike, stands = FAULTS[fault]
    strike(scene)
    scene.check_nothing_is_half()
    assert len(scene.published()) == int(stands)
    if fault == "sweeper after removing an item":
        # It was killed before the reservation's end was on record: the next round finds it again.
        assert scene.sweep().expired_reservations == [scene.reserved["item_usd_path"]]
    else:
        again = scene.try_again()
        assert again["part_name"] == "look" and again["is_latest"]
        assert len(scene.published()) == 1
        scene.check_nothing_is_half()
        assert "@./look/look.usd@" in (scene.usd / "gear.usd").read_text()
        scene.sweep()
    scene.check_nothing_is_half()
    scene.check_nothing_is_left()


@pytest.mark.parametrize("fault", LEFTOVERS)
def test_what_nobody_comes_back_for_is_cleared_or_finished(scene: Scene, fault: str) -> None:
    strike, stands = FAULTS[fault]
    strike(scene)
    report = scene.sweep()
    assert bool(report.expired_reservations) is not stands and bool(report.written_entries) is stands
    scene.check_nothing_is_half()
    scene.check_nothing_is_left()
    assert len(scene.published()) == int(stands)
