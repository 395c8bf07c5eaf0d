"""The built-in material library: what each name looks like, as data that every renderer's materials are made from.

Colours are linear Rec.709 (the "linear sRGB" of USD and Blender), 0 to 1. For metals ``base_color`` is the
reflectance at normal incidence (F0); for dielectrics it is the diffuse albedo and ``ior`` gives the reflectance.

Sources. F0 of aluminium, brass, chromium, iron (taken for carbon steel, which is over 95 % iron) and stainless steel
(taken for brushed steel): spectra of refractiveindex.info integrated to linear Rec.709 by physicallybased.info (CC0).
Albedo of rubber: that site's measured tyre. Bronze has no such spectrum; its F0 lies between copper
(0.932, 0.623, 0.522) and brass, darkened by the oxide that bronze always wears. Plastics keep their albedo inside
0.02 to 0.85, the range that real pigments reach. Roughness is perceptual (its square is the GGX alpha).
"""

from __future__ import annotations

import difflib
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from shared.errors import InputError

Color = tuple[float, float, float]
"""Linear Rec.709 red, green, blue."""

COLOR_PREFIX = "Color_"
"""Start of the name of a derived material: ``Color_c81e1e`` is plastic painted in the sRGB colour #c81e1e; two more
digits, as in ``Color_c81e1e80``, make it translucent."""

FALLBACK_NAME = "FailedMaterial"


