"""Publishes that wait for the service: put into the queue, and sent in their order when it is back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dcc.publish.data import CadLook, CadModel, Published, QueuedLayer, Request, Source
from dcc.publish.integrate import UNCONFIRMED
from dcc.scenes.save import require_task
from shared.client import Client, Json
from shared.context import Context, Entity
from shared.errors import AuthError, RacewayError, ServiceError, StorageError
from shared.publish_queue import Entry, Kind, PublishQueue, Waiting
from shared.versions import Version

WAIT_SECONDS = 120.0
"""How long a publish waits for another process that is sending the queue, so that it does not overtake it."""

Send = Callable[[Client, Context, Request], Published]


@dataclass
class Drained:
    """What became of the queue. ``waiting`` counts what is still to be sent, and ``reason`` says why."""

    sent: list[Json] = field(default_factory=list)
    refused: list[Entry] = field(default_factory=list)
    waiting: int = 0
    reason: RacewayError | None = None


def enqueue(queue: PublishQueue, context: Context, request: Request, layer: Path | None) -> Entry:
    """Keep a publish until the service is back; ``layer`` is the file as it will stand in the item's folder."""
    return queue.add(
        Waiting(
            kind=_kind_of(request.source),
            root=str(context.root),
            project=context.project,
            entity=str(context.require_entity()),
            task_id=require_task(context),
            part=request.part,
            department=request.department,
            software=request.software,
            scene=str(request.scene) if request.scene else "",
            comment=request.comment,
            key=request.key,
            cad_file_id=request.source.cad_file_id if isinstance(request.source, CadModel | CadLook) else "",
            fix=request.fix,
        ),
        layer,
    )


def drain(client: Client, context: Context, queue: PublishQueue, send: Send) -> Drained:
    """Send what waits for this storage, the oldest first, in the name of the artist whose token ``client`` has.

    What the service refuses is kept as refused, and those after it are sent: each is whole in itself. Where the
    service or the storage is away, everything else goes on waiting. Of several processes one sends at a time, the
    others wait for it.
    """
    result = Drained()
    with queue.sending(wait_seconds=WAIT_SECONDS) as ours:
        while ours and result.reason is None and (entry := _next(queue, context)):
            try:
                result.sent.append(send(client, _context_of(entry, context), _request_of(entry)).publish)
                queue.remove(entry)
            except RacewayError as error:
                if _may_pass(error):
                    result.reason = error
                else:
                    queue.refuse(entry, error)
    waiting = queue.entries(context.root)
    result.refused = [entry for entry in waiting if entry.state == "refused"]
    result.waiting = len(waiting) - len(result.refused)
    return result


def _next(queue: PublishQueue, context: Context) -> Entry | None:
    return next((entry for entry in queue.entries(context.root) if entry.state == "waiting"), None)


def _may_pass(error: RacewayError) -> bool:
    """Whether the same publish may be taken later, with nothing changed about it."""
    if isinstance(error, AuthError):
        return error.status == 401  # log in again; a missing right is a refusal
    return isinstance(error, ServiceError | StorageError) or error.code == UNCONFIRMED


def _kind_of(source: Source) -> Kind:
    if isinstance(source, CadModel):
        return "cad_model"
    return "cad_look" if isinstance(source, CadLook) else "layer"


def _context_of(entry: Entry, context: Context) -> Context:
    waiting = entry.publish
    return replace(context, project=waiting.project, entity=Entity.parse(waiting.entity), task_id=waiting.task_id)


def _request_of(entry: Entry) -> Request:
    waiting = entry.publish
    source: Source
    if waiting.kind == "layer":
        source = QueuedLayer(entry.layer)
    else:
        source = (CadModel if waiting.kind == "cad_model" else CadLook)(waiting.cad_file_id)
    return Request(
        waiting.part,
        source,
        waiting.department,
        software=waiting.software,
        scene=Version.parse(waiting.scene) if waiting.scene else None,
        comment=waiting.comment,
        fix=waiting.fix,
        key=waiting.key,
    )
