"""Sequences: the groups of a project's shots."""

from __future__ import annotations

from typing import Any
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
from service.models import Project, Sequence

sequences = Resource("sequences", "/sequences")
RESOURCES = (sequences,)


class SequenceOut(FieldsOut):
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
    fields: FieldValues = Field(default_factory=dict)


class SequenceChanges(Changes):
    title: Title | None = None
    status: Status | None = None
    fields: FieldValues | None = None


class SequenceQuery(FieldsQuery):
    project: str = Field("", description="name of the project")
    status: str = ""


@sequences.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=SequenceQuery, answer=Page[SequenceOut])
def list_sequences(query: SequenceQuery) -> dict[str, Any]:
    """List sequences."""
    return page_with_fields(
        select(Sequence)
        .join(Sequence.project)
        .where(*equal((Project.name, query.project), (Sequence.status, query.status))),
        query,
        key=Sequence,
        search=(Sequence,),
        sort={
            "name": Sequence.name,
            "title": Sequence.title,
            "status": Sequence.status,
            "project": Project.name,
            "created_at": Sequence.created_at,
            "updated_at": Sequence.updated_at,
        },
        default_sort="name",
        below=(Project,),
    )


@sequences.declare(
    "POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewSequence, answer=SequenceOut, status=201
)
def create_sequence(body: NewSequence) -> Sequence:
    """Create a sequence in a project. Its name is a folder on the storage and cannot change."""
    live_row(Project, body.project_id)
    values = new_values(Sequence, body.project_id, body.model_dump())
    same = (Sequence.project_id == body.project_id, same_folder(Sequence.name, body.name))
    return with_fields(add(Sequence(**values), *same))


@sequences.declare("GET", "/<uuid:sequence_id>", permission=Permission.PRODUCTION_READ, answer=SequenceOut)
def get_sequence(sequence_id: UUID) -> Sequence:
    """A sequence."""
    return with_fields(row(Sequence, sequence_id))


@sequences.declare(
    "PATCH",
    "/<uuid:sequence_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=SequenceChanges,
    answer=SequenceOut,
    if_match="optional",
)
def change_sequence(sequence_id: UUID, body: SequenceChanges) -> Sequence:
    """Change a sequence's title, status or custom fields."""
    return with_fields(change(*changes_of(Sequence, sequence_id, body)))


declare_archive(sequences, Sequence, Permission.PRODUCTION_WRITE, SequenceOut, describe=with_fields)
