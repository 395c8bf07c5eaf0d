"""Which project an event is about: that of its row, found by what the row belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.activity import events
from service.models import Event, Project

_BELONGS_TO = {
    "project_id": "projects",
    "sequence_id": "sequences",
    "shot_id": "shots",
    "asset_id": "assets",
    "order_id": "orders",
    "item_id": "order_items",
    "part_id": "parts",
    "playlist_id": "playlists",
    "task_id": "tasks",
    "publish_id": "publishes",
    "cad_file_id": "cad_files",
    "media_id": "media_assets",
}
"""Columns that lead to a row's project, the straightest first, and the tables that they refer to."""
_TABLES = {events.subject_of(name): name for name in events.MODELS}
_PROJECTS = Project.__tablename__


def projects_of(current: Session, told: Iterable[Event]) -> dict[UUID, tuple[UUID, str]]:
    """Id and name of the project of each event that has one, by the event's id; some statements, however many."""
    found: dict[UUID, tuple[UUID, str]] = {}
    rows = _together((table, row_id, [event.id]) for event in told for table, row_id in _leads(event))
    while rows:
        projects = rows.pop(_PROJECTS, {})
        for project_id, name in current.execute(select(Project.id, Project.name).where(Project.id.in_(projects))):
            found |= dict.fromkeys(projects[project_id], (project_id, name))
        # What the others belong to comes next.
        rows = _together(lead for table, ids in rows.items() for lead in _above(current, table, ids))
    return found


_Rows = dict[str, dict[UUID, list[UUID]]]
"""Events, by the table and id of a row whose project is theirs."""


def _together(leads: Iterable[tuple[str, UUID, list[UUID]]]) -> _Rows:
    rows: _Rows = defaultdict(dict)
    for table, row_id, event_ids in leads:
        rows[table].setdefault(row_id, []).extend(event_ids)
    return rows


def _leads(event: Event) -> list[tuple[str, UUID]]:
    """The event's row; of one that is deleted, what it belonged to; nothing for what is no row."""
    if event.subject_type not in _TABLES or event.subject_id is None:
        return []
    if not event.kind.endswith(f".{events.HAPPENED['delete']}"):
        return [(_TABLES[event.subject_type], event.subject_id)]
    refers: dict[str, str] = event.payload.get("refers", {})
    return [(table, UUID(refers[column])) for column, table in _BELONGS_TO.items() if column in refers][:1]


def _above(current: Session, table: str, ids: dict[UUID, list[UUID]]) -> Iterable[tuple[str, UUID, list[UUID]]]:
    columns = events.MODELS[table].__table__.c
    ways = [column for column in _BELONGS_TO if column in columns]
    if not ways:
        return
    statement = select(columns.id, *(columns[way] for way in ways)).where(columns.id.in_(ids))
    for row_id, *above in current.execute(statement):
        way = next(((_BELONGS_TO[way], target) for way, target in zip(ways, above, strict=True) if target), None)
        if way is not None:
            yield *way, ids[row_id]
