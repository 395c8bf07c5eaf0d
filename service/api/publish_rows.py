"""Publishes as the API answers them: written by PostgreSQL from three tables, because lists of them are long."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, any_, bindparam, case, column, func, or_, select
from sqlalchemy.orm import aliased

from service.api.json_rows import Written, as_json, time
from service.api.listing import EditableQuery, page_in_json
from service.database import session
from service.models import Asset, Part, Project, Publish, Sequence, Shot, User
from service.prepared import PREPARED
from service.search import parts_matching

_FEW = 5000
"""So many publishes are sorted sooner than the whole list is searched for them in its order."""

_FIELDS = (
    select(
        Publish.id,
        time(Publish.created_at),
        time(Publish.updated_at),
        Publish.revision,
        time(Publish.archived_at),
        Publish.id.label("publish_id"),
        Publish.task_id,
        case((Part.shot_id.is_(None), "asset"), else_="shot").label("target_type"),
        func.coalesce(Part.asset_id, Part.shot_id).label("target_id"),
        Part.project_name.label("project"),
        Part.entity,
        Part.name.label("part_name"),
        Part.department,
        Publish.version,
        Publish.iteration,
        Publish.source_version,
        Publish.source_iteration,
        Publish.software,
        Publish.status,
        func.coalesce(Part.current_publish_id == Publish.id, False).label("is_latest"),
        Part.usd_path.label("part_usd_path"),
        Publish.item_usd_path,
        Part.usd_path.label("asset_usd_path"),
        Part.entity_usd_path,
        Publish.sha256,
        Publish.size,
        Publish.cad_file_id,
        User.name.label("created_by"),
        Publish.details.label("metadata"),
        Publish.validation,
    )
    .join(Part, Part.id == Publish.part_id)
    .outerjoin(User, User.id == Publish.created_by_id)
)
_ONE = as_json(_FIELDS.where(Publish.id == bindparam("publish_id"))).add_columns(column("revision"))
_named = aliased(Part)
_SORT: dict[str, Any] = {
    "created_at": Publish.created_at,
    "version": Publish.version,
    "part_name": select(_named.name).where(_named.id == Publish.part_id).scalar_subquery(),
    "software": Publish.software,
}
_OWN = (
    *("id", "task_id", "cad_file_id", "created_at", "updated_at", "revision", "archived_at", "version", "iteration"),
    *("source_version", "source_iteration", "software", "status", "item_usd_path", "sha256", "size", "validation"),
)


def described(publish_id: UUID) -> Written | None:
    """What the API answers for a publish; None where there is none."""
    found = session().connection().execute(_ONE, {"publish_id": publish_id}).one_or_none()
    return Written(found[0].encode(), str(found.revision)) if found else None


def described_new(publish: Publish, author: str) -> dict[str, Any]:
    """What the API answers for a publish that ``author`` has just made: its rows are at hand, no statement needed."""
    part = publish.part
    return {
        **{name: getattr(publish, name) for name in _OWN},
        "publish_id": publish.id,
        "target_type": "asset" if part.asset_id else "shot",
        "target_id": part.asset_id or part.shot_id,
        "project": part.project_name,
        "entity": part.entity,
        "part_name": part.name,
        "department": part.department,
        "is_latest": part.current_publish_id == publish.id,
        "part_usd_path": part.usd_path,
        "asset_usd_path": part.usd_path,
        "entity_usd_path": part.entity_usd_path,
        "created_by": author,
        "metadata": publish.details,
    }


def page_of_publishes(
    query: EditableQuery, parts: Select[Any] | None, filters: list[ColumnElement[bool]], *, latest: bool
) -> Written:
    """The page that ``query`` asks of the publishes that meet all ``filters``.

    With ``parts``, a select of :class:`Part`, those of these parts only; with ``latest``, what each part composes now.
    """
    if query.q.strip():
        parts = (select(Part.id) if parts is None else parts).where(Part.id == _any(parts_matching(query.q)))
    statement, total = select(Publish).where(*filters), None
    if latest:
        composed = (select(Part) if parts is None else parts).with_only_columns(Part.current_publish_id)
        statement = statement.where(Publish.id == _any(composed))
    elif parts is not None or not filters:
        held = _number_of_publishes(parts, query)
        total = None if filters else held
        if parts is not None:
            statement = statement.where(Publish.part_id == _any(parts) if held <= _FEW else Publish.part_id.in_(parts))
    return page_in_json(statement, _FIELDS, query, key=Publish, sort=_SORT, default_sort="-created_at", total=total)


def _any(ids: Select[Any]) -> ColumnElement[Any]:
    """For comparison: PostgreSQL looks up each of ``ids`` in the index, instead of reading all rows in their order."""
    return any_(func.array(ids.scalar_subquery()))


def _number_of_publishes(parts: Select[Any] | None, query: EditableQuery) -> int:
    number = Part.live_publishes + Part.archived_publishes if query.archived else Part.live_publishes
    statement = (select(Part) if parts is None else parts).with_only_columns(func.sum(number))
    return session().scalar(statement.execution_options(**PREPARED)) or 0


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
