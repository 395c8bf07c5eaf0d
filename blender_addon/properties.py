"""What a scene remembers of the pipeline: the CAD file it shows, its parts, and which save it is."""

from typing import Any

import bpy

from shared.manifest import Manifest


class RacewayPart(bpy.types.PropertyGroup):
    """A part of the imported CAD file, as the panel lists it."""

    part_key: bpy.props.StringProperty()  # type: ignore[valid-type]
    source_name: bpy.props.StringProperty()  # type: ignore[valid-type]
    material: bpy.props.StringProperty()  # type: ignore[valid-type]
    layer: bpy.props.StringProperty()  # type: ignore[valid-type]
    reason: bpy.props.StringProperty()  # type: ignore[valid-type]
    occurrences: bpy.props.IntProperty()  # type: ignore[valid-type]


class RacewayScene(bpy.types.PropertyGroup):
    """Kept in the .blend, so that a scene opened from anywhere still knows what it is."""

    project: bpy.props.StringProperty()  # type: ignore[valid-type]
    entity: bpy.props.StringProperty()  # type: ignore[valid-type]
    task_id: bpy.props.StringProperty()  # type: ignore[valid-type]
    scene_name: bpy.props.StringProperty()  # type: ignore[valid-type]
    version: bpy.props.IntProperty()  # type: ignore[valid-type]
    iteration: bpy.props.IntProperty()  # type: ignore[valid-type]
    cad_file_id: bpy.props.StringProperty()  # type: ignore[valid-type]
    cad_file_name: bpy.props.StringProperty()  # type: ignore[valid-type]
    cad_revision: bpy.props.IntProperty()  # type: ignore[valid-type]
    collection: bpy.props.PointerProperty(type=bpy.types.Collection)  # type: ignore[valid-type]
    parts: bpy.props.CollectionProperty(type=RacewayPart)  # type: ignore[valid-type]
    active_part: bpy.props.IntProperty()  # type: ignore[valid-type]
    status: bpy.props.StringProperty()  # type: ignore[valid-type]


def scene_state(scene: bpy.types.Scene) -> Any:
    """The pipeline's properties of a scene."""
    return scene.raceway  # type: ignore[attr-defined]


def show_parts(scene: bpy.types.Scene, manifest: Manifest) -> None:
    """List the parts of a manifest with their materials, those without one first."""
    state = scene_state(scene)
    state.parts.clear()
    for part in sorted(manifest.parts, key=lambda item: (not _is_unresolved(item.material), item.part_key)):
        row = state.parts.add()
        row.name = row.part_key = part.part_key
        row.source_name = part.source_name
        row.occurrences = part.occurrence_count
        if part.material:
            row.material, row.layer, row.reason = part.material.material, part.material.layer, part.material.reason


def _is_unresolved(material: Any) -> bool:
    return material is None or material.layer == "fallback"


_CLASSES = (RacewayPart, RacewayScene)


def register() -> None:
    for item in _CLASSES:
        bpy.utils.register_class(item)
    bpy.types.Scene.raceway = bpy.props.PointerProperty(type=RacewayScene)  # type: ignore[attr-defined]


def unregister() -> None:
    del bpy.types.Scene.raceway  # type: ignore[attr-defined]
    for item in reversed(_CLASSES):
        bpy.utils.unregister_class(item)
