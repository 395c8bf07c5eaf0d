"""Projects, sequences, shots, assets and tasks."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid4

from pydantic import Field, model_validator
from sqlalchemy import select

from service import auth
from service.api.fields import DepartmentName, Name, NameOf, Row, Status, Title
from service.api.listing import ListQuery, Page, apply_changes, check_unchanged, page_of, row
from service.api.routing import Request, Resource
from service.database import session
from service.models import Asset, Project, Sequence, Shot, Task, TenantRow, User
from service.permissions import Permission
from shared.errors import ConflictError, InputError, NotFoundError

projects = Resource("projects", "/projects")
sequences = Resource("sequences", "/sequences")
shots = Resource("shots", "/shots")
assets = Resource("assets", "/assets")
tasks = Resource("tasks", "/tasks")
RESOURCES = (projects, sequences, shots, assets, tasks)

Frame = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
_STANDARD_SORT = ("name", "title", "status", "created_at", "updated_at")


AnyRow = TypeVar("AnyRow", bound=TenantRow)


def _sortable(model: Any) -> dict[str, Any]:
    return {name: getattr(model, name) for name in _STANDARD_SORT if hasattr(model, name)}


def _add(new: AnyRow, *conditions: Any) -> AnyRow:
    """Add a row whose name must be free among the rows that meet ``conditions``."""
    current, model = session(), type(new)
    if current.scalar(select(model.id).where(*conditions)) is not None:
        raise ConflictError(
            f"There is already a {model.__name__.lower()} {new.name!r} here.",  # type: ignore[attr-defined]
            hint="Choose another name, or use the one that exists.",
            code="conflict.exists",
            fields={"name": "is taken"},
        )
    new.id = uuid4()
    current.add(new)
    current.flush()
    current.refresh(new)
    return new


def _changed(model: type[AnyRow], row_id: UUID, body: Request) -> AnyRow:
    found = row(model, row_id, lock=True)
    check_unchanged(found)
    apply_changes(found, body.model_dump(exclude_unset=True))
    session().flush()
    session().refresh(found)
    return found


class TitleAndStatus(Request):
    title: Title | None = None
    status: Status | None = None

    @model_validator(mode="after")
    def _nothing_is_null(self) -> TitleAndStatus:
        for name in self.model_fields_set:
            if getattr(self, name) is None and name not in _NULLABLE:
                raise ValueError(f"{name} may be left out, but not null")
        return self


_NULLABLE = frozenset({"assignee_id", "due"})


# -- projects


class ProjectOut(Row):
    name: str
    title: str
    status: str


class NewProject(Request):
    name: Name
    title: Title = ""
    status: Status = "active"


class ProjectQuery(ListQuery):
    status: str = ""


@projects.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=ProjectQuery, answer=Page[ProjectOut])
def list_projects(query: ProjectQuery) -> dict[str, Any]:
    """List projects."""
    statement = select(Project)
    if query.status:
        statement = statement.where(Project.status == query.status)
    return page_of(
        statement,
        query,
        key=Project,
        search=(Project.name, Project.title),
        sort=_sortable(Project),
        default_sort="name",
    )


@projects.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewProject, answer=ProjectOut, status=201)
def create_project(body: NewProject) -> Project:
    """Create a project. Its name is a folder on the storage and cannot change."""
    return _add(Project(**body.model_dump()), Project.name == body.name)


@projects.declare("GET", "/<uuid:project_id>", permission=Permission.PRODUCTION_READ, answer=ProjectOut)
def get_project(project_id: UUID) -> Project:
    """A project."""
    return row(Project, project_id)


@projects.declare(
    "PATCH", "/<uuid:project_id>", permission=Permission.PRODUCTION_WRITE, body=TitleAndStatus, answer=ProjectOut
)
def change_project(project_id: UUID, body: TitleAndStatus) -> Project:
    """Change a project's title or status; the status ``archived`` puts it away."""
    return _changed(Project, project_id, body)


# -- sequences


class SequenceOut(Row):
    project_id: UUID
    project: NameOf
    name: str
    title: str
    status: str


class NewSequence(Request):
    project_id: UUID
    name: Name
    title: Title = ""
    status: Status = "active"


class SequenceQuery(ListQuery):
    project: str = Field("", description="name of the project")
    status: str = ""


@sequences.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=SequenceQuery, answer=Page[SequenceOut])
def list_sequences(query: SequenceQuery) -> dict[str, Any]:
    """List sequences."""
    statement = select(Sequence).join(Sequence.project)
    if query.project:
        statement = statement.where(Project.name == query.project)
    if query.status:
        statement = statement.where(Sequence.status == query.status)
    return page_of(
        statement,
        query,
        key=Sequence,
        search=(Sequence.name, Sequence.title),
        sort=_sortable(Sequence),
        default_sort="name",
    )


@sequences.declare(
    "POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewSequence, answer=SequenceOut, status=201
)
def create_sequence(body: NewSequence) -> Sequence:
    """Create a sequence in a project."""
    row(Project, body.project_id)
    return _add(Sequence(**body.model_dump()), Sequence.project_id == body.project_id, Sequence.name == body.name)


