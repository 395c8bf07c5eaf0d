"""Mesh and measure every part of a model, on all cores where it pays.

The kernel's Python bindings never let go of the interpreter lock, so that cores are used by forked processes: they
have the shapes already and send back plain arrays. The result does not depend on how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from OCP.gp import gp_Trsf, gp_Vec
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location

from dcc.cad.forking import Forked, batches, can_fork
from dcc.cad.kernel import is_kernel_error, shape_map
from dcc.cad.mesh.mesh import Curves, Mesh
from dcc.cad.mesh.properties import (
    NOTHING,
    Properties,
    bounding_box,
    is_hand_settled,
    measure,
    mesh_volume,
    with_hand_of,
)
from dcc.cad.mesh.tessellate import deflection_for, discretize, is_elementary, is_flat, tessellate
from dcc.cad.model import PartDefinition
from dcc.cad.settings import COARSER_LEVELS, DEFAULT_TESSELLATION, Limits, Settings
from shared.errors import CadError
from shared.manifest import ModelWarning, Tessellation, Vector

_WORTH_FORKING = 300
"""Faces from which starting processes costs less than it saves."""
_SMALLEST_BATCH = 200
"""Faces of small parts that one process meshes, at least."""
_VOLUME_ALARM = 0.05
"""Relative difference between the volume of a mesh and the kernel's that is no matter of tessellation any more: that
of sound parts is near 0.001."""
_MEASURING = Tessellation(linear_deflection=None, relative_deflection=0.0005, angular_deflection=0.15)
"""Tessellation of a mesh that is made to be measured, whatever tessellation is wanted for the result."""
_ERROR_OF_COARSER = 4.0
"""How many times the error in volume the first coarser level has: four times the distance, or twice the angle, whose
square counts."""
_CONVERGED = 0.25
"""Share of the error in volume by which a finer mesh may still change it where the kernel is wrong, not the mesh."""
_WORTH_COARSENING = 64
"""Triangles from which a coarser level is made: a mesh of fewer is light enough."""
_WORTH_KEEPING = 0.7
"""Share of the finer level's triangles that a coarser mesh may have; else it saves too little to be written."""
_DISTANCE_COUNTS = 0.35
"""Share of triangles that is left at four times the linear deflection where that, and not the angle, decides."""
_COARSEST_ANGLE = 1.0
"""Radians: with six segments a turn, a round part is just still recognised as round."""
_FAR = 2000
"""Distance from the origin, in sizes of the part, from which single precision would show in its mesh."""


