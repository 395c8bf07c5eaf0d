"""An empty scene set up for a picture: resolution, film, colour management."""

from __future__ import annotations

from typing import Any

import bpy

from dcc.render.presets import RenderSettings


def set_up_scene(scene: bpy.types.Scene, settings: RenderSettings) -> None:
    """Set up what ``settings`` says about the picture itself."""
    units: Any = scene.unit_settings
    units.system, units.length_unit = "METRIC", "MILLIMETERS"
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = settings.width, settings.height, 100
    render.film_transparent = settings.background == "transparent"
    # Textures, shaders and geometry stay with the engine from frame to frame.
    render.use_persistent_data = True
    set_up_colours(scene)


def set_up_colours(scene: bpy.types.Scene) -> None:
    """The view transform of our pictures."""
    # Made for product pictures: base colours stay what the library says (AgX and Filmic grey them), and only
    # highlights are rolled off, so that metal does not burn out.
    view: Any = scene.view_settings
    view.view_transform, view.look = "Khronos PBR Neutral", "None"
    view.exposure, view.gamma = 0.0, 1.0
