"""Integrate: reserve a version, put the item in its place, commit.

A crash before the commit leaves a file that no entry names (the service's sweeper removes it with its reservation);
the commit itself is one transaction of the service, and repeating it with the same key answers the same publish.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from dcc.publish.data import Collected, cad_file_of
from shared import paths
from shared.client import Client, Json
from shared.errors import PublishError, RacewayError, ServiceError

COMMIT_TRIES = 3
_WAIT_SECONDS = 0.5


def integrate(client: Client, collected: Collected, file: Path) -> Json:
    """Make ``file`` the next item of the part and answer the service's record of the publish.

    Raises PublishError (``publish.unconfirmed``) where the service went away during the commit, else what the service
    or the storage says; then nothing of the publish is visible.
    """
    from dcc.usd.items import place_item

    request = collected.request
    address = {
        "task_id": collected.task_id,
        "target_type": collected.entity.kind,
        "target_id": collected.target_id,
    }
    reserved = client.reserve_publish(
        **address, part_name=request.part, department=collected.department, idempotency_key=request.key
    )
    item = paths.absolute(collected.root, reserved["item_usd_path"])
    digest = place_item(file, item)
    fields = {
        **address,
        "software": request.software,
        "source_version": request.scene.version if request.scene else None,
        "source_iteration": request.scene.iteration if request.scene else None,
        "item_usd_path": reserved["item_usd_path"],
        "asset_usd_path": reserved["part_usd_path"],
        "status": "published",
        "metadata": _metadata(collected),
        "reservation_id": reserved["reservation_id"],
        "sha256": digest,
    }
    try:
        return _commit(client, request.key, fields)
    except ServiceError as error:
        # Whether it was committed is not known: the item has to stay.
        raise PublishError(
            f"The service went away while {request.part} was committed, so it is not known whether it is published.",
            hint="Publish again when the service is back; an unfinished publish is cleared away by the service.",
            code="publish.unconfirmed",
        ) from error
    except RacewayError:
        with contextlib.suppress(FileNotFoundError):
            item.unlink()
        raise


def _commit(client: Client, key: str, fields: dict[str, Any]) -> Json:
    for attempt in range(1, COMMIT_TRIES + 1):
        try:
            return client.commit_publish(key, **fields)
        except ServiceError:
            if attempt == COMMIT_TRIES:
                raise
            time.sleep(_WAIT_SECONDS * attempt)
    raise AssertionError("unreachable")


def _metadata(collected: Collected) -> dict[str, Any]:
    request = collected.request
    metadata = {
        "asset_name": collected.entity.name,
        "part_name": request.part,
        "department": collected.department,
        "cad_file_id": cad_file_of(request.source),
        "comment": request.comment or None,
    }
    return {name: value for name, value in metadata.items() if value is not None}
