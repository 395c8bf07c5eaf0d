"""An empty scene set up for a picture: engine, resolution, samples, colour management."""

from __future__ import annotations

from typing import Any

import bpy

from dcc.render.presets import StillSettings


def new_scene(settings: StillSettings) -> bpy.types.Scene:
    """Start from an empty file and set it up for ``settings``."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    units: Any = scene.unit_settings
    units.system, units.length_unit = "METRIC", "MILLIMETERS"
    _set_up_cycles(scene, settings)
    _set_up_picture(scene, settings)
    _set_up_colours(scene)
    return scene


def _set_up_cycles(scene: bpy.types.Scene, settings: StillSettings) -> None:
    render: Any = scene.render
    render.engine = "CYCLES"
    cycles: Any = scene.cycles  # type: ignore[attr-defined]
    cycles.samples = settings.samples
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.05
    cycles.use_denoising = settings.denoise
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    # Mirror balls between raceways see one another; glass needs its layers.
    cycles.max_bounces = 8
    cycles.diffuse_bounces = 2
    cycles.glossy_bounces = 4
    cycles.transmission_bounces = 6
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 8.0
    # A handful of lights: choosing among them by a tree costs more than it saves (a quarter of the time).
    cycles.use_light_tree = False
    # The same picture every time.
    cycles.seed = 0


def _set_up_picture(scene: bpy.types.Scene, settings: StillSettings) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = settings.width, settings.height, 100
    render.film_transparent = settings.background == "transparent"
    render.use_persistent_data = False
    image = render.image_settings
    image.file_format = "PNG"
    image.color_mode = "RGBA" if render.film_transparent else "RGB"
    image.color_depth = "8"
    image.compression = 60


def _set_up_colours(scene: bpy.types.Scene) -> None:
    # Made for product pictures: base colours stay what the library says (AgX and Filmic grey them), and only
    # highlights are rolled off, so that metal does not burn out.
    view: Any = scene.view_settings
    view.view_transform, view.look = "Khronos PBR Neutral", "None"
    view.exposure, view.gamma = 0.0, 1.0