@sequences.declare("GET", "/<uuid:sequence_id>", permission=Permission.PRODUCTION_READ, answer=SequenceOut)
def get_sequence(sequence_id: UUID) -> Sequence:
    """A sequence."""
    return row(Sequence, sequence_id)


@sequences.declare(
    "PATCH", "/<uuid:sequence_id>", permission=Permission.PRODUCTION_WRITE, body=TitleAndStatus, answer=SequenceOut
)
def change_sequence(sequence_id: UUID, body: TitleAndStatus) -> Sequence:
    """Change a sequence's title or status."""
    return _changed(Sequence, sequence_id, body)


# -- shots


class ShotOut(Row):
    sequence_id: UUID
    sequence: NameOf
    project: NameOf
    name: str
    title: str
    status: str
    frame_in: int
    frame_out: int


class NewShot(Request):
    sequence_id: UUID
    name: Name
    title: Title = ""
    status: Status = "active"
    frame_in: Frame = 1001
    frame_out: Frame = 1100


class ShotChanges(TitleAndStatus):
    frame_in: Frame | None = None
    frame_out: Frame | None = None


class ShotQuery(ListQuery):
    project: str = Field("", description="name of the project")
    sequence: str = Field("", description="name of the sequence")
    status: str = ""


@shots.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=ShotQuery, answer=Page[ShotOut])
def list_shots(query: ShotQuery) -> dict[str, Any]:
    """List shots."""
    statement = select(Shot).join(Shot.sequence).join(Sequence.project)
    if query.project:
        statement = statement.where(Project.name == query.project)
    if query.sequence:
        statement = statement.where(Sequence.name == query.sequence)
    if query.status:
        statement = statement.where(Shot.status == query.status)
    return page_of(
        statement, query, key=Shot, search=(Shot.name, Shot.title), sort=_sortable(Shot), default_sort="name"
    )


@shots.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewShot, answer=ShotOut, status=201)
def create_shot(body: NewShot) -> Shot:
    """Create a shot in a sequence."""
    row(Sequence, body.sequence_id)
    _check_frames(body.frame_in, body.frame_out)
    return _add(Shot(**body.model_dump()), Shot.sequence_id == body.sequence_id, Shot.name == body.name)


@shots.declare("GET", "/<uuid:shot_id>", permission=Permission.PRODUCTION_READ, answer=ShotOut)
def get_shot(shot_id: UUID) -> Shot:
    """A shot."""
    return row(Shot, shot_id)


@shots.declare("PATCH", "/<uuid:shot_id>", permission=Permission.PRODUCTION_WRITE, body=ShotChanges, answer=ShotOut)
def change_shot(shot_id: UUID, body: ShotChanges) -> Shot:
    """Change a shot's title, status or frame range."""
    found = row(Shot, shot_id, lock=True)
    changes = body.model_dump(exclude_unset=True)
    _check_frames(changes.get("frame_in", found.frame_in), changes.get("frame_out", found.frame_out))
    return _changed(Shot, shot_id, body)


def _check_frames(first: int, last: int) -> None:
    if last < first:
        raise InputError(
            f"The frame range {first} to {last} ends before it begins.",
            hint="Give frame_out at least the value of frame_in.",
            fields={"frame_out": f"must be at least {first}"},
        )


# -- assets


class AssetOut(Row):
    project_id: UUID
    project: NameOf
    name: str
    title: str
    asset_type: str
    status: str


class NewAsset(Request):
    project_id: UUID
    name: Name
    title: Title = ""
    asset_type: Status = "product"
    status: Status = "active"


class AssetChanges(TitleAndStatus):
    asset_type: Status | None = None


class AssetQuery(ListQuery):
    project: str = Field("", description="name of the project")
    asset_type: str = ""
    status: str = ""


@assets.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=AssetQuery, answer=Page[AssetOut])
def list_assets(query: AssetQuery) -> dict[str, Any]:
    """List assets."""
    statement = select(Asset).join(Asset.project)
    if query.project:
        statement = statement.where(Project.name == query.project)
    if query.asset_type:
        statement = statement.where(Asset.asset_type == query.asset_type)
    if query.status:
        statement = statement.where(Asset.status == query.status)
    return page_of(
        statement, query, key=Asset, search=(Asset.name, Asset.title), sort=_sortable(Asset), default_sort="name"
    )


@assets.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewAsset, answer=AssetOut, status=201)
def create_asset(body: NewAsset) -> Asset:
    """Create an asset in a project. Its name is the root prim of its USD and cannot change."""
    row(Project, body.project_id)
    return _add(Asset(**body.model_dump()), Asset.project_id == body.project_id, Asset.name == body.name)


@assets.declare("GET", "/<uuid:asset_id>", permission=Permission.PRODUCTION_READ, answer=AssetOut)
def get_asset(asset_id: UUID) -> Asset:
    """An asset."""
    return row(Asset, asset_id)


