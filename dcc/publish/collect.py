"""Collect: find everything that a request refers to, at the service and on the storage."""

from __future__ import annotations

from pathlib import Path

from dcc.publish.data import CadLook, CadModel, Collected, QueuedLayer, Request, UsdFile, cad_file_of
from dcc.scenes.save import require_task
from shared import paths
from shared.client import Client, Json
from shared.context import Context, Entity, check_name
from shared.departments import ARCS, Arc, refused_department
from shared.errors import PublishError
from shared.manifest import Manifest
from shared.material_layers import effective_of

MODEL_PART = "model"


def collect(client: Client, context: Context, request: Request) -> Collected:
    """Look up task, asset or shot, CAD file and earlier publishes.

    Raises InputError for a bad name, an unknown department or without a task, NotFoundError or ServiceError from the
    service, PublishError where the CAD file has no model yet.
    """
    check_name(request.part, "part")
    task = client.task(require_task(context))
    entity = Entity.parse(task["entity"])
    name = request.department or (MODEL_PART if isinstance(request.source, CadModel) else task["department"])
    arc = _arc(client, name)
    published = _publishes(client, task["project"], entity)
    cad_file_id = cad_file_of(request.source)
    model = published.get(MODEL_PART)
    manifest = materials = content = None
    if cad_file_id:
        content = _master(client, context.root, cad_file_id)
    elif isinstance(request.source, UsdFile | QueuedLayer):
        content = request.source.path
        if model and arc is Arc.SUBLAYER:
            # What it says about parts must be about parts of the model that it will stand on.
            cad_file_id = model["cad_file_id"]
    if cad_file_id:
        manifest = Manifest.from_json(client.scene_manifest(cad_file_id))
    if manifest and isinstance(request.source, CadLook):
        materials = effective_of(manifest)
    return Collected(
        request=request,
        task_id=task["id"],
        entity=entity,
        target_id=task["target_id"],
        project=task["project"],
        root=context.root,
        department=name,
        arc=arc,
        content=content,
        manifest=manifest,
        materials=materials or {},
        model=paths.absolute(context.root, model["asset_usd_path"]) if model else None,
        latest=published.get(request.part),
    )


def collect_offline(context: Context, request: Request) -> Collected:
    """What can be known without the service, to check a file before it waits in the queue.

    Raises InputError for a bad name, or without a task, asset or shot.
    """
    check_name(request.part, "part")
    entity = context.require_entity()
    check_name(context.require_project(), "project")
    assert isinstance(request.source, UsdFile)
    entry = paths.absolute(context.root, paths.part_entry(context.project, entity, MODEL_PART))
    # The task's department is not known here; all that matters now is whether it is a layer over a model.
    name = request.department or (MODEL_PART if request.part == MODEL_PART else "look")
    return Collected(
        request=request,
        task_id=require_task(context),
        entity=entity,
        target_id="",
        project=context.project,
        root=context.root,
        department=name,
        arc=ARCS.get(name),
        content=request.source.path,
        model=entry if entry.is_file() else None,
    )


def _arc(client: Client, department: str) -> Arc:
    """How a department's items are composed. Of those that every studio has, the service is not asked."""
    if department in ARCS:
        return ARCS[department]
    known = client.departments()
    for each in known:
        if each["name"] == department:
            return Arc(each["arc"])
    raise refused_department(department, (each["name"] for each in known))


def _publishes(client: Client, project: str, entity: Entity) -> dict[str, Json]:
    """The latest publish of each part of an asset or shot."""
    wanted = {"shot": f"{entity.sequence}/{entity.name}"} if entity.kind == "shot" else {"asset": entity.name}
    latest = client.publishes(project=project, latest_per_part=1, **wanted)
    return {item["part_name"]: item for item in latest}


def _master(client: Client, root: Path, cad_file_id: str) -> Path:
    cad_file = client.cad_file(cad_file_id)
    master = (cad_file.get("derivatives") or {}).get("usd_master")
    if not master:
        raise PublishError(
            f"The CAD file {cad_file['filename']} has no model yet: it is {cad_file['state']}.",
            hint="Wait until its conversion is ready, or start it again.",
            code="publish.not_converted",
        )
    return paths.absolute(root, master)
