"""The first page: projects, assets, what was published last, what the workers do."""

from __future__ import annotations

from flask import render_template, request
from sqlalchemy import and_, func, or_, select

from service.accounts.permissions import Permission
from service.database import session
from service.models import Asset, Job, Project, Publish
from service.pages.frame import may, page
from service.pages.job_views import OPEN_STATES, views
from service.pages.paging import page_number, paged
from service.pages.pictures import latest_thumbnails
from service.search import matching

_ASSETS = 24
_PUBLISHES = 10
_JOBS = 8


@page("/", Permission.PRODUCTION_READ)
def home() -> str:
    """Projects and assets (``project`` and ``q`` narrow them), latest publishes, jobs under way."""
    chosen, query = request.args.get("project", ""), request.args.get("q", "").strip()
    counted = select(Project, func.count(Asset.id)).outerjoin(
        Asset, (Asset.tenant_id == Project.tenant_id) & (Asset.project_id == Project.id)
    )
    projects = session().execute(counted.group_by(Project.tenant_id, Project.id).order_by(Project.name)).all()

    statement = select(Asset).join(Asset.project).order_by(Asset.updated_at.desc(), Asset.id)
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
    jobs = []
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
        publishes=session().scalars(select(Publish).order_by(Publish.created_at.desc()).limit(_PUBLISHES)).all(),
        jobs=jobs,
    )
