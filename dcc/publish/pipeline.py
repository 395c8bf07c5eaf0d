"""The publish pipeline: its steps in order, each announced by name."""

from __future__ import annotations

from collections.abc import Callable

from dcc.publish.collect import collect
from dcc.publish.data import CadModel, Collected, Published, Request
from dcc.publish.extract import extract
from dcc.publish.integrate import integrate
from dcc.publish.validate import validate, validate_file
from shared.client import Client
from shared.context import Context
from shared.files import sha256_of

OnStep = Callable[[str, str], None]
"""Called with the name of the step that starts and what it does, in an artist's words."""


def publish(client: Client, context: Context, request: Request, on_step: OnStep | None = None) -> Published:
    """Publish what ``request`` asks for.

    A model whose latest publish has the same content is not published again. Raises PublishError, InputError,
    UsdError, StorageError or what the service says; then nothing of the publish is visible.
    """
    announce = on_step or (lambda step, text: None)
    announce("collect", f"Looking up what {request.part} is made of")
    collected = collect(client, context, request)
    announce("validate", "Checking it before anything is written")
    warnings = validate(collected)
    if _is_unchanged(collected):
        assert collected.latest is not None
        return Published(collected.latest, warnings, unchanged=True)
    announce("extract", f"Writing {request.part} under a temporary name and checking the file")
    with extract(collected) as file:
        warnings += validate_file(collected, file)
        announce("integrate", "Taking the next version and committing it")
        return Published(integrate(client, collected, file), warnings)


def _is_unchanged(collected: Collected) -> bool:
    if not isinstance(collected.request.source, CadModel) or collected.latest is None or collected.content is None:
        return False
    return bool(collected.latest["sha256"] == sha256_of(collected.content))
