"""Pinned renders: an asset or shot as it was, with every asset and shot that it refers to as that was then.

The service loads no USD: a tool reads what the layers refer to and says whom it must know of, round by round, because
what it is told of may refer to others.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from service.config import Config
from service.database import tenant_session
from service.publish import pinning
from service.tasks import tool
from service.tasks.lease import Lease
from service.tasks.subject import Subject
from shared.context import Entity
from shared.errors import RenderError

_TOOL = tool.Tool("dcc.usd.pin_references", RenderError, "The pinning", "render", "RACEWAY_CONVERT_SECONDS")


def with_references(lease: Lease, config: Config, root: Path, subject: Subject, temporary: Path) -> Subject:
    """``subject`` itself, or where its job was pinned to a moment, what it composes with all that it refers to then.

    Raises NotFoundError for what composed nothing at that moment, PublishError for items that are gone, RenderError.
    """
    moment = lease.job.request.get("pinned_at")
    if moment is None:
        return subject
    place, pins = temporary / "pins.json", dict[str, dict[str, Any]]()
    while True:
        place.write_text(json.dumps(pins), encoding="utf-8")
        arguments = ["--usd", str(subject.usd), "--root", str(root), "--pins", str(place)]
        found = tool.run(_TOOL, arguments, lease, config, root, seconds=config.convert_seconds)
        if "usd" in found:
            return dataclasses.replace(subject, usd=Path(found["usd"]))
        for project, entity in found["missing"]:
            pins[f"{project} {entity}"] = _pin(lease, root, project, entity, datetime.fromisoformat(moment))


def _pin(lease: Lease, root: Path, project: str, entity: str, moment: datetime) -> dict[str, Any]:
    with tenant_session(lease.tenant_id) as current:
        pin = pinning.at_moment(current, pinning.target_named(current, project, Entity.parse(entity)), moment)
        return {
            "usd_path": pin.write(root),
            "parts": [
                {
                    "part_name": publish.part.name,
                    "arc": pin.arc_of(publish),
                    "item_usd_path": publish.item_usd_path,
                }
                for publish in pin.publishes
            ],
        }
