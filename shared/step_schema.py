"""What a process step is made of: parameters with their help, and what goes in and out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import InputError

TYPES: dict[str, str] = {
    "cad_file": "an uploaded CAD file (its id)",
    "model": "a converted CAD file (its id)",
    "publish": "a publish of an asset (its id)",
    "files": "files on the storage (their paths)",
    "pictures": "pictures on the storage (their paths)",
    "film": "a film on the storage (its path)",
}
"""What goes from step to step, by name of its type."""

SCALARS = ("string", "integer", "number", "boolean")
"""Types of parameters."""

_FACTORS: dict[str, dict[str, float]] = {
    "mm": {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "in": 25.4},
    "radians": {"radians": 1.0, "degrees": math.pi / 180.0},
    "s": {"s": 1.0, "min": 60.0, "h": 3600.0},
}
"""Units that a parameter accepts for its own, and by what their values are multiplied."""


@dataclass(frozen=True)
class Port:
    """What a step needs or gives. An input accepts any of its ``types``, an output has one."""

    name: str
    types: tuple[str, ...]
    help: str
    required: bool = True
    many: bool = False
    """Whether several edges may lead to it."""

    def to_json(self) -> dict[str, Any]:
        """What ``GET /api/workflows/steps`` answers for this port."""
        return {
            "name": self.name,
            "types": list(self.types),
            "help": self.help,
            "required": self.required,
            "many": self.many,
        }


@dataclass(frozen=True)
class Parameter:
    """A parameter of a step, with the help an artist needs to set it.

    ``help`` says what it does, ``recommendation`` what to choose, ``warning`` what a bad choice costs.
    """

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

    def in_its_unit(self, value: Any) -> Any:
        """``{"value": 1, "unit": "cm"}`` as a number of this parameter's unit; anything else as it is.

        Raises InputError (``input.parameter``) for a unit that is not one of the same quantity.
        """
        if not isinstance(value, Mapping):
            return value
        if set(value) != {"value", "unit"} or not is_of_type(value["value"], "number"):
            raise self._error('must be a value, or {"value": a number, "unit": its unit}')
        factors = _FACTORS.get(self.unit, {self.unit: 1.0} if self.unit else {})
        factor = factors.get(str(value["unit"]))
        if factor is None:
            known = ", ".join(factors) or "none: it is a plain value"
            raise self._error(f"has no unit {value['unit']!r}; it accepts {known}")
        converted = value["value"] * factor
        return round(converted) if self.type == "integer" and converted == round(converted) else converted

    def check(self, value: Any) -> Any:
        """Return ``value`` if it is acceptable; raises InputError (``input.parameter``) otherwise."""
        if not is_of_type(value, self.type):
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
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def takers(self) -> dict[str, tuple[str, ...]]:
        """The types that each input and each parameter takes from an edge."""
        return {
            **{parameter.name: (parameter.type,) for parameter in self.parameters},
            **{port.name: port.types for port in self.inputs},
        }

    def takes_many(self, name: str) -> bool:
        """Whether several edges may lead to the input of that name."""
        return any(port.name == name and port.many for port in self.inputs)

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
            "inputs": [port.to_json() for port in self.inputs],
            "outputs": [port.to_json() for port in self.outputs],
            "parameters": {
                "type": "object",
                "properties": {parameter.name: parameter.to_json_schema() for parameter in self.parameters},
                "required": [parameter.name for parameter in self.parameters if parameter.required],
                "additionalProperties": False,
            },
        }


def is_of_type(value: Any, name: str) -> bool:
    """Whether a JSON value is of one of the ``SCALARS``; a number is finite."""
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int)
    if name == "number":
        return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return name == "string" and isinstance(value, str)