@dataclass
class PartGeometry:
    """The mesh of a part or, of a part without faces, its curves (neither where the kernel failed), and its measures.

    ``coarser``: one mesh for each of ``settings.COARSER_LEVELS``. ``origin`` (mm, in the part's frame): where mesh,
    curves and measures belong; a part that lies far from its origin is meshed near it.
    """

    mesh: Mesh | None
    curves: Curves | None
    properties: Properties
    warnings: list[ModelWarning]
    coarser: list[Mesh] = field(default_factory=list)
    origin: Vector = (0.0, 0.0, 0.0)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see of it."""
        return (self.mesh is None or not len(self.mesh.triangles)) and (
            self.curves is None or not len(self.curves.counts)
        )


def mesh_parts(
    parts: Sequence[PartDefinition],
    settings: Settings,
    *,
    name: str,
    on_done: Callable[[int], None] = lambda count: None,
) -> list[PartGeometry]:
    """Geometry of each part of the file ``name``, in order; ``on_done`` is told how many are finished.

    Raises CadError: ``cad.too_many_triangles``, ``cad.crashed``.
    """
    faces = [shape_map(part.shape, TopAbs_ShapeEnum.TopAbs_FACE).Extent() for part in parts]
    workers = min(settings.worker_count(), len(parts))
    forked = workers > 1 and sum(faces) >= _WORTH_FORKING and can_fork()
    results: list[PartGeometry | None] = [None] * len(parts)
    triangles = 0
    source = _mesh_forked(parts, faces, settings, workers, name) if forked else _mesh_here(parts, settings)
    for count, (index, geometry) in enumerate(source, 1):
        results[index] = geometry
        triangles += len(geometry.mesh.triangles) if geometry.mesh else 0
        check_triangles(triangles, settings.limits)
        on_done(count)
    return [geometry for geometry in results if geometry is not None]


def check_triangles(count: int, limits: Limits) -> None:
    """Refuse a model with more triangles than anything downstream can take.

    Raises CadError (``cad.too_many_triangles``).
    """
    if count > limits.triangles:
        raise CadError(
            f"The model has more than {limits.triangles:,} triangles at this tessellation.",
            code="cad.too_many_triangles",
            hint="Convert with a coarser deflection (--relative-deflection, --angular-deflection).",
        )


def mesh_part(part: PartDefinition, settings: Settings, *, threads: bool = False) -> PartGeometry:
    """Mesh and measure one part; one that the kernel gives up on comes back empty, with a warning."""
    try:
        return _mesh_part(part, settings, threads)
    except Exception as error:
        if not is_kernel_error(error):
            raise
        reason = str(error).strip() or type(error).__name__
        message = f"{label_of(part)} is left out: the CAD kernel gave up on it ({reason})."
        return PartGeometry(None, None, NOTHING, [ModelWarning("cad.broken_part", message)])


def _mesh_part(part: PartDefinition, settings: Settings, threads: bool) -> PartGeometry:
    geometry = _geometry_of(part, settings, threads)
    middle = _far_off(geometry)
    if middle is None:
        return geometry
    shift = gp_Trsf()
    shift.SetTranslation(gp_Vec(*middle).Reversed())
    near = replace(part, shape=part.shape.Moved(TopLoc_Location(shift)))
    return replace(_geometry_of(near, settings, threads), origin=middle)


def _far_off(geometry: PartGeometry) -> Vector | None:
    """The middle of a part that lies far from its origin (mm), None of one that does not.

    Single precision resolves 2**-24 of the distance: at ``_FAR`` sizes, about 1e-4 of the part.
    """
    points = geometry.mesh.points if geometry.mesh else geometry.curves.points if geometry.curves else None
    if points is None or not len(points):
        return None
    box = bounding_box(points)
    x, y, z = ((low + high) / 2 for low, high in zip(box.min, box.max, strict=True))
    size = math.dist(box.min, box.max)
    return (x, y, z) if max(abs(x), abs(y), abs(z)) > _FAR * size else None


def _geometry_of(part: PartDefinition, settings: Settings, threads: bool) -> PartGeometry:
    if part.kind == "curve":
        curves = discretize(part.shape, settings.tessellation)
        return PartGeometry(None, curves, measure(part.shape, part.kind, curves.points, None), [])
    mesh = _outwards(part, tessellate(part.shape, settings.tessellation, threads=threads))
    coarser = _coarser_meshes(part, mesh, settings, threads)
    properties = _measured(part, mesh, coarser, settings, threads)
    return PartGeometry(mesh, None, properties, _faults(part, mesh, properties), coarser)


def _measured(
    part: PartDefinition, mesh: Mesh, coarser: Sequence[Mesh], settings: Settings, threads: bool
) -> Properties:
    """The measures of a part, by the kernel where it can be trusted, and the same whatever the tessellation.

    What depends on a mesh, such as the hand of a part, is therefore taken from a mesh at the default tessellation. That
    is made only where ``mesh``, which is there already, may give another answer.
    """
    properties = measure(part.shape, part.kind, mesh.points, mesh.welded_triangles())
    if (
        settings.tessellation != DEFAULT_TESSELLATION
        and _may_be_otherwise(part, mesh, coarser, properties)
        and not _is_confirmed(part, mesh, properties, threads)
    ):
        mesh = _outwards(part, tessellate(part.shape, DEFAULT_TESSELLATION, threads=threads))
        properties = with_hand_of(properties, part.kind, mesh.points, mesh.welded_triangles())
    if part.kind == "solid" and not mesh.open_edges and abs(_volume_error(mesh, properties)) > _VOLUME_ALARM:
        properties = _measured_again(part, mesh, properties, threads)
    return properties


def _may_be_otherwise(part: PartDefinition, mesh: Mesh, coarser: Sequence[Mesh], properties: Properties) -> bool:
    """Whether another mesh of the part than this one might lead to other measures."""
    if not properties.sure and not is_flat(part.shape):
        return True
    # A coarser mesh has a multiple of the error, so both tell what volume meshes of the part converge to.
    error = _volume_error(mesh, properties)
    limit = error + (error - _volume_error(coarser[0], properties)) / (_ERROR_OF_COARSER - 1)
    return part.kind == "solid" and abs(limit) > _VOLUME_ALARM / 2


def _is_confirmed(part: PartDefinition, mesh: Mesh, properties: Properties, threads: bool) -> bool:
    """Whether a mesh of the part at the default tessellation, by the faster mesher, clearly tells what ``mesh`` does.

    The other mesher takes several times as long where it is another, for nearly the same mesh.
    """
    if is_elementary(part.shape):
        return False
    quick = _outwards(part, tessellate(part.shape, DEFAULT_TESSELLATION, threads=threads, fast=True))
    is_sound = part.kind != "solid" or abs(_volume_error(quick, properties)) < _VOLUME_ALARM / 2
    return is_sound and (properties.sure or is_hand_settled(part.kind, quick, mesh))


def _measured_again(part: PartDefinition, mesh: Mesh, properties: Properties, threads: bool) -> Properties:
    """The measures of a fine mesh, where the kernel's own are wrong: finer meshes do not come nearer to them.

    The kernel integrates over a few points of each edge, which is too few for threads and springs.
    """
    # On long threads the other mesher takes eight times as long, for the same volume.
    fine = _outwards(part, tessellate(part.shape, _MEASURING, threads=threads, fast=True))
    error, left = _volume_error(mesh, properties), _volume_error(fine, properties)
    if fine.open_edges or abs(left) <= _VOLUME_ALARM or abs(error - left) > _CONVERGED * abs(left):
        return properties
    return measure(part.shape, part.kind, fine.points, fine.welded_triangles(), of_mesh=True)


def _volume_error(mesh: Mesh, properties: Properties) -> float:
    """Relative difference between the volume of a solid's mesh and the volume in ``properties``."""
    if properties.volume <= 0:
        return 0.0
    return mesh_volume(mesh.points, mesh.welded_triangles()) / properties.volume - 1


