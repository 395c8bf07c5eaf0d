"""Materials and the aliases by which CAD files' words and colours become materials."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.fields import Changes, EditableOut, Name, Title
from service.api.listing import EditableQuery, Page, page_of_items, row, sorted_items
from service.api.records import add, change, declare_archive, row_to_change
from service.api.routing import Reply, Request, Resource
from service.cad.materials import aliases_of, library_of
from service.database import session
from service.models import MaterialAlias, TenantMaterial
from shared.errors import ConflictError
from shared.material_aliases import PART_COLOR, Alias, Kind
from shared.material_library import LIBRARY, Material, material_by_name

materials = Resource("materials", "/materials")
RESOURCES = (materials,)

Channel = Annotated[float, Field(ge=0, le=1000, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Ior = Annotated[float, Field(ge=1, le=4, strict=True)]


class Appearance(Reply):
    label: str
    base_color: tuple[float, float, float] = Field(description="linear Rec.709")
    metallic: float
    roughness: float
    anisotropy: float
    ior: float
    transmission: float
    coat: float
    coat_roughness: float
    opacity: float
    emission: tuple[float, float, float]


class MaterialOut(EditableOut, Appearance):
    """A material of the tenant's own."""

    name: str


class MaterialListed(Appearance):
    name: str
    builtin: bool
    id: UUID | None = Field(description="of the tenant's own; what is built in has none and does not change")
    revision: int | None
    archived_at: datetime | None


class NewMaterial(Request):
    name: Name
    label: Title
    base_color: tuple[Channel, Channel, Channel]
    metallic: Share = 0.0
    roughness: Share = 0.5
    anisotropy: Share = 0.0
    ior: Ior = 1.5
    transmission: Share = 0.0
    coat: Share = 0.0
    coat_roughness: Share = 0.1
    opacity: Share = 1.0
    emission: tuple[Channel, Channel, Channel] = (0.0, 0.0, 0.0)


class MaterialChanges(Changes):
    label: Title | None = None
    base_color: tuple[Channel, Channel, Channel] | None = None
    metallic: Share | None = None
    roughness: Share | None = None
    anisotropy: Share | None = None
    ior: Ior | None = None
    transmission: Share | None = None
    coat: Share | None = None
    coat_roughness: Share | None = None
    opacity: Share | None = None
    emission: tuple[Channel, Channel, Channel] | None = None


class AliasBody(Request):
    kind: Kind
    pattern: str = Field(min_length=1, max_length=100)
    material: str = Field(max_length=100)
    priority: int = Field(0, ge=-1000, le=1000, strict=True)
    tolerance: float = Field(0.0, ge=0, le=100, strict=True)


class AliasChanges(Changes):
    material: str | None = Field(None, max_length=100)
    priority: int | None = Field(None, ge=-1000, le=1000, strict=True)
    tolerance: float | None = Field(None, ge=0, le=100, strict=True)


class AliasOut(EditableOut):
    """A row of the tenant's own alias table."""

    kind: str
    pattern: str
    material: str
    priority: int
    tolerance: float


class AliasListed(Reply):
    kind: str
    pattern: str
    material: str
    priority: int
    tolerance: float
    builtin: bool
    id: UUID | None = Field(description="of the tenant's own rows")
    revision: int | None
    archived_at: datetime | None


_NO_ROW: dict[str, Any] = {"id": None, "revision": None, "archived_at": None}


@materials.declare("GET", "/", permission=Permission.MATERIAL_READ, query=EditableQuery, answer=Page[MaterialListed])
def list_materials(query: EditableQuery) -> dict[str, Any]:
    """The built-in library and the tenant's own materials."""
    rows = _rows(TenantMaterial, query)
    own = {each.name for each in rows if each.archived_at is None}
    items = [
        *({**each.to_json(), "builtin": True, **_NO_ROW} for each in LIBRARY.values() if each.name not in own),
        *({**_described(each), "builtin": False} for each in rows),
    ]
    found = [item for item in items if _holds(query.q, item["name"], item["label"])]
    return page_of_items(sorted_items(found, query, ("name", "label", "builtin"), "-builtin,name"), query)


@materials.declare("POST", "/", permission=Permission.MATERIAL_WRITE, body=NewMaterial, answer=MaterialOut, status=201)
def create_material(body: NewMaterial) -> dict[str, Any]:
    """Add a material of the tenant's own."""
    if body.name in LIBRARY:
        raise ConflictError(
            f"There is already a material {body.name}: it is built in.",
            hint="Choose another name.",
            code="conflict.exists",
            fields={"name": "is taken"},
        )
    new = TenantMaterial(name=body.name, definition=_definition(body.model_dump()))
    return _described(add(new, TenantMaterial.name == body.name))


