"""One publish: what it is, where it stands, where it came from."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.publishes import PublishChanges, change_publish
from service.database import current_tenant, session
from service.models import CadFile, MediaAsset, Publish, Scene, Task
from service.pages.comments import comments_on
from service.pages.forms import check_seen
from service.pages.frame import action, may, page
from service.pages.pictures import in_use, pictures_of
from service.production.assignees import with_assignees
from shared import paths

_VERSIONS = 50


@page("/publishes/<uuid:publish_id>", Permission.PUBLISH_READ)
def publish(publish_id: UUID) -> str:
    """One version of one part of an asset or shot."""
    current = session()
    found = row(Publish, publish_id)
    if "fragment" in request.args:
        return render_template("pages/_said.html", comments=comments_on(found))
    part, target = found.part, found.part.target
    versions = select(Publish).where(Publish.part_id == part.id)
    media = current.scalars(
        select(MediaAsset).where(MediaAsset.publish_id == publish_id, in_use()).order_by(MediaAsset.created_at.desc())
    )
    tenant_id = current_tenant(current)
    tasks = [current.get_one(Task, (tenant_id, found.task_id))] if may(Permission.TASK_READ) else []
    return render_template(
        "pages/publish.html",
        publish=found,
        part=part,
        target=target,
        part_entry=paths.part_entry(target.project_name, target.entity, part.name),
        entity_entry=paths.entity_entry(target.project_name, target.entity),
        task=next(iter(with_assignees(current, tasks)), None),
        scene=_source_scene(found),
        cad_file=current.get(CadFile, (tenant_id, found.cad_file_id)) if found.cad_file_id else None,
        versions=current.scalars(
            versions.order_by(Publish.version.desc(), Publish.iteration.desc()).limit(_VERSIONS)
        ).all(),
        pictures=pictures_of(media.all()),
        comments=comments_on(found),
    )


@action("/publishes/<uuid:publish_id>/share", Permission.PUBLISH_SHARE)
def share_publish(publish_id: UUID) -> str:
    """Show a publish to clients, or take it back from them; ``version`` is what the reader saw."""
    check_seen(row(Publish, publish_id, lock=True))
    change_publish(publish_id, PublishChanges(for_client="for_client" in request.form))
    return url_for("pages.publish", publish_id=publish_id)


def _source_scene(publish: Publish) -> Scene | None:
    if publish.source_version is None or not may(Permission.SCENE_READ):
        return None
    wanted = select(Scene).where(
        Scene.task_id == publish.task_id,
        Scene.version == publish.source_version,
        Scene.iteration == publish.source_iteration,
        Scene.state == "committed",
    )
    return session().scalars(wanted.order_by(Scene.created_at.desc()).limit(1)).first()
