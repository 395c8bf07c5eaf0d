"""The time of a USD stage: how many of its time codes pass in a second, and from when to when it moves.

A frame's number is its time code. Format: https://openusd.org/release/api/class_usd_stage.html (time and animation)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.errors import UsdError

DEFAULT_FPS = 24.0


@dataclass(frozen=True)
class StageTime:
    """``fps`` in frames a second; ``span`` from the first to the last frame, None for a stage that stands still."""

    fps: float = DEFAULT_FPS
    span: tuple[int, int] | None = None

    @property
    def fps_and_base(self) -> tuple[int, float]:
        """Blender's form of the rate, a whole number and what it is divided by: 23.976 is 24 / 1.001."""
        whole = max(1, round(self.fps))
        return whole, whole / self.fps


def read_stage_time(usd: Path) -> StageTime:
    """The time of the stage in ``usd``; raises UsdError where it cannot be opened."""
    from pxr import Tf, Usd

    try:
        stage = Usd.Stage.Open(str(usd), Usd.Stage.LoadNone)
    except Tf.ErrorException as error:
        raise UsdError(f"{usd} cannot be read as USD.", hint="Open it in usdview or publish it again.") from error
    fps = float(stage.GetTimeCodesPerSecond()) or DEFAULT_FPS
    if not stage.HasAuthoredTimeCodeRange():
        return StageTime(fps)
    first, last = round(stage.GetStartTimeCode()), round(stage.GetEndTimeCode())
    return StageTime(fps, (first, last) if last > first else None)
