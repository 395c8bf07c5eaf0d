"""The model with names and geometry: what the writers of USD, GLB and manifest have in common.

:func:`build_scene` makes equal copies of a part one part, leaves out what has no geometry, and gives parts their
partKeys, and assemblies and occurrences their identifiers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from dcc.cad.kernel import IDENTITY_MATRIX, Array
from dcc.cad.mesh.meshing import PartGeometry, label_of
from dcc.cad.model import AssemblyDefinition, CadModel, PartDefinition, Placement
from dcc.cad.settings import Limits
from shared.errors import CadError
from shared.manifest import BoundingBox, Color, ModelWarning
from shared.part_keys import PartIdentity, assign_part_keys, key_name, number_siblings, slug

RESERVED = ("Products", "Assemblies", "mtl")
"""Names of children of the root prim that are no occurrences: no occurrence may be called so."""

_SHOWN_REASONS = 3
"""Most warnings that the error about a model without any geometry repeats."""
_SAME_POSITION = 1e-6
"""Two parts are copies of one when no point differs by more than this share of their size."""


@dataclass(eq=False)
class ScenePart:
    """A part with its key and geometry; ``count``: how often it occurs in the whole model."""

    key: str
    definition: PartDefinition
    geometry: PartGeometry
    count: int


@dataclass(eq=False)
class SceneChild:
    """A part or assembly placed in an assembly.

    ``name`` is its identifier, which no sibling shares; ``source_name`` what the CAD file calls it; ``matrix`` 4x4 for
    row vectors, child to assembly, mm; ``color`` wins over that of ``target``.
    """

    name: str
    source_name: str
    target: ScenePart | SceneAssembly
    matrix: Array
    color: Color | None
    hidden: bool


@dataclass(eq=False)
class SceneAssembly:
    """An assembly with its key. ``shared``: it is placed several times, and written once and instanced.

    Only in a ``nested`` scene is any assembly shared.
    """

    key: str
    source_name: str
    children: list[SceneChild] = field(default_factory=list)
    color: Color | None = None
    shared: bool = False


@dataclass(frozen=True)
class PlacedPart:
    """One occurrence of a part in the whole model.

    ``path``: the identifiers from the root down, separated by ``/``. ``matrix``: 4x4 for row vectors, part to root, mm.
    ``color`` is None where the occurrence looks like its part. ``hidden``: it, or an assembly that it is in, is hidden.
    """

    part: ScenePart
    path: str
    matrix: Array
    color: Color | None
    hidden: bool


@dataclass
class Scene:
    """Everything there is to write; ``assemblies[0]`` is the root.

    ``nested``: there are too many occurrences to write each of them (``Limits.expanded_occurrences``), so assemblies
    that repeat are instanced as a whole.
    """

    name: str
    root: SceneAssembly
    parts: list[ScenePart]
    assemblies: list[SceneAssembly]
    occurrence_count: int
    nested: bool
    bounding_box: BoundingBox
    warnings: list[ModelWarning]

    def occurrences(self) -> Iterator[PlacedPart]:
        """Every occurrence of every part: of each assembly its own parts first, then those of its sub-assemblies."""
        stack: list[tuple[SceneAssembly, str, Array, Color | None, bool]] = [
            (self.root, "", IDENTITY_MATRIX, self.root.color, False)
        ]
        while stack:
            assembly, prefix, matrix, inherited, hidden = stack.pop()
            below: list[tuple[SceneAssembly, str, Array, Color | None, bool]] = []
            for child in assembly.children:
                path = prefix + child.name
                world = child.matrix @ matrix
                invisible = hidden or child.hidden
                target = child.target
                if isinstance(target, SceneAssembly):
                    below.append((target, path + "/", world, child.color or target.color or inherited, invisible))
                    continue
                own = target.definition.color
                # A colour of the placement wins; one inherited from above is for parts that have none of their own.
                color = child.color or (None if own or target.definition.face_colors else inherited)
                yield PlacedPart(target, path, world, color if color != own else None, invisible)
            stack.extend(reversed(below))


def build_scene(model: CadModel, geometries: dict[int, PartGeometry], limits: Limits) -> Scene:
    """The scene of ``model``, which is changed by this; ``geometries`` by ``id(part definition)``.

    Raises CadError: ``cad.empty`` where nothing is left to see, ``cad.too_many_occurrences``.
    """
    warnings = list(model.warnings)
    _place_shifted(model, geometries)
    _merge_copies(model, geometries)
    _drop_empty(model, geometries, warnings)
    counts = model.occurrence_counts()
    definitions = model.parts()
    total = sum(counts[id(definition)] for definition in definitions)
    check_occurrences(total, limits)
    nested = total > limits.expanded_occurrences
    boxes = _Boxes(geometries)
    assemblies, parts = _named(model, geometries, counts, boxes, {} if nested else _centers(model, geometries))
    warnings += [replace(warning, part_key=part.key) for part in parts for warning in part.geometry.warnings]
    if nested:
        placed = Counter(id(child.target) for assembly in assemblies for child in assembly.children)
        for assembly in assemblies:
            assembly.shared = placed[id(assembly)] > 1
        warnings.append(
            ModelWarning(
                "cad.nested_instances",
                f"The model has {total:,} placed parts: repeated sub-assemblies are written as nested instances, and"
                " the manifest counts occurrences instead of listing them.",
            )
        )
    low, high = boxes.of(model.root, np.eye(3))
    name = slug(key_name(model.root.name)) if key_name(model.root.name) else "Model"
    box = BoundingBox((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    return Scene(name, assemblies[0], parts, assemblies, total, nested, box, warnings)


def check_occurrences(total: int, limits: Limits) -> None:
    """Refuse a model with more placed parts than anything downstream can take.

    Raises CadError (``cad.too_many_occurrences``).
    """
    if total > limits.occurrences:
        raise CadError(
            f"The model has {total:,} placed parts; at most {limits.occurrences:,} can be converted.",
            code="cad.too_many_occurrences",
            hint="Export a sub-assembly, or a simplified version of the model.",
        )


def _placements(model: CadModel) -> Iterator[Placement]:
    for assembly in model.assemblies():
        yield from assembly.children


def _place_shifted(model: CadModel, geometries: dict[int, PartGeometry]) -> None:
    """Move parts whose geometry was shifted (see ``PartGeometry.origin``) back to where they belong."""
    for placement in _placements(model):
        geometry = geometries.get(id(placement.definition))
        if geometry and any(geometry.origin):
            matrix = np.eye(4)
            matrix[3, :3] = geometry.origin
            placement.matrix = matrix @ placement.matrix


def _merge_copies(model: CadModel, geometries: dict[int, PartGeometry]) -> None:
    """Make products that are equal in name, looks and geometry one part with several occurrences.

    CAD systems write such copies where an instance was made independent, and some write every instance so.
    """
    originals: dict[tuple[object, ...], list[PartDefinition]] = {}
    replaced: dict[int, PartDefinition] = {}
    for part in model.parts():
        mesh = geometries[id(part)].mesh
        if mesh is None:
            continue
        key = (
            part.name,
            part.body_name,
            part.color,
            part.step_material,
            part.layers,
            mesh.points.shape,
            mesh.triangles.shape,
        )
        candidates = originals.setdefault(key, [])
        for original in candidates:
            if original.face_colors == part.face_colors and _same_mesh(geometries[id(original)], geometries[id(part)]):
                replaced[id(part)] = original
                break
        else:
            candidates.append(part)
    for placement in _placements(model):
        placement.definition = replaced.get(id(placement.definition), placement.definition)


def _same_mesh(one: PartGeometry, other: PartGeometry) -> bool:
    a, b = one.mesh, other.mesh
    if a is None or b is None or not np.array_equal(a.triangles, b.triangles) or not len(a.points):
        return False
    return bool(np.abs(a.points - b.points).max() <= _SAME_POSITION * np.ptp(a.points, axis=0).max())


def _drop_empty(model: CadModel, geometries: dict[int, PartGeometry], warnings: list[ModelWarning]) -> None:
    """Take parts without any triangle or curve out of the model, and assemblies that hold nothing else."""
    for part in model.parts():
        geometry = geometries[id(part)]
        if geometry.is_empty:
            message = f"{label_of(part)} has no geometry that can be shown; it is left out."
            warnings += geometry.warnings or [ModelWarning("cad.empty_part", message)]
    for assembly in reversed(model.assemblies()):
        assembly.children = [
            child
            for child in assembly.children
            if (
                child.definition.children
                if isinstance(child.definition, AssemblyDefinition)
                else not geometries[id(child.definition)].is_empty
            )
        ]
    if not model.root.children:
        raise CadError(
            " ".join(
                [
                    "The file was read, but nothing in it can be shown: no solids, no surfaces, no curves.",
                    *(warning.message for warning in warnings[:_SHOWN_REASONS]),
                ]
            ),
            code="cad.empty",
            hint="Export the model with its geometry (an assembly with its parts in the same file).",
        )


def _named(
    model: CadModel,
    geometries: dict[int, PartGeometry],
    counts: dict[int, int],
    boxes: _Boxes,
    centers: dict[int, tuple[float, ...]],
) -> tuple[list[SceneAssembly], list[ScenePart]]:
    definitions = model.parts()
    names = _part_names(model)
    keys = assign_part_keys(
        [
            PartIdentity(names[id(part)], geometries[id(part)].properties.identity(), centers.get(id(part), ()))
            for part in definitions
        ]
    )
    parts = {
        id(part): ScenePart(key, part, geometries[id(part)], counts[id(part)])
        for part, key in zip(definitions, keys, strict=True)
    }
    assembly_definitions = model.assemblies()
    assembly_keys = assign_part_keys(
        [
            PartIdentity(key_name(assembly.name) or "Assembly", _content(assembly, boxes))
            for assembly in assembly_definitions
        ]
    )
    assemblies = {
        id(definition): SceneAssembly(key, definition.name, color=definition.color)
        for definition, key in zip(assembly_definitions, assembly_keys, strict=True)
    }
    targets: dict[int, ScenePart | SceneAssembly] = {**parts, **assemblies}
    for definition in assembly_definitions:
        siblings = number_siblings(
            [key_name(child.name) or _fallback_name(child, names) for child in definition.children],
            [_position(child, boxes) for child in definition.children],
            RESERVED if definition is model.root else (),
        )
        assemblies[id(definition)].children = [
            SceneChild(name, child.name, targets[id(child.definition)], child.matrix, child.color, child.hidden)
            for name, child in zip(siblings, definition.children, strict=True)
        ]
    ordered_parts = sorted(parts.values(), key=lambda part: part.key)
    return list(assemblies.values()), ordered_parts


def _part_names(model: CadModel) -> dict[int, str]:
    """The names that keys are made from, by ``id(part)``: product and body, or the assembly where the product has none.

    Surfaces and curves beside solids of the same product get their kind added (``Bracket curves``), so that the name of
    the product stays that of its solid.
    """
    parents: dict[int, set[str]] = {}
    beside: set[int] = set()
    for assembly in model.assemblies():
        solids = {part.name for part in _parts_in(assembly) if part.kind == "solid"}
        beside |= {id(part) for part in _parts_in(assembly) if part.kind != "solid" and part.name in solids}
        for child in assembly.children:
            parents.setdefault(id(child.definition), set()).add(assembly.name)
    names: dict[int, str] = {}
    for part in model.parts():
        name = part.name
        if not key_name(name) and len(parents[id(part)]) == 1:
            name = next(iter(parents[id(part)]))
        name = key_name(name)
        body = key_name(part.body_name) or (f"{part.kind}s" if name and id(part) in beside else "")
        names[id(part)] = f"{name} {body}".strip() if body and body != name else name
    return names


def _parts_in(assembly: AssemblyDefinition) -> list[PartDefinition]:
    return [child.definition for child in assembly.children if isinstance(child.definition, PartDefinition)]


def _fallback_name(child: Placement, names: dict[int, str]) -> str:
    return names.get(id(child.definition), "") or key_name(child.definition.name)


def _position(child: Placement, boxes: _Boxes) -> tuple[float, ...]:
    """Centre of the bounding box (mm) of a placed part or assembly, in the assembly that it is placed in."""
    low, high = boxes.of(child.definition, child.matrix[:3, :3])
    return tuple(((low + high) / 2 + child.matrix[3, :3]).tolist())


def _content(assembly: AssemblyDefinition, boxes: _Boxes) -> tuple[float, ...]:
    low, high = boxes.of(assembly, np.eye(3))
    return (len(assembly.children), *(high - low).tolist())


def _centers(model: CadModel, geometries: dict[int, PartGeometry]) -> dict[int, tuple[float, ...]]:
    """Centres of mass of all occurrences of each part in root coordinates, by ``id(part)``, sorted and flattened."""
    found: dict[int, list[tuple[float, ...]]] = {}
    stack = [(model.root, IDENTITY_MATRIX)]
    while stack:
        assembly, matrix = stack.pop()
        for child in assembly.children:
            world = child.matrix @ matrix
            if isinstance(child.definition, AssemblyDefinition):
                stack.append((child.definition, world))
            else:
                center = np.array([*geometries[id(child.definition)].properties.center, 1.0]) @ world
                found.setdefault(id(child.definition), []).append(tuple(center[:3].tolist()))
    return {key: tuple(value for center in sorted(centers) for value in center) for key, centers in found.items()}


class _Boxes:
    """Bounding boxes of definitions, rotated; tight, because they are of the points and not of boxes.

    Each pair of a definition and a rotation is computed once.
    """

    def __init__(self, geometries: dict[int, PartGeometry]) -> None:
        self._geometries = geometries
        self._known: dict[tuple[int, bytes], tuple[Array, Array]] = {}

    def of(self, definition: PartDefinition | AssemblyDefinition, rotation: Array) -> tuple[Array, Array]:
        """Lowest and highest corner (3,) of ``definition`` with ``rotation`` (3, 3, row vectors) applied."""
        key = (id(definition), (np.round(rotation, 12) + 0.0).tobytes())
        if key not in self._known:
            self._known[key] = self._compute(definition, rotation)
        return self._known[key]

    def _compute(self, definition: PartDefinition | AssemblyDefinition, rotation: Array) -> tuple[Array, Array]:
        if isinstance(definition, PartDefinition):
            geometry = self._geometries[id(definition)]
            points = geometry.mesh.points if geometry.mesh else geometry.curves.points if geometry.curves else None
            if points is None or not len(points):
                return np.full(3, np.inf), np.full(3, -np.inf)
            turned = points.astype(np.float64) @ rotation
            return turned.min(axis=0), turned.max(axis=0)
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for child in definition.children:
            child_low, child_high = self.of(child.definition, child.matrix[:3, :3] @ rotation)
            offset = child.matrix[3, :3] @ rotation
            low, high = np.minimum(low, child_low + offset), np.maximum(high, child_high + offset)
        return low, high