@materials.declare("GET", "/<uuid:material_id>", permission=Permission.MATERIAL_READ, answer=MaterialOut)
def get_material(material_id: UUID) -> dict[str, Any]:
    """A material of the tenant's own."""
    return _described(row(TenantMaterial, material_id))


@materials.declare(
    "PATCH",
    "/<uuid:material_id>",
    permission=Permission.MATERIAL_WRITE,
    body=MaterialChanges,
    answer=MaterialOut,
    if_match="optional",
)
def change_material(material_id: UUID, body: MaterialChanges) -> dict[str, Any]:
    """Change the look of a material of the tenant's own; what wears it wears the new look when it is published next."""
    found = row_to_change(TenantMaterial, material_id)
    return _described(change(found, {"definition": _definition({**found.definition, **body.given()})}))


def _described(found: TenantMaterial) -> dict[str, Any]:
    shared = {name: getattr(found, name) for name in EditableOut.model_fields}
    return {**found.definition, **shared, "name": found.name}


declare_archive(materials, TenantMaterial, Permission.MATERIAL_WRITE, MaterialOut, describe=_described)


# -- aliases


@materials.declare(
    "GET", "/aliases/", permission=Permission.MATERIAL_READ, query=EditableQuery, answer=Page[AliasListed]
)
def list_aliases(query: EditableQuery) -> dict[str, Any]:
    """The alias table: the tenant's rows first, then the default ones they do not replace."""
    rows = _rows(MaterialAlias, query)
    own = {(each.kind, each.pattern) for each in rows if each.archived_at is None}
    shown = (*AliasOut.model_fields,)
    items = [
        *({**{name: getattr(each, name) for name in shown}, "builtin": False} for each in rows),
        *(
            {**each.to_json(), "builtin": True, **_NO_ROW}
            for each in aliases_of(session())
            if (each.kind, each.pattern) not in own
        ),
    ]
    found = [item for item in items if _holds(query.q, item["pattern"], item["material"])]
    fields = ("builtin", "kind", "pattern", "material", "priority")
    return page_of_items(sorted_items(found, query, fields, "builtin,kind,pattern"), query)


@materials.declare(
    "POST", "/aliases/", permission=Permission.MATERIAL_WRITE, body=AliasBody, answer=AliasOut, status=201
)
def set_alias(body: AliasBody) -> MaterialAlias:
    """Add a row to the alias table, or replace the one of the same kind and pattern."""
    _check_material(body.material)
    alias = Alias(**body.model_dump())
    same = select(MaterialAlias).where(MaterialAlias.kind == alias.kind, MaterialAlias.pattern == alias.pattern)
    known = session().scalar(same.with_for_update())
    if known is None:
        return add(MaterialAlias(**alias.to_json()))
    values = {"material": alias.material, "priority": alias.priority, "tolerance": alias.tolerance}
    return change(known, {**values, "archived_at": None})


@materials.declare("GET", "/aliases/<uuid:alias_id>", permission=Permission.MATERIAL_READ, answer=AliasOut)
def get_alias(alias_id: UUID) -> MaterialAlias:
    """A row of the tenant's own alias table."""
    return row(MaterialAlias, alias_id)


@materials.declare(
    "PATCH",
    "/aliases/<uuid:alias_id>",
    permission=Permission.MATERIAL_WRITE,
    body=AliasChanges,
    answer=AliasOut,
    if_match="optional",
)
def change_alias(alias_id: UUID, body: AliasChanges) -> MaterialAlias:
    """Change what an alias leads to, its priority, or the tolerance of a colour."""
    found = row_to_change(MaterialAlias, alias_id)
    if body.material:
        _check_material(body.material)
    changes = body.given()
    Alias(**{"kind": found.kind, "pattern": found.pattern, **_values(found), **changes})  # refuses what cannot be
    return change(found, changes)


declare_archive(materials, MaterialAlias, Permission.MATERIAL_WRITE, AliasOut, what="material alias", path="/aliases")


def _values(alias: MaterialAlias) -> dict[str, Any]:
    return {"material": alias.material, "priority": alias.priority, "tolerance": alias.tolerance}


def _definition(values: dict[str, Any]) -> dict[str, Any]:
    return Material.from_json(values).to_json()


def _check_material(name: str) -> None:
    if name != PART_COLOR:
        material_by_name(name, library_of(session()))


def _rows(model: Any, query: EditableQuery) -> list[Any]:
    statement = select(model) if query.archived else select(model).where(model.archived_at.is_(None))
    return list(session().scalars(statement))


def _holds(query: str, *texts: str) -> bool:
    """Whether each word of ``query`` begins or stands in one of the texts; these lists are short and in memory."""
    return all(word in " ".join(texts).casefold() for word in query.casefold().split())
