"""The kinds of events that a webhook can ask for."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from service.activity import events
from service.models import EditableRow, Tenant, TenantRow, Worker
from shared.errors import InputError
from shared.material_library import nearest_name

PING = "webhook.ping"
"""What a delivery is called that only tries whether the webhook works."""
_ALL = ".*"
_EMITTED = (
    *("job.completed", "job.failed", "job.cancelled", "job.skipped", "job.stalled", "job.worker_lost"),
    *("workflow_run.started", "workflow_run.completed", "workflow_run.failed", "workflow_run.cancelled"),
    *("workflow_node.failed", "comment.mentioned", "queue.no_worker", "storage.failed", "webhook.switched_off"),
    *("user.failed_login", "user.failed_password_change", "user.password_link"),
    *("user.failed_code", "user.recovery_code"),
)
"""Kinds of events that tell of no change of a row."""


@functools.cache
def known() -> tuple[str, ...]:
    """Every kind there is: what happened to a row, for each table that people change, and what else is told."""
    return tuple(sorted({*_EMITTED, *(kind for model in events.MODELS.values() for kind in _kinds_of(model))}))


def check(wanted: Iterable[str]) -> None:
    """Raises InputError for a kind that there is not, alone or with ``*`` for all of a thing (``task.*``)."""
    for kind in wanted:
        if kind in known() or (kind.endswith(_ALL) and _things_of(kind)):
            continue
        near = nearest_name(kind, known())
        raise InputError(
            f"There is no event of the kind {kind!r}.{f' Did you mean {near!r}?' if near else ''}",
            hint="task.* means all of tasks. GET /api/webhooks/kinds lists them.",
            fields={"kinds": f"{kind} is unknown"},
        )


def wants(wanted: Iterable[str], kind: str) -> bool:
    """Whether a webhook that asked for ``wanted`` is told of an event of ``kind``; who asked for none, of all."""
    wanted = list(wanted)
    return not wanted or kind in wanted or f"{kind.partition('.')[0]}{_ALL}" in wanted


def _things_of(pattern: str) -> list[str]:
    return [kind for kind in known() if kind.startswith(pattern.removesuffix("*"))]


def _kinds_of(model: type) -> list[str]:
    if model is Worker:
        happened = ["changed"]
    elif not issubclass(model, TenantRow | Tenant) or not model.audited:
        return []
    else:
        put_away = issubclass(model, EditableRow | Tenant)
        happened = ["created", "changed", *(["archived", "restored"] if put_away else ["deleted"])]
    table = model.__tablename__
    return [] if table in events.TOLD_OTHERWISE else [f"{events.subject_of(table)}.{each}" for each in happened]