@assets.declare("PATCH", "/<uuid:asset_id>", permission=Permission.PRODUCTION_WRITE, body=AssetChanges, answer=AssetOut)
def change_asset(asset_id: UUID, body: AssetChanges) -> Asset:
    """Change an asset's title, type or status."""
    return _changed(Asset, asset_id, body)


# -- tasks


class TaskOut(Row):
    target_type: Literal["asset", "shot"]
    target_id: UUID
    entity: str = Field(description="asset:NAME or shot:SEQUENCE/SHOT")
    project: NameOf
    name: str
    department: str
    assignee_id: UUID | None
    assignee: NameOf | None
    status: str
    due: date | None

    @model_validator(mode="before")
    @classmethod
    def _with_target(cls, task: Any) -> Any:
        if not isinstance(task, Task):
            return task
        fields = ("id", "created_at", "updated_at", "name", "department", "assignee_id", "assignee", "status", "due")
        return {
            **{name: getattr(task, name) for name in fields},
            "target_type": task.target.entity.kind,
            "target_id": task.target.id,
            "entity": str(task.target.entity),
            "project": task.target.project_name,
        }


class NewTask(Request):
    target_type: Literal["asset", "shot"]
    target_id: UUID
    name: Name
    department: DepartmentName
    assignee_id: UUID | None = None
    status: Status = "todo"
    due: date | None = None


class TaskChanges(TitleAndStatus):
    title: None = None
    department: DepartmentName | None = None
    assignee_id: UUID | None = None
    due: date | None = None


class TaskQuery(ListQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="name of the shot, or SEQUENCE/SHOT")
    assignee: str = Field("", description="`me`, or the id of a user")
    status: str = ""


@tasks.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=TaskQuery, answer=Page[TaskOut])
def list_tasks(query: TaskQuery) -> dict[str, Any]:
    """List tasks; ``assignee=me`` for one's own."""
    statement = (
        select(Task).outerjoin(Task.asset).outerjoin(Task.shot).outerjoin(Shot.sequence).outerjoin(Task.assignee)
    )
    if query.project:
        in_project = select(Project.id).where(Project.name == query.project)
        statement = statement.where(Asset.project_id.in_(in_project) | Sequence.project_id.in_(in_project))
    if query.asset:
        statement = statement.where(Asset.name == query.asset)
    if query.shot:
        sequence, _, shot = query.shot.rpartition("/")
        statement = statement.where(Shot.name == shot, *([Sequence.name == sequence] if sequence else []))
    if query.assignee:
        statement = statement.where(Task.assignee_id == _assignee(query.assignee))
    if query.status:
        statement = statement.where(Task.status == query.status)
    return page_of(
        statement,
        query,
        key=Task,
        search=(Task.name, Asset.name, Shot.name),
        sort=_sortable(Task) | {"department": Task.department, "due": Task.due, "assignee": User.name},
        default_sort="name",
    )


@tasks.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewTask, answer=TaskOut, status=201)
def create_task(body: NewTask) -> Task:
    """Create a task on an asset or a shot."""
    target = row(Asset, body.target_id) if body.target_type == "asset" else row(Shot, body.target_id)
    _check_assignee(body.assignee_id)
    values = body.model_dump(exclude={"target_type", "target_id"})
    column = Task.asset_id if isinstance(target, Asset) else Task.shot_id
    values[column.key] = target.id
    return _add(Task(**values), column == target.id, Task.name == body.name)


@tasks.declare("GET", "/<uuid:task_id>", permission=Permission.PRODUCTION_READ, answer=TaskOut)
def get_task(task_id: UUID) -> Task:
    """A task."""
    return row(Task, task_id)


@tasks.declare("PATCH", "/<uuid:task_id>", permission=Permission.TASK_WRITE, body=TaskChanges, answer=TaskOut)
def change_task(task_id: UUID, body: TaskChanges) -> Task:
    """Change a task's status, department, assignee or due date."""
    _check_assignee(body.assignee_id)
    return _changed(Task, task_id, body)


def _check_assignee(user_id: UUID | None) -> None:
    if user_id is not None:
        row(User, user_id)


def _assignee(text: str) -> UUID:
    if text == "me":
        return auth.current().user_id
    try:
        return UUID(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no user id.", hint="Give `me`, or the id of a user.", fields={"assignee": "me or a user id"}
        ) from None


def find_asset(name: str, project: str = "") -> Asset:
    """The asset of that name; ``project`` tells apart those of one name.

    Raises InputError where several projects have one, NotFoundError where none has.
    """
    statement = select(Asset).join(Asset.project).where(Asset.name == name)
    if project:
        statement = statement.where(Project.name == project)
    found = session().scalars(statement.limit(2)).unique().all()
    if len(found) > 1:
        raise InputError(
            f"Several projects have an asset {name}.",
            hint="Name the project as well.",
            fields={"project": "is required here"},
        )
    if not found:
        where = f" in project {project}" if project else ""
        raise NotFoundError(f"There is no asset {name}{where}.", hint="List them: GET /api/assets/.")
    return found[0]
