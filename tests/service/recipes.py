"""A call that succeeds, for every route there is: what tests of access, isolation and the audit log repeat for all.

A new route needs a recipe here. Each makes rows of its own, so that recipes can be called in any order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import func, update
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.database import db, tenant_session
from service.models import CadFile, JobFrame, Worker
from shared.manifest import write_manifest
from tests.service.studio import PASSWORD, Api, Json, Production, StudioUnderTest
from tests.shared.parts import make_manifest, make_part

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x04\x08\x02\x00\x00\x00"
STEP = b"ISO-10303-21;"
COPY: Json = {
    "inputs": {"pictures": {"type": "pictures"}},
    "nodes": [{"name": "copy", "step": "deliver"}],
    "edges": [{"from": "inputs", "to": "copy.files"}],
}
"""The smallest workflow."""


@dataclass
class Call:
    """A request; ``path`` is below ``/api``. ``alone`` tells that it names no row of the tenant."""

    path: str
    body: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    alone: bool = False
    refuses: bool = False
    """Whether there is nothing to read or change yet, so that it is refused, with 404 or 409."""

    def send(self, app: Flask, method: str, token: str) -> TestResponse:
        """The answer; of one that never ends only its status is waited for."""
        options = dict(self.options)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        client = app.test_client()
        return client.open("/api" + self.path, method=method, json=self.body, headers=headers, **options)


Recipe = Callable[["World"], Call]
RECIPES: dict[str, Recipe] = {}


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def call_of(endpoint: Endpoint, world: World) -> Call:
    """A call of that route that succeeds in the world's tenant."""
    recipe = RECIPES.get(name_of(endpoint).replace("/api", "", 1))
    assert recipe, f"{name_of(endpoint)} has no recipe: add one to tests/service/recipes.py"
    return recipe(world)


def recipe(*routes: str) -> Callable[[Recipe], Recipe]:
    def add(made: Recipe) -> Recipe:
        for route in routes:
            RECIPES[route] = made
        return made

    return add


