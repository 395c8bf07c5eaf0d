"""Assets: the products that are converted, dressed, published and pictured."""

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
from service.api.task_templates import TemplateChoice, begin_with
from service.database import session
from service.models import Asset, Project
from shared.errors import InputError, NotFoundError

assets = Resource("assets", "/assets")
RESOURCES = (assets,)


class AssetOut(FieldsOut):
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
    fields: FieldValues = Field(default_factory=dict)
    task_template: TemplateChoice = "default"


class AssetChanges(Changes):
    title: Title | None = None
    status: Status | None = None
    asset_type: Status | None = None
    fields: FieldValues | None = None


class AssetQuery(FieldsQuery):
    project: str = Field("", description="name of the project")
    asset_type: str = ""
    status: str = ""


@assets.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=AssetQuery, answer=Page[AssetOut])
def list_assets(query: AssetQuery) -> dict[str, Any]:
    """List assets; a client sees those of their projects."""
    wanted = equal((Project.name, query.project), (Asset.asset_type, query.asset_type), (Asset.status, query.status))
    return page_with_fields(
        select(Asset).join(Asset.project).where(*wanted),
        query,
        key=Asset,
        search=(Asset,),
        sort={
            "name": Asset.name,
            "title": Asset.title,
            "status": Asset.status,
            "asset_type": Asset.asset_type,
            "project": Project.name,
            "created_at": Asset.created_at,
            "updated_at": Asset.updated_at,
        },
        default_sort="name",
        below=(Project,),
    )


@assets.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewAsset, answer=AssetOut, status=201)
def create_asset(body: NewAsset) -> Asset:
    """Create an asset in a project, with the tasks of a template. Its name is the root prim of its USD and cannot
    change.
    """
    live_row(Project, body.project_id)
    values = new_values(Asset, body.project_id, body.model_dump(exclude={"task_template"}))
    made = add(Asset(**values), Asset.project_id == body.project_id, same_folder(Asset.name, body.name))
    begin_with(body.task_template, made)
    return with_fields(made)


@assets.declare("GET", "/<uuid:asset_id>", permission=Permission.PRODUCTION_READ, answer=AssetOut)
def get_asset(asset_id: UUID) -> Asset:
    """An asset."""
    return with_fields(row(Asset, asset_id))


@assets.declare(
    "PATCH",
    "/<uuid:asset_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=AssetChanges,
    answer=AssetOut,
    if_match="optional",
)
def change_asset(asset_id: UUID, body: AssetChanges) -> Asset:
    """Change an asset's title, type, status or custom fields."""
    return with_fields(change(*changes_of(Asset, asset_id, body)))


declare_archive(assets, Asset, Permission.PRODUCTION_WRITE, AssetOut, describe=with_fields)


def find_asset(name: str, project: str = "") -> Asset:
    """The asset of that name; ``project`` tells apart those of one name.

    Raises InputError where several projects have one, NotFoundError where none has.
    """
    statement = select(Asset).join(Asset.project).where(Asset.name == name, *equal((Project.name, project)))
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
