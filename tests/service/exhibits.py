"""A tenant with one asset that went all the way, to look at on the pages: converted, published, rendered."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from flask import Flask
from sqlalchemy import select

from service.accounts.permissions import Role
from service.database import db, tenant_session
from service.models import (
    Asset,
    CadFile,
    Conversion,
    Job,
    MediaAsset,
    Order,
    OrderItem,
    OrderMedium,
    Part,
    Project,
    ProjectClient,
    Publish,
    Scene,
    Task,
    TenantRow,
    User,
    Worker,
)
from shared.jobs import JobDocument, JobState
from shared.manifest import Manifest, ModelWarning, write_manifest
from tests.service.studio import StudioUnderTest, make_studio
from tests.shared.parts import make_manifest, make_part, rgba

EVIL = '<script>alert("x")</script>'
"""Stands wherever somebody from outside can write: part names, metadata, output of tools."""


@dataclass(frozen=True)
class Exhibits:
    """What there is to see: ids by name."""

    studio: StudioUnderTest
    ids: dict[str, UUID]

    @property
    def app(self) -> Flask:
        return self.studio.app


def make_exhibits(app: Flask) -> Exhibits:
    """A new tenant with the exhibits."""
    studio = make_studio(app)
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        artist = current.scalars(select(User.id).where(User.role == Role.ARTIST)).one()
    project = Project(id=uuid4(), name="demo", title="Demonstration", clients_see="all")
    asset = Asset(id=uuid4(), project_id=project.id, name="bearing", title="Ball bearing")
    empty = Asset(id=uuid4(), project_id=project.id, name="housing")
    task = Task(
        id=uuid4(), asset_id=asset.id, name="lookdev", department="look", status="todo", assignee_ids=[str(artist)]
    )
    conversion = Conversion(
        id=uuid4(),
        sha256="ab" * 32,
        settings_key="settings",
        settings={},
        source_path="source.step",
        state="ready",
        derivatives={"scene_manifest": "manifest.json"},
    )
    cad = CadFile(
        id=uuid4(),
        asset_id=asset.id,
        conversion_id=conversion.id,
        filename="bearing.step",
        size=1_900_000,
        lineage="bearing",
        revision=1,
        overrides={"Seal": "BlackRubber"},
        occurrence_overrides={"Ball:row/ball_2": "RedPlastic"},
        created_by_id=artist,
    )
    part = Part(id=uuid4(), asset_id=asset.id, name="look", department="look", last_version=1, last_iteration=1)
    publish = make_publish(part, task, 1)
    publish.cad_file_id, publish.created_by_id = cad.id, artist
    part.current_publish_id = publish.id
    scene = Scene(
        id=uuid4(),
        task_id=task.id,
        name="bearing",
        software="blender",
        version=1,
        iteration=1,
        path="demo/assets/bearing/scenes/lookdev/bearing_v001_i001.blend",
        state="committed",
    )
    device = {"requested": "auto", "used": "CPU", "why": "no GPU was found"}
    done = make_job("still", JobState.COMPLETED, asset, result={"engine": "cycles", "device": device})
    failed = make_job(
        "convert",
        JobState.FAILED,
        asset,
        error={"code": "process.crashed", "message": "The converter crashed.", "hint": "Export again.", "fields": {}},
    )
    running = make_job("still", JobState.RUNNING, asset)
    worker = Worker(id=uuid4(), name="worker-7", host="node01", pid=1, queues=["render"], state="busy")
    running.worker_id = worker.id
    # Other tests sweep up after dead workers; this one counts as alive while they run.
    running.lease_until = datetime.now(UTC) + timedelta(days=1)
    still, thumbnail = (_medium(studio, asset, done, kind) for kind in ("still", "thumbnail"))
    add_rows(studio, project, asset, empty, task, conversion, cad, part, publish, scene, done, failed, running)
    add_rows(studio, still, thumbnail)
    _deliver(studio, project, asset, still)
    with studio.app.app_context():
        db.session.add(worker)
        db.session.commit()
    write_manifest(_manifest(), studio.root / "manifest.json")
    rows: dict[str, TenantRow] = {
        "asset": asset, "empty": empty, "cad": cad, "publish": publish, "done": done, "failed": failed,
        "running": running, "still": still, "thumbnail": thumbnail, "part": part, "task": task, "project": project,
    }  # fmt: skip
    return Exhibits(studio, {name: row.id for name, row in rows.items()})


def add_rows(studio: StudioUnderTest, *rows: TenantRow) -> None:
    """Add rows to the tenant, in this order."""
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        for row in rows:
            current.add(row)
            current.flush()


def _deliver(studio: StudioUnderTest, project: Project, asset: Asset, medium: MediaAsset) -> None:
    """Let the tenant's client see the project, and the picture that they ordered."""
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        client = current.scalars(select(User.id).where(User.role == Role.CLIENT)).one()
    order = Order(
        id=uuid4(), number=1, title="Bearing", client_id=client, project_id=project.id, state="delivered",
        delivery=1, delivered_at=datetime.now(UTC),
    )  # fmt: skip
    item = OrderItem(id=uuid4(), order_id=order.id, position=1, asset_id=asset.id, kind="still")
    add_rows(studio, ProjectClient(id=uuid4(), project_id=project.id, user_id=client), order, item)
    add_rows(studio, OrderMedium(id=uuid4(), item_id=item.id, media_id=medium.id, delivery=1))


def _manifest() -> Manifest:
    places = dict.fromkeys(("row/ball_1", "row/ball_2", "row/ball_3"))
    manifest = make_manifest(
        make_part("Ring", "Ring", material="Steel"),
        make_part("Ball", "Ball", color=rgba("c81e1e"), occurrences=places),
        make_part("Seal", "Seal"),
        make_part("XJ_47", EVIL),
    )
    return dataclasses.replace(manifest, warnings=(ModelWarning("cad.open", "Ring is not closed.", "Ring"),))


def make_publish(part: Part, task: Task, version: int) -> Publish:
    return Publish(
        id=uuid4(),
        part_id=part.id,
        task_id=task.id,
        version=version,
        iteration=1,
        software="blender",
        source_version=1,
        source_iteration=1,
        item_usd_path=f"demo/assets/bearing/usd/look/data/look_v{version:03}_i001.usd",
        sha256="cd" * 32,
        size=1234,
        status="published",
        details={"note": EVIL},
    )


def make_job(kind: str, state: JobState, asset: Asset, **document: object) -> Job:
    job_id = uuid4()
    record = dataclasses.replace(JobDocument(str(job_id)), state=state, **document)  # type: ignore[arg-type]
    record.start_step(kind)
    if state is not JobState.RUNNING:
        record.finish_step(state, {"note": EVIL})
    now = datetime.now(UTC)
    return Job(
        id=job_id,
        kind=kind,
        queue="render",
        state=state.value,
        document=record.to_json(),
        request={"samples": 4},
        attempt=1,
        started_at=now,
        finished_at=None if state is JobState.RUNNING else now,
        asset_id=asset.id,
    )


def _medium(studio: StudioUnderTest, asset: Asset, job: Job, kind: str) -> MediaAsset:
    name = f"{kind}.png"
    (studio.root / name).write_bytes(f"picture {kind}".encode())
    return MediaAsset(
        id=uuid4(),
        asset_type=kind,
        name=name,
        path=name,
        mime_type="image/png",
        size=9,
        sha256="0" * 64,
        width=960,
        height=540,
        asset_id=asset.id,
        job_id=job.id,
    )
