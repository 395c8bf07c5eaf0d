"""What a scene knows of its place in the pipeline. It is saved in the .blend file."""

from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty, StringProperty


class RacewayPart(bpy.types.PropertyGroup):
    """A part of the imported CAD model: its material, and which layer that came from and why."""

    # `name`, which every property group has, is the name in the CAD file.
    part_key: StringProperty()  # type: ignore[valid-type]
    material: StringProperty()  # type: ignore[valid-type]
    layer: StringProperty()  # type: ignore[valid-type]
    reason: StringProperty()  # type: ignore[valid-type]
    count: IntProperty()  # type: ignore[valid-type]


class RacewayScene(bpy.types.PropertyGroup):
    """Context of a scene: the task it belongs to, its version, and what it uses."""

    project: StringProperty(name="Project")  # type: ignore[valid-type]
    entity: StringProperty(name="Entity")  # type: ignore[valid-type]
    task_id: StringProperty(name="Task")  # type: ignore[valid-type]
    scene_name: StringProperty(name="Name", description="Name of the scene without its version")  # type: ignore[valid-type]
    scene_id: StringProperty()  # type: ignore[valid-type]
    version: IntProperty()  # type: ignore[valid-type]
    iteration: IntProperty()  # type: ignore[valid-type]
    cad_file_id: StringProperty(name="CAD file")  # type: ignore[valid-type]
    look_version: StringProperty(description="Version of the look that this scene published last")  # type: ignore[valid-type]
    status: StringProperty()  # type: ignore[valid-type]
    parts: CollectionProperty(type=RacewayPart)  # type: ignore[valid-type]
    active_part: IntProperty()  # type: ignore[valid-type]


_CLASSES = (RacewayPart, RacewayScene)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    owner: Any = bpy.types.Scene
    owner.raceway = PointerProperty(type=RacewayScene)


def unregister() -> None:
    owner: Any = bpy.types.Scene
    del owner.raceway
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
