"""Integrate: reserve a version, put the item in its place, commit.

A crash before the commit leaves a file that no entry names (the service's sweeper removes it with its reservation);
the commit itself is one transaction of the service, and repeating all of this with the same key answers the same
publish.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcc.publish.data import Collected, cad_file_of
from dcc.publish.validate import all_checks
from dcc.usd.findings import Finding
from shared import __version__, paths
from shared.client import Client, Json
from shared.errors import PublishError, RacewayError, ServiceError, StorageError
from shared.files import make_read_only, remove_file, sha256_of

COMMIT_TRIES = 3
_WAIT_SECONDS = 0.5
UNCONFIRMED = "publish.unconfirmed"


def integrate(client: Client, collected: Collected, file: Path, findings: Sequence[Finding] = ()) -> Json:
    """Make ``file`` the next item of the part and answer the service's record of the publish.

    ``findings`` are what the checks of ``file`` found; the service keeps them with the publish. Raises PublishError
    (``publish.unconfirmed``) where the service went away during the commit, else what the service or the storage says;
    then nothing of the publish is visible.
    """
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
    is_new = _place(file, item)
    digest = sha256_of(item)
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
        # The item of an earlier try can differ from what was checked now.
        "validation": _report(digest, findings) if is_new or digest == sha256_of(file) else None,
    }
    return _commit(client, request.key, fields, item, is_new=is_new)


def _place(file: Path, item: Path) -> bool:
    """Put the item in its place; answers False where an earlier try with this key has done that."""
    from dcc.usd.items import place_item

    try:
        place_item(file, item)
    except StorageError as error:
        # The reservation, and with it this path, is this key's alone; and items are whole or absent.
        if error.code != "storage.exists":
            raise
        return False
    return True


def _commit(client: Client, key: str, fields: dict[str, Any], place: Path, *, is_new: bool) -> Json:
    """Commit the item at ``place``, again if it is not known what became of it. A refused new item is taken away."""
    item = place if is_new else None
    for attempt in range(1, COMMIT_TRIES + 1):
        try:
            publish = client.commit_publish(key, **fields)
        except ServiceError as error:
            # It may have been committed: from now on the item has to stay.
            item = None
            if attempt == COMMIT_TRIES:
                raise PublishError(
                    f"The service went away while {fields['item_usd_path']} was committed, so it is not known whether "
                    "it is published.",
                    hint="Publish again when the service is back; it clears an unfinished publish away.",
                    code=UNCONFIRMED,
                ) from error
            time.sleep(_WAIT_SECONDS * attempt)
        except RacewayError as error:
            if error.code == "publish.item_missing" and place.is_file():
                error.hint = f"The item was written to {place}: check that PM_ROOT is the storage the service uses."
            if item is not None:
                with contextlib.suppress(OSError):
                    remove_file(item)
            raise
        else:
            # The service may be another user, who cannot do this.
            make_read_only(place)
            return publish
    raise AssertionError("unreachable")


def _report(digest: str, findings: Sequence[Finding]) -> dict[str, Any]:
    kept = ("check", "severity", "prim", "message", "hint")
    return {
        "sha256": digest,
        "tool": f"raceway {__version__}",
        "checks": [check.name for check in all_checks()],
        "findings": [{name: getattr(finding, name)[:1000] for name in kept} for finding in findings[:1000]],
    }


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
