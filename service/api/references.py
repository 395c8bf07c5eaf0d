"""What a scene refers to: which of it is not the newest, asked in one call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import (
    JSON,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    false,
    func,
    literal,
    not_,
    null,
    select,
    true,
)
from sqlalchemy.orm import aliased

from service.accounts import auth
from service.accounts.permissions import Permission, Role, allows
from service.api.fields import StoragePath
from service.api.json_rows import Written, as_json, json_list
from service.api.routing import Reply, Request, Resource
from service.api.validation import Matches
from service.database import session
from service.models import CadFile, Conversion, Part, Publish

references = Resource("references", "/publishes")
RESOURCES = (references,)

_MOST = 1000
_KINDS = ("item_usd_path", "publish_id", "part_usd_path", "cad_file_id")
_NUMBER = "FM9999999000"
"""Three digits or more, for PostgreSQL's to_char."""
VersionText = Annotated[
    str, Matches(r"^(v[0-9]{3,9}_i[0-9]{3,9})?$", "must be a version with its iteration", "v001_i001")
]


class Reference(Request):
    """One thing a scene uses; exactly one of the first four fields."""

    item_usd_path: StoragePath | None = None
    publish_id: UUID | None = None
    part_usd_path: StoragePath | None = Field(default=None, description="the entry of a part, with the version it had")
    cad_file_id: UUID | None = None
    version: VersionText = Field(default="", description="of part_usd_path, like v003_i001; empty for none yet")

    @model_validator(mode="after")
    def _one_of(self) -> Reference:
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError(f"give exactly one of {', '.join(_KINDS)}")
        return self


class UsedReferences(Request):
    references: list[Reference] = Field([], max_length=_MOST)
    item_usd_paths: list[StoragePath] = Field([], max_length=_MOST, description="short for references of items")


class ReferenceOut(Reply):
    item_usd_path: str | None
    publish_id: UUID | None
    part_usd_path: str | None
    cad_file_id: UUID | None
    known: bool = Field(description="whether such a thing was published")
    name: str | None = Field(description="of the part, or of the CAD file")
    version: str | None
    outdated: bool = Field(description="whether its asset or shot composes another version now")
    withdrawn: bool = Field(description="whether its part contributes nothing now")
    latest_version: str | None
    latest_name: str | None
    latest_item_usd_path: str | None
    latest_publish_id: UUID | None
    latest_cad_file_id: UUID | None


@references.declare(
    "POST", "/outdated", permission=Permission.PUBLISH_READ, body=UsedReferences, answer=list[ReferenceOut]
)
def check_outdated(body: UsedReferences) -> Written:
    """What of the things a scene uses is not the newest; up to 1000 in one call, in the order asked.

    One SQL statement for each kind of reference, however many are asked for. Who may not read CAD files is told of none
    of them that it is known; a client hears of no newest publish that they do not see.
    """
    who = auth.current()
    reads_cad = allows(who.role, Permission.CAD_READ, who.scopes)
    statements = _FOR_CLIENTS if who.role is Role.CLIENT else _STATEMENTS
    statements = statements if reads_cad else statements | {"cad_file_id": _HIDDEN_CAD_FILES}
    told = [""] * len(body.references)
    for kind in _KINDS:
        places = [place for place, one in enumerate(body.references) if getattr(one, kind) is not None]
        asked = [body.references[place] for place in places]
        answers = _answers(statements[kind], [getattr(one, kind) for one in asked], [one.version for one in asked])
        for place, answer in zip(places, answers, strict=True):
            told[place] = answer
    return Written(json_list([*_answers(statements["item_usd_path"], body.item_usd_paths), *told]))


def _answers(statement: Select[str], used: Sequence[str | UUID], versions: Sequence[str] = ()) -> Sequence[str]:
    """What is answered for each of ``used``, as JSON."""
    if not used:
        return []
    values = {"used": json.dumps(used, default=str), "versions": json.dumps(versions)}
    return session().connection().scalars(statement, values).all()


def _texts(name: str) -> Any:
    """The array of texts that the parameter holds as JSON: as an array it would be an expression of many values."""
    return func.array(select(func.json_array_elements_text(cast(bindparam(name, type_=Text), JSON))).scalar_subquery())


_asked = (
    func.unnest(_texts("used"), _texts("versions"))
    .table_valued(column("used", Text), column("version", Text), with_ordinality="position")
    .render_derived()
)
"""A row for each thing that is asked for, in the order asked."""


def _statement(kind: str, *joins: tuple[Any, Any], known: Any, latest: Any, **found: Any) -> Select[str]:
    """A select of the answers for one kind.

    ``joins`` are tables, with their conditions, that may hold nothing. ``known`` tells whether the thing was found,
    ``latest`` whether there is a newest; ``found`` are the other fields, null where left out.
    """
    answer = {**{field: null() for field in ReferenceOut.model_fields}, kind: _asked.c.used, "known": known, **found}
    answer["withdrawn"] = known & not_(latest)
    rows = select(*(answer[field].label(field) for field in ReferenceOut.model_fields)).select_from(_asked)
    for table, condition in joins:
        rows = rows.outerjoin(table, condition)
    return as_json(rows.order_by(_asked.c.position))


