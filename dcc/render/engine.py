"""The render engine: Cycles, or EEVEE where there is OpenGL. An engine that cannot run is an error, never another."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import bpy

from dcc.render.device import DeviceChoice, choose_device
from dcc.render.presets import DEVICES, RenderSettings
from shared.errors import InputError, RenderError

_EGL_DEFAULT_DISPLAY = 0


def set_up_engine(scene: bpy.types.Scene, settings: RenderSettings) -> DeviceChoice:
    """Make ``scene`` render with the engine and device of ``settings``.

    Raises RenderError (``render.engine``) where EEVEE cannot run on this machine.
    """
    if settings.engine == "eevee":
        return _set_up_eevee(scene, settings)
    _set_up_cycles(scene, settings)
    return choose_device(scene, settings.device)


def _set_up_cycles(scene: bpy.types.Scene, settings: RenderSettings) -> None:
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


def _set_up_eevee(scene: bpy.types.Scene, settings: RenderSettings) -> DeviceChoice:
    if settings.device == "cpu":
        raise InputError(
            "EEVEE does not render on the CPU.",
            hint="Choose device auto or gpu, or engine cycles.",
            code="input.render",
            fields={"device": f"one of {', '.join(word for word in DEVICES if word != 'cpu')} for eevee"},
        )
    if not _has_opengl():
        raise RenderError(
            "EEVEE cannot render on this machine: it has no OpenGL (EGL) driver.",
            hint="Choose engine cycles, or a worker with a graphics card and its driver.",
            code="render.engine",
        )
    render: Any = scene.render
    render.engine = "BLENDER_EEVEE"
    eevee: Any = scene.eevee
    eevee.taa_render_samples = settings.samples
    eevee.use_raytracing = True
    return DeviceChoice(settings.device, "OPENGL", "EEVEE renders with the OpenGL driver of this machine")


def _has_opengl() -> bool:
    """Whether an OpenGL context can be had without a window. Blender itself would abort the process where not.

    Format: EGL 1.5, sections 3.2 and 3.3 (Khronos).
    """
    if not sys.platform.startswith("linux"):
        return True
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    egl.eglGetDisplay.restype = ctypes.c_void_p
    egl.eglGetDisplay.argtypes = [ctypes.c_void_p]
    egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    egl.eglInitialize.restype = ctypes.c_uint
    display = egl.eglGetDisplay(_EGL_DEFAULT_DISPLAY)
    return bool(display) and bool(egl.eglInitialize(display, None, None))
