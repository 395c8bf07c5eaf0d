"""Media: what pictures and films are of, and what was made of the same before and since."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Select, or_, select, true, tuple_, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from service.models import Asset, Job, MediaAsset, Part, Project, Publish, Sequence, Shot


def with_origin(statement: Select[MediaAsset]) -> Select[MediaAsset]:
    """The select, with what each medium is of in the same statement."""
    part = joinedload(MediaAsset.publish).joinedload(Publish.part)
    return statement.options(part)


def project_of(medium: MediaAsset) -> Project | None:
    """The project of what a medium shows; None for one that was uploaded for nothing in particular."""
    return medium.shows.project if medium.shows else None


def of_project(name: str) -> ColumnElement[bool]:
    """Condition for the media that show an asset or shot of a project."""
    return or_(
        MediaAsset.asset.has(Asset.project.has(Project.name == name)),
        MediaAsset.shot.has(Shot.sequence.has(Sequence.project.has(Project.name == name))),
        MediaAsset.publish.has(Publish.part.has(Part.project_name == name)),
    )


def newer_media(current: Session, media_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The newest medium that shows the same, for those of ``media_ids`` that are not the newest; one statement.

    The same is shown by what was made in the same way, from the same camera, of the same part's publishes in use; or,
    where a medium belongs to no publish, by what has its name and asset or shot. The newest is of the newest publish.
    """
    wanted = list(media_ids)
    return dict(current.execute(_alike(wanted, newer=True)).all()) if wanted else {}


def former_medium(current: Session, medium: MediaAsset) -> MediaAsset | None:
    """What showed the same just before, see :func:`newer_media`."""
    found = current.execute(_alike([medium.id], newer=False)).first()
    return current.scalars(with_origin(select(MediaAsset)).where(MediaAsset.id == found[1])).first() if found else None


def _alike(media_ids: list[UUID], *, newer: bool) -> CompoundSelect[UUID, UUID]:
    """Each of ``media_ids`` with the newest that shows the same and is newer, or older; without those of which none is.

    It is looked up for each by itself: joined, PostgreSQL would compare all media with each other.
    """
    shown, other = aliased(MediaAsset), aliased(MediaAsset)
    publish, other_publish = aliased(Publish), aliased(Publish)
    job, other_job = aliased(Job), aliased(Job)
    camera, other_camera = (each.request["camera"].astext for each in (job, other_job))
    alike = (
        select(other.id)
        .outerjoin(other_job, (other_job.tenant_id == other.tenant_id) & (other_job.id == other.job_id))
        .where(
            other.archived_at.is_(None),
            other.asset_type == shown.asset_type,
            other.category_key == shown.category_key,
            other_camera.is_not_distinct_from(camera),
        )
        .limit(1)
    )
    of = (other_publish.version, other_publish.iteration, other.created_at)
    than = (publish.version, publish.iteration, shown.created_at)
    published = (
        alike.join(other_publish, (other_publish.tenant_id == other.tenant_id) & (other_publish.id == other.publish_id))
        .where(other_publish.part_id == publish.part_id, other_publish.archived_at.is_(None))
        .where(_beside(of, than, newer=newer))
        .order_by(*(age.desc() for age in of), other.id)
        .lateral()
    )
    uploaded = (
        alike.where(other.publish_id.is_(None), other.name == shown.name)
        .where(or_(other.asset_id == shown.asset_id, other.shot_id == shown.shot_id))
        .where(_beside((other.created_at,), (shown.created_at,), newer=newer))
        .order_by(other.created_at.desc(), other.id)
        .lateral()
    )
    these = select(shown.id).outerjoin(job, (job.tenant_id == shown.tenant_id) & (job.id == shown.job_id))
    these = these.where(shown.id.in_(media_ids))
    with_publish = these.join(publish, (publish.tenant_id == shown.tenant_id) & (publish.id == shown.publish_id))
    return union_all(
        with_publish.join(published, true()).add_columns(published.c.id),
        these.join(uploaded, true()).add_columns(uploaded.c.id).where(shown.publish_id.is_(None)),
    )


def _beside(age: tuple[Any, ...], than: tuple[Any, ...], *, newer: bool) -> ColumnElement[bool]:
    return tuple_(*age) > tuple_(*than) if newer else tuple_(*age) < tuple_(*than)
