"""The first page: projects and assets in use, what was published last, what the workers do."""

from __future__ import annotations

from flask import render_template, request
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from service.accounts import auth
from service.accounts.permissions import Permission, Role
from service.database import session
from service.models import Asset, Job, Part, Project, Publish, Sequence, Shot
from service.pages.frame import may, page
from service.pages.job_views import OPEN_STATES, views
from service.pages.orders import orders_of_reader
from service.pages.paging import page_number, paged
from service.pages.pictures import latest_thumbnails
from service.pages.playlists import newest_playlists
from service.search import matching

_ASSETS = 24
_PUBLISHES = 10
_JOBS = 8
_ORDERS = 8
_PLAYLISTS = 8


@page("/", Permission.PRODUCTION_READ)
def home() -> str:
    """Projects and assets (``project`` and ``q`` narrow them), latest publishes, jobs under way."""
    chosen, query = request.args.get("project", ""), request.args.get("q", "").strip()
    live_asset = (Asset.tenant_id == Project.tenant_id) & (Asset.project_id == Project.id) & Asset.archived_at.is_(None)
    counted = select(Project, func.count(Asset.id)).outerjoin(Asset, live_asset).where(Project.archived_at.is_(None))
    projects = session().execute(counted.group_by(Project.tenant_id, Project.id).order_by(Project.name_order)).all()

    statement = select(Asset).join(Asset.project).where(Asset.archived_at.is_(None), Project.archived_at.is_(None))
    statement = statement.order_by(Asset.updated_at.desc(), Asset.id)
    if chosen:
        statement = statement.where(Project.name == chosen)
    if query:
        statement = statement.where(
            or_(
                Asset.name.icontains(query, autoescape=True),
                Asset.title.icontains(query, autoescape=True),
                and_(*matching(query, Asset)),
            )
        )
    number = page_number()
    assets, more = paged(statement, number, _ASSETS)
    is_client, jobs = auth.current().role is Role.CLIENT, []
    if may(Permission.JOB_READ):
        running = (
            select(Job)
            .where(Job.state.in_(OPEN_STATES), Job.parent_id.is_(None))
            .order_by(Job.started_at.nulls_last(), Job.created_at)
        )
        jobs = views(session().scalars(running.limit(_JOBS)).all())
    return render_template(
        "pages/home.html",
        projects=projects,
        chosen=chosen,
        query=query,
        assets=assets,
        number=number,
        more=more,
        thumbnails=latest_thumbnails(asset.id for asset in assets),
        publishes=session().scalars(_latest_publishes()).all(),
        jobs=jobs,
        orders=orders_of_reader(_ORDERS) if is_client else [],
        playlists=newest_playlists(_PLAYLISTS) if is_client else [],
    )


def _latest_publishes() -> Select[Publish]:
    """Those that were not put away, nor what they belong to."""
    of_shot = aliased(Project)
    part = select(and_(*(each.archived_at.is_(None) for each in (Asset, Project, Shot, Sequence, of_shot))))
    part = part.select_from(Part).outerjoin(Part.asset).outerjoin(Asset.project)
    part = part.outerjoin(Part.shot).outerjoin(Shot.sequence).outerjoin(of_shot, Sequence.project)
    # Asked of one publish after the other, as a join would have to be made with all of them before any is known.
    is_live = part.where(Part.id == Publish.part_id).scalar_subquery()
    newest = select(Publish).where(Publish.archived_at.is_(None), is_live)
    return newest.order_by(Publish.created_at.desc(), Publish.id).limit(_PUBLISHES)