@dataclass
class World:
    """A tenant, and ways to make rows in it."""

    studio: StudioUnderTest

    @property
    def admin(self) -> Api:
        return self.studio.api(Role.GLOBAL_ADMIN)

    def post(self, path: str, body: Any = None, **options: Any) -> Json:
        answer: Json = self.admin.post(path, body, **options).data
        return answer

    def project(self) -> Json:
        return self.post("/projects/", {"name": unique()})

    def sequence(self) -> Json:
        return self.post("/sequences/", {"project_id": self.project()["id"], "name": unique()})

    def shot(self) -> Json:
        return self.post("/shots/", {"sequence_id": self.sequence()["id"], "name": unique()})

    def asset(self) -> Json:
        return self.post("/assets/", {"project_id": self.project()["id"], "name": unique()})

    def production(self) -> Production:
        return self.studio.production()

    def task(self) -> Json:
        return self.production().task

    def user(self, role: Role = Role.ARTIST) -> Json:
        body = {"name": "Somebody", "email": f"{unique()}@example.com", "role": role, "password": PASSWORD}
        return self.post("/artists/", body)

    def scene(self) -> Json:
        body = {"task_id": self.task()["id"], "name": "shop", "software": "x", "suffix": ".blend"}
        return self.post("/scenes/reserve", body)

    def publish(self) -> Json:
        return self.studio.publish(self.production())

    def replaced_publish(self) -> Json:
        """One that is not composed any more."""
        production = self.production()
        replaced = self.studio.publish(production)
        self.studio.publish(production)
        return replaced

    def material(self) -> Json:
        return self.post("/materials/", {"name": unique(), "label": "Paint", "base_color": [1, 0, 0]})

    def alias(self) -> Json:
        return self.post("/materials/aliases/", {"kind": "word", "pattern": unique(), "material": "Steel"})

    def medium(self) -> Json:
        answer: Json = self.admin.call("POST", "/media/assets", **upload(PNG, filename="gear.png")).data
        return answer

    def turntable(self) -> Json:
        """A job with tasks."""
        return self.post("/jobs/", {"kind": "turntable", "frames": 2, "publish_id": self.publish()["id"]})

    def frame(self) -> Json:
        """A job of which a frame is rendered."""
        job = self.turntable()
        values = {"path": self.studio.write(f"{unique()}.png"), "finished_at": func.now()}
        with self.studio.app.app_context(), tenant_session(self.studio.tenant_id) as session:
            session.execute(update(JobFrame).where(JobFrame.job_id == UUID(job["id"])).values(values))
        return job

    def worker(self) -> Json:
        worker = Worker(id=uuid4(), name=unique(), host="node07", pid=7, queues=["render"], state="up")
        described = {"id": str(worker.id)}
        with self.studio.app.app_context():
            db.session.add(worker)
            db.session.commit()
        return described

    def job(self) -> Json:
        return self.post("/jobs/", {"kind": "still", "publish_id": self.publish()["id"]})

    def token(self) -> Json:
        return self.post("/tokens/", {"name": "farm"})

    def cad_file(self) -> Json:
        production = self.production()
        answer: Json = self.admin.upload(
            STEP + unique().encode(), project=production.project["name"], asset="gear", filename="a.step"
        ).data
        return answer

    def converted(self, material: str = "Steel") -> Json:
        """A CAD file as the converter leaves it, with one part."""
        cad = self.cad_file()
        path = f"{unique()}.json"
        write_manifest(make_manifest(make_part("Ring", "XJ 47", material=material)), self.studio.root / path)
        self._conversion(cad, state="ready", derivatives={"scene_manifest": path})
        return cad

    def unknown_part(self) -> Json:
        """A converted CAD file with a part of which nothing is known."""
        return self.converted(material="")

    def failed(self) -> Json:
        """A CAD file whose conversion failed."""
        cad = self.cad_file()
        self._conversion(cad, state="failed", error={"code": "cad.failed", "message": "", "hint": "", "fields": {}})
        return cad

    def _conversion(self, cad: Json, **values: Any) -> None:
        with self.studio.app.app_context(), tenant_session(self.studio.tenant_id) as current:
            conversion = current.get_one(CadFile, (self.studio.tenant_id, UUID(cad["id"]))).conversion
            for name, value in values.items():
                setattr(conversion, name, value)

    def workflow(self) -> Json:
        return self.post("/workflows/", {"name": unique(), "graph": COPY})

    def run(self) -> Json:
        """A run of a workflow, under way."""
        return self.post("/workflows/runs", {"graph": COPY, "inputs": {"pictures": "gear.png"}})

    def tenant(self) -> Json:
        return self.post("/tenants/", {"name": unique(), "admin_email": "boss@example.com"})

    def client(self) -> Json:
        """The user of the tenant whose role it is."""
        answer: Json = self.studio.api(Role.CLIENT).get("/auth/me").data["user"]
        return answer

    def order(self, *steps: str) -> Json:
        """An order of the tenant's client, taken through ``steps``."""
        asset, client = self.asset(), self.client()
        clients = {"user_ids": [client["id"]]}
        self.admin.put(f"/projects/{asset['project_id']}/clients", clients, headers={"If-Match": "*"})
        body = {"title": "Gear", "project_id": asset["project_id"], "client_id": client["id"]}
        order = self.post("/orders/", {**body, "items": [{"asset_id": asset["id"]}]})
        for step in steps:
            order = self.post(f"/orders/{order['id']}/{step}", {"reason": "too dark"} if step == "reject" else None)
        return order

    def order_with_medium(self) -> Json:
        """One that can be delivered."""
        order = self.order("accept", "start")
        path = f"/orders/{order['id']}/items/{order['items'][0]['id']}/media"
        media = {"media_ids": [self.medium()["id"]]}
        answer: Json = self.admin.put(path, media, headers={"If-Match": "*"}).data
        return answer


def unique() -> str:
    return f"n{uuid4().hex[:10]}"


def upload(content: bytes, **query: str) -> dict[str, Any]:
    """Options of a call that uploads."""
    return {"data": content, "query_string": query, "headers": {"Content-Type": "application/octet-stream"}}


ANY = {"headers": {"If-Match": "*"}}


# -- lists, and what names no row


def _alone(path: str) -> Recipe:
    return lambda world: Call(path, alone=True)


for _endpoint in ENDPOINTS:
    if _endpoint.method == "GET" and "<" not in _endpoint.path:
        _path = _endpoint.path.removeprefix("/api")
        RECIPES[f"GET {_path}"] = _alone(_path)


# -- rows that all have the same routes


