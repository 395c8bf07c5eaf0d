"""What the sweeper does for publishes, and its report: what a crash left is cleared away or finished.

A report is a row of the tenant (``GET /api/publishes/sweeps``) and a line of the log; a round that found nothing
leaves neither.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from service.database import current_tenant, tenant_session
from service.models import Part, Publish, Reservation, StaleEntry, Sweep
from service.publish import entries
from shared import paths
from shared.errors import RacewayError
from shared.files import is_read_only, make_read_only, remove_file, storage_error

log = logging.getLogger(__name__)

ENTRIES_GRACE = timedelta(seconds=5)
"""Entries are written right after their publish; older marks are left by a crash."""
_LATE = timedelta(days=8)
"""How long after its end a reservation's item may still turn up: somebody's machine slept over the weekend."""
_AT_ONCE = 200


@dataclass
class Report:
    """What one round found in one tenant. Paths are relative to the storage root."""

    expired_reservations: list[str] = field(default_factory=list)
    """Paths of the items that nobody came back to publish."""
    removed_items: list[str] = field(default_factory=list)
    written_entries: list[str] = field(default_factory=list)
    """Entries of publishes whose writer did not get to them."""
    repaired_entries: list[str] = field(default_factory=list)
    """Entries that were missing, or not what the database says."""
    removed_temporary: list[str] = field(default_factory=list)
    lost_items: list[str] = field(default_factory=list)
    """Items that entries compose and that are not on the storage as they were published."""
    failures: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The lists that are not empty."""
        return {name: found for name, found in asdict(self).items() if found}

    def save(self, tenant_id: UUID) -> None:
        """Add the report to the tenant's, unless nothing was found."""
        if found := self.to_json():
            log.info("swept: %s", {name: len(items) for name, items in found.items()})
            with tenant_session(tenant_id) as current:
                current.add(Sweep(report=found))


def sweep(tenant_id: UUID, root: Path, now: datetime | None = None) -> Report:
    """End reservations whose time is over and remove their items; write entries that are stale."""
    report, moment = Report(), now or datetime.now(UTC)
    _expire_reservations(tenant_id, root, moment, report)
    _write_stale_entries(tenant_id, root, moment, report)
    return report


def inspect(tenant_id: UUID, root: Path) -> Report:
    """The slow round: items that came after their reservation's end, entries that are not what they should be,
    composed items that are gone or that a crash left writable."""
    report = Report()
    _remove_late_items(tenant_id, root, report)
    _repair_entries(tenant_id, root, report)
    _find_lost_items(tenant_id, root, report)
    return report


def _expire_reservations(tenant_id: UUID, root: Path, now: datetime, report: Report) -> None:
    over = (Reservation.state == "open") & (Reservation.expires_at < now)
    for reservation_id in _ids(tenant_id, over):

        def expire(current: Session, reservation_id: UUID = reservation_id) -> None:
            reservation = _locked(current, reservation_id)
            if reservation.state != "open":
                return  # committed while we waited for the lock
            # The file first: killed in between, the reservation is still open and the next round finds it.
            _remove_unpublished(current, root, reservation, report)
            reservation.state = "expired"
            report.expired_reservations.append(reservation.item_usd_path)

        _attempt(tenant_id, expire, report)


def _remove_late_items(tenant_id: UUID, root: Path, report: Report) -> None:
    over = (Reservation.state == "expired") & (Reservation.expires_at > datetime.now(UTC) - _LATE)
    for reservation_id in _ids(tenant_id, over):

        def remove(current: Session, reservation_id: UUID = reservation_id) -> None:
            _remove_unpublished(current, root, _locked(current, reservation_id), report)

        _attempt(tenant_id, remove, report)


def _locked(current: Session, reservation_id: UUID) -> Reservation:
    """The reservation, under the lock that commits of its asset or shot take too."""
    reservation = current.get_one(Reservation, (current_tenant(current), reservation_id))
    target = reservation.part.target
    entries.lock_target(current, type(target), target.id)
    current.refresh(reservation)
    return reservation


def _remove_unpublished(current: Session, root: Path, reservation: Reservation, report: Report) -> None:
    if current.scalar(select(exists().where(Publish.item_usd_path == reservation.item_usd_path))):
        return
    place = paths.absolute(root, reservation.item_usd_path)
    try:
        remove_file(place)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, place, "remove") from error
    report.removed_items.append(reservation.item_usd_path)


def _write_stale_entries(tenant_id: UUID, root: Path, now: datetime, report: Report) -> None:
    with tenant_session(tenant_id) as current:
        stale = current.execute(
            select(StaleEntry.target_type, StaleEntry.target_id)
            .group_by(StaleEntry.target_type, StaleEntry.target_id)
            .having(func.min(StaleEntry.created_at) < now - ENTRIES_GRACE)
        ).all()
    for kind, target_id in stale:

        def write(current: Session, kind: str = kind, target_id: UUID = target_id) -> None:
            report.written_entries += entries.refresh(current, root, "asset" if kind == "asset" else "shot", target_id)

        _attempt(tenant_id, write, report)


def _repair_entries(tenant_id: UUID, root: Path, report: Report) -> None:
    with tenant_session(tenant_id) as current:
        published = current.execute(select(Part.asset_id, Part.shot_id).distinct()).all()
    for asset_id, shot_id in published:

        def repair(current: Session, asset_id: UUID | None = asset_id, shot_id: UUID | None = shot_id) -> None:
            if asset_id:
                report.repaired_entries += entries.repair(current, root, "asset", asset_id)
            elif shot_id:
                report.repaired_entries += entries.repair(current, root, "shot", shot_id)

        _attempt(tenant_id, repair, report)


def _find_lost_items(tenant_id: UUID, root: Path, report: Report) -> None:
    with tenant_session(tenant_id) as current:
        composed = current.execute(
            select(Publish.item_usd_path, Publish.size).join(
                Part, (Part.tenant_id == Publish.tenant_id) & (Part.current_publish_id == Publish.id)
            )
        ).all()
    for path, size in composed:
        place = paths.absolute(root, path)
        if not place.is_file() or place.stat().st_size != size:
            report.lost_items.append(path)
        elif not is_read_only(place) and make_read_only(place):
            log.info("nobody may write to the published item %s any more", path)


def _ids(tenant_id: UUID, condition: Any) -> list[UUID]:
    with tenant_session(tenant_id) as current:
        return list(current.scalars(select(Reservation.id).where(condition).order_by(Reservation.id).limit(_AT_ONCE)))


def _attempt(tenant_id: UUID, work: Callable[[Session], None], report: Report) -> None:
    """Do ``work`` in a transaction of its own: what one asset's storage refuses keeps no other waiting."""
    try:
        with tenant_session(tenant_id) as current:
            work(current)
    except RacewayError as error:
        report.failures.append(error.message)
        log.warning("sweep: %s", error.message)
