"""From a USD file and settings to a scene that is ready to render: the order in which everything is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcc.render.blender import empty_file
from dcc.render.framing import Bounds, Vector
from dcc.render.presets import RenderSettings
from dcc.render.stage_camera import FRAMED, CameraChoice, choose_camera
from dcc.render.stage_time import StageTime, read_stage_time
from shared.errors import UsdError
from shared.events import emit_progress, log

if TYPE_CHECKING:
    import bpy

    from dcc.render.device import DeviceChoice
    from dcc.render.lighting import LightingChoice
    from dcc.render.looks import DressReport
    from dcc.render.near_origin import NearOrigin
    from dcc.render.stage_lights import StageLights
    from dcc.render.turntable import Turntable

FRAMED_TIMES = 9
"""At how many frames an animated stage is looked at to frame it."""


@dataclass
class PreparedScene:
    """A scene ready to render, and what the job document says about it."""

    scene: bpy.types.Scene
    settings: RenderSettings
    device: DeviceChoice
    camera: CameraChoice
    lighting: LightingChoice
    time: StageTime
    bounds: Bounds
    dressed: DressReport
    turntable: Turntable | None
    lights: StageLights
    near: NearOrigin | None
    """Where the subject was brought near the origin."""

    def show(self, frame: int) -> None:
        """Move everything to where ``frame`` shows it."""
        self.scene.frame_set(frame)
        if self.near is not None:
            self.near.show(frame)
        if self.turntable is not None:
            self.turntable.turn_to(frame)
        self.lights.show(frame)

    def report(self) -> dict[str, Any]:
        """What the result of a render says beside its files."""
        bounds = self.bounds.moved(self.near.origin) if self.near else self.bounds
        return {
            "engine": self.settings.engine,
            "device": asdict(self.device),
            "samples": self.settings.samples,
            "width": self.settings.width,
            "height": self.settings.height,
            "background": self.settings.background_behind(by_stage=bool(self.lights.lights)),
            "lighting": asdict(self.lighting),
            "camera": asdict(self.camera),
            "bounds": {"low": bounds.low, "high": bounds.high},
            "materials": self.dressed.assigned,
            "unresolved": self.dressed.unresolved,
        }


def prepare(
    usd: Path,
    settings: RenderSettings,
    *,
    camera_prim: str = "auto",
    materials: Mapping[str, str] | None = None,
    turn_frames: int | None = None,
) -> PreparedScene:
    """Load ``usd``, dress, frame and light it; with ``turn_frames`` on a turntable.

    ``camera_prim`` is ``auto``, ``framed`` or the path of a camera prim, ``materials`` names materials by partKey,
    faces or occurrence for what the stage leaves unbound. Raises UsdError, RenderError or InputError for what cannot be
    rendered.
    """
    if not usd.is_file():
        raise UsdError(f"There is no USD file {usd}.", hint="Check the path, or publish the asset first.")
    emit_progress("load", 0, usd.name)
    empty_file()
    import bpy

    from dcc.render import camera
    from dcc.render.engine import set_up_engine
    from dcc.render.import_usd import import_model
    from dcc.render.lighting import light
    from dcc.render.looks import dress_from_stage
    from dcc.render.near_origin import bring_near, is_far
    from dcc.render.scene import set_up_scene
    from dcc.render.turntable import Turntable, swept

    scene = bpy.context.scene
    set_up_scene(scene, settings)
    choice = set_up_engine(scene, settings)
    time = read_stage_time(usd)
    scene.render.fps, scene.render.fps_base = time.fps_and_base
    model = import_model(usd, "Asset")
    seen_by = choose_camera(usd, camera_prim, turns=turn_frames is not None)
    if seen_by.used != FRAMED:
        camera.use_stage_camera(scene, model, seen_by.used)
    dressed = dress_from_stage(model, usd, materials)

    points = _points_over_time(scene, time)
    bounds = Bounds.around(points)
    near = bring_near(model, usd, bounds.center, scene.frame_current) if is_far(bounds) else None
    if near is not None:
        points = _points_over_time(scene, time, near)
        bounds = Bounds.around(points)
    table = Turntable(model, bounds.center, turn_frames) if turn_frames is not None else None
    framed = swept(points, bounds.center) if table else points
    if seen_by.used == FRAMED:
        view = camera.place_camera(scene, framed, bounds, settings.width / settings.height)
    else:
        view = camera.view_of_stage_camera(scene, bounds)
    lighting, lights = light(scene, usd, settings, bounds, view, near.origin if near else (0.0, 0.0, 0.0))
    _log(choice, seen_by, lighting)
    return PreparedScene(scene, settings, choice, seen_by, lighting, time, bounds, dressed, table, lights, near)


def _log(device: DeviceChoice, camera: CameraChoice, lighting: LightingChoice) -> None:
    log(f"device: {device.used} (asked for {device.requested}; {device.why})")
    log(f"camera: {camera.used} (asked for {camera.requested}; {camera.why})")
    log(f"lit by: {lighting.used} (asked for {lighting.requested}; {lighting.why})")
    for what in lighting.left_out:
        log(f"not rendered: {what}")


def _points_over_time(scene: bpy.types.Scene, time: StageTime, near: NearOrigin | None = None) -> list[Vector]:
    """What is visible at any time: a camera that frames it loses nothing, whichever frames a task renders."""
    from dcc.render.camera import visible_points

    if time.span is None:
        return visible_points(scene)
    first, last = time.span
    points: list[Vector] = []
    for frame in sorted({round(first + (last - first) * step / (FRAMED_TIMES - 1)) for step in range(FRAMED_TIMES)}):
        scene.frame_set(frame)
        if near is not None:
            near.show(frame)
        points += visible_points(scene)
    scene.frame_set(first)
    if near is not None:
        near.show(first)
    return points