def _row(prefix: str, argument: str, make: Callable[[World], Json], changes: Json | None) -> None:
    def of(world: World) -> Call:
        return Call(f"{prefix}{make(world)['id']}")

    def change(world: World) -> Call:
        return Call(f"{prefix}{make(world)['id']}", changes)

    def archive(world: World) -> Call:
        return Call(f"{prefix}{make(world)['id']}/archive", {})

    def restore(world: World) -> Call:
        row = make(world)
        world.post(f"{prefix}{row['id']}/archive")
        return Call(f"{prefix}{row['id']}/restore", {})

    RECIPES[f"GET {prefix}<uuid:{argument}>"] = of
    if changes is not None:
        RECIPES[f"PATCH {prefix}<uuid:{argument}>"] = change
        RECIPES[f"POST {prefix}<uuid:row_id>/archive"] = archive
        RECIPES[f"POST {prefix}<uuid:row_id>/restore"] = restore


_TITLE = {"title": "Another"}
_row("/projects/", "project_id", World.project, _TITLE)
_row("/sequences/", "sequence_id", World.sequence, _TITLE)
_row("/shots/", "shot_id", World.shot, _TITLE)
_row("/assets/", "asset_id", World.asset, _TITLE)
_row("/tasks/", "task_id", World.task, {"status": "done"})
_row("/artists/", "user_id", World.user, {"name": "Another"})
_row("/scenes/", "scene_id", World.scene, {"comment": "better"})
_row("/materials/", "material_id", World.material, {"roughness": 0.25})
_row("/materials/aliases/", "alias_id", World.alias, {"material": "Brass"})
_row("/media/assets/", "media_id", World.medium, {"category_key": "press"})
_row("/orders/", "order_id", World.order, {"note": "in red"})
_row("/publishes/", "publish_id", World.replaced_publish, {"status": "approved"})
_row("/cad/", "cad_file_id", World.cad_file, None)
_row("/jobs/", "job_id", World.job, None)
_row("/workflows/", "workflow_id", World.workflow, _TITLE)
_row("/workflows/runs/", "run_id", World.run, None)


# -- account, tokens, users


@recipe("POST /auth/login")
def _(world: World) -> Call:
    return Call("/auth/login", {"email": world.studio.email(Role.ARTIST), "password": PASSWORD})


@recipe("POST /auth/refresh")
def _(world: World) -> Call:
    login = Api(world.studio.app).post("/auth/login", {"email": world.user()["email"], "password": PASSWORD})
    return Call("/auth/refresh", {"refresh_token": login.data["refresh_token"]})


def _of_a_new_session(path: str, body: Json) -> Recipe:
    def made(world: World) -> Call:
        login = Api(world.studio.app).post("/auth/login", {"email": world.user()["email"], "password": PASSWORD})
        return Call(path, body, {"headers": {"Authorization": f"Bearer {login.data['token']}"}}, alone=True)

    return made


RECIPES["POST /auth/logout"] = _of_a_new_session("/auth/logout", {})
RECIPES["POST /auth/password"] = _of_a_new_session(
    "/auth/password", {"current_password": PASSWORD, "new_password": "battery staple horse"}
)


@recipe("POST /tokens/")
def _(world: World) -> Call:
    return Call("/tokens/", {"name": "farm"}, alone=True)


@recipe("DELETE /tokens/<uuid:token_id>")
def _(world: World) -> Call:
    return Call(f"/tokens/{world.token()['id']}")


@recipe("POST /artists/")
def _(world: World) -> Call:
    return Call("/artists/", {"name": "Anna", "email": f"{unique()}@example.com"}, alone=True)


@recipe("POST /artists/<uuid:user_id>/reset-password")
def _(world: World) -> Call:
    return Call(f"/artists/{world.user()['id']}/reset-password", {})


# -- tenants


@recipe("POST /tenants/")
def _(world: World) -> Call:
    return Call("/tenants/", {"name": unique(), "admin_email": "boss@example.com"}, alone=True)


def _tenant(path: str, body: Json | None = None) -> Recipe:
    return lambda world: Call(f"/tenants/{world.tenant()['id']}{path}", body, alone=True)


RECIPES["GET /tenants/<uuid:tenant_id>"] = _tenant("")
RECIPES["PATCH /tenants/<uuid:tenant_id>"] = _tenant("", {"title": "Another"})
RECIPES["POST /tenants/<uuid:tenant_id>/archive"] = _tenant("/archive", {})


@recipe("POST /tenants/<uuid:tenant_id>/restore")
def _(world: World) -> Call:
    tenant = world.tenant()
    world.post(f"/tenants/{tenant['id']}/archive")
    return Call(f"/tenants/{tenant['id']}/restore", {}, alone=True)


