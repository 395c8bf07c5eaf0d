"""A tenant to test with: users of every role, and calls of the API in their names."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from flask.testing import FlaskClient
from rq import Queue, SimpleWorker
from werkzeug.test import TestResponse

from service.accounts import auth
from service.accounts.permissions import Role
from service.config import Config
from service.database import tenant_session
from service.models import Tenant, User
from service.production.departments import declare_departments
from service.production.statuses import declare_statuses
from service.queue import queueing
from service.tasks.runner import Runner

Json = dict[str, Any]
PASSWORD = "correct horse battery"


@dataclass
class Reply:
    """An answer of the API."""

    status: int
    body: Json
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        assert self.body["ok"], self.body
        return self.body["data"]

    @property
    def error(self) -> Json:
        assert not self.body["ok"], self.body
        error: Json = self.body["error"]
        return error


@dataclass
class Api:
    """Calls with one token."""

    app: Flask
    token: str = ""

    def raw(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Call ``/api<path>``, which may answer a file."""
        headers = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **options.pop("headers", {})}
        return self.app.test_client().open("/api" + path, method=method, json=body, headers=headers, **options)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Call ``/api<path>`` and check that the answer has the API's form."""
        answer = self.raw(method, path, body, **options)
        parsed = json.loads(answer.data)
        assert parsed["ok"] is (answer.status_code < 400)
        if not parsed["ok"]:
            assert set(parsed["error"]) == {"code", "message", "hint", "fields"}
            assert "Traceback" not in answer.text
        return Reply(answer.status_code, parsed, dict(answer.headers))

    def get(self, path: str, **options: Any) -> Reply:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.call("POST", path, {} if body is None else body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> Reply:
        return self.call("PATCH", path, body, **options)

    def put(self, path: str, body: Any, **options: Any) -> Reply:
        return self.call("PUT", path, body, **options)

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def upload(self, content: bytes, **query: str) -> Reply:
        """Upload a CAD file."""
        return self.call(
            "POST", "/cad/", query_string=query, data=content, headers={"Content-Type": "application/octet-stream"}
        )


@dataclass
class Production:
    """A project with an asset and a task on it."""

    project: Json
    asset: Json
    task: Json

    def publish_body(self, item: str, part: str = "body", **more: Any) -> Json:
        """The body of a publish of ``part``."""
        return {
            "task_id": self.task["id"],
            "target_type": "asset",
            "target_id": self.asset["id"],
            "software": "test",
            "item_usd_path": item,
            "metadata": {"asset_name": self.asset["name"], "part_name": part},
            **more,
        }

    def reserve_body(self, part: str = "body", **more: Any) -> Json:
        return {
            "task_id": self.task["id"],
            "target_type": "asset",
            "target_id": self.asset["id"],
            "part_name": part,
            **more,
        }


@dataclass
class StudioUnderTest:
    """A tenant and its users."""

    app: Flask
    tenant_id: UUID
    name: str
    root: Path
    tokens: dict[Role, str] = field(default_factory=dict)

    def api(self, role: Role = Role.ARTIST) -> Api:
        """Calls in the name of the user of that role."""
        return Api(self.app, self.tokens[role])

    @property
    def admin(self) -> Api:
        return self.api(Role.TENANT_ADMIN)

    @property
    def artist(self) -> Api:
        return self.api(Role.ARTIST)

    def browser(self, role: Role = Role.ARTIST) -> FlaskClient:
        """A browser in which the user of that role is logged in."""
        browser = self.app.test_client()
        assert browser.get("/", query_string={"token": self.tokens[role]}).status_code == 303
        return browser

    def email(self, role: Role) -> str:
        return f"{role}@{self.name}.example"

    def production(self, department: str = "model") -> Production:
        """Make a project, an asset and a task."""
        project = self.admin.post("/projects/", {"name": f"p_{uuid4().hex[:8]}"}).data
        asset = self.admin.post("/assets/", {"project_id": project["id"], "name": "gear"}).data
        body = {"target_type": "asset", "target_id": asset["id"], "name": "modelling", "department": department}
        return Production(project, asset, self.admin.post("/tasks/", body).data)

    def let_client_in(self, project_id: str, *, clients_see: str) -> Api:
        """Let the tenant's client into a project that shows them ``all`` publishes, or only those ``shared``."""
        client = self.api(Role.CLIENT)
        clients = {"user_ids": [client.get("/auth/me").data["user"]["id"]]}
        path = f"/projects/{project_id}"
        assert self.admin.put(f"{path}/clients", clients, headers={"If-Match": "*"}).status == 200
        assert self.admin.patch(path, {"clients_see": clients_see}).status == 200
        return client

    def write(self, path: str, content: str = '#usda 1.0\n(defaultPrim = "gear")\ndef Xform "gear" {}\n') -> str:
        """Write a file on the tenant's storage; answers its path."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return path

    def publish(self, production: Production, part: str = "body", **more: Any) -> Json:
        """Reserve, write, commit."""
        reserved = self.artist.post("/publishes/reserve", production.reserve_body(part)).data
        item = self.write(reserved["item_usd_path"])
        body = production.publish_body(item, part, reservation_id=reserved["reservation_id"], **more)
        published: Json = self.artist.post("/publishes/", body).data
        return published


def make_studio(app: Flask) -> StudioUnderTest:
    """A new tenant with a user and a token for each role."""
    config: Config = app.extensions["raceway"]
    # One word: after a hyphen or the like, digits would be a word that a search for a number finds.
    tenant_id, name = uuid4(), f"studio{uuid4().hex[:10]}"
    studio = StudioUnderTest(app, tenant_id, name, config.tenant_root(name))
    studio.root.mkdir(parents=True)
    password_hash = _password_hash()
    with app.app_context(), tenant_session(tenant_id) as session:
        session.add(Tenant(id=tenant_id, name=name, storage=name))
        declare_departments(session)
        declare_statuses(session)
        for role in Role:
            user = User(
                id=uuid4(), name=role.value, email=studio.email(role), role=role.value, password_hash=password_hash
            )
            session.add(user)
            session.flush()
            row, studio.tokens[role] = auth.new_token(user.id, "tests")
            session.add(row)
    return studio


@functools.cache
def _password_hash() -> str:
    """Of the password that all users have: meant to be slow to make, and the tests need many."""
    return auth.hash_password(PASSWORD)


def work(app: Flask, capabilities: Sequence[str] = ()) -> None:
    """Do the jobs of all tenants for which a bell rang, as a worker with these capabilities does."""
    connection = queueing.connect(app.extensions["raceway"].redis_url)
    queues = [Queue(name, connection=connection) for name in queueing.bells_of(queueing.QUEUES, capabilities)]
    # Other tests leave jobs behind; whose bells were silenced are not to be done.
    tenants = {UUID(job.args[0]) for queue in queues for job in queue.jobs}
    Runner(tenants=tenants, capabilities=capabilities).attach(app)
    with app.app_context():
        worker = SimpleWorker(queues, connection=connection)
        worker.work(burst=True, logging_level="WARNING")


def overwrite(place: Path, text: str) -> None:
    """Write to a published item, which nobody does by mistake."""
    place.chmod(0o644)
    place.write_text(text)
