"""What the parts of a CAD file wear: the scene manifest, the artist's choices, and materials from a spreadsheet."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, request
from pydantic import Field

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.records import check_version, digest_of
from service.api.routing import Answer, Reply, Request, Resource, body_bytes
from service.api.stored_files import root
from service.cad import choices, materials, revisions, source_materials
from service.database import session
from service.models import CadFile
from shared.material_layers import manual_layer
from shared.material_library import FALLBACK_NAME

cad_materials = Resource("cad_materials", "/cad")
RESOURCES = (cad_materials,)

_SHEET_BYTES = 16 << 20


class Overrides(Request):
    """``null`` takes a choice back."""

    overrides: dict[str, str | None] = Field(
        default_factory=dict, description="material by partKey, or by faces of one colour (`<partKey>#rrggbb`)"
    )
    occurrence_overrides: dict[str, str | None] = Field(
        default_factory=dict, description="material by occurrence (`<partKey>:<path>`)"
    )


class ChoiceOut(Reply):
    material: str
    by: str | None = Field(description="name of the user")
    at: datetime | None
    revision: int = Field(description="revision of the CAD file in which it was chosen; 0: not known")
    place: list[float] | None = Field(default=None, description="where an occurrence stood that is gone, mm")


class OverridesOut(Reply):
    overrides: dict[str, str]
    occurrence_overrides: dict[str, str]
    choices: dict[str, ChoiceOut] = Field(description="who chose it and when, for each of both")
    waiting: dict[str, ChoiceOut] = Field(description="choices for what this revision does not have")
    questions: dict[str, dict[str, str | None]] = Field(
        description="parts that were several with different choices, and what was chosen for each; name one to answer"
    )
    etag: str = Field(description="send it back as If-Match")
    updated_at: datetime


@cad_materials.declare(
    "GET", "/<uuid:cad_file_id>/scene-manifest", permission=Permission.CAD_READ, answer=dict[str, Any]
)
def get_scene_manifest(cad_file_id: UUID) -> Response:
    """The scene manifest, each part with its effective material, the layer it came from and why."""
    cad_file = row(CadFile, cad_file_id)
    return _unless_known(cad_file, lambda: materials.dressed(session(), root(), cad_file).text)


@cad_materials.declare(
    "GET", "/<uuid:cad_file_id>/effective-materials", permission=Permission.CAD_READ, answer=dict[str, Any]
)
def get_effective_materials(cad_file_id: UUID) -> Response:
    """What each part wears, and how it looks: `targets` by partKey, occurrence or face colour; `materials` by name."""
    cad_file = row(CadFile, cad_file_id)
    return _unless_known(cad_file, lambda: materials.appearance(session(), root(), cad_file))


@cad_materials.declare(
    "GET",
    "/<uuid:cad_file_id>/manual-material-overrides",
    permission=Permission.CAD_READ,
    answer=OverridesOut,
)
def get_overrides(cad_file_id: UUID) -> Answer:
    """The artist's choices of material."""
    return _overrides_answer(row(CadFile, cad_file_id))


@cad_materials.declare(
    "PUT",
    "/<uuid:cad_file_id>/manual-material-overrides",
    permission=Permission.MATERIAL_ASSIGN,
    body=Overrides,
    answer=OverridesOut,
    if_match="optional",
    errors=(404, 409),
)
def set_overrides(cad_file_id: UUID, body: Overrides) -> Answer:
    """Replace the artist's choices of material as a whole.

    With ``If-Match`` the call is refused (412) where somebody changed them since. Unknown parts and materials are
    refused, each named. What was chosen for parts that this revision does not have stays as it is.
    """
    cad_file = row(CadFile, cad_file_id, lock=True)
    check_version(str(cad_file.overrides_revision), "these materials")
    manifest = materials.manifest_of(root(), cad_file)
    given = {**body.overrides, **body.occurrence_overrides}
    # What waits for its part to come back can be taken back, though this revision does not have the part.
    kept = choices.choices_of(cad_file)
    checked = {target: name or FALLBACK_NAME for target, name in given.items() if name or target not in kept}
    accepted = manual_layer(checked, manifest.parts, materials.library_of(session()))
    wanted = {target: accepted[target].material if name else None for target, name in given.items()}
    choices.replace(cad_file, manifest, wanted, auth.current().user_name)
    session().flush()
    session().refresh(cad_file)
    return _overrides_answer(cad_file)


class SheetFault(Reply):
    line: int
    message: str