@recipe("PATCH /settings/")
def _(world: World) -> Call:
    now = world.admin.get("/settings/").data["max_order_size"]
    return Call("/settings/", {"max_order_size": now + 1}, alone=True)


# -- production


@recipe("POST /projects/")
def _(world: World) -> Call:
    return Call("/projects/", {"name": unique()}, alone=True)


@recipe("GET /projects/<uuid:project_id>/clients")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/clients")


@recipe("PUT /projects/<uuid:project_id>/clients")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/clients", {"user_ids": [world.client()["id"]]}, ANY)


@recipe("POST /sequences/")
def _(world: World) -> Call:
    return Call("/sequences/", {"project_id": world.project()["id"], "name": unique()})


@recipe("POST /shots/")
def _(world: World) -> Call:
    return Call("/shots/", {"sequence_id": world.sequence()["id"], "name": unique()})


@recipe("POST /assets/")
def _(world: World) -> Call:
    return Call("/assets/", {"project_id": world.project()["id"], "name": unique()})


@recipe("POST /tasks/")
def _(world: World) -> Call:
    body = {"target_type": "asset", "target_id": world.asset()["id"], "name": unique(), "department": "look"}
    return Call("/tasks/", {**body, "assignee_id": world.user()["id"]})


# -- materials, scenes, media


@recipe("POST /materials/")
def _(world: World) -> Call:
    return Call("/materials/", {"name": unique(), "label": "Paint", "base_color": [0, 0, 1]}, alone=True)


@recipe("POST /materials/aliases/")
def _(world: World) -> Call:
    return Call("/materials/aliases/", {"kind": "word", "pattern": unique(), "material": "Steel"}, alone=True)


@recipe("POST /scenes/reserve")
def _(world: World) -> Call:
    body = {"task_id": world.task()["id"], "name": "shop", "software": "x", "suffix": ".blend"}
    return Call("/scenes/reserve", body)


@recipe("POST /scenes/<uuid:scene_id>/commit")
def _(world: World) -> Call:
    scene, content = world.scene(), "a scene"
    world.studio.write(scene["path"], content)
    body = {"sha256": hashlib.sha256(content.encode()).hexdigest(), "size": len(content)}
    return Call(f"/scenes/{scene['id']}/commit", body)


@recipe("POST /media/assets")
def _(world: World) -> Call:
    return Call("/media/assets", options=upload(PNG, filename="gear.png", asset=world.asset()["name"]))


@recipe("GET /media/assets/<uuid:media_id>/file")
def _(world: World) -> Call:
    return Call(f"/media/assets/{world.medium()['id']}/file")


# -- orders


@recipe("POST /orders/")
def _(world: World) -> Call:
    asset = world.order()["items"][0]["asset_id"]
    project = world.admin.get(f"/assets/{asset}").data["project_id"]
    return Call("/orders/", {"title": "Gear", "project_id": project, "items": [{"asset_id": asset}]})


def _order(step: str, *before: str, body: Json | None = None) -> Recipe:
    return lambda world: Call(f"/orders/{world.order(*before)['id']}/{step}", body or {})


RECIPES["POST /orders/<uuid:order_id>/accept"] = _order("accept")
RECIPES["POST /orders/<uuid:order_id>/start"] = _order("start", "accept")
RECIPES["POST /orders/<uuid:order_id>/reject"] = _order("reject", body={"reason": "too dark"})
RECIPES["POST /orders/<uuid:order_id>/resubmit"] = _order("resubmit", "reject")
RECIPES["POST /orders/<uuid:order_id>/cancel"] = _order("cancel")


@recipe("POST /orders/<uuid:order_id>/deliver")
def _(world: World) -> Call:
    return Call(f"/orders/{world.order_with_medium()['id']}/deliver", {})


@recipe("PUT /orders/<uuid:order_id>/items/<uuid:item_id>/media")
def _(world: World) -> Call:
    order = world.order("accept")
    path = f"/orders/{order['id']}/items/{order['items'][0]['id']}/media"
    return Call(path, {"media_ids": [world.medium()["id"]]}, ANY)


# -- publishes


@recipe("POST /publishes/reserve")
def _(world: World) -> Call:
    return Call("/publishes/reserve", world.production().reserve_body())


