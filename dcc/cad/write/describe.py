"""Describe a scene as a manifest."""

from __future__ import annotations

from dcc.cad.kernel import KERNEL, Array
from dcc.cad.mesh.properties import bounding_box
from dcc.cad.scene import PlacedPart, Scene, SceneAssembly, ScenePart
from dcc.cad.write.colors import color_subsets
from dcc.cad.write.usd_master import product_path
from shared import __version__
from shared.manifest import (
    Assembly,
    Child,
    Converter,
    Count,
    FaceColor,
    Manifest,
    Occurrence,
    Part,
    Source,
    Tessellation,
    Transform,
)

CONVERTER = Converter("Raceway", __version__, KERNEL)


def manifest_of(
    scene: Scene,
    source: Source,
    tessellation: Tessellation,
    lineage: str,
    counts: dict[str, Count],
    retired_keys: tuple[str, ...] = (),
) -> Manifest:
    """The manifest of ``scene``, without materials; parts are sorted by key, occurrences as in the assemblies.

    ``counts``: what the file declares and what was read of it. ``retired_keys``: see :class:`shared.manifest.Manifest`.
    """
    occurrences: dict[str, list[Occurrence]] = {part.key: [] for part in scene.parts}
    if not scene.nested:
        for placed in scene.occurrences():
            occurrences[placed.part.key].append(_occurrence(scene, placed))
    return Manifest(
        source=source,
        converter=CONVERTER,
        tessellation=tessellation,
        root_prim=f"/{scene.name}",
        bounding_box=scene.bounding_box,
        parts=tuple(_part(scene, part, occurrences[part.key]) for part in scene.parts),
        assemblies=tuple(_assembly(assembly) for assembly in scene.assemblies),
        counts=counts,
        warnings=tuple(scene.warnings),
        lineage=lineage,
        retired_keys=retired_keys,
    )


def _part(scene: Scene, part: ScenePart, occurrences: list[Occurrence]) -> Part:
    definition, geometry = part.definition, part.geometry
    mesh, curves, properties = geometry.mesh, geometry.curves, geometry.properties
    points: Array | None = mesh.points if mesh else curves.points if curves else None
    assert points is not None
    return Part(
        part_key=part.key,
        source_name=definition.name,
        body_name=definition.body_name,
        prim_path=product_path(scene, part.key),
        kind=definition.kind,
        volume=properties.volume,
        area=properties.area,
        center=properties.center,
        bounding_box=bounding_box(points),
        fingerprint=properties.fingerprint,
        triangle_count=len(mesh.triangles) if mesh else 0,
        occurrence_count=part.count,
        occurrences=tuple(occurrences),
        color=definition.color,
        face_colors=tuple(FaceColor(s.name, s.color, s.face_count) for s in color_subsets(part, mesh)),
        step_material=definition.step_material,
        layers=definition.layers,
    )


def _occurrence(scene: Scene, placed: PlacedPart) -> Occurrence:
    return Occurrence(
        path=placed.path,
        prim_path=f"/{scene.name}/{placed.path}",
        transform=_transform(placed.matrix),
        color=placed.color,
        hidden=placed.hidden,
    )


def _assembly(assembly: SceneAssembly) -> Assembly:
    return Assembly(
        key=assembly.key,
        source_name=assembly.source_name,
        children=tuple(
            Child(
                name=child.name,
                source_name=child.source_name,
                kind="part" if isinstance(child.target, ScenePart) else "assembly",
                key=child.target.key,
                transform=_transform(child.matrix),
                color=child.color,
                hidden=child.hidden,
            )
            for child in assembly.children
        ),
    )


def _transform(matrix: Array) -> Transform:
    return tuple((matrix + 0.0).ravel().tolist())
