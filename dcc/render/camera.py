"""The camera: placed for the subject, or one that comes with the USD stage."""

from __future__ import annotations

import itertools
import math

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from dcc.render import framing
from dcc.render.framing import Bounds, Framing
from dcc.render.import_usd import PRIM_PATH, ImportedModel
from shared.errors import RenderError

Vertices = NDArray[np.float32]
"""One row a vertex: x, y, z."""

MANY_OBJECTS = 500
"""After so many objects only the outermost points of all of them are kept, so that thousands are framed as quickly."""
_DIRECTIONS = np.array([axes for axes in itertools.product((-1, 0, 1), repeat=3) if any(axes)], dtype=np.float32)


def visible_points(scene: bpy.types.Scene) -> list[framing.Vector]:
    """The outermost points of every object that will be in the picture, in world space, instances included.

    Of each object the vertices that lie furthest along 26 directions: enough to frame it, and its lowest point exactly.
    Raises RenderError where there is nothing to see.
    """
    found: list[Vertices] = []
    vertices: dict[int, Vertices] = {}
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        mesh = instance.object.data
        if not isinstance(mesh, bpy.types.Mesh) or len(mesh.vertices) == 0:
            continue
        if mesh.as_pointer() not in vertices:
            vertices[mesh.as_pointer()] = _vertices_of(mesh)
        matrix = np.array(instance.matrix_world, dtype=np.float32)
        placed = vertices[mesh.as_pointer()] @ matrix[:3, :3].T + matrix[:3, 3]
        outermost = np.unique(np.argmax(placed @ _DIRECTIONS.T, axis=0))
        found.append(placed[outermost])
        if len(found) == MANY_OBJECTS:
            found = [_outermost(found)]
    if not found:
        raise RenderError(
            "There is nothing to see in this asset.",
            hint="Publish its model first.",
            code="render.empty",
        )
    return [(x, y, z) for x, y, z in np.concatenate(found).tolist()]


def place_camera(scene: bpy.types.Scene, points: list[framing.Vector], bounds: Bounds, aspect: float) -> Framing:
    """Add a camera that looks at the subject in ``bounds`` from its best side and has all ``points`` in the picture."""
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


def view_of_stage_camera(scene: bpy.types.Scene, bounds: Bounds) -> Framing:
    """Where the scene's camera stands as it looks at the subject in ``bounds``: what the studio is set up for."""
    camera = scene.camera
    data = camera.data
    assert isinstance(data, bpy.types.Camera)
    place = camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world.translation
    return Framing((place.x, place.y, place.z), bounds.center, data.clip_start, data.clip_end)


def _outermost(found: list[Vertices]) -> Vertices:
    """Of all points those that lie furthest along the 26 directions and 400 more, 5 degrees from one to the next.

    The directions are a Fibonacci lattice on the sphere.
    """
    count = 400
    heights = 1 - (2 * np.arange(count) + 1) / count
    turns = math.pi * (3 - math.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - heights**2)
    spread = np.stack([flat * np.cos(turns), flat * np.sin(turns), heights], axis=1).astype(np.float32)
    points = np.concatenate(found)
    kept: Vertices = points[np.unique(np.argmax(points @ np.concatenate([_DIRECTIONS, spread]).T, axis=0))]
    return kept


def _vertices_of(mesh: bpy.types.Mesh) -> Vertices:
    coordinates = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", coordinates)
    return coordinates.reshape(-1, 3)
