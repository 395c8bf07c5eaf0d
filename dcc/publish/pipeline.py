"""The publish pipeline: its steps in order, each announced by name; and what it does while the service is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dcc.publish.collect import collect, collect_offline
from dcc.publish.data import CadModel, Collected, Published, Request, UsdFile
from dcc.publish.extract import extract, is_copy
from dcc.publish.integrate import UNCONFIRMED, integrate
from dcc.publish.queued import drain, enqueue
from dcc.publish.validate import fix_file, validate, validate_file
from dcc.scenes.save import require_task
from shared.client import Client
from shared.context import Context
from shared.errors import PublishError, ServiceError
from shared.files import sha256_of
from shared.publish_queue import PublishQueue

OnStep = Callable[[str, str], None]
"""Called with the name of the step that starts and what it does, in an artist's words."""


def publish(
    client: Client,
    context: Context,
    request: Request,
    on_step: OnStep | None = None,
    *,
    queue: PublishQueue | None = None,
) -> Published:
    """Publish what ``request`` asks for.

    A model whose latest publish has the same content is not published again. With a ``queue``, what waits there is
    sent first, and a publish that the service is away for waits there too (``queued``). Raises InvalidPublishError
    where the checks find errors, PublishError, InputError, UsdError, StorageError or what the service says; nothing of
    the publish is visible then.
    """
    announce = on_step or (lambda step, text: None)
    try:
        if queue is not None and queue.entries(context.root):
            announce("collect", "Sending what waited for the service")
            left = drain(client, context, queue, send).reason
            if isinstance(left, ServiceError):
                raise left
        announce("collect", f"Looking up what {request.part} is made of")
        collected = collect(client, context, request)
    except ServiceError as error:
        if queue is None or not error.is_away:
            raise
        if not context.project or context.entity is None:
            raise _unplaced(context, error) from error
        return _wait_offline(context, request, queue, announce)
    return _run(client, context, collected, announce, queue)


def send(client: Client, context: Context, request: Request) -> Published:
    """Publish what waited in the queue; it stays there where this raises."""
    return _run(client, context, collect(client, context, request), lambda step, text: None, None)


def _run(
    client: Client, context: Context, collected: Collected, announce: OnStep, queue: PublishQueue | None
) -> Published:
    part = collected.request.part
    announce("validate", "Checking it before anything is written")
    warnings = validate(collected)
    if _is_unchanged(collected):
        assert collected.latest is not None
        return Published(collected.latest, warnings, unchanged=True)
    announce("extract", f"Writing {part} under a temporary name and checking the file")
    with extract(collected) as file:
        fixed = fix_file(collected, file) if collected.request.fix and is_copy(collected) else ()
        warnings += validate_file(collected, file)
        announce("integrate", "Taking the next version and committing it")
        try:
            return Published(integrate(client, collected, file, warnings), warnings, fixed)
        except (ServiceError, PublishError) as error:
            away = error.is_away if isinstance(error, ServiceError) else error.code == UNCONFIRMED
            if queue is None or not away:
                raise
            found = replace(context, project=collected.project, entity=collected.entity)
            return Published({}, warnings, fixed, queued=enqueue(queue, found, collected.request, file).id)


def _wait_offline(context: Context, request: Request, queue: PublishQueue, announce: OnStep) -> Published:
    """Check a file as far as that goes without the service, and keep it in the queue."""
    if not isinstance(request.source, UsdFile):
        # A model or look is made of what the service keeps, when it is back.
        return Published({}, queued=enqueue(queue, context, request, None).id)
    collected = collect_offline(context, request)
    announce("validate", "Checking it; the service is away")
    warnings = validate(collected)
    with extract(collected) as file:
        fixed = fix_file(collected, file) if request.fix else ()
        warnings += validate_file(collected, file)
        return Published({}, warnings, fixed, queued=enqueue(queue, context, request, file).id)


def _unplaced(context: Context, error: ServiceError) -> ServiceError:
    """Why nothing is queued: the checks, and the paths in a layer that waits, depend on where it will stand."""
    return ServiceError(
        f"{error.message} The publish cannot wait for it either: which asset or shot task {require_task(context)} is "
        "of is not known without the service.",
        hint="Publish again when the service is back. To have it queued now, set PM_PROJECT and PM_ENTITY "
        "(asset:NAME or shot:SEQUENCE/SHOT); the launcher sets them.",
        code=error.code,
        status=error.status,
    )


def _is_unchanged(collected: Collected) -> bool:
    if not isinstance(collected.request.source, CadModel) or collected.latest is None or collected.content is None:
        return False
    return bool(collected.latest["sha256"] == sha256_of(collected.content))
