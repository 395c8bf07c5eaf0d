"""What a still looks like before anybody has chosen: sizes, samples, and how much time it may take."""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import InputError

BACKGROUNDS = ("studio", "transparent")
ENGINES = ("cycles",)


@dataclass(frozen=True)
class StillSettings:
    """Settings of one picture. ``width`` and ``height`` are in pixels, ``thumbnail_width`` too."""

    width: int = 960
    height: int = 540
    samples: int = 48
    engine: str = "cycles"
    device: str = "auto"
    background: str = "studio"
    denoise: bool = True
    thumbnail_width: int = 320

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("width", self.width, 16, 16384),
            ("height", self.height, 16, 16384),
            ("samples", self.samples, 1, 65536),
        ):
            if not low <= value <= high:
                raise InputError(
                    f"{name} {value} is out of range.",
                    hint=f"Choose {low} to {high}.",
                    code="input.render",
                    fields={name: f"{low} to {high}"},
                )
        for name, choice, known in (
            ("engine", self.engine, ENGINES),
            ("background", self.background, BACKGROUNDS),
        ):
            if choice not in known:
                raise InputError(
                    f"There is no {name} {choice!r}.",
                    hint=f"Choose one of {', '.join(known)}.",
                    code="input.render",
                    fields={name: f"one of {', '.join(known)}"},
                )


PRESETS: dict[str, StillSettings] = {
    "preview": StillSettings(width=960, height=540, samples=48),
    "production": StillSettings(width=1920, height=1080, samples=256),
}
"""``preview`` takes seconds on two cores; ``production`` is for looking closely."""