class SourceMaterialsOut(Reply):
    name: str
    by: str | None
    at: datetime | None
    rows: int
    targets: dict[str, dict[str, str]] = Field(description="material and reason by partKey, occurrence or faces")
    faults: list[SheetFault] = Field(description="rows that could not be followed, by line of the file")
    etag: str = Field(description="send it back as If-Match")


class SheetQuery(Request):
    filename: str = Field("materials.csv", max_length=200, description="what the spreadsheet is called")


@cad_materials.declare(
    "GET", "/<uuid:cad_file_id>/source-materials", permission=Permission.CAD_READ, answer=SourceMaterialsOut
)
def get_source_materials(cad_file_id: UUID) -> Answer:
    """The spreadsheet that says what the parts are made of, and which of its rows could not be followed."""
    return _sheet(row(CadFile, cad_file_id))


@cad_materials.declare(
    "PUT",
    "/<uuid:cad_file_id>/source-materials",
    permission=Permission.MATERIAL_ASSIGN,
    query=SheetQuery,
    upload="text/csv",
    answer=SourceMaterialsOut,
    if_match="optional",
)
def put_source_materials(cad_file_id: UUID, query: SheetQuery) -> Answer:
    """Say what the parts are made of with a spreadsheet (CSV or TSV): columns part key or part name, and material.

    It replaces the one before, stands below what artists choose by hand, and holds for later revisions too. Rows that
    name no part or material of ours are told by their line; the others are followed.
    """
    request.max_content_length = _SHEET_BYTES
    content = body_bytes()
    cad_file = row(CadFile, cad_file_id, lock=True)
    _check_sheet(cad_file)
    manifest = materials.manifest_of(root(), cad_file)
    source_materials.put(session(), cad_file, manifest, content, query.filename, auth.current().user_name)
    return _sheet(cad_file)


@cad_materials.declare(
    "DELETE",
    "/<uuid:cad_file_id>/source-materials",
    permission=Permission.MATERIAL_ASSIGN,
    answer=SourceMaterialsOut,
    if_match="optional",
)
def delete_source_materials(cad_file_id: UUID) -> Answer:
    """Take the spreadsheet away."""
    cad_file = row(CadFile, cad_file_id, lock=True)
    _check_sheet(cad_file)
    cad_file.source_materials = {}
    return _sheet(cad_file)


def _sheet_version(cad_file: CadFile) -> str:
    """Of what was sent: which parts its rows are about changes by itself with the model and the library."""
    return digest_of(source_materials.of_earlier(cad_file))


def _check_sheet(cad_file: CadFile) -> None:
    kept = cad_file.source_materials
    what = f"the spreadsheet of {cad_file.filename}"
    check_version(_sheet_version(cad_file), what, {"name": kept.get("name", ""), "by": kept.get("by")})


def _sheet(cad_file: CadFile) -> Answer:
    kept = cad_file.source_materials
    tag = f'"{_sheet_version(cad_file)}"'
    data = {
        "name": kept.get("name", ""),
        "by": kept.get("by"),
        "at": kept.get("at"),
        "rows": len(kept.get("rows", ())),
        "targets": kept.get("targets", {}),
        "faults": kept.get("faults", []),
        "etag": tag,
    }
    return Answer(data, headers={"ETag": tag})


def _overrides_answer(cad_file: CadFile) -> Answer:
    made = {target: choice for target, choice in choices.choices_of(cad_file).items() if choice.material}
    living = set(made)
    if cad_file.conversion.state == "ready":
        living = choices.living(made, materials.manifest_of(root(), cad_file))
    tag = f'"{cad_file.overrides_revision}"'
    data = {
        "overrides": {
            target: choice.material for target, choice in made.items() if target in living and ":" not in target
        },
        "occurrence_overrides": {
            target: choice.material for target, choice in made.items() if target in living and ":" in target
        },
        "choices": {target: choice.to_json() for target, choice in made.items() if target in living},
        "waiting": {target: choice.to_json() for target, choice in made.items() if target not in living},
        "questions": cad_file.material_questions,
        "etag": tag,
        "updated_at": cad_file.updated_at,
    }
    return Answer(data, headers={"ETag": tag})


def _unless_known(cad_file: CadFile, make: Any) -> Response:
    """The JSON that ``make`` gives as an answer, or that what the caller has still holds (304)."""
    # A derivative that is gone is an error, whatever the caller has.
    revisions.version_of(root(), revisions.ready(cad_file))
    tag = materials.tag_of(session(), cad_file)
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        response = Response(b'{"ok":true,"data":' + make() + b"}\n", mimetype="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
