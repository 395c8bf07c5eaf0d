"""Scenes: versions of work files, reserved before they are saved and committed once they stand."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import select

from service import auth, entries
from service.api.fields import Digest, Name, Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.routing import Request, Resource
from service.database import session
from service.models import Scene, Task
from service.permissions import Permission
from shared import paths
from shared.errors import ConflictError, StorageError
from shared.files import sha256_of
from shared.versions import Version

scenes = Resource("scenes", "/scenes")
RESOURCES = (scenes,)


class SceneOut(Row):
    task_id: UUID
    name: str
    software: str
    version: int
    iteration: int
    path: str
    state: str
    sha256: str | None
    size: int | None


class NewScene(Request):
    task_id: UUID
    name: Name
    software: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    suffix: Annotated[str, StringConstraints(pattern=r"^\.[A-Za-z0-9]{1,10}$")]
    bump: Literal["iteration", "version"] = "iteration"


class SceneFile(Request):
    sha256: Digest
    size: int = Field(ge=0, le=2**62)


class SceneQuery(ListQuery):
    task_id: UUID | None = None
    state: str = "committed"


@scenes.declare("GET", "/", permission=Permission.PUBLISH_READ, query=SceneQuery, answer=Page[SceneOut])
def list_scenes(query: SceneQuery) -> dict[str, Any]:
    """List saved scenes, the newest first."""
    statement = select(Scene)
    if query.task_id:
        statement = statement.where(Scene.task_id == query.task_id)
    if query.state:
        statement = statement.where(Scene.state == query.state)
    sort: dict[str, Any] = {"created_at": Scene.created_at, "name": Scene.name, "version": Scene.version}
    return page_of(statement, query, key=Scene, search=(Scene.name,), sort=sort, default_sort="-created_at")


@scenes.declare("POST", "/reserve", permission=Permission.SCENE_WRITE, body=NewScene, answer=SceneOut, status=201)
def reserve_scene(body: NewScene) -> Scene:
    """Reserve the next version of a scene; save it at ``path``, then commit it."""
    task = row(Task, body.task_id)
    target = entries.lock_target(session(), type(task.target), task.target.id)
    assert target is not None  # the task's foreign key
    newest = session().scalar(
        select(Scene)
        .where(Scene.task_id == task.id, Scene.name == body.name)
        .order_by(Scene.version.desc(), Scene.iteration.desc())
        .limit(1)
    )
    version = Version(1)
    if newest is not None:
        last = Version(newest.version, newest.iteration)
        version = last.next_version() if body.bump == "version" else last.next_iteration()
    scene = Scene(
        id=uuid4(),
        task_id=task.id,
        name=body.name,
        software=body.software,
        version=version.version,
        iteration=version.iteration,
        path=paths.scene_file(target.project_name, target.entity, task.name, body.name, version, body.suffix),
        created_by_id=auth.current().user_id,
    )
    session().add(scene)
    session().flush()
    session().refresh(scene)
    return scene


@scenes.declare("POST", "/<uuid:scene_id>/commit", permission=Permission.SCENE_WRITE, body=SceneFile, answer=SceneOut)
def commit_scene(scene_id: UUID, body: SceneFile) -> Scene:
    """Take a saved scene into the record; its file must stand there with that content. May be repeated."""
    scene = row(Scene, scene_id, lock=True)
    if scene.state == "committed" and scene.sha256 == body.sha256:
        return scene
    if scene.state != "reserved":
        raise ConflictError(
            f"Scene {scene.name} {Version(scene.version, scene.iteration)} is {scene.state}.",
            hint="Reserve another version.",
            code="conflict.scene",
        )
    place = paths.absolute(auth.config().tenant_root(auth.current().storage), scene.path)
    if not place.is_file() or place.stat().st_size != body.size or sha256_of(place) != body.sha256:
        raise StorageError(
            f"{scene.path} does not stand on the storage with the content that was announced.",
            hint="Save the scene again; check that PM_ROOT is the service's storage.",
            code="storage.scene_missing",
            status=422,
        )
    scene.state, scene.sha256, scene.size = "committed", body.sha256, body.size
    session().flush()
    session().refresh(scene)
    return scene
