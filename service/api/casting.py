"""Casting: which assets a shot uses, and how often."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import Field, field_validator
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.listing import ListQuery, Page, page_of, row, rows
from service.api.records import row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.archiving import check_live
from service.database import session
from service.models import Asset, Casting, Project, Sequence, Shot

casting = Resource("casting", "")
RESOURCES = (casting,)

Count = Annotated[int, Field(ge=1, le=100_000, strict=True)]


class Cast(Request):
    asset_id: UUID
    count: Count = Field(1, description="how many of it are to be seen")


class ShotCasting(Request):
    assets: list[Cast] = Field(max_length=2000)

    @field_validator("assets")
    @classmethod
    def _each_once(cls, assets: list[Cast]) -> list[Cast]:
        if len({cast.asset_id for cast in assets}) < len(assets):
            raise ValueError("must name each asset once, with the count of all its occurrences")
        return assets


class CastOut(Reply):
    asset_id: UUID
    asset: str = Field(description="name of the asset")
    title: str
    asset_type: str
    project: str
    archived_at: datetime | None = Field(description="when the asset was put away; null for what is in use")
    count: int


class CastInOut(Reply):
    shot_id: UUID
    shot: str = Field(description="name of the shot")
    sequence: str
    project: str
    title: str
    status: str
    frame_in: int
    frame_out: int
    count: int


class CastInQuery(ListQuery):
    archived: bool = Field(False, description="with shots that were put away")


@casting.declare("GET", "/shots/<uuid:shot_id>/casting", permission=Permission.PRODUCTION_READ, answer=list[CastOut])
def get_casting(shot_id: UUID) -> list[dict[str, Any]]:
    """The assets that a shot uses, by their names."""
    row(Shot, shot_id)
    statement = select(Asset, Casting.count).join(Casting, Casting.asset_id == Asset.id)
    statement = statement.where(Casting.shot_id == shot_id).order_by(Asset.name_order, Asset.id)
    return [_described(asset, count) for asset, count in session().execute(statement).unique()]


@casting.declare(
    "PUT",
    "/shots/<uuid:shot_id>/casting",
    permission=Permission.PRODUCTION_WRITE,
    body=ShotCasting,
    answer=list[CastOut],
    if_match="required",
)
def set_casting(shot_id: UUID, body: ShotCasting) -> list[dict[str, Any]]:
    """Replace what a shot uses as a whole; ``If-Match`` is the shot's. Assets may be of other projects, too."""
    shot = row_to_change(Shot, shot_id)
    wanted = {cast.asset_id: cast.count for cast in body.assets}
    known = {cast.asset_id: cast for cast in session().scalars(select(Casting).where(Casting.shot_id == shot.id))}
    _check_assets(wanted.keys() - known.keys())
    for asset_id, cast in known.items():
        if asset_id in wanted:
            cast.count = wanted[asset_id]
        else:
            session().delete(cast)
    session().add_all(
        Casting(id=uuid4(), shot_id=shot.id, asset_id=asset_id, count=wanted[asset_id])
        for asset_id in wanted
        if asset_id not in known
    )
    shot.revision += 1
    written(shot)
    return get_casting(shot_id)


@casting.declare(
    "GET",
    "/assets/<uuid:asset_id>/cast-in",
    permission=Permission.PRODUCTION_READ,
    query=CastInQuery,
    answer=Page[CastInOut],
)
def list_shots_of_asset(asset_id: UUID, query: CastInQuery) -> dict[str, Any]:
    """The shots that use an asset."""
    row(Asset, asset_id)
    statement = select(Casting).join(Casting.shot).join(Shot.sequence).join(Sequence.project)
    statement = statement.where(Casting.asset_id == asset_id)
    if not query.archived:
        statement = statement.where(*(model.archived_at.is_(None) for model in (Shot, Sequence, Project)))
    page = page_of(
        statement,
        query,
        key=Casting,
        search=(Shot, Sequence),
        sort={
            "sequence": Sequence.name,
            "shot": Shot.name,
            "project": Project.name,
            "status": Shot.status,
            "count": Casting.count,
            "created_at": Casting.created_at,
        },
        default_sort="sequence,shot",
    )
    page["items"] = [_described_in(cast) for cast in page["items"]]
    return page


def _check_assets(asset_ids: set[UUID]) -> None:
    """Raises NotFoundError for an asset that there is not, ConflictError for one that was put away."""
    for asset in rows(Asset, sorted(asset_ids)).values():
        check_live(asset)


def _described(asset: Asset, count: int) -> dict[str, Any]:
    return {
        "asset_id": asset.id,
        "asset": asset.name,
        "project": asset.project_name,
        "count": count,
        **{name: getattr(asset, name) for name in ("title", "asset_type", "archived_at")},
    }


def _described_in(cast: Casting) -> dict[str, Any]:
    shot = cast.shot
    return {
        "shot_id": shot.id,
        "shot": shot.name,
        "sequence": shot.sequence.name,
        "project": shot.project_name,
        "count": cast.count,
        **{name: getattr(shot, name) for name in ("title", "status", "frame_in", "frame_out")},
    }
