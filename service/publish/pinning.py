"""Pinning: what an asset or shot composed at a publish or at a moment, as a layer that composes exactly that for ever.

The layer names items only, which never change, and is itself named by its content: a render of it can be made again
years later, and asking twice gives one file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session

from service.models import Asset, Composition, Department, Part, Project, Publish, Sequence, Shot
from service.production.departments import declared_departments
from service.publish.entries import Target
from shared import paths
from shared.context import Entity
from shared.departments import Arc
from shared.entry_layers import PartContribution, pinned_entry_layer
from shared.errors import NotFoundError, PublishError
from shared.files import atomic_write


@dataclass(frozen=True)
class Pin:
    """What ``target`` composed, part by part in the order of their names. Rows of parts and their publishes."""

    target: Target
    publishes: tuple[Publish, ...]
    moment: datetime
    """What it refers to is as of then, too."""
    departments: Mapping[str, Department]
    """By their names. Their ranks and arcs are the same at all moments."""

    def arc_of(self, publish: Publish) -> Arc:
        """How the publish's part is composed."""
        return Arc(self.departments[publish.part.department].arc)

    @property
    def text(self) -> str:
        """The pinned entry."""
        contributions = [
            PartContribution(
                publish.part.name,
                PurePosixPath(publish.item_usd_path).name,
                self.departments[publish.part.department].rank,
                self.arc_of(publish),
            )
            for publish in self.publishes
        ]
        return pinned_entry_layer(self.target.name, contributions)

    @property
    def usd_path(self) -> str:
        """Where the pinned entry stands, below the storage root."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        return paths.pinned_entry(self.target.project_name, self.target.entity, digest)

    def write(self, root: Path) -> str:
        """Make sure that the pinned entry and its items stand on the storage; answers its path.

        Raises PublishError (``publish.item_missing``) where an item is gone, StorageError.
        """
        for publish in self.publishes:
            place = paths.absolute(root, publish.item_usd_path)
            if not place.is_file() or place.stat().st_size != publish.size:
                raise PublishError(
                    f"The item {publish.item_usd_path} is no longer on the storage as it was published.",
                    hint="Restore it from a backup: what was composed then cannot be composed without it.",
                    code="publish.item_missing",
                )
        place = paths.absolute(root, self.usd_path)
        if not place.is_file():
            atomic_write(place, self.text)
        return self.usd_path


def at_publish(current: Session, publish: Publish) -> Pin:
    """What the publish's asset or shot composed when the publish was committed, with this publish in its part."""
    target = publish.part.target
    number = current.scalar(select(func.min(Composition.number)).where(Composition.publish_id == publish.id))
    if number is None:  # a newer version had been committed before it
        number = _last_number(current, target, publish.created_at)
    others = _composed(current, target, number) if number is not None else []
    mine = [other for other in others if other.part_id != publish.part_id] + [publish]
    moment = _moment_of(current, number) or publish.created_at
    mine.sort(key=lambda one: one.part.name)
    return Pin(target, tuple(mine), moment, declared_departments(current))


def at_moment(current: Session, target: Target, moment: datetime | None = None) -> Pin:
    """What ``target`` composed at ``moment``, now by default.

    Raises NotFoundError where it composed nothing.
    """
    number = _last_number(current, target, moment)
    composed = _composed(current, target, number) if number is not None else []
    if not composed:
        when = f"at {moment.isoformat()}" if moment else "now"
        raise NotFoundError(
            f"{target.entity} composes nothing {when}.", hint="Publish a part of it, or choose a later moment."
        )
    return Pin(target, tuple(composed), moment or datetime.now(UTC), declared_departments(current))


def target_named(current: Session, project: str, entity: Entity) -> Target:
    """The asset or shot of a project. Raises NotFoundError."""
    if entity.kind == "asset":
        statement: Select[Any] = select(Asset).join(Asset.project)
    else:
        statement = select(Shot).join(Shot.sequence).join(Sequence.project).where(Sequence.name == entity.sequence)
    name = Asset.name if entity.kind == "asset" else Shot.name
    found: Target | None = (
        current.scalars(statement.where(Project.name == project, name == entity.name)).unique().one_or_none()
    )
    if found is None:
        raise NotFoundError(f"The project {project} has no {entity}.", hint="The layers refer to it: publish it again.")
    return found


def _moment_of(current: Session, number: int | None) -> datetime | None:
    return current.scalar(select(Composition.created_at).where(Composition.number == number))


def _last_number(current: Session, target: Target, moment: datetime | None) -> int | None:
    """Number of the last change of what ``target`` composes until ``moment``."""
    statement = (
        select(func.max(Composition.number))
        .join(Part, (Part.tenant_id == Composition.tenant_id) & (Part.id == Composition.part_id))
        .where(_column(target) == target.id)
    )
    if moment is not None:
        statement = statement.where(Composition.created_at <= moment)
    return current.scalar(statement)


def _composed(current: Session, target: Target, number: int) -> list[Publish]:
    last = (
        select(Composition.publish_id)
        .where(Composition.tenant_id == Part.tenant_id, Composition.part_id == Part.id, Composition.number <= number)
        .order_by(Composition.number.desc())
        .limit(1)
        .lateral()
    )
    statement = (
        select(Publish)
        .join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id))
        .join(last, true())
        .where(_column(target) == target.id, Publish.id == last.c.publish_id)
        .order_by(Part.name)
    )
    return list(current.scalars(statement).unique())


def _column(target: Target):  # type: ignore[no-untyped-def]
    return Part.asset_id if isinstance(target, Asset) else Part.shot_id
