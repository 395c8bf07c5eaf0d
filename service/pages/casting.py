"""Which assets a shot uses, chosen on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request, url_for
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.casting import ShotCasting, set_casting
from service.api.records import row_to_change
from service.database import session
from service.models import Asset, Casting, Shot
from service.pages.forms import check_seen, read_form, whole
from service.pages.frame import action, may

_COUNT = "count."
_MOST_OFFERED = 2000


@dataclass(frozen=True)
class CastingView:
    """The assets of a shot and how many of each it shows; ``offered`` are those of its project that it does not use."""

    assets: Sequence[tuple[Asset, int]]
    offered: Sequence[Asset]
    editable: bool


def casting_of(shot: Shot) -> CastingView:
    """What the page of a shot shows of its casting: one statement, two for who may change it."""
    cast = (
        select(Asset, Casting.count)
        .join(Casting, (Casting.tenant_id == Asset.tenant_id) & (Casting.asset_id == Asset.id))
        .where(Casting.shot_id == shot.id)
    )
    assets = [(asset, count) for asset, count in session().execute(cast.order_by(Asset.name_order, Asset.id)).unique()]
    editable = may(Permission.PRODUCTION_WRITE) and shot.archived_at is None
    offered: Sequence[Asset] = []
    if editable:
        used = [asset.id for asset, _ in assets]
        others = select(Asset).where(Asset.project_id == shot.project.id, Asset.archived_at.is_(None))
        others = others.where(Asset.id.not_in(used)).order_by(Asset.name_order).limit(_MOST_OFFERED)
        offered = session().scalars(others).unique().all()
    return CastingView(assets, offered, editable)


@action("/shots/<uuid:shot_id>/casting", Permission.PRODUCTION_WRITE)
def cast_shot(shot_id: UUID) -> str:
    """Let the shot use what the form has: ``count.ID`` of what it used, 0 for no more, and ``asset`` for others."""
    check_seen(row_to_change(Shot, shot_id))
    counts = {name.removeprefix(_COUNT): text for name, text in request.form.items() if name.startswith(_COUNT)}
    kept = {asset_id: whole(text) for asset_id, text in counts.items() if text.strip() not in ("", "0")}
    assets: list[dict[str, Any]] = [{"asset_id": asset_id, "count": count} for asset_id, count in kept.items()]
    assets += [{"asset_id": asset_id} for asset_id in request.form.getlist("asset") if asset_id not in kept]
    form = read_form(ShotCasting, {"assets": assets}, "The casting was not changed.", {"assets": "Number"})
    set_casting(shot_id, form)
    return f"{url_for('pages.shot', shot_id=shot_id)}#casting"
