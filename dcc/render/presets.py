"""What a picture looks like before anybody has chosen: sizes, samples, and how much time it may take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError

ENGINES = ("cycles", "eevee")
DEVICES = ("auto", "cpu", "gpu")
FORMATS = ("png", "exr")
LIGHTINGS = ("auto", "studio", "stage")
"""``auto``: the stage's own lights where it has any, else the studio."""
BACKGROUNDS = ("auto", "studio", "transparent")
"""``auto``: the studio where the studio lights; where the stage lights itself, only what is in it."""
HDRI = "hdri:"
"""Start of a background that is a panorama: ``hdri:PATH``."""
MOTIONS = ("none", "turntable")
TURN_FRAMES = 96
"""Frames of a full turn of a turntable: 4 s at 24 frames a second."""


@dataclass(frozen=True)
class RenderSettings:
    """Settings of a picture. ``width`` and ``height`` are in pixels, ``thumbnail_width`` too.

    ``shadow``: whether the subject stands on something. In the studio it always does; over a transparent or HDRI
    background that is a shadow catcher; a stage that lights itself has its own floor. Raises InputError for a value
    that no picture can have.
    """

    width: int = 960
    height: int = 540
    samples: int = 48
    engine: str = "cycles"
    device: str = "auto"
    background: str = "auto"
    lighting: str = "auto"
    denoise: bool = True
    shadow: bool = True
    thumbnail_width: int = 320

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("width", self.width, 16, 16384),
            ("height", self.height, 16, 16384),
            ("samples", self.samples, 1, 65536),
        ):
            if not low <= value <= high:
                raise _error(name, f"{name} {value} is out of range.", f"{low} to {high}")
        for name, choice, known in (
            ("engine", self.engine, ENGINES),
            ("device", self.device, DEVICES),
            ("lighting", self.lighting, LIGHTINGS),
        ):
            if choice not in known:
                raise _error(name, f"There is no {name} {choice!r}.", f"one of {', '.join(known)}")
        if self.hdri is None and self.background not in BACKGROUNDS:
            raise _error(
                "background",
                f"There is no background {self.background!r}.",
                f"one of {', '.join(BACKGROUNDS)}, {HDRI}PATH",
            )

    @property
    def hdri(self) -> Path | None:
        """The panorama behind and around the subject, if that is the background."""
        path = self.background.removeprefix(HDRI) if self.background.startswith(HDRI) else ""
        return Path(path) if path else None

    def background_behind(self, *, by_stage: bool) -> str:
        """What stands behind a subject that is lit ``by_stage``, the stage's own lights, or else by us."""
        if self.background != "auto":
            return self.background
        return "stage" if by_stage else "studio"


PRESETS: dict[str, RenderSettings] = {
    "preview": RenderSettings(width=960, height=540, samples=48),
    "production": RenderSettings(width=1920, height=1080, samples=256),
}
"""``preview`` takes seconds on two cores; ``production`` is for looking closely."""


def _error(name: str, message: str, known: str) -> InputError:
    return InputError(message, hint=f"Choose {known}.", code="input.render", fields={name: known})
