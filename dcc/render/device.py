"""Which device Cycles renders on: a GPU where there is one, and said so where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from dcc.render.presets import DEVICES
from shared.errors import InputError

GPU_BACKENDS = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")
"""In the order they are tried: the fastest on its hardware first."""


@dataclass(frozen=True)
class DeviceChoice:
    """What was asked for, what renders (``CPU`` or a backend and its card), and why."""

    requested: str
    used: str
    why: str


def choose_device(scene: bpy.types.Scene, requested: str = "auto") -> DeviceChoice:
    """Set the render device of ``scene``.

    ``requested`` is ``auto`` (a GPU if there is one), ``gpu`` or ``cpu``. Where no GPU answers the CPU renders, and
    the choice says why. Raises InputError for another word.
    """
    if requested not in DEVICES:
        raise InputError(f"There is no device {requested!r}.", hint=f"Choose one of {', '.join(DEVICES)}.")
    cycles: Any = scene.cycles  # type: ignore[attr-defined]
    if requested == "cpu":
        cycles.device = "CPU"
        return DeviceChoice(requested, "CPU", "the CPU was asked for")
    tried = []
    for backend in GPU_BACKENDS:
        names = _enable(backend)
        if names:
            cycles.device = "GPU"
            return DeviceChoice(
                requested, f"{backend}: {', '.join(names)}", f"{backend} is the first that found a device"
            )
        tried.append(backend)
    # Cycles would fall back by itself without a word; the job document has to say it.
    cycles.device = "CPU"
    return DeviceChoice(requested, "CPU", f"no GPU was found (tried {', '.join(tried)})")


def _enable(backend: str) -> list[str]:
    """Switch on every card of a backend and name them; nothing where the platform or the machine has none."""
    addon: Any = bpy.context.preferences.addons.get("cycles")
    if addon is None:
        return []
    preferences: Any = addon.preferences
    try:
        preferences.compute_device_type = backend
    except TypeError:
        return []
    preferences.refresh_devices()
    devices = preferences.get_devices_for_type(backend)
    for device in devices:
        device.use = device.type == backend
    return [device.name for device in devices if device.use] if preferences.has_active_device() else []
