"""What a scene refers to: which of it is not the newest, asked in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from sqlalchemy import Select, and_, select
from sqlalchemy.orm import aliased

from service.accounts.permissions import Permission
from service.api.fields import StoragePath
from service.api.routing import Reply, Request, Resource
from service.database import session
from service.models import Asset, CadFile, Conversion, Part, Project, Publish, Shot
from service.models import Sequence as ShotSequence
from shared import paths
from shared.context import Entity
from shared.versions import Version

references = Resource("references", "/publishes")
RESOURCES = (references,)

_MOST = 1000
_KINDS = ("item_usd_path", "publish_id", "part_usd_path", "cad_file_id")
VersionText = Annotated[str, StringConstraints(pattern=r"^(v\d{3,9}_i\d{3,9})?$")]


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


@dataclass(frozen=True)
class _Found:
    """A used thing, and what has taken its place."""

    name: str
    version: str
    latest: str | None
    latest_name: str
    latest_item: str | None = None
    latest_publish: UUID | None = None
    latest_cad_file: UUID | None = None


@references.declare(
    "POST", "/outdated", permission=Permission.PUBLISH_READ, body=UsedReferences, answer=list[ReferenceOut]
)
def check_outdated(body: UsedReferences) -> list[dict[str, Any]]:
    """What of the things a scene uses is not the newest; up to 1000 in one call, in the order asked.

    At most three SQL statements, however many are asked for: items, entries, CAD files.
    """
    asked = [Reference(item_usd_path=path) for path in body.item_usd_paths] + body.references
    published = _published(asked)
    entries = _entries(asked)
    cad_files = _cad_files({one.cad_file_id for one in asked if one.cad_file_id})
    answers = []
    for one in asked:
        if one.part_usd_path:
            found = entries.get(one.part_usd_path)
            used = one.version or None
        else:
            key = one.item_usd_path or one.publish_id
            found = cad_files.get(one.cad_file_id) if one.cad_file_id else published.get(key)
            used = found.version if found else None
        answers.append(_answer(one, found, used))
    return answers


def _answer(asked: Reference, found: _Found | None, used: str | None) -> dict[str, Any]:
    latest = found.latest if found else None
    return {
        **{kind: getattr(asked, kind) for kind in _KINDS},
        "known": found is not None,
        "name": found.name if found else None,
        "version": used,
        "outdated": latest is not None and latest != used,
        "withdrawn": found is not None and latest is None,
        "latest_version": latest,
        "latest_name": found.latest_name if found else None,
        "latest_item_usd_path": found.latest_item if found else None,
        "latest_publish_id": found.latest_publish if found else None,
        "latest_cad_file_id": found.latest_cad_file if found else None,
    }


def _published(asked: Iterable[Reference]) -> Mapping[object, _Found]:
    """By path of the item and by id of the publish."""
    used_paths = {one.item_usd_path for one in asked if one.item_usd_path}
    used_ids = {one.publish_id for one in asked if one.publish_id}
    if not used_paths and not used_ids:
        return {}
    newest = aliased(Publish)
    columns = (Publish.item_usd_path, Publish.id, Part.name, Publish.version, Publish.iteration)
    statement = (
        _with_newest(select(*columns, *_newest_columns(newest)), newest)
        .where(Publish.item_usd_path.in_(used_paths) | Publish.id.in_(used_ids))
        .order_by(Publish.version, Publish.iteration)
    )
    found: dict[object, _Found] = {}
    for path, publish_id, name, version, iteration, *latest in session().execute(statement):
        found[path] = found[publish_id] = _found(name, str(Version(version, iteration)), latest)
    return found


def _entries(asked: Iterable[Reference]) -> Mapping[str, _Found]:
    """By path of the part's entry."""
    names = {one.part_usd_path.rpartition("/")[2] for one in asked if one.part_usd_path}
    if not names:
        return {}
    newest = aliased(Publish)
    columns = (Project.name, ShotSequence.name, Asset.name, Shot.name, Part.name)
    statement = (
        select(*columns, *_newest_columns(newest))
        .select_from(Part)
        .outerjoin(Asset, and_(Asset.tenant_id == Part.tenant_id, Asset.id == Part.asset_id))
        .outerjoin(Shot, and_(Shot.tenant_id == Part.tenant_id, Shot.id == Part.shot_id))
        .outerjoin(ShotSequence, and_(ShotSequence.tenant_id == Shot.tenant_id, ShotSequence.id == Shot.sequence_id))
        .join(
            Project,
            and_(
                Project.tenant_id == Part.tenant_id,
                (Project.id == Asset.project_id) | (Project.id == ShotSequence.project_id),
            ),
        )
        .outerjoin(newest, and_(newest.tenant_id == Part.tenant_id, newest.id == Part.current_publish_id))
        .where(Part.name.in_({name.rpartition(".")[0] for name in names}))
    )
    wanted = {one.part_usd_path for one in asked if one.part_usd_path}
    found = {}
    for project, sequence, asset, shot, part, *latest in session().execute(statement):
        path = paths.part_entry(project, Entity.asset(asset) if asset else Entity.shot(sequence, shot), part)
        if path in wanted:
            found[path] = _found(part, "", latest)
    return found


def _cad_files(ids: set[UUID]) -> Mapping[UUID, _Found]:
    """By id, with the newest revision of its lineage that is converted."""
    if not ids:
        return {}
    newest = aliased(CadFile)
    ready = select(Conversion.id).where(Conversion.state == "ready")
    statement = (
        select(CadFile.id, CadFile.filename, CadFile.revision, newest.filename, newest.revision, newest.id)
        .outerjoin(
            newest,
            and_(
                newest.tenant_id == CadFile.tenant_id,
                newest.asset_id == CadFile.asset_id,
                newest.lineage == CadFile.lineage,
                newest.revision > CadFile.revision,
                newest.conversion_id.in_(ready),
            ),
        )
        .where(CadFile.id.in_(ids))
        .order_by(newest.revision)
    )
    return {
        used: _Found(
            name, str(revision), str(latest or revision), latest_name or name, latest_cad_file=latest_id or used
        )
        for used, name, revision, latest_name, latest, latest_id in session().execute(statement)
    }


def _newest_columns(newest: type[Publish]) -> tuple[Any, ...]:
    return newest.version, newest.iteration, newest.item_usd_path, newest.id


def _with_newest(statement: Select[Any], newest: type[Publish]) -> Select[Any]:
    return statement.join(Part, and_(Part.tenant_id == Publish.tenant_id, Part.id == Publish.part_id)).outerjoin(
        newest, and_(newest.tenant_id == Part.tenant_id, newest.id == Part.current_publish_id)
    )


def _found(name: str, version: str, latest: Sequence[Any]) -> _Found:
    number, iteration, item, publish_id = latest
    return _Found(name, version, str(Version(number, iteration)) if number else None, name, item, publish_id)
