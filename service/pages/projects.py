"""What is planned: projects, one with its sequences, a sequence with its shots, and a shot."""

from __future__ import annotations

from uuid import UUID

from flask import render_template
from sqlalchemy import func, or_, select

from service.accounts.permissions import Permission
from service.api.assets import AssetQuery, list_assets
from service.api.listing import row
from service.api.projects import ProjectQuery, list_projects
from service.api.sequences import SequenceQuery, list_sequences
from service.api.shots import ShotQuery, list_shots
from service.database import session
from service.models import Asset, MediaAsset, Part, Project, Publish, Sequence, Shot, Task
from service.pages.casting import casting_of
from service.pages.changing import ASSET_TYPES, actions_on
from service.pages.field_values import fields_on
from service.pages.frame import may, page
from service.pages.making import artists
from service.pages.pictures import in_use, pictures_of
from service.pages.tables import table_of
from service.pages.task_templates import offered_templates
from service.pages.uploads import uploading
from service.production.assignees import with_assignees
from service.production.custom_fields import declared
from service.production.order_of_work import in_order_of_work
from shared import paths

_PUBLISHES = 50
_MEDIA = 60


@page("/projects", Permission.PRODUCTION_READ)
def projects() -> str:
    """All projects with their fields, as a table."""
    columns = declared(session(), Project).of(None)
    return render_template("pages/projects.html", table=table_of(columns, ProjectQuery, list_projects))


@page("/projects/<uuid:project_id>", Permission.PRODUCTION_READ)
def project(project_id: UUID) -> str:
    """A project: its fields, and its sequences with theirs."""
    found = row(Project, project_id)
    columns = declared(session(), Sequence).of(project_id)
    table = table_of(columns, SequenceQuery, list_sequences, project=found.name)
    counted = select(Shot.sequence_id, func.count()).where(
        Shot.sequence_id.in_([each.id for each in table.rows]), Shot.archived_at.is_(None)
    )
    assets = select(func.count(Asset.id)).where(Asset.project_id == project_id, Asset.archived_at.is_(None))
    return render_template(
        "pages/project.html",
        project=found,
        actions=actions_on(found),
        fields=fields_on(found),
        table=table,
        shots=dict(session().execute(counted.group_by(Shot.sequence_id)).all()),
        assets=session().scalar(assets),
    )


@page("/projects/<uuid:project_id>/assets", Permission.PRODUCTION_READ)
def project_assets(project_id: UUID) -> str:
    """The assets of a project with their fields, as a table."""
    found = row(Project, project_id)
    columns = declared(session(), Asset).of(project_id)
    table = table_of(columns, AssetQuery, list_assets, project=found.name)
    return render_template("pages/project_assets.html", project=found, table=table, asset_types=ASSET_TYPES)


@page("/sequences/<uuid:sequence_id>", Permission.PRODUCTION_READ)
def sequence(sequence_id: UUID) -> str:
    """A sequence: its fields, and its shots with theirs."""
    found = row(Sequence, sequence_id)
    columns = declared(session(), Shot).of(found.project_id)
    table = table_of(columns, ShotQuery, list_shots, project=found.project.name, sequence=found.name)
    actions = actions_on(found)
    return render_template("pages/sequence.html", sequence=found, actions=actions, fields=fields_on(found), table=table)


@page("/shots/<uuid:shot_id>", Permission.PRODUCTION_READ)
def shot(shot_id: UUID) -> str:
    """A shot: its fields, the assets that it uses, the work on it, and what was published."""
    found, current = row(Shot, shot_id), session()
    publishes = select(Publish).join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id))
    newest = publishes.where(Part.shot_id == shot_id).order_by(Publish.created_at.desc(), Publish.id)
    tasks = select(Task).where(Task.shot_id == shot_id, Task.archived_at.is_(None)).order_by(*in_order_of_work())
    # Of the shot itself, and of what was published for it.
    published = select(Publish.id).join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id))
    of_shot = or_(MediaAsset.shot_id == shot_id, MediaAsset.publish_id.in_(published.where(Part.shot_id == shot_id)))
    media = select(MediaAsset).where(of_shot, in_use()).order_by(MediaAsset.created_at.desc()).limit(_MEDIA)
    return render_template(
        "pages/shot.html",
        shot=found,
        **uploading(found),
        actions=actions_on(found),
        artists=artists(found.project) if may(Permission.PRODUCTION_WRITE) else [],
        fields=fields_on(found),
        entity_entry=paths.entity_entry(found.project_name, found.entity),
        templates=offered_templates("shot", found.project) if may(Permission.PRODUCTION_WRITE) else [],
        tasks=with_assignees(current, current.scalars(tasks).all()) if may(Permission.TASK_READ) else [],
        casting=casting_of(found),
        publishes=current.scalars(newest.limit(_PUBLISHES)).all(),
        pictures=pictures_of(current.scalars(media).unique().all()) if may(Permission.MEDIA_READ) else [],
    )