@recipe("POST /publishes/")
def _(world: World) -> Call:
    production = world.production()
    reserved = world.post("/publishes/reserve", production.reserve_body())
    item = world.studio.write(reserved["item_usd_path"])
    return Call("/publishes/", production.publish_body(item, reservation_id=reserved["reservation_id"]))


@recipe("POST /publishes/<uuid:publish_id>/compose")
def _(world: World) -> Call:
    production = world.production()
    first = world.studio.publish(production)
    world.studio.publish(production)
    return Call(f"/publishes/{first['id']}/compose", {})


@recipe("POST /publishes/<uuid:publish_id>/withdraw")
def _(world: World) -> Call:
    return Call(f"/publishes/{world.publish()['id']}/withdraw", {})


# -- CAD


@recipe("POST /cad/")
def _(world: World) -> Call:
    production = world.production()
    query = {"project": production.project["name"], "asset": "gear", "filename": "a.step"}
    return Call("/cad/", options=upload(STEP + unique().encode(), **query))


# -- jobs


@recipe("POST /jobs/")
def _(world: World) -> Call:
    return Call("/jobs/", {"kind": "still", "publish_id": world.publish()["id"]})


@recipe("GET /jobs/<uuid:job_id>/log")
def _(world: World) -> Call:
    return Call(f"/jobs/{world.job()['id']}/log")


@recipe("POST /jobs/<uuid:job_id>/cancel")
def _(world: World) -> Call:
    return Call(f"/jobs/{world.job()['id']}/cancel", {})


@recipe("POST /jobs/<uuid:job_id>/retry")
def _(world: World) -> Call:
    job = world.job()
    world.post(f"/jobs/{job['id']}/cancel")
    return Call(f"/jobs/{job['id']}/retry", {})


def _of_job(path: str, body: Json | None = None, make: Callable[[World], Json] = World.job) -> Recipe:
    return lambda world: Call(f"/jobs/{make(world)['id']}/{path}", body)


_JOB = "/jobs/<uuid:job_id>"
RECIPES[f"PATCH {_JOB}"] = lambda world: Call(f"/jobs/{world.job()['id']}", {"priority": 90})
for _change in ("pause", "skip"):
    RECIPES[f"POST {_JOB}/{_change}"] = _of_job(_change, {})
RECIPES[f"POST {_JOB}/resume"] = _of_job(
    "resume", {}, make=lambda world: world.post(f"/jobs/{world.job()['id']}/pause")
)
for _part in ("tasks", "frames", "dependencies"):
    RECIPES[f"GET {_JOB}/{_part}"] = _of_job(_part, make=World.turntable)
RECIPES[f"GET {_JOB}/frames/<int:frame>/file"] = _of_job("frames/1/file", make=World.frame)


# -- workers and queues, which every tenant shares

RECIPES["GET /workers/<uuid:worker_id>"] = lambda world: Call(f"/workers/{world.worker()['id']}", alone=True)
RECIPES["PATCH /workers/<uuid:worker_id>"] = lambda world: Call(
    f"/workers/{world.worker()['id']}", {"wanted": "rest"}, alone=True
)


def _queue(change: str, before: str) -> Recipe:
    def made(world: World) -> Call:
        world.post(f"/queues/render/{before}")
        return Call(f"/queues/render/{change}", {}, alone=True)

    return made


RECIPES["POST /queues/<name>/pause"] = _queue("pause", before="resume")
RECIPES["POST /queues/<name>/resume"] = _queue("resume", before="pause")


# -- what is about converted CAD


def _cad(path: str = "", body: Json | None = None) -> Recipe:
    return lambda world: Call(f"/cad/{world.converted()['id']}{path}", body)


def _first_revision(path: str, body: Json | None = None) -> Recipe:
    """A first revision has nothing to decide, which is said only to who may see it."""
    return lambda world: Call(f"/cad/{world.converted()['id']}/{path}", body, ANY, refuses=True)


