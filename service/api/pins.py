"""Pinned entries: what an asset or shot composed at a publish or at a moment, to compose it again exactly."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.assets import find_asset
from service.api.fields import Moment
from service.api.listing import row
from service.api.routing import Reply, Request, Resource
from service.api.shots import find_shot
from service.database import session
from service.models import Publish
from service.publish import pinning
from service.publish.pinning import Pin
from shared.errors import InputError

pins = Resource("pins", "/publishes")
RESOURCES = (pins,)


class PinnedPart(Reply):
    part_name: str
    department: str
    arc: Literal["sublayer", "payload"] = Field(description="how its entry composes its item")
    publish_id: UUID
    version: int
    iteration: int
    item_usd_path: str
    sha256: str
    committed_at: datetime


class PinOut(Reply):
    entity: str
    moment: datetime = Field(description="when it was composed so")
    usd_path: str = Field(description="the pinned entry on the storage; it composes the items named here for ever")
    text: str = Field(description="its content")
    parts: list[PinnedPart]


class PinQuery(Request):
    project: str = ""
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="SEQUENCE/SHOT")
    at: Moment | None = Field(None, description="the moment, with its time zone; by default now")


@pins.declare("GET", "/<uuid:publish_id>/pinned-entry", permission=Permission.PUBLISH_READ, answer=PinOut)
def get_pinned_entry_of_publish(publish_id: UUID) -> dict[str, Any]:
    """The asset or shot as it was composed when this publish was committed."""
    return _described(pinning.at_publish(session(), row(Publish, publish_id)))


@pins.declare(
    "GET", "/pinned-entry", permission=Permission.PUBLISH_READ, query=PinQuery, answer=PinOut, errors=(404, 507)
)
def get_pinned_entry(query: PinQuery) -> dict[str, Any]:
    """An asset or shot as it was composed at a moment."""
    if bool(query.asset) == bool(query.shot):
        raise InputError(
            "A pinned entry is of exactly one asset or shot.",
            hint="Give asset=NAME or shot=SEQUENCE/SHOT.",
            fields=dict.fromkeys(("asset", "shot"), "give exactly one of these"),
        )
    target = find_asset(query.asset, query.project) if query.asset else find_shot(query.shot, query.project)
    return _described(pinning.at_moment(session(), target, query.at))


def _described(pin: Pin) -> dict[str, Any]:
    return {
        "entity": str(pin.target.entity),
        "moment": pin.moment,
        "usd_path": pin.write(auth.config().tenant_root(auth.current().storage)),
        "text": pin.text,
        "parts": [
            {
                "part_name": publish.part.name,
                "department": publish.part.department,
                "arc": pin.arc_of(publish),
                "publish_id": publish.id,
                "version": publish.version,
                "iteration": publish.iteration,
                "item_usd_path": publish.item_usd_path,
                "sha256": publish.sha256,
                "committed_at": publish.created_at,
            }
            for publish in pin.publishes
        ],
    }
