"""Which camera of a USD stage is the one to look through, where nobody named one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

AUTO = "auto"
"""The stage's own camera where it has one, else one that is placed for the subject."""
FRAMED = "framed"
"""A camera that is placed for the subject, whatever the stage has."""


@dataclass(frozen=True)
class CameraChoice:
    """What was asked for, what the picture is seen through (a camera's path or ``framed``), and why."""

    requested: str
    used: str
    why: str


def choose_camera(usd: Path, requested: str, *, turns: bool) -> CameraChoice:
    """The camera for ``requested`` (``auto``, ``framed`` or a prim's path); ``turns`` for a turntable."""
    if requested == FRAMED:
        return CameraChoice(requested, FRAMED, "a camera placed for the subject was asked for")
    if requested != AUTO:
        return CameraChoice(requested, requested, "this camera was asked for")
    if turns:
        return CameraChoice(requested, FRAMED, "a turntable is framed by what turns")
    return _own_camera(usd)


def _own_camera(usd: Path) -> CameraChoice:
    """The camera of the stage's render settings, or the only one there is.

    Format: https://openusd.org/release/api/usd_render_page_front.html (``renderSettingsPrimPath``)
    """
    from pxr import Usd, UsdGeom, UsdRender

    stage = Usd.Stage.Open(str(usd))
    cameras = [str(prim.GetPath()) for prim in stage.Traverse() if prim.IsA(UsdGeom.Camera)]
    settings = UsdRender.Settings.GetStageRenderSettings(stage)
    chosen = [str(path) for path in settings.GetCameraRel().GetForwardedTargets()] if settings else []
    if chosen and chosen[0] in cameras:
        return CameraChoice(AUTO, chosen[0], "the stage's render settings name it")
    if len(cameras) == 1:
        return CameraChoice(AUTO, cameras[0], "it is the only camera of the stage")
    if cameras:
        return CameraChoice(
            AUTO, FRAMED, f"the stage has {len(cameras)} cameras, and its render settings choose none of them"
        )
    return CameraChoice(AUTO, FRAMED, "the stage has no camera")
