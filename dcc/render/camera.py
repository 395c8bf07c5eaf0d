"""The camera: placed for the subject, or one that comes with the USD stage."""

from __future__ import annotations

import bpy
from mathutils import Vector

from dcc.render import framing
from dcc.render.framing import Bounds, Framing
from dcc.render.import_usd import PRIM_PATH, ImportedModel
from shared.errors import RenderError


def visible_points(scene: bpy.types.Scene) -> list[framing.Vector]:
    """Corners of the box of every object that will be in the picture, in world space, instances included.

    Raises RenderError where there is nothing to see.
    """
    points: list[framing.Vector] = []
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        item = instance.object
        if isinstance(item.data, bpy.types.Mesh) and len(item.data.vertices) > 0:
            for corner in item.bound_box:
                place = instance.matrix_world @ Vector(corner)
                points.append((place.x, place.y, place.z))
    if not points:
        raise RenderError(
            "There is nothing to see in this asset.",
            hint="Publish its model first.",
            code="render.empty",
        )
    return points


def place_camera(scene: bpy.types.Scene, points: list[framing.Vector], aspect: float) -> Framing:
    """Add a camera in the hero view of ``points`` and make it the scene's."""
    bounds = Bounds.around(points)
    view = framing.frame(points, framing.hero_direction(bounds.size), aspect)
    data = bpy.data.cameras.new("Camera")
    data.lens = framing.FOCAL_LENGTH
    data.sensor_width = framing.SENSOR_WIDTH
    data.sensor_fit = "AUTO"
    data.clip_start, data.clip_end = view.clip_start, view.clip_end
    camera = bpy.data.objects.new("Camera", data)
    camera.location = view.eye
    towards = Vector(view.target) - Vector(view.eye)
    camera.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = camera
    return view


def use_stage_camera(scene: bpy.types.Scene, model: ImportedModel, path: str) -> None:
    """Make the camera imported from the prim ``path`` the scene's; raises RenderError where there is none."""
    cameras = [item for item in model.collection.objects if item.type == "CAMERA"]
    for camera in cameras:
        if camera.get(PRIM_PATH) == path:
            scene.camera = camera
            return
    known = ", ".join(str(camera.get(PRIM_PATH)) for camera in cameras) or "none"
    raise RenderError(
        f"There is no camera at {path}.",
        hint=f"Choose `auto`, or a camera of the stage ({known}).",
        code="render.camera",
    )
