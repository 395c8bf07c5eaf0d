"""How each process step is started as a node of a workflow, and what it gives to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.cad import conversions
from service.config import Config
from service.database import current_tenant
from service.models import Asset, CadFile, Job, MediaAsset, Publish, Tenant
from service.production.visibility import check_path
from service.queue import jobs, render_jobs
from shared.errors import ConflictError, NotFoundError
from shared.paths import normalise
from shared.workflows import Node

Json = dict[str, Any]

_PATHS = ("files", "pictures", "film")
"""Types of values that are paths."""


@dataclass(frozen=True)
class Given:
    """What an edge brings: a value and the type of what it is."""

    type: str
    value: Any


Inputs = Mapping[str, list[Given]]
"""By name of the port; more than one only where the port takes many."""


@dataclass(frozen=True)
class Started:
    """The job of a node, and those of its outputs that are known already."""

    job: Job
    outputs: Json


def start(current: Session, node: Node, inputs: Inputs, asset_id: UUID | None) -> Started:
    """Queue the node's job.

    Raises NotFoundError or ConflictError where what came in is no longer there or cannot be used.
    """
    parameters = {name: value for name, value in node.parameters.items() if value is not None}
    return _STARTERS[node.step.name](current, node, parameters, inputs, asset_id)


def outputs_of(current: Session, node: Node, job: Job, known: Json) -> Json:
    """What a node gives whose job is completed, by the names of its step's outputs."""
    result: Json = job.document["result"]
    media = current.scalars(select(MediaAsset).where(MediaAsset.job_id == job.id).order_by(MediaAsset.path)).all()
    pictures = [row.path for row in media if row.mime_type.startswith("image/")]
    large = [row.path for row in media if row.mime_type.startswith("image/") and row.asset_type != "thumbnail"]
    found: Json = {
        "pictures": large or pictures,
        "film": next((row.path for row in media if row.mime_type.startswith("video/")), None),
        "publish": result.get("publish_id"),
        "files": (result.get("files") or {}).get("delivered"),
        **{name: result.get(name) for name in ("parts", "triangles")},
        **known,
    }
    return {port.name: found[port.name] for port in node.step.outputs if found.get(port.name) is not None}


def stored(current: Session, given: Given) -> Any:
    """What a run is started with, in the one form in which ids and paths are stored.

    Raises NotFoundError for what is not there, or not for whoever starts it, InputError for what is no path.
    """
    if given.type in ("cad_file", "model"):
        return str(_cad_file(current, given.value).id)
    if given.type == "publish":
        return str(_publish(current, given.value).id)
    if given.type in _PATHS:
        path = normalise(given.value)
        check_path(current, path)
        return path
    return given.value


def asset_of(current: Session, inputs: Mapping[str, Given]) -> UUID | None:
    """The asset that a run is about: that of the first thing it is started with."""
    for given in inputs.values():
        if given.type in ("cad_file", "model"):
            return _cad_file(current, given.value).asset_id
        if given.type == "publish":
            return _publish(current, given.value).part.asset_id
    return None


def _convert(current: Session, node: Node, parameters: Json, inputs: Inputs, asset_id: UUID | None) -> Started:
    """The conversion of the file: the one that is under way or done already, where no other settings are asked for."""
    cad = _cad_file(current, inputs["cad_file"][0].value)
    settings = {name: value for name, value in cad.conversion.settings.items() if name in conversions.DEFLECTIONS}
    if {**settings, **parameters} != settings:
        cad, _ = conversions.add_cad_file(
            current,
            _root(current),
            current.get_one(Asset, (cad.tenant_id, cad.asset_id)),
            filename=cad.filename,
            sha256=cad.conversion.sha256,
            size=cad.size,
            source_path=cad.conversion.source_path,
            lineage=cad.lineage,
            settings={**settings, **parameters},
        )
    if cad.conversion.state == "failed":
        conversions.convert_again(current, cad)
    job_id = cad.conversion.job_id
    job = current.scalars(select(Job).where(Job.id == job_id)).unique().one_or_none()
    if job is None:
        raise ConflictError(f"The conversion of {cad.filename} has no job.", hint="Upload the file again.")
    return Started(job, {"model": str(cad.id)})


def _publish_cad(current: Session, node: Node, parameters: Json, inputs: Inputs, asset_id: UUID | None) -> Started:
    cad = _cad_file(current, inputs["model"][0].value)
    request = node.step.check(parameters)
    return Started(jobs.create(current, node.step.name, request, asset_id=cad.asset_id, cad_file_id=cad.id), {})


def _render(current: Session, node: Node, parameters: Json, inputs: Inputs, asset_id: UUID | None) -> Started:
    subject = inputs["subject"][0]
    if subject.type == "publish":
        publish = _publish(current, subject.value)
        ids: tuple[UUID | None, UUID | None, UUID | None] = (publish.part.asset_id, publish.id, publish.cad_file_id)
    else:
        cad = _cad_file(current, subject.value)
        ids = (cad.asset_id, None, cad.id)
    shown_asset_id, publish_id, cad_file_id = ids
    job = render_jobs.submit(
        current,
        node.step.name,
        parameters,
        asset_id=shown_asset_id,
        publish_id=publish_id,
        cad_file_id=cad_file_id,
    )
    return Started(job, {})


def _deliver(current: Session, node: Node, parameters: Json, inputs: Inputs, asset_id: UUID | None) -> Started:
    files = [path for given in inputs["files"] for path in _listed(given.value)]
    request = {**node.step.check(parameters), "files": files}
    if published := inputs.get("publish"):
        request["publish_id"] = published[0].value
    return Started(jobs.create(current, node.step.name, request, asset_id=asset_id), {})


_STARTERS: dict[str, Callable[[Session, Node, Json, Inputs, UUID | None], Started]] = {
    "convert": _convert,
    "publish": _publish_cad,
    **dict.fromkeys(render_jobs.KINDS, _render),
    "deliver": _deliver,
}


def _cad_file(current: Session, cad_file_id: str) -> CadFile:
    found = current.scalars(select(CadFile).where(CadFile.id == _uuid(cad_file_id))).unique().one_or_none()
    if found is None:
        raise NotFoundError(
            f"There is no CAD file {cad_file_id}.",
            hint="Upload it first, on its asset's page, or by POST /api/cad/.",
        )
    return found


def _publish(current: Session, publish_id: str) -> Publish:
    found = current.scalars(select(Publish).where(Publish.id == _uuid(publish_id))).unique().one_or_none()
    if found is None:
        raise NotFoundError(f"There is no publish {publish_id}.", hint="List them: GET /api/publishes/.")
    return found


def _root(current: Session) -> Path:
    config: Config = current_app.extensions["raceway"]
    return config.tenant_root(current.get_one(Tenant, current_tenant(current)).storage)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