_CAD = "/cad/<uuid:cad_file_id>"
RECIPES[f"POST {_CAD}/convert"] = lambda world: Call(f"/cad/{world.failed()['id']}/convert", {})
RECIPES[f"GET {_CAD}/files/<any(usd_master,gltf_geometry,scene_manifest):name>"] = _cad("/files/scene_manifest")
RECIPES[f"GET {_CAD}/scene-manifest"] = _cad("/scene-manifest")
RECIPES[f"GET {_CAD}/effective-materials"] = _cad("/effective-materials")
RECIPES[f"GET {_CAD}/manual-material-overrides"] = _cad("/manual-material-overrides")
RECIPES[f"PUT {_CAD}/manual-material-overrides"] = _cad("/manual-material-overrides", {"overrides": {"Ring": "Brass"}})
RECIPES[f"GET {_CAD}/revision-report"] = _first_revision("revision-report")
RECIPES[f"PUT {_CAD}/revision-decisions"] = _first_revision("revision-decisions", {"decisions": {}})
RECIPES[f"PUT {_CAD}/revision-decisions/<new_key>"] = _first_revision("revision-decisions/Ring", {"old_key": None})
RECIPES[f"DELETE {_CAD}/revision-decisions/<new_key>"] = _first_revision("revision-decisions/Ring")


def _sheet(world: World) -> Call:
    options = {"data": b"part,material\nRing,Brass\n", "headers": {"Content-Type": "text/csv"}}
    query = {"query_string": {"filename": "parts.csv"}}
    return Call(f"/cad/{world.converted()['id']}/source-materials", options={**options, **query})


RECIPES[f"PUT {_CAD}/source-materials"] = _sheet
RECIPES[f"GET {_CAD}/source-materials"] = _cad("/source-materials")


@recipe(f"DELETE {_CAD}/source-materials")
def _(world: World) -> Call:
    sheet = _sheet(world)
    world.admin.call("PUT", sheet.path, **sheet.options)
    return Call(sheet.path)


# -- what reads, told in a body or a query


@recipe("GET /publishes/pinned-entry")
def _(world: World) -> Call:
    publish = world.publish()
    query = {"project": publish["project"], "asset": publish["entity"].partition(":")[2]}
    return Call("/publishes/pinned-entry", options={"query_string": query})


@recipe("GET /publishes/<uuid:publish_id>/pinned-entry")
def _(world: World) -> Call:
    return Call(f"/publishes/{world.publish()['id']}/pinned-entry")


@recipe("POST /publishes/outdated")
def _(world: World) -> Call:
    return Call("/publishes/outdated", {"item_usd_paths": [world.publish()["item_usd_path"]]}, alone=True)


@recipe("GET /jobs/<uuid:job_id>/events")
def _(world: World) -> Call:
    return Call(f"/jobs/{world.job()['id']}/events")


# -- workflows


@recipe("POST /workflows/")
def _(world: World) -> Call:
    return Call("/workflows/", {"name": unique(), "graph": COPY}, alone=True)


@recipe("POST /workflows/check")
def _(world: World) -> Call:
    return Call("/workflows/check", COPY, alone=True)


@recipe("GET /workflows/<uuid:workflow_id>/versions")
def _(world: World) -> Call:
    return Call(f"/workflows/{world.workflow()['id']}/versions")


@recipe("POST /workflows/runs")
def _(world: World) -> Call:
    return Call("/workflows/runs", {"workflow_id": world.workflow()["id"], "inputs": {"pictures": "gear.png"}})


def _run(path: str, *, cancelled: bool = False) -> Recipe:
    def made(world: World) -> Call:
        run = world.run()
        if cancelled:
            world.post(f"/workflows/runs/{run['id']}/cancel")
        return Call(f"/workflows/runs/{run['id']}{path}", {})

    return made


_RUN = "POST /workflows/runs/<uuid:run_id>"
RECIPES[f"{_RUN}/cancel"] = _run("/cancel")
RECIPES[f"{_RUN}/retry"] = _run("/retry", cancelled=True)
RECIPES[f"{_RUN}/nodes/<node>/cancel"] = _run("/nodes/copy/cancel")
RECIPES[f"{_RUN}/nodes/<node>/retry"] = _run("/nodes/copy/retry", cancelled=True)


# -- notifications


@recipe("POST /notifications/read")
def _(world: World) -> Call:
    return Call("/notifications/read", {}, alone=True)


@recipe("POST /notifications/<uuid:notification_id>/read")
def _(world: World) -> Call:
    return Call(f"/notifications/{uuid4()}/read", {}, refuses=True)


@recipe("PUT /notifications/preferences")
def _(world: World) -> Call:
    preference = {"channel": "activity", "frequency": "daily"}
    return Call("/notifications/preferences", {"preferences": [preference]}, alone=True)


@recipe("DELETE /notifications/preferences")
def _(world: World) -> Call:
    return Call("/notifications/preferences", alone=True)


def ids_in(text: str) -> set[str]:
    """All ids in an answer."""
    return set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text))
