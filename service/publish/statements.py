"""The statements of reservations and publishes: one locks, one looks, one writes.

They go past the session's objects, because a publish must not take long: everything that one changes, with its records
in the audit log and its events, is written at once.
"""

from __future__ import annotations

import functools

from sqlalchemy import TextClause

from service import audit
from service.prepared import prepared
from service.publish.entries import TargetType

_DEPARTMENT = """
        LEFT JOIN departments d ON d.tenant_id = t.tenant_id AND d.name = coalesce(:department, t.department)
"""
# NO KEY: tasks and CAD files of the target can still be added meanwhile.
LOCK: dict[TargetType, TextClause] = {
    "asset": prepared(
        f"""
        SELECT d.name AS department,
            t.archived_at IS NOT NULL OR a.archived_at IS NOT NULL OR j.archived_at IS NOT NULL AS is_archived
        FROM tasks t {_DEPARTMENT}
        JOIN assets a ON a.tenant_id = t.tenant_id AND a.id = t.asset_id
        JOIN projects j ON j.tenant_id = a.tenant_id AND j.id = a.project_id
        WHERE t.id = :task_id AND a.id = :target_id FOR NO KEY UPDATE OF a
        """
    ),
    "shot": prepared(
        f"""
        SELECT d.name AS department,
            t.archived_at IS NOT NULL OR s.archived_at IS NOT NULL OR q.archived_at IS NOT NULL
            OR j.archived_at IS NOT NULL AS is_archived
        FROM tasks t {_DEPARTMENT}
        JOIN shots s ON s.tenant_id = t.tenant_id AND s.id = t.shot_id
        JOIN sequences q ON q.tenant_id = s.tenant_id AND q.id = s.sequence_id
        JOIN projects j ON j.tenant_id = q.tenant_id AND j.id = q.project_id
        WHERE t.id = :task_id AND s.id = :target_id FOR NO KEY UPDATE OF s
        """
    ),
}
"""Lock an asset or shot: the department that is asked for, or the task's, null where there is none so called; and
whether the task or something of the target is archived; no row where the task is not the target's. To be followed by a
look: only a later statement sees what was committed while this one waited."""

PART = (
    *("id", "name", "department", "asset_id", "shot_id", "project_name", "entity", "usd_path", "entity_usd_path"),
    *("last_version", "last_iteration", "current_publish_id"),
)
"""Columns of a part that a look answers."""
_PART = ", ".join(f"p.{name}" for name in PART)
# One look, whatever its case: Windows and macOS would keep Body and body in one folder.
_WHERE = "WHERE p.{target_type}_id = :target_id AND lower(p.name) = lower(:part_name)"


@functools.cache
def look_before_reserving(target_type: TargetType, *, has_key: bool) -> TextClause:
    """The part, if there is one; with ``has_key`` also the reservation of that key, whichever part it is of
    (``known_...``)."""
    known = ", ".join(f"{f'r.{name}' if has_key else 'NULL'} AS known_{name}" for name in ("id", "state", "part_id"))
    join = "LEFT JOIN reservations r ON r.idempotency_key = :key" if has_key else ""
    return prepared(f"SELECT {_PART}, {known} FROM parts p {join} {_WHERE.format(target_type=target_type)}")


@functools.cache
def look_before_publishing(target_type: TargetType, *, has_reservation: bool, has_key: bool) -> TextClause:
    """The part, if there is one; whether the path ``is_taken`` by other content; the reservation (``reserved_...``);
    and the publish of that key (``known_...``)."""
    columns, joins = [_PART], ""
    columns.append(
        "EXISTS (SELECT FROM publishes t WHERE t.item_usd_path = :item_usd_path AND t.sha256 <> :sha256) AS is_taken"
    )
    for alias, prefix, names, wanted in (
        ("r", "reserved", ("id", "version", "iteration", "item_usd_path", "state"), has_reservation),
        ("k", "known", ("id", "item_usd_path", "sha256"), has_key),
    ):
        columns += [f"{f'{alias}.{name}' if wanted else 'NULL'} AS {prefix}_{name}" for name in names]
    if has_reservation:
        joins += " LEFT JOIN reservations r ON r.part_id = p.id AND r.id = :reservation_id"
    if has_key:
        joins += " LEFT JOIN publishes k ON k.idempotency_key = :idempotency_key"
    return prepared(f"SELECT {', '.join(columns)} FROM parts p{joins} {_WHERE.format(target_type=target_type)}")


_CLOCK = "clock AS (SELECT clock_timestamp() AS moment)"
_MOMENT = "(SELECT moment FROM clock)"
"""The clock's time, not that of the transaction's begin: whoever waited for the lock came later than its holder."""

_COMPOSED = """
    composed AS (
        INSERT INTO compositions (id, part_id, publish_id, created_by_id, created_at)
        VALUES (:mark, :part_id, {publish_id}, :created_by_id, {moment})
    ), marked AS (
        INSERT INTO stale_entries (id, target_type, target_id) VALUES (:mark, :target_type, :target_id)
    )
"""

COMPOSE = prepared(f"WITH {_CLOCK}, {_COMPOSED.format(publish_id=':publish_id', moment=_MOMENT)} SELECT")
"""Add what a part contributes from now on to its history. The ``mark`` that entries must be written is the change's id:
by it the writer knows which."""

RESERVE = prepared(
    f"""
    WITH counted AS (
        UPDATE parts SET last_version = :version, last_iteration = :iteration, updated_at = now() WHERE id = :part_id
    ), reserved AS (
        INSERT INTO reservations (id, part_id, task_id, version, iteration, item_usd_path, expires_at, idempotency_key)
        VALUES (:id, :part_id, :task_id, :version, :iteration, :item_usd_path, :expires_at, :idempotency_key)
    ), {audit.RECORDING} SELECT
    """
)
"""Count the part up and give out that version."""

_PUBLISHED = f"""
    published AS (
        INSERT INTO publishes (
            id, part_id, task_id, cad_file_id, version, iteration, software, source_version, source_iteration,
            item_usd_path, sha256, size, status, metadata, validation, idempotency_key, created_by_id,
            created_at, updated_at
        )
        VALUES (
            :id, :part_id, :task_id, :cad_file_id, :version, :iteration, :software, :source_version, :source_iteration,
            :item_usd_path, :sha256, :size, :status, :details, :validation, :idempotency_key, :created_by_id,
            {_MOMENT}, {_MOMENT}
        )
        RETURNING id, created_at, updated_at
    )
"""


@functools.cache
def publish(*, has_reservation: bool, is_composed: bool) -> TextClause:
    """Add a publish; answers its times. With ``has_reservation`` that is redeemed, else the part is counted up; with
    ``is_composed`` the part contributes it from now on, and ``mark`` says that its entries must be written."""
    parts = [_CLOCK, _PUBLISHED]
    sets, source = [] if has_reservation else ["last_version = :version", "last_iteration = :iteration"], ""
    if has_reservation:
        parts.append(
            "redeemed AS (UPDATE reservations SET state = 'committed', updated_at = now() WHERE id = :reservation_id)"
        )
    if is_composed:
        # From the new row: it must be there before a trigger looks it up.
        sets.append("current_publish_id = published.id")
        source = "FROM published"
        parts.append(_COMPOSED.format(publish_id=":id", moment=_MOMENT))
    if sets:
        changes = f"{', '.join(sets)}, updated_at = now()"
        parts.append(f"part AS (UPDATE parts SET {changes} {source} WHERE parts.id = :part_id)")
    return prepared(f"WITH {', '.join(parts)}, {audit.RECORDING} SELECT created_at, updated_at FROM published")
