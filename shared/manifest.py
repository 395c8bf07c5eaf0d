"""The scene manifest: what a converted CAD file contains, as JSON.

It names every part by its partKey, says where each occurrence stands in the USD master, and carries the measures
that later revisions are matched by. The same document is sent by the service, read by the DCCs and kept beside the
geometry.

Lengths are millimetres (areas mm2, volumes mm3) whatever the source used. A transform is 16 numbers, row-major, for
row vectors as in USD: entries 12 to 14 are the translation. Colours are linear RGBA, 0 to 1.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shared.errors import CadError
from shared.files import atomic_write, storage_error
from shared.part_keys import is_key

SCHEMA = "raceway.manifest"
SCHEMA_VERSION = 1

Vector = tuple[float, float, float]
Color = tuple[float, float, float, float]
Transform = tuple[float, ...]
IDENTITY: Transform = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)

PartKind = Literal["solid", "surface", "curve"]
MaterialLayer = Literal["manual", "source", "auto", "fallback"]


@dataclass(frozen=True)
class BoundingBox:
    """Axis-aligned box, mm."""

    min: Vector
    max: Vector


@dataclass(frozen=True)
class Source:
    """The CAD file: name as given, SHA-256 of its content, size in bytes, the length units it declares."""

    name: str
    sha256: str
    size: int
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class Converter:
    """What made the files: a new version may make them differently."""

    name: str
    version: str
    kernel: str


@dataclass(frozen=True)
class Tessellation:
    """Settings of the mesher.

    ``linear_deflection`` (mm) is absolute; where it is null, ``relative_deflection`` times the diagonal of each
    part's bounding box is used. ``angular_deflection`` is in radians.
    """

    linear_deflection: float | None
    relative_deflection: float
    angular_deflection: float


@dataclass(frozen=True)
class EffectiveMaterial:
    """The material a part ends up with, the layer it came from, and why."""

    material: str
    layer: MaterialLayer
    reason: str


@dataclass(frozen=True)
class Occurrence:
    """One place where a part stands.

    ``path``: names of the assemblies down to it, separated by ``/``. ``prim_path``: its prim in the USD master.
    ``transform``: part to root. ``color`` and ``material`` are overrides for this occurrence, null where it has none.
    """

    path: str
    prim_path: str
    transform: Transform
    color: Color | None = None
    hidden: bool = False
    material: EffectiveMaterial | None = None


@dataclass(frozen=True)
class FaceColor:
    """Faces of a part with a colour of their own: ``subset`` is the GeomSubset's name in the USD master.

    ``material`` is set where these faces wear something else than their part.
    """

    subset: str
    color: Color
    face_count: int
    material: EffectiveMaterial | None = None


@dataclass(frozen=True)
class Fingerprint:
    """Measures of a shape that do not depend on where it stands.

    ``moments``: principal moments of inertia of a solid of density 1, ascending (mm5; of the surface, mm4, where
    there is no volume). ``extents``: side lengths of the bounding box along the axes of the part, ascending (mm).
    ``chirality``: a pseudo-scalar without unit; a mirror image has the opposite sign, a symmetric shape zero.
    """

    volume: float
    area: float
    moments: Vector
    extents: Vector
    chirality: float
    faces: int
    edges: int


@dataclass(frozen=True)
class Part:
    """One product of the CAD file, or one body of it where a product holds several.

    ``occurrence_count`` counts all its places; ``occurrences`` lists them, unless the model has more than the
    converter writes out one by one (then it is empty and ``assemblies`` tells how they come about).
    """

    part_key: str
    source_name: str
    prim_path: str
    kind: PartKind
    volume: float
    area: float
    center: Vector
    bounding_box: BoundingBox
    fingerprint: Fingerprint
    triangle_count: int
    occurrence_count: int
    occurrences: tuple[Occurrence, ...] = ()
    body_name: str = ""
    color: Color | None = None
    face_colors: tuple[FaceColor, ...] = ()
    step_material: str | None = None
    layers: tuple[str, ...] = ()
    material: EffectiveMaterial | None = None


@dataclass(frozen=True)
class Child:
    """A part or assembly placed inside an assembly: ``key`` is a partKey or an assembly's key.

    ``transform`` is relative to the assembly.
    """

    name: str
    source_name: str
    kind: Literal["part", "assembly"]
    key: str
    transform: Transform
    color: Color | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Assembly:
    """A node of the product structure, once per definition however often it is placed."""

    key: str
    source_name: str
    children: tuple[Child, ...]


@dataclass(frozen=True)
class Count:
    """How many of something the file declares, and how many were read."""

    declared: int
    read: int


@dataclass(frozen=True)
class ModelWarning:
    """Something a person should know; ``part_key`` names the part where it concerns one."""

    code: str
    message: str
    part_key: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The whole document; ``assemblies[0]`` is the root.

    ``retired_keys``: keys of parts that earlier revisions of the lineage had; no other part ever gets one of them.
    """

    source: Source
    converter: Converter
    tessellation: Tessellation
    root_prim: str
    bounding_box: BoundingBox
    parts: tuple[Part, ...]
    assemblies: tuple[Assembly, ...]
    counts: dict[str, Count] = field(default_factory=dict)
    warnings: tuple[ModelWarning, ...] = ()
    lineage: str = ""
    retired_keys: tuple[str, ...] = ()
    length_unit: str = "mm"
    meters_per_unit: float = 0.001
    up_axis: str = "Z"
    schema: str = SCHEMA
    schema_version: int = SCHEMA_VERSION

    def part(self, part_key: str) -> Part:
        """The part of that key.

        Raises CadError (``cad.unknown_part``) where there is none.
        """
        for part in self.parts:
            if part.part_key == part_key:
                return part
        raise CadError(
            f"{self.source.name} has no part with the key {part_key!r}.",
            code="cad.unknown_part",
            hint=f"Its keys: {', '.join(part.part_key for part in self.parts[:10])}"
            + (", ..." if len(self.parts) > 10 else "."),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers."""
        data: dict[str, Any] = _plain(self)
        return data

    def to_text(self) -> str:
        """The document as it is written to disk: the same manifest gives the same text."""
        return json.dumps(self.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, data: object) -> Manifest:
        """Rebuild and check a manifest.

        Raises CadError (``cad.manifest_invalid``, ``cad.manifest_version``) that names the place of the first fault.
        """
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            raise _invalid("", f'it has no "schema": "{SCHEMA}"')
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            newer = isinstance(version, int) and version > SCHEMA_VERSION
            raise CadError(
                f"The manifest has schema version {version!r}; this Raceway reads {SCHEMA_VERSION}.",
                code="cad.manifest_version",
                hint="It was made by a newer Raceway: update this one, or convert the CAD file again with it."
                if newer
                else "Convert the CAD file again with this version, with the same earlier revision if it had one: its"
                " parts get the same keys.",
            )
        manifest: Manifest = _decode(data, cls, "")
        _check(manifest)
        return manifest


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest file.

    Raises StorageError where it cannot be read, CadError where it is not a manifest.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise storage_error(error, path, "read") from error
    except UnicodeDecodeError as error:
        raise _invalid("", f"{path} is not UTF-8 text") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _invalid("", f"{path} is not JSON ({error})") from error
    return Manifest.from_json(data)


def write_manifest(manifest: Manifest, path: str | Path) -> Path:
    """Write a manifest file, whole or not at all."""
    return atomic_write(path, manifest.to_text())


def _check(manifest: Manifest) -> None:
    keys = set[str]()
    for index, part in enumerate(manifest.parts):
        if not is_key(part.part_key):
            raise _invalid(f"parts[{index}].part_key", f"{part.part_key!r} is not a valid partKey")
        if part.part_key in keys:
            raise _invalid(f"parts[{index}].part_key", f"{part.part_key!r} appears twice")
        keys.add(part.part_key)
        if any(len(occurrence.transform) != 16 for occurrence in part.occurrences):
            raise _invalid(f"parts[{index}].occurrences", "a transform has 16 numbers")
    if not manifest.assemblies:
        raise _invalid("assemblies", "there is no root assembly")
    known = {"part": keys, "assembly": {assembly.key for assembly in manifest.assemblies}}
    for index, assembly in enumerate(manifest.assemblies):
        for child in assembly.children:
            if child.key not in known[child.kind]:
                raise _invalid(f"assemblies[{index}]", f"the {child.kind} {child.key!r} of {child.name!r} is unknown")
            if len(child.transform) != 16:
                raise _invalid(f"assemblies[{index}]", "a transform has 16 numbers")


def _invalid(where: str, fault: str) -> CadError:
    return CadError(
        f"Not a valid manifest: {f'at {where}: ' if where else ''}{fault}.",
        code="cad.manifest_invalid",
        hint="Convert the CAD file again.",
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _field_types(type(value))}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


@functools.cache
def _field_types(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {item.name: hints[item.name] for item in dataclasses.fields(cls)}


def _decode(data: Any, wanted: Any, where: str) -> Any:
    """``data`` as an object of type ``wanted``: a dataclass, tuple, dict, Literal, optional or plain type."""
    origin = typing.get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _decode(data, typing.get_args(wanted)[0], where)
    if origin is Literal:
        if data not in typing.get_args(wanted):
            raise _invalid(where, f"{data!r} is not one of {', '.join(typing.get_args(wanted))}")
        return data
    if origin is tuple:
        return _decode_list(data, typing.get_args(wanted), where)
    if origin is dict:
        if not isinstance(data, Mapping):
            raise _invalid(where, "expected an object")
        item = typing.get_args(wanted)[1]
        return {str(key): _decode(value, item, f"{where}.{key}") for key, value in data.items()}
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return _decode_object(data, wanted, where)
    if wanted is float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            raise _invalid(where, f"expected a finite number, found {data!r}")
        return float(data)
    if not isinstance(data, wanted) or (wanted is int and isinstance(data, bool)):
        raise _invalid(where, f"expected {wanted.__name__}, found {data!r}")
    return data


def _decode_list(data: Any, items: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise _invalid(where, "expected a list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(value, items[0], f"{where}[{index}]") for index, value in enumerate(data))
    if len(data) != len(items):
        raise _invalid(where, f"expected {len(items)} items, found {len(data)}")
    return tuple(
        _decode(value, item, f"{where}[{index}]") for index, (value, item) in enumerate(zip(data, items, strict=True))
    )


def _decode_object(data: Any, cls: type, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise _invalid(where, "expected an object")
    prefix = f"{where}." if where else ""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        if item.name in data:
            values[item.name] = _decode(data[item.name], _field_types(cls)[item.name], prefix + item.name)
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise _invalid(where, f"{item.name!r} is missing")
    return cls(**values)
