"""Publishes as the API answers them: flat rows of one statement, because lists of them are long."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, or_, select

from service.api.listing import ListQuery, ids_of_page
from service.database import session
from service.models import Asset, Part, Project, Publish, Sequence, Shot, User
from service.search import matching_each_word
from shared import paths
from shared.context import Entity

_ROWS = (
    select(
        # As text: of a page of a hundred, a thousand ids would be parsed only to be written again.
        *(cast(column, Text).label(column.name) for column in (Publish.id, Publish.task_id, Publish.cad_file_id)),
        Publish.created_at,
        Publish.updated_at,
        Publish.revision,
        Publish.archived_at,
        Publish.version,
        Publish.iteration,
        Publish.source_version,
        Publish.source_iteration,
        Publish.software,
        Publish.status,
        Publish.item_usd_path,
        Publish.sha256,
        Publish.size,
        Publish.details.label("details"),
        Publish.validation,
        Part.name.label("part_name"),
        Part.department,
        (Part.current_publish_id == Publish.id).label("is_latest"),
        cast(func.coalesce(Part.asset_id, Part.shot_id), Text).label("target_id"),
        func.coalesce(Asset.name, Shot.name).label("target_name"),
        Sequence.name.label("sequence"),
        Project.name.label("project"),
        User.name.label("author"),
    )
    .join(Part, Part.id == Publish.part_id)
    .outerjoin(Asset, Asset.id == Part.asset_id)
    .outerjoin(Shot, Shot.id == Part.shot_id)
    .outerjoin(Sequence, Sequence.id == Shot.sequence_id)
    .join(Project, Project.id == func.coalesce(Asset.project_id, Sequence.project_id))
    .outerjoin(User, User.id == Publish.created_by_id)
)


_OWN = (
    *("id", "task_id", "cad_file_id", "created_at", "updated_at", "revision", "archived_at", "version", "iteration"),
    *("source_version", "source_iteration", "software", "status", "item_usd_path", "sha256", "size", "details"),
    "validation",
)


def described(publish_ids: list[UUID]) -> list[dict[str, Any]]:
    """What the API answers for publishes, in the order of their ids; one statement."""
    found = {row.id: row for row in session().execute(_ROWS.where(Publish.id.in_(publish_ids)))}
    return [_described(found[str(publish_id)]) for publish_id in publish_ids if str(publish_id) in found]


def described_new(publish: Publish, author: str) -> dict[str, Any]:
    """What the API answers for a publish that ``author`` has just made: its rows are at hand, no statement needed."""
    part, target = publish.part, publish.part.target
    own = {name: getattr(publish, name) for name in _OWN}
    return _described(
        SimpleNamespace(
            **own,
            part_name=part.name,
            department=part.department,
            is_latest=part.current_publish_id == publish.id,
            target_id=target.id,
            target_name=target.name,
            sequence=target.sequence.name if isinstance(target, Shot) else None,
            project=target.project_name,
            author=author,
        )
    )


def page_of_publishes(query: ListQuery, statement: Select[Any], parts: Select[Any] | None) -> dict[str, Any]:
    """The page of publishes that ``query`` asks of ``statement``, of those parts only that ``parts`` selects."""
    if query.q.strip():
        parts = (select(Part.id) if parts is None else parts).where(
            *matching_each_word(query.q, {Part: Part.id, Asset: Part.asset_id, Shot: Part.shot_id})
        )
    if parts is not None:
        statement = statement.where(Publish.part_id.in_(parts))
    name = select(Part.name).where(Part.id == Publish.part_id).scalar_subquery()
    sort: dict[str, Any] = {
        "created_at": Publish.created_at,
        "version": Publish.version,
        "part_name": name,
        "software": Publish.software,
    }
    page = ids_of_page(statement, query, key=Publish, sort=sort, default_sort="-created_at")
    page["items"] = described(page["items"])
    return page


def parts_named(project: str, asset: str, shot: str, part: str, department: str) -> Select[Any] | None:
    """A select of the parts that a query names; None where it names none. ``shot`` may be SEQUENCE/SHOT."""
    if not (project or asset or shot or part or department):
        return None
    parts = select(Part.id)
    if project or asset:
        assets = select(Asset.id).join(Project, Project.id == Asset.project_id)
        assets = assets.where(*_equal((Project.name, project), (Asset.name, asset)))
    if project or shot:
        sequence, _, name = shot.rpartition("/")
        shots = select(Shot.id).join(Sequence, Sequence.id == Shot.sequence_id)
        shots = shots.join(Project, Project.id == Sequence.project_id)
        shots = shots.where(*_equal((Project.name, project), (Shot.name, name), (Sequence.name, sequence)))
    if asset:
        parts = parts.where(Part.asset_id.in_(assets))
    if shot:
        parts = parts.where(Part.shot_id.in_(shots))
    if project and not (asset or shot):
        parts = parts.where(or_(Part.asset_id.in_(assets), Part.shot_id.in_(shots)))
    return parts.where(*_equal((Part.name, part), (Part.department, department)))


def _equal(*filters: tuple[Any, str]) -> list[Any]:
    return [column == value for column, value in filters if value]


def _described(row: Any) -> dict[str, Any]:
    kind = "shot" if row.sequence else "asset"
    places = _places(row.project, kind, row.target_name, row.sequence or "", row.part_name)
    return {
        "id": row.id,
        "publish_id": row.id,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "revision": row.revision,
        "archived_at": row.archived_at,
        "task_id": row.task_id,
        "target_type": kind,
        "target_id": row.target_id,
        "project": row.project,
        **places,
        "part_name": row.part_name,
        "department": row.department,
        "version": row.version,
        "iteration": row.iteration,
        "source_version": row.source_version,
        "source_iteration": row.source_iteration,
        "software": row.software,
        "status": row.status,
        "is_latest": bool(row.is_latest),
        "item_usd_path": row.item_usd_path,
        "sha256": row.sha256,
        "size": row.size,
        "cad_file_id": row.cad_file_id,
        "created_by": row.author,
        "metadata": row.details,
        "validation": row.validation,
    }


@lru_cache(maxsize=4096)
def _places(project: str, kind: str, name: str, sequence: str, part: str) -> dict[str, str]:
    entity = Entity(kind, name, sequence)
    entry = paths.part_entry(project, entity, part)
    return {
        "entity": str(entity),
        "part_usd_path": entry,
        "asset_usd_path": entry,
        "entity_usd_path": paths.entity_entry(project, entity),
    }
