"""Shots: the pieces of a sequence, with their frame range."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.field_values import (
    FieldsOut,
    FieldsQuery,
    FieldValues,
    changes_of,
    new_values,
    page_with_fields,
    with_fields,
)
from service.api.fields import Changes, Name, NameOf, Status, Title
from service.api.listing import Page, equal, row
from service.api.records import add, change, declare_archive, live_row, same_folder
from service.api.routing import Request, Resource
from service.api.task_templates import TemplateChoice, begin_with
from service.database import session
from service.models import Project, Sequence, Shot
from service.models.production import FRAMES
from shared.errors import InputError, NotFoundError

shots = Resource("shots", "/shots")
RESOURCES = (shots,)

Frame = Annotated[int, Field(ge=-1_000_000, le=1_000_000, strict=True)]


class ShotOut(FieldsOut):
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
    frame_in: Frame = FRAMES[0]
    frame_out: Frame = FRAMES[1]
    fields: FieldValues = Field(default_factory=dict)
    task_template: TemplateChoice = "default"


class ShotChanges(Changes):
    title: Title | None = None
    status: Status | None = None
    frame_in: Frame | None = None
    frame_out: Frame | None = None
    fields: FieldValues | None = None


class ShotQuery(FieldsQuery):
    project: str = Field("", description="name of the project")
    sequence: str = Field("", description="name of the sequence")
    status: str = ""


@shots.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=ShotQuery, answer=Page[ShotOut])
def list_shots(query: ShotQuery) -> dict[str, Any]:
    """List shots."""
    wanted = equal((Project.name, query.project), (Sequence.name, query.sequence), (Shot.status, query.status))
    return page_with_fields(
        select(Shot).join(Shot.sequence).join(Sequence.project).where(*wanted),
        query,
        key=Shot,
        search=(Shot, Sequence),
        sort={
            "name": Shot.name,
            "title": Shot.title,
            "status": Shot.status,
            "sequence": Sequence.name,
            "project": Project.name,
            "frame_in": Shot.frame_in,
            "created_at": Shot.created_at,
            "updated_at": Shot.updated_at,
        },
        default_sort="name",
        below=(Sequence, Project),
    )


@shots.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewShot, answer=ShotOut, status=201)
def create_shot(body: NewShot) -> Shot:
    """Create a shot in a sequence, with the tasks of a template. Its name, a folder on the storage, cannot change."""
    sequence = live_row(Sequence, body.sequence_id)
    _check_frames(body.frame_in, body.frame_out)
    values = new_values(Shot, sequence.project_id, body.model_dump(exclude={"task_template"}))
    made = add(Shot(**values), Shot.sequence_id == body.sequence_id, same_folder(Shot.name, body.name))
    begin_with(body.task_template, made)
    return with_fields(made)


@shots.declare("GET", "/<uuid:shot_id>", permission=Permission.PRODUCTION_READ, answer=ShotOut)
def get_shot(shot_id: UUID) -> Shot:
    """A shot."""
    return with_fields(row(Shot, shot_id))


@shots.declare(
    "PATCH",
    "/<uuid:shot_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=ShotChanges,
    answer=ShotOut,
    if_match="optional",
)
def change_shot(shot_id: UUID, body: ShotChanges) -> Shot:
    """Change a shot's title, status, frame range or custom fields."""
    found, changes = changes_of(Shot, shot_id, body)
    _check_frames(changes.get("frame_in", found.frame_in), changes.get("frame_out", found.frame_out))
    return with_fields(change(found, changes))


declare_archive(shots, Shot, Permission.PRODUCTION_WRITE, ShotOut, describe=with_fields)


def find_shot(name: str, project: str = "") -> Shot:
    """The shot of that name, ``SEQUENCE/SHOT`` or its own alone; ``project`` tells apart those of one name.

    Raises InputError where several have it, NotFoundError where none has.
    """
    sequence, _, shot = name.rpartition("/")
    statement = select(Shot).join(Shot.sequence).join(Sequence.project).where(Shot.name == shot)
    if sequence:
        statement = statement.where(Sequence.name == sequence)
    if project:
        statement = statement.where(Project.name == project)
    found = session().scalars(statement.limit(2)).unique().all()
    if len(found) > 1:
        raise InputError(
            f"Several shots are called {name}.",
            hint="Write SEQUENCE/SHOT, and name the project.",
            fields={"shot": "is not the only one of that name"},
        )
    if not found:
        raise NotFoundError(f"There is no shot {name}.", hint="List them: GET /api/shots/.")
    return found[0]


def _check_frames(first: int, last: int) -> None:
    if last < first:
        raise InputError(
            f"The frame range {first} to {last} ends before it begins.",
            hint="Give frame_out at least the value of frame_in.",
            fields={"frame_out": f"must be at least {first}"},
        )
