"""Clears away films of playlists a month after they were made, unless they still show their playlist."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import tenant_session
from service.models import Job, Playlist, PlaylistFilm
from service.review.playlist_films import shown_now
from shared import paths
from shared.jobs import JobState

log = logging.getLogger(__name__)

_LIFETIME = timedelta(days=30)


def clear(tenant_id: UUID, root: Path, now: datetime) -> None:
    """Remove a tenant's old films: those that failed, those whose playlist changed since, or was put away."""
    with tenant_session(tenant_id) as current:
        of_job = (Job.tenant_id == PlaylistFilm.tenant_id) & (Job.id == PlaylistFilm.job_id)
        old = select(PlaylistFilm, Job).join(Job, of_job)
        old = old.where(PlaylistFilm.removed_at.is_(None), Job.finished_at < now - _LIFETIME)
        for film, job in current.execute(old).unique().all():
            if job.state == JobState.COMPLETED and _is_of_use(current, film):
                continue
            if job.state == JobState.COMPLETED:
                paths.absolute(root, job.document["result"]["file"]).unlink(missing_ok=True)
            film.removed_at = now
            log.info("cleared away a film of the playlist %s", film.playlist_id)


def _is_of_use(current: Session, film: PlaylistFilm) -> bool:
    playlist = current.get_one(Playlist, (film.tenant_id, film.playlist_id))
    return playlist.archived_at is None and film.media_ids == shown_now(current, playlist)