def _outwards(part: PartDefinition, mesh: Mesh) -> Mesh:
    """``mesh`` with its normals outwards, also where the solid was written inside out."""
    if part.kind == "solid" and mesh_volume(mesh.points, mesh.welded_triangles()) < 0:
        return mesh.reversed()
    return mesh


def _coarser_meshes(part: PartDefinition, mesh: Mesh, settings: Settings, threads: bool) -> list[Mesh]:
    """One mesh for each coarser level: the next finer one again where a coarser one would save too little."""
    meshes: list[Mesh] = []
    finer = mesh
    deflection = deflection_for(part.shape, settings.tessellation)
    last_angle = settings.tessellation.angular_deflection
    shrinks = True
    for level in COARSER_LEVELS:
        angle = min(settings.tessellation.angular_deflection * level.angular, max(_COARSEST_ANGLE, last_angle))
        if len(finer.triangles) > _WORTH_COARSENING and (shrinks or angle > last_angle):
            coarse = replace(
                settings.tessellation, linear_deflection=deflection * level.linear, angular_deflection=angle
            )
            candidate = _outwards(part, tessellate(part.shape, coarse, threads=threads, fast=True))
            # Where the distance did not matter so far it will not matter later: only the angle can save more.
            shrinks = len(candidate.triangles) < _DISTANCE_COUNTS * len(finer.triangles)
            if len(candidate.triangles) < _WORTH_KEEPING * len(finer.triangles) and _is_as_whole(candidate, mesh, part):
                finer = candidate
        last_angle = angle
        meshes.append(finer)
    return meshes


def _is_as_whole(coarse: Mesh, mesh: Mesh, part: PartDefinition) -> bool:
    """Whether the coarse mesh lacks no face that the full one has, and is watertight if that is."""
    if len(coarse.broken_faces) + len(coarse.empty_faces) > len(mesh.broken_faces) + len(mesh.empty_faces):
        return False
    return part.kind != "solid" or bool(mesh.open_edges) or not coarse.open_edges


def _faults(part: PartDefinition, mesh: Mesh, properties: Properties) -> list[ModelWarning]:
    """The worst fault of a mesh, if any: only one is reported, because one fault often brings the others about."""
    is_open = part.kind == "solid" and len(mesh.triangles) > 0 and mesh.open_edges > 0
    # A face without area matters only where its absence leaves a hole.
    missing = sorted(mesh.broken_faces + (mesh.empty_faces if is_open else []))
    if missing:
        numbers = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        return [
            ModelWarning(
                "cad.broken_faces",
                f"{len(missing)} of {properties.fingerprint.faces} faces of {label_of(part)} could not be meshed and"
                f" are missing (face {numbers}).",
            )
        ]
    if is_open:
        return [
            ModelWarning("cad.open_mesh", f"The mesh of {label_of(part)} is not closed, although the part is a solid.")
        ]
    if part.kind == "solid":
        error = _volume_error(mesh, properties)
        if abs(error) > _VOLUME_ALARM:
            return [
                ModelWarning(
                    "cad.volume_mismatch",
                    f"The mesh of {label_of(part)} has {error:+.0%} volume against what the CAD kernel computes; the"
                    " part may be damaged, or the deflection too coarse for it.",
                )
            ]
    return []


def label_of(part: PartDefinition) -> str:
    """The part's names as a person knows them, quoted."""
    return repr(f"{part.name} / {part.body_name}" if part.body_name else part.name)


def _mesh_here(parts: Sequence[PartDefinition], settings: Settings) -> Iterator[tuple[int, PartGeometry]]:
    threads = settings.worker_count() > 1
    for index, part in enumerate(parts):
        yield index, mesh_part(part, settings, threads=threads)


def _mesh_forked(
    parts: Sequence[PartDefinition], faces: Sequence[int], settings: Settings, workers: int, name: str
) -> Iterator[tuple[int, PartGeometry]]:
    shares = batches(faces, workers, smallest=_SMALLEST_BATCH)

    def mesh_batch(share: list[int]) -> list[PartGeometry]:
        return [mesh_part(parts[index], settings) for index in share]

    with Forked(mesh_batch, shares, workers, name=name) as results:
        for number, geometries in results:
            yield from zip(shares[number], geometries, strict=True)
