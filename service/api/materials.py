"""Materials and the aliases by which CAD files' words and colours become materials."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from pydantic import Field
from sqlalchemy import select

from service.api.fields import Name, Title
from service.api.listing import ListQuery, Page
from service.api.routing import Reply, Request, Resource
from service.database import session
from service.materials import aliases_of, library_of
from service.models import MaterialAlias, TenantMaterial
from service.permissions import Permission
from shared.errors import ConflictError
from shared.material_aliases import PART_COLOR, Alias, Kind
from shared.material_library import LIBRARY, Material, material_by_name

materials = Resource("materials", "/materials")
RESOURCES = (materials,)


class MaterialOut(Reply):
    name: str
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
    builtin: bool


class NewMaterial(Request):
    name: Name
    label: Title
    base_color: tuple[float, float, float]
    metallic: float = Field(0.0, ge=0, le=1)
    roughness: float = Field(0.5, ge=0, le=1)
    anisotropy: float = Field(0.0, ge=0, le=1)
    ior: float = Field(1.5, ge=1, le=4)
    transmission: float = Field(0.0, ge=0, le=1)
    coat: float = Field(0.0, ge=0, le=1)
    coat_roughness: float = Field(0.1, ge=0, le=1)
    opacity: float = Field(1.0, ge=0, le=1)
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)


class AliasBody(Request):
    kind: Kind
    pattern: str = Field(min_length=1, max_length=100)
    material: str = Field(max_length=100)
    priority: int = Field(0, ge=-1000, le=1000)
    tolerance: float = Field(0.0, ge=0, le=100)


class AliasOut(Reply):
    kind: str
    pattern: str
    material: str
    priority: int
    tolerance: float


@materials.declare("GET", "/", permission=Permission.MATERIAL_READ, query=ListQuery, answer=Page[MaterialOut])
def list_materials(query: ListQuery) -> dict[str, Any]:
    """The built-in library and the tenant's own materials."""
    items = [
        {**material.to_json(), "builtin": LIBRARY.get(material.name) is material}
        for material in library_of(session()).values()
        if query.q.casefold() in f"{material.name} {material.label}".casefold()
    ]
    return _page(items, query)


@materials.declare("POST", "/", permission=Permission.MATERIAL_WRITE, body=NewMaterial, answer=MaterialOut, status=201)
def create_material(body: NewMaterial) -> dict[str, Any]:
    """Add a material of the tenant's own."""
    if body.name in library_of(session()):
        raise ConflictError(
            f"There is already a material {body.name}.",
            hint="Choose another name.",
            code="conflict.exists",
            fields={"name": "is taken"},
        )
    definition = Material.from_json(body.model_dump()).to_json()
    session().add(TenantMaterial(id=uuid4(), name=body.name, definition=definition))
    return {**definition, "builtin": False}


@materials.declare("GET", "/aliases/", permission=Permission.MATERIAL_READ, query=ListQuery, answer=Page[AliasOut])
def list_aliases(query: ListQuery) -> dict[str, Any]:
    """The alias table: the tenant's rows first, then the default ones."""
    items = [
        alias.to_json()
        for alias in aliases_of(session())
        if query.q.casefold() in f"{alias.pattern} {alias.material}".casefold()
    ]
    return _page(items, query)


@materials.declare(
    "POST", "/aliases/", permission=Permission.MATERIAL_WRITE, body=AliasBody, answer=AliasOut, status=201
)
def set_alias(body: AliasBody) -> dict[str, Any]:
    """Add a row to the alias table, or replace the one of the same kind and pattern."""
    if body.material != PART_COLOR:
        material_by_name(body.material, library_of(session()))
    alias = Alias(**body.model_dump())
    known = session().scalar(
        select(MaterialAlias).where(MaterialAlias.kind == alias.kind, MaterialAlias.pattern == alias.pattern)
    )
    if known is None:
        session().add(MaterialAlias(id=uuid4(), **alias.to_json()))
    else:
        known.material, known.priority, known.tolerance = alias.material, alias.priority, alias.tolerance
    return alias.to_json()


def _page(items: list[dict[str, Any]], query: ListQuery) -> dict[str, Any]:
    start = (query.page - 1) * query.page_size
    return {
        "items": items[start : start + query.page_size],
        "page": query.page,
        "page_size": query.page_size,
        "total": len(items),
    }
