"""The one registry of process steps: the named units of pipeline work that workflows and jobs are made of.

A step says what it does, on which queue it runs, and which parameters it takes; the service's tasks do the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import InputError


@dataclass(frozen=True)
class Parameter:
    """A parameter of a step, with the help an artist needs to set it."""

    name: str
    type: str
    """``string``, ``integer``, ``number`` or ``boolean``."""
    help: str
    default: Any = None
    required: bool = False
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    recommendation: str = ""
    warning: str = ""

    def check(self, value: Any) -> Any:
        """Return ``value`` if it is acceptable; raises InputError (``input.parameter``) otherwise."""
        if not _is_of_type(value, self.type):
            raise self._error(f"must be of type {self.type}, not {value!r}")
        if self.choices and value not in self.choices:
            raise self._error(f"{value!r} is none of {', '.join(self.choices)}")
        if self.minimum is not None and value < self.minimum:
            raise self._error(f"{value} is below the minimum {self.minimum:g} {self.unit}".rstrip())
        if self.maximum is not None and value > self.maximum:
            raise self._error(f"{value} is above the maximum {self.maximum:g} {self.unit}".rstrip())
        return value

    def to_json_schema(self) -> dict[str, Any]:
        """This parameter as a JSON Schema property, with ``x-`` keys for unit, recommendation and warning."""
        schema: dict[str, Any] = {"type": self.type, "description": self.help, "default": self.default}
        extras = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "enum": list(self.choices) or None,
            "x-unit": self.unit or None,
            "x-recommendation": self.recommendation or None,
            "x-warning": self.warning or None,
        }
        return schema | {key: value for key, value in extras.items() if value is not None}

    def _error(self, reason: str) -> InputError:
        return InputError(
            f"Parameter {self.name}: {reason}.",
            hint=self.recommendation or self.help,
            code="input.parameter",
            fields={self.name: reason},
        )


@dataclass(frozen=True)
class Step:
    """A unit of pipeline work."""

    name: str
    label: str
    help: str
    queue: str
    parameters: tuple[Parameter, ...] = ()

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter's value, defaults filled in.

        Raises InputError naming the unknown, missing or unacceptable one.
        """
        known = {parameter.name for parameter in self.parameters}
        if unknown := sorted(set(given) - known):
            raise InputError(
                f"Step {self.name} has no parameter {unknown[0]!r}.",
                hint=f"It takes {', '.join(sorted(known)) or 'none'}.",
                code="input.parameter",
                fields=dict.fromkeys(unknown, "unknown parameter"),
            )
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name)
            if value is None:
                if parameter.required:
                    raise InputError(
                        f"Step {self.name} needs the parameter {parameter.name}.",
                        hint=parameter.help,
                        code="input.parameter",
                        fields={parameter.name: "is required"},
                    )
                value = parameter.default
            else:
                value = parameter.check(value)
            values[parameter.name] = value
        return values

    def to_json(self) -> dict[str, Any]:
        """What ``GET /api/workflows/steps`` answers for this step."""
        return {
            "name": self.name,
            "label": self.label,
            "help": self.help,
            "queue": self.queue,
            "parameters": {
                "type": "object",
                "properties": {parameter.name: parameter.to_json_schema() for parameter in self.parameters},
                "required": [parameter.name for parameter in self.parameters if parameter.required],
                "additionalProperties": False,
            },
        }


RELATIVE_DEFLECTION = Parameter(
    "relative_deflection",
    "number",
    "Largest distance between the mesh and the true surface, as a share of each part's size.",
    default=0.001,
    minimum=0.000001,
    maximum=0.5,
    recommendation="0.001 for stills; 0.0003 for close-ups.",
    warning="Halving it about doubles the triangles of curved parts.",
)
LINEAR_DEFLECTION = Parameter(
    "linear_deflection",
    "number",
    "Largest distance between the mesh and the true surface; in place of the share of each part's size.",
    unit="mm",
    minimum=0.000001,
    maximum=1_000_000,
    recommendation="Leave it empty, so that a small screw in a large machine is still round.",
)
ANGULAR_DEFLECTION = Parameter(
    "angular_deflection",
    "number",
    "Largest angle between neighbouring facets.",
    default=0.25,
    unit="radians",
    minimum=0.01,
    maximum=3.0,
    recommendation="0.25 for stills; 0.1 for chrome and glass seen close.",
)
WIDTH = Parameter("width", "integer", "Width of the picture.", default=960, unit="px", minimum=16, maximum=16384)
HEIGHT = Parameter("height", "integer", "Height of the picture.", default=540, unit="px", minimum=16, maximum=16384)
SAMPLES = Parameter(
    "samples",
    "integer",
    "Light paths for each pixel.",
    default=48,
    minimum=1,
    maximum=65536,
    recommendation="48 with the denoiser for a preview, 256 and more for production.",
    warning="Render time grows in proportion.",
)
ENGINE = Parameter("engine", "string", "The renderer.", default="cycles", choices=("cycles",))
DEVICE = Parameter(
    "device",
    "string",
    "What computes: a GPU where there is one, or the named kind.",
    default="auto",
    choices=("auto", "cpu", "gpu"),
    recommendation="auto; the job document says what was used and why.",
)
BACKGROUND = Parameter(
    "background",
    "string",
    "What stands behind the object.",
    default="studio",
    choices=("studio", "transparent"),
)

STEPS: tuple[Step, ...] = (
    Step(
        "convert",
        "Convert CAD",
        "Reads a STEP file and writes the USD master, the GLB and the scene manifest, one partKey for each product.",
        "cad",
        (RELATIVE_DEFLECTION, LINEAR_DEFLECTION, ANGULAR_DEFLECTION),
    ),
    Step(
        "still",
        "Render still",
        "Renders one picture of a published asset in headless Blender, framed and lit, with its thumbnail.",
        "render",
        (WIDTH, HEIGHT, SAMPLES, ENGINE, DEVICE, BACKGROUND),
    ),
    Step(
        "thumbnail",
        "Render thumbnail",
        "Renders a small, quick picture of a CAD file or published asset for lists.",
        "render",
        (
            Parameter("width", "integer", WIDTH.help, default=320, unit="px", minimum=16, maximum=1024),
            Parameter("height", "integer", HEIGHT.help, default=180, unit="px", minimum=16, maximum=1024),
            Parameter("samples", "integer", SAMPLES.help, default=12, minimum=1, maximum=256),
            ENGINE,
            DEVICE,
            BACKGROUND,
        ),
    ),
)

_BY_NAME = {step.name: step for step in STEPS}


def step(name: str) -> Step:
    """The step of that name; raises InputError naming the known ones."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise InputError(
            f"There is no process step {name!r}.",
            hint=f"Choose one of {', '.join(_BY_NAME)}.",
            code="input.step",
        ) from None


def _is_of_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int)
    if name == "number":
        return isinstance(value, (int, float))
    return name == "string" and isinstance(value, str)