@dataclass(frozen=True)
class Material:
    """One surface. Every number is 0 to 1 except ``ior`` (1 to 4) and ``emission`` (linear radiance, 0 is none)."""

    name: str
    label: str
    base_color: Color
    metallic: float = 0.0
    roughness: float = 0.5
    anisotropy: float = 0.0
    ior: float = 1.5
    transmission: float = 0.0
    coat: float = 0.0
    coat_roughness: float = 0.1
    opacity: float = 1.0
    emission: Color = (0.0, 0.0, 0.0)

    def to_json(self) -> dict[str, Any]:
        """The fields by name, colours as lists of three."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Material:
        """Rebuild a material from ``to_json``; unknown keys are ignored so that newer writers can add some.

        Raises InputError where name, label or base_color is missing or a colour is not three numbers.
        """
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        try:
            for key in ("base_color", "emission"):
                if key in values:
                    red, green, blue = values[key]
                    values[key] = (float(red), float(green), float(blue))
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"This is not a material: {data!r}.",
                hint="A material needs name, label and base_color [red, green, blue].",
            ) from error


LIBRARY: Mapping[str, Material] = MappingProxyType(
    {
        material.name: material
        for material in (
            Material("Steel", "Steel", (0.530, 0.513, 0.494), metallic=1.0, roughness=0.28),
            Material(
                "BrushedSteel", "Brushed steel", (0.669, 0.639, 0.598), metallic=1.0, roughness=0.34, anisotropy=0.7
            ),
            Material("Brass", "Brass", (0.910, 0.778, 0.423), metallic=1.0, roughness=0.22),
            Material("Bronze", "Bronze", (0.800, 0.580, 0.360), metallic=1.0, roughness=0.32),
            Material("Aluminium", "Aluminium", (0.916, 0.923, 0.924), metallic=1.0, roughness=0.38),
            Material("Chrome", "Chrome", (0.654, 0.685, 0.701), metallic=1.0, roughness=0.06),
            Material("BlackRubber", "Black rubber", (0.023, 0.023, 0.023), roughness=0.72, ior=1.52),
            Material("WhitePlastic", "White plastic", (0.800, 0.800, 0.780), roughness=0.35, ior=1.46),
            Material("BlackPlastic", "Black plastic", (0.028, 0.028, 0.030), roughness=0.35, ior=1.46),
            Material("RedPlastic", "Red plastic", (0.560, 0.025, 0.020), roughness=0.35, ior=1.46),
            Material("BluePlastic", "Blue plastic", (0.020, 0.075, 0.480), roughness=0.35, ior=1.46),
            Material("Glass", "Glass", (0.984, 0.995, 0.995), roughness=0.0, ior=1.52, transmission=1.0),
            # Emits a little of its own, so that it stays magenta in a dark corner and through any view transform.
            Material(FALLBACK_NAME, "Failed material", (1.0, 0.0, 1.0), roughness=1.0, emission=(0.25, 0.0, 0.25)),
        )
    }
)
"""Material by name. Read-only; the service loads it into its database and hands back its own mapping."""

FALLBACK = LIBRARY[FALLBACK_NAME]


def find_material(text: str, library: Mapping[str, Material] = LIBRARY) -> Material | None:
    """The material whose name or label is ``text``, whatever the case and the spaces around it; else None.

    A derived colour material is found by its name (``Color_c81e1e``) in every library.
    """
    if text in library:
        return library[text]
    wanted = text.strip().casefold()
    for material in library.values():
        if wanted in (material.name.casefold(), material.label.casefold()):
            return material
    return _derived(text.strip())


def material_by_name(name: str, library: Mapping[str, Material] = LIBRARY) -> Material:
    """The material called exactly ``name``, from the library or derived from a colour.

    Raises InputError (``input.unknown_material``) naming the nearest known material.
    """
    material = library.get(name) or _derived(name)
    if material is None:
        raise InputError(
            f'Unknown material "{name}".', hint=suggest_material(name, library), code="input.unknown_material"
        )
    return material


def suggest_material(name: str, library: Mapping[str, Material] = LIBRARY) -> str:
    """A sentence that tells which known name was probably meant, or which names there are."""
    near = nearest_name(name, library)
    return f'Did you mean "{near}"?' if near else f"Known materials: {', '.join(library)}."


def nearest_name(name: str, names: Iterable[str]) -> str:
    """The one of ``names`` that ``name`` most probably misspells, or "" where none is near."""
    by_folded = {known.casefold(): known for known in names}
    found = difflib.get_close_matches(name.strip().casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def color_material_name(color: Sequence[float]) -> str:
    """Name of the derived material for a linear RGB or RGBA colour: ``Color_`` and its lower-case sRGB hex."""
    return COLOR_PREFIX + hex_from_linear(color)


def _derived(name: str) -> Material | None:
    code = name.removeprefix(COLOR_PREFIX)
    if code == name or len(code) not in (6, 8) or not set(code) <= set("0123456789abcdef"):
        return None
    opacity = int(code[6:], 16) / 255 if len(code) == 8 else 1.0
    return Material(name, f"Painted #{code}", linear_from_hex(code[:6]), roughness=0.4, coat=0.2, opacity=opacity)


def hex_from_linear(color: Sequence[float]) -> str:
    """``rrggbb`` in sRGB of a linear colour, ``rrggbbaa`` where it has an alpha below 1; values are clipped to 0..1."""
    encoded = [round(255 * _encode(channel)) for channel in color[:3]]
    encoded += [alpha for alpha in (round(255 * min(max(value, 0.0), 1.0)) for value in color[3:]) if alpha < 255]
    return "".join(f"{value:02x}" for value in encoded)


def linear_from_hex(code: str) -> Color:
    """Linear colour of ``rrggbb`` or ``#rrggbb`` (sRGB).

    Raises InputError where it is not six hex digits.
    """
    digits = code.removeprefix("#")
    if len(digits) != 6 or not set(digits) <= set(string.hexdigits):
        raise InputError(f'"{code}" is not a colour.', hint="Write a colour as #rrggbb, e.g. #c81e1e.")
    red, green, blue = (_decode(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return red, green, blue


def _encode(linear: float) -> float:
    """sRGB transfer function (IEC 61966-2-1), linear to encoded."""
    value = min(max(linear, 0.0), 1.0)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def _decode(encoded: float) -> float:
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4