def _of_part(kind: str, *joins: tuple[Any, Any], known: Any, version: Any, is_newest: Any, is_seen: Any) -> Select[str]:
    """The same for what a part composes now; ``joins`` ends with the part. Of a newest that ``is_seen`` is not of,
    where that is given, nothing is told."""
    has_newest = Part.current_publish_id.is_not(None)
    newest = {
        "latest_version": _NEWEST_VERSION,
        "latest_name": Part.name,
        "latest_item_usd_path": Part.current_item_usd_path,
        "latest_publish_id": Part.current_publish_id,
    }
    outdated = has_newest & func.coalesce(not_(is_newest), true())
    if is_seen is not None:
        newest = {name: case((is_seen, value)) for name, value in newest.items()}
        outdated = outdated & is_seen
    return _statement(
        kind, *joins, known=known, latest=has_newest, name=Part.name, version=version, outdated=outdated, **newest
    )


def _version_text(version: Any, iteration: Any) -> Any:
    """As :class:`shared.versions.Version` writes it; null where there is no publish."""
    number = func.to_char(version, _NUMBER, type_=Text)
    return literal("v") + number + "_i" + func.to_char(iteration, _NUMBER, type_=Text)


_NEWEST_VERSION = _version_text(Part.current_version, Part.current_iteration)


def _of_items(is_seen: Any = None) -> Select[str]:
    used = aliased(
        Publish,
        select(Publish)
        .where(Publish.item_usd_path == _asked.c.used)
        .order_by(Publish.version.desc(), Publish.iteration.desc())
        .limit(1)
        .lateral("used"),
    )
    return _of_used("item_usd_path", used, true(), is_seen)


def _of_publishes(is_seen: Any = None) -> Select[str]:
    used = aliased(Publish, name="used")
    return _of_used("publish_id", used, used.id == cast(_asked.c.used, Uuid), is_seen)


def _of_used(kind: str, used: Any, condition: Any, is_seen: Any) -> Select[str]:
    return _of_part(
        kind,
        (used, condition),
        (Part, Part.id == used.part_id),
        known=used.id.is_not(None),
        version=_version_text(used.version, used.iteration),
        is_newest=Part.current_publish_id == used.id,
        is_seen=is_seen,
    )


def _of_entries(is_seen: Any = None) -> Select[str]:
    return _of_part(
        "part_usd_path",
        (Part, Part.usd_path == _asked.c.used),
        known=Part.id.is_not(None),
        version=func.nullif(_asked.c.version, ""),
        is_newest=_asked.c.version == _NEWEST_VERSION,
        is_seen=is_seen,
    )


def _of_cad_files() -> Select[str]:
    """The newest is the newest revision of the lineage that is converted."""
    used = aliased(CadFile, name="used")
    ready = select(Conversion.id).where(Conversion.state == "ready")
    newest = aliased(
        CadFile,
        select(CadFile)
        .where(CadFile.asset_id == used.asset_id, CadFile.lineage == used.lineage, CadFile.revision >= used.revision)
        .where((CadFile.id == used.id) | CadFile.conversion_id.in_(ready))
        .order_by(CadFile.revision.desc())
        .limit(1)
        .lateral("newest"),
    )
    return _statement(
        "cad_file_id",
        (used, used.id == cast(_asked.c.used, Uuid)),
        (newest, true()),
        known=used.id.is_not(None),
        latest=newest.id.is_not(None),
        name=used.filename,
        version=cast(used.revision, Text),
        outdated=newest.id.is_not(None) & (newest.id != used.id),
        latest_version=cast(newest.revision, Text),
        latest_name=newest.filename,
        latest_cad_file_id=newest.id,
    )


_STATEMENTS = {
    "item_usd_path": _of_items(),
    "publish_id": _of_publishes(),
    "part_usd_path": _of_entries(),
    "cad_file_id": _of_cad_files(),
}
_NEWEST_IS_SEEN = select(Publish.id).where(Publish.id == Part.current_publish_id).exists()
_FOR_CLIENTS = _STATEMENTS | {
    "item_usd_path": _of_items(_NEWEST_IS_SEEN),
    "publish_id": _of_publishes(_NEWEST_IS_SEEN),
    "part_usd_path": _of_entries(_NEWEST_IS_SEEN),
}
"""For clients: PostgreSQL knows which publishes they see."""
_HIDDEN_CAD_FILES = _statement("cad_file_id", known=false(), latest=false(), outdated=false())
"""For those who may not read CAD files: none is known."""
