"""Publish a CAD asset: its model, where it is new, and its look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dcc.publish.collect import CadAsset, Source, collect_cad_asset
from dcc.publish.extract import look_of, model_of
from dcc.publish.integrate import PartPublish, integrate
from dcc.publish.validate import unresolved_parts
from shared import paths
from shared.client import Client, Json
from shared.context import Context
from shared.files import sha256_of

MODEL = "model"
LOOK = "look"

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class PublishedAsset:
    """What was published: the service's answer for each part, the model's first, and the parts without a material."""

    publishes: tuple[Json, ...]
    unresolved: tuple[str, ...]


def publish_cad_asset(
    client: Client,
    context: Context,
    cad_file_id: str,
    source: Source,
    *,
    look: str = LOOK,
    on_progress: OnProgress = lambda message: None,
) -> PublishedAsset:
    """Publish the model of a CAD file, unless its latest publish has the same content, and its look.

    The look binds what the service holds as each part's effective material. Raises what ``integrate`` raises.
    """
    on_progress("Collecting parts and materials")
    asset = collect_cad_asset(client, context, cad_file_id)
    on_progress("Publishing the model")
    model = _unchanged_model(client, asset) or integrate(client, asset.target, _model(asset), source)
    on_progress("Publishing the look")
    look_publish = integrate(client, asset.target, _look(asset, look), source)
    return PublishedAsset((model, look_publish), tuple(unresolved_parts(asset)))


def _unchanged_model(client: Client, asset: CadAsset) -> Json | None:
    latest = client.publishes(project=asset.target.context.project, asset=asset.target.entity.name, latest_per_part=1)
    digest = sha256_of(asset.master)
    for publish in latest:
        if publish["part_name"] == MODEL and publish["sha256"] == digest:
            return {**publish, "reused": True}
    return None


def _model(asset: CadAsset) -> PartPublish:
    return PartPublish(MODEL, MODEL, model_of(asset), manifest=asset.manifest, cad_file_id=asset.cad_file_id)


def _look(asset: CadAsset, name: str) -> PartPublish:
    context = asset.target.context
    model = paths.absolute(context.root, paths.part_entry(context.project, asset.target.entity, MODEL))
    return PartPublish(
        name,
        LOOK,
        look_of(asset),
        manifest=asset.manifest,
        below=(model,),
        cad_file_id=asset.cad_file_id,
        metadata={"unresolved": unresolved_parts(asset)},
    )
