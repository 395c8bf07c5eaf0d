"""A tenant of a test, and a way to make every kind of row in it."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, update

from service.accounts.permissions import Role
from service.database import db, tenant_session
from service.models import CadFile, JobFrame, Worker
from shared.manifest import write_manifest
from tests.dcc.media.films import write_film
from tests.service.studio import PASSWORD, Api, Json, Production, StudioUnderTest
from tests.shared.parts import make_manifest, make_part

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000408020000003cafe9a70000000f4944415478da6348c00118a827010008cd"
    "24013f93d99c0000000049454e44ae426082"
)
"""A picture of 8 by 4 pixels."""
STEP = b"ISO-10303-21;"
COPY: Json = {
    "inputs": {"pictures": {"type": "pictures"}},
    "nodes": [{"name": "copy", "step": "deliver"}],
    "edges": [{"from": "inputs", "to": "copy.files"}],
}
"""The smallest workflow."""

_FAILED = {"code": "cad.failed", "message": "", "hint": "", "fields": {}}


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

    def custom_field(self) -> Json:
        """A field of the tasks of a project."""
        body = {"target_type": "task", "name": unique(), "type": "choice", "choices": ["low", "high"]}
        return self.post("/custom-fields/", {**body, "project_id": self.project()["id"]})

    def department(self) -> Json:
        """One in which nobody works."""
        return self.post("/departments/", {"name": unique(), "arc": "sublayer", "below": "look"})

    def task_status(self) -> Json:
        """One that no task has."""
        return self.post("/task-statuses/", {"name": unique(), "kind": "review"})

    def task_template(self) -> Json:
        """One for assets."""
        tasks = [{"name": "modelling", "department": "model"}]
        return self.post("/task-templates/", {"name": unique(), "target_type": "asset", "tasks": tasks})

    def cast(self) -> tuple[Json, Json]:
        """A shot and the asset that it uses."""
        shot, asset = self.shot(), self.asset()
        body = {"assets": [{"asset_id": asset["id"]}]}
        assert self.admin.put(f"/shots/{shot['id']}/casting", body, headers={"If-Match": "*"}).data
        return shot, asset

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

    def comment(self) -> Json:
        """A comment on a publish, with everything that a comment can have."""
        about = {"target_type": "publish", "target_id": self.publish()["id"], "for_client": True}
        text = f"@{self.client()['email']}: see here."
        return self.post("/comments/", {**about, "text": text, "attachments": [self.medium()["id"]]})

    def medium(self) -> Json:
        answer: Json = self.admin.call("POST", "/media/assets", **upload(PNG, filename="gear.png")).data
        return answer

    def film(self, asset: Json | None = None) -> Json:
        """A film that was uploaded, of an asset if one is given, with its poster."""
        of = {"asset": asset["name"], "project": asset["project"]} if asset else {}
        answer: Json = self.admin.call("POST", "/media/assets", **upload(_film(), filename="turn.mp4", **of)).data
        return answer

    def picture(self, asset: Json | None = None, **query: str) -> Json:
        """A picture that was uploaded of an asset."""
        of = asset or self.asset()
        where = {"asset": of["name"], "project": of["project"]}
        options = upload(PNG, **{"filename": "view.png", **where, **query})
        answer: Json = self.admin.call("POST", "/media/assets", **options).data
        return answer

    def playlist(self, **more: Any) -> Json:
        """One with a picture."""
        asset = self.asset()
        body = {"project_id": asset["project_id"], "name": unique(), "media_ids": [self.picture(asset)["id"]]}
        return self.post("/playlists/", {**body, **more})

    def playlist_film(self) -> Json:
        """One that waits for a worker."""
        return self.post(f"/playlists/{self.playlist()['id']}/films")

    def guest_link(self) -> Json:
        """One by which guests may comment."""
        playlist = self.playlist(for_client=True)
        return self.post(f"/playlists/{playlist['id']}/links", {"label": unique(), "may_comment": True})

    def outdated_playlist(self) -> Json:
        """One with a picture of which there is a newer one."""
        asset = self.asset()
        old, _ = self.picture(asset), self.picture(asset)
        return self.post("/playlists/", {"project_id": asset["project_id"], "name": unique(), "media_ids": [old["id"]]})

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

    def superseded(self) -> Json:
        """A converted CAD file of which there is a later revision, whose conversion failed."""
        cad = self.converted()
        content = STEP + unique().encode()
        later = self.admin.upload(content, project=cad["project"], asset=cad["asset"], filename="b.step").data
        self._conversion(later, state="failed", error=_FAILED)
        return cad

    def failed(self) -> Json:
        """A CAD file whose conversion failed."""
        cad = self.cad_file()
        self._conversion(cad, state="failed", error=_FAILED)
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

    def webhook(self, **more: Any) -> Json:
        """One with a name of its own, at an address where nobody listens."""
        return self.post("/webhooks/", {"name": unique(), "url": "http://127.0.0.1:9/", **more})

    def delivery(self) -> Json:
        """What a webhook is to be sent."""
        return self.post(f"/webhooks/{self.webhook()['id']}/ping")

    def tenant(self) -> Json:
        return self.post("/tenants/", {"name": unique(), "admin_email": "boss@example.com"})

    def log_in(self) -> Json:
        """Another session of the strongest user."""
        login = {"email": self.studio.email(Role.GLOBAL_ADMIN), "password": PASSWORD}
        answer: Json = Api(self.studio.app).post("/auth/login", login).data
        return answer

    def client(self) -> Json:
        """The user of the tenant whose role it is."""
        answer: Json = self.studio.api(Role.CLIENT).get("/auth/me").data["user"]
        return answer

    def order(self, *steps: str, own: bool = False, published: bool = False) -> Json:
        """An order of the tenant's client, or of our ``own``, taken through ``steps``; of a product of which something
        is ``published``, it can be rendered."""
        if published:
            production = self.production()
            self.studio.publish(production)
        asset, client = production.asset if published else self.asset(), self.client()
        clients = {"user_ids": [client["id"]]}
        self.admin.put(f"/projects/{asset['project_id']}/clients", clients, headers={"If-Match": "*"})
        body = {"title": "Gear", "project_id": asset["project_id"], "client_id": None if own else client["id"]}
        order = self.post("/orders/", {**body, "items": [{"asset_id": asset["id"]}]})
        for step in steps:
            order = self.post(f"/orders/{order['id']}/{step}", {"reason": "too dark"} if step == "reject" else None)
        return order

    def order_with_medium(self, *, own: bool = False) -> Json:
        """One that can be delivered."""
        return self.choose(self.order("accept", own=own))

    def delivered_order(self, *, own: bool = False) -> Json:
        """One that waits for its client's answer."""
        return self.post(f"/orders/{self.order_with_medium(own=own)['id']}/deliver")

    def choose(self, order: Json, item: int = 0) -> Json:
        """Give an item of an order a new picture."""
        path = f"/orders/{order['id']}/items/{order['items'][item]['id']}/media"
        media = {"media_ids": [self.medium()["id"]]}
        answer: Json = self.admin.put(path, media, headers={"If-Match": "*"}).data
        return answer


def unique() -> str:
    return f"n{uuid4().hex[:10]}"


@functools.cache
def _film() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_film(Path(folder, "turn.mp4")).read_bytes()


def upload(content: bytes, **query: str) -> dict[str, Any]:
    """Options of a call that uploads."""
    return {"data": content, "query_string": query, "headers": {"Content-Type": "application/octet-stream"}}
