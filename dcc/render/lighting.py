"""What lights the subject: the stage's own lights, the studio, or a panorama; and what then stands behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from dcc.render import studio, world
from dcc.render.framing import Bounds, Framing, Vector
from dcc.render.presets import RenderSettings
from dcc.render.stage_lights import StageLights, read_lights
from shared.errors import RenderError

_MANY_LIGHTS = 8
"""With more lights choosing among them by a tree saves more than it costs."""


@dataclass(frozen=True)
class LightingChoice:
    """What was asked for, what lights the picture, why, and what of the stage's lights is not rendered."""

    requested: str
    used: str
    why: str
    left_out: list[str] = field(default_factory=list)


def light(
    scene: bpy.types.Scene, usd: Path, settings: RenderSettings, bounds: Bounds, view: Framing, origin: Vector
) -> tuple[LightingChoice, StageLights]:
    """Light the subject in ``bounds`` as ``settings`` say, for the camera of ``view``, and stand it on something.

    ``origin``: the point of the stage (metres, Z up) that lies at the scene's origin.

    Raises RenderError (``render.no_lights``) where the stage is to light itself and has no lights.
    """
    lights = read_lights(usd) if settings.lighting != "studio" else StageLights()
    by_stage = bool(lights.lights)
    if settings.lighting == "stage" and not by_stage:
        raise RenderError(
            f"{usd.name} has no lights that could light it.",
            hint="Publish lights, or choose the lighting auto or studio.",
            code="render.no_lights",
        )
    background = settings.background_behind(by_stage=by_stage)
    used, why = _words(settings, lights)
    if settings.hdri is not None:
        scene.world = world.hdri_world(settings.hdri)
    if by_stage:
        lights.add_to(scene, domes=settings.hdri is None, origin=origin)
        cycles: Any = scene.cycles  # type: ignore[attr-defined]
        cycles.use_light_tree = len(lights.lights) > _MANY_LIGHTS
    elif settings.hdri is None:
        scene.world = world.studio_world()
    if not by_stage and (settings.hdri is None or settings.lighting == "studio"):
        studio.add_lights(scene, bounds, view)
    if background == "studio":
        studio.add_backdrop(scene, bounds, view)
    elif background != "stage" and settings.shadow and settings.engine == "cycles":
        studio.add_shadow_catcher(scene, bounds)
    return LightingChoice(settings.lighting, used, why, lights.left_out), lights


def _words(settings: RenderSettings, lights: StageLights) -> tuple[str, str]:
    panorama = f"the panorama {settings.hdri.name}" if settings.hdri else ""
    if lights.lights:
        why = "they were asked for" if settings.lighting == "stage" else "the stage has lights of its own"
        return " and ".join(filter(None, [lights.words, panorama])), why
    why = "it was asked for" if settings.lighting == "studio" else "the stage has no lights"
    if panorama and settings.lighting == "studio":
        return f"studio and {panorama}", why
    return panorama or "studio", why
