"""Projects, sequences, shots and assets changed by hand, put away and taken out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import flash, request
from sqlalchemy import ColumnElement, func, or_, select

from service.accounts.permissions import Permission
from service.api.assets import AssetChanges, change_asset
from service.api.fields import Changes
from service.api.projects import ProjectChanges, change_project
from service.api.records import row_to_change, set_archived
from service.api.sequences import SequenceChanges, change_sequence
from service.api.shots import ShotChanges, change_shot
from service.archiving import label_of
from service.database import session
from service.models import Asset, FieldsRow, Playlist, Project, Sequence, Shot, Task
from service.pages.field_values import page_of_row
from service.pages.formats import words
from service.pages.forms import check_seen, key_of, read_form, whole
from service.pages.frame import action, may
from service.production.custom_fields import TARGETS

STATUSES = ("active", "waiting", "in progress", "on hold", "done", "omitted")
ASSET_TYPES = ("product", "part", "prop", "environment", "character", "vehicle", "effect")
"""Offered, where any word can be typed."""
_LABELS = {"asset_type": "Type", "frame_in": "First frame", "frame_out": "Last frame"}
_KEYS = ("status", "asset_type")
"""Shown as words: ``in progress`` is ``in_progress``."""
_FRAMES = ("frame_in", "frame_out")


@dataclass(frozen=True)
class _Kind:
    """What the form of a kind of row sends, and what takes it."""

    form: type[Changes]
    change: Callable[[UUID, Any], Any]
    names: tuple[str, ...]


_KINDS: Mapping[str, _Kind] = {
    "project": _Kind(ProjectChanges, change_project, ("title", "status")),
    "sequence": _Kind(SequenceChanges, change_sequence, ("title", "status")),
    "shot": _Kind(ShotChanges, change_shot, ("title", "status", *_FRAMES)),
    "asset": _Kind(AssetChanges, change_asset, ("title", "asset_type", "status")),
}


@dataclass(frozen=True)
class RowActions:
    """What can be done with a row on its page. ``names`` are the fields to edit, ``along`` is put away with it."""

    row: FieldsRow
    kind: str
    names: tuple[str, ...]
    along: str
    statuses: tuple[str, ...] = STATUSES
    asset_types: tuple[str, ...] = ASSET_TYPES

    @property
    def label(self) -> str:
        return label_of(self.row)


def actions_on(found: Project | Sequence | Shot | Asset | Task) -> RowActions | None:
    """What the reader may do with a row: None where that is nothing. At most one statement."""
    if not may(Permission.PRODUCTION_WRITE):
        return None
    kind = next(name for name, model in TARGETS.items() if model is type(found))
    if isinstance(found, Task):
        # Its own page changes it, and nothing belongs to it.
        return RowActions(found, kind, (), "")
    return RowActions(found, kind, _KINDS[kind].names, "" if found.archived_at else _taken_along(found))


@action("/change/<any(project, sequence, shot, asset):kind>/<uuid:row_id>", Permission.PRODUCTION_WRITE)
def change_row(kind: str, row_id: UUID) -> str:
    """Change what the form says; ``version`` is the row's that the reader saw."""
    found = row_to_change(TARGETS[kind], row_id)
    check_seen(found)
    form = _KINDS[kind]
    given: dict[str, Any] = {name: request.form[name].strip() for name in form.names if name in request.form}
    for name in given.keys() & set(_KEYS):
        given[name] = getattr(found, name) if given[name] == words(getattr(found, name)) else key_of(given[name])
    for name in given.keys() & set(_FRAMES):
        given[name] = whole(given[name])
    form.change(row_id, read_form(form.form, given, f"The {kind} was not changed.", _LABELS))
    return page_of_row(found)


@action(
    "/<any(archive, restore):what>/<any(project, sequence, shot, asset, task):kind>/<uuid:row_id>",
    Permission.PRODUCTION_WRITE,
)
def archive_row(what: str, kind: str, row_id: UUID) -> str:
    """Put a row away, or take it out again."""
    found = row_to_change(TARGETS[kind], row_id, archived=True)
    set_archived(found, what == "archive")
    flash(f"{label_of(found)} was {'put away' if what == 'archive' else 'taken out of the archive'}.", "done")
    return page_of_row(found)


def _taken_along(found: Project | Sequence | Shot | Asset) -> str:
    """What leaves the lists together with a row: ``2 sequences, 1 shot and 3 tasks``. One statement."""
    counted = _below(found)
    numbers = session().execute(select(*counted.values())).one()
    told = [f"{number:,} {one if number == 1 else many}" for (one, many), number in zip(counted, numbers, strict=True)
            if number]  # fmt: skip
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))


def _below(found: Project | Sequence | Shot | Asset) -> dict[tuple[str, str], Any]:
    """Counts of what belongs to a row and is in use, by what one and what many of it are called."""

    def number(model: Any, *conditions: ColumnElement[bool]) -> Any:
        return select(func.count()).select_from(model).where(model.archived_at.is_(None), *conditions).scalar_subquery()

    tasks = ("task", "tasks")
    match found:
        case Project():
            sequences = select(Sequence.id).where(Sequence.project_id == found.id)
            shots = select(Shot.id).where(Shot.sequence_id.in_(sequences))
            assets = select(Asset.id).where(Asset.project_id == found.id)
            return {
                ("sequence", "sequences"): number(Sequence, Sequence.project_id == found.id),
                ("shot", "shots"): number(Shot, Shot.sequence_id.in_(sequences)),
                ("asset", "assets"): number(Asset, Asset.project_id == found.id),
                tasks: number(Task, or_(Task.shot_id.in_(shots), Task.asset_id.in_(assets))),
                ("playlist", "playlists"): number(Playlist, Playlist.project_id == found.id),
            }
        case Sequence():
            shots = select(Shot.id).where(Shot.sequence_id == found.id)
            return {
                ("shot", "shots"): number(Shot, Shot.sequence_id == found.id),
                tasks: number(Task, Task.shot_id.in_(shots)),
            }
        case Shot():
            return {tasks: number(Task, Task.shot_id == found.id)}
    return {tasks: number(Task, Task.asset_id == found.id)}
