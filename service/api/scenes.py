"""Scenes: versions of work files, reserved before they are saved and committed once they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.fields import Changes, Digest, EditableOut, Name, NameOf
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import change, declare_archive, row_to_change, same_folder
from service.api.routing import Request, Resource
from service.api.tasks import tasks_of, user_or_nobody
from service.api.validation import Matches
from service.archiving import check_live
from service.database import release, session
from service.models import Scene, Task
from service.publish import entries
from shared import paths
from shared.errors import ConflictError, StorageError
from shared.files import sha256_of
from shared.versions import Version

scenes = Resource("scenes", "/scenes")
RESOURCES = (scenes,)


Comment = Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)]


class SceneOut(EditableOut):
    task_id: UUID
    name: str
    software: str
    comment: str
    version: int
    iteration: int
    path: str
    state: str
    sha256: str | None
    size: int | None
    created_by: NameOf | None


class NewScene(Request):
    task_id: UUID
    name: Name
    software: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    suffix: Annotated[str, Matches(r"^\.[A-Za-z0-9]{1,10}$", "must be a dot and 1 to 10 letters or digits", ".blend")]
    bump: Literal["iteration", "version"] = "iteration"
    comment: Comment = ""


class SceneFile(Request):
    sha256: Digest
    size: int = Field(ge=0, le=2**62, strict=True)


class SceneChanges(Changes):
    comment: Comment | None = None


class SceneQuery(EditableQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="name of the shot, or SEQUENCE/SHOT")
    task_id: UUID | None = None
    created_by: str = Field("", description="`me`, `nobody`, or the id of a user")
    name: str = ""
    software: str = ""
    state: str = Field("committed", description="reserved, committed or expired; empty for all")


@scenes.declare("GET", "/", permission=Permission.SCENE_READ, query=SceneQuery, answer=Page[SceneOut])
def list_scenes(query: SceneQuery) -> dict[str, Any]:
    """List saved scenes, the newest first."""
    wanted = equal(
        (Scene.task_id, query.task_id),
        (Scene.name, query.name),
        (Scene.software, query.software),
        (Scene.state, query.state),
    )
    statement = select(Scene).where(*wanted)
    if query.project or query.asset or query.shot:
        tasks = tasks_of(query.project, query.asset, query.shot)
        statement = statement.where(Scene.task_id.in_(tasks.with_only_columns(Task.id)))
    if query.created_by:
        statement = statement.where(
            Scene.created_by_id.is_not_distinct_from(user_or_nobody(query.created_by, "created_by"))
        )
    return page_of(
        statement,
        query,
        key=Scene,
        search=(Scene,),
        sort={
            "created_at": Scene.created_at,
            "updated_at": Scene.updated_at,
            "name": Scene.name,
            "version": Scene.version,
            "iteration": Scene.iteration,
            "size": Scene.size,
        },
        default_sort="-created_at",
    )


@scenes.declare("GET", "/<uuid:scene_id>", permission=Permission.SCENE_READ, answer=SceneOut)
def get_scene(scene_id: UUID) -> Scene:
    """A scene."""
    return row(Scene, scene_id)


@scenes.declare(
    "PATCH",
    "/<uuid:scene_id>",
    permission=Permission.SCENE_WRITE,
    body=SceneChanges,
    answer=SceneOut,
    if_match="optional",
)
def change_scene(scene_id: UUID, body: SceneChanges) -> Scene:
    """Change what a scene's artist says of it; the file itself never changes."""
    return change(row_to_change(Scene, scene_id), body.given())


declare_archive(scenes, Scene, Permission.SCENE_WRITE, SceneOut)


@scenes.declare("POST", "/reserve", permission=Permission.SCENE_WRITE, body=NewScene, answer=SceneOut, status=201)
def reserve_scene(body: NewScene) -> Scene:
    """Reserve the next version of a scene; save it at ``path``, then commit it."""
    task = row(Task, body.task_id)
    check_live(task)
    target = entries.lock_target(session(), type(task.target), task.target.id)
    assert target is not None  # the task's foreign key
    newest = session().scalar(
        select(Scene)
        .where(Scene.task_id == task.id, same_folder(Scene.name, body.name))
        .order_by(Scene.version.desc(), Scene.iteration.desc())
        .limit(1)
    )
    name, version = body.name, Version(1)
    if newest is not None:
        name = newest.name
        last = Version(newest.version, newest.iteration)
        version = last.next_version() if body.bump == "version" else last.next_iteration()

    def path_of(version: Version) -> str:
        return paths.scene_file(target.project_name, target.entity, task.name, name, version, body.suffix)

    # What stands there already is of a database that was reset, or newer than the backup it was restored from.
    while paths.absolute(_root(), path_of(version)).exists():
        version = version.next_version() if body.bump == "version" else version.next_iteration()
    scene = Scene(
        id=uuid4(),
        task_id=task.id,
        name=name,
        software=body.software,
        comment=body.comment,
        version=version.version,
        iteration=version.iteration,
        path=path_of(version),
        created_by_id=auth.current().user_id,
    )
    session().add(scene)
    session().flush()
    session().refresh(scene)
    return scene


@scenes.declare("POST", "/<uuid:scene_id>/commit", permission=Permission.SCENE_WRITE, body=SceneFile, answer=SceneOut)
def commit_scene(scene_id: UUID, body: SceneFile) -> Scene:
    """Take a saved scene into the record; its file must stand there with that content. May be repeated."""
    scene = row(Scene, scene_id)
    if _is_committed(scene, body):
        return scene
    path = scene.path
    # A large file is read for a while: nothing is locked meanwhile, and no connection waits.
    release(session())
    _check_stands(path, body)
    scene = row(Scene, scene_id, lock=True)
    if not _is_committed(scene, body):
        scene.state, scene.sha256, scene.size = "committed", body.sha256, body.size
        session().flush()
        session().refresh(scene)
    return scene


def _is_committed(scene: Scene, file: SceneFile) -> bool:
    """Whether the scene is recorded with this file already. Raises ConflictError where it waits for none."""
    if scene.state == "committed" and scene.sha256 == file.sha256:
        return True
    if scene.state != "reserved":
        raise ConflictError(
            f"Scene {scene.name} {Version(scene.version, scene.iteration)} is {scene.state}.",
            hint="Reserve another version.",
            code="conflict.scene",
        )
    return False


def _check_stands(path: str, file: SceneFile) -> None:
    place = paths.absolute(_root(), path)
    if not place.is_file() or place.stat().st_size != file.size or sha256_of(place) != file.sha256:
        raise StorageError(
            f"{path} does not stand on the storage with the content that was announced.",
            hint="Save the scene again; check that PM_ROOT is the service's storage.",
            code="storage.scene_missing",
            status=422,
        )


def _root() -> Path:
    return auth.config().tenant_root(auth.current().storage)
