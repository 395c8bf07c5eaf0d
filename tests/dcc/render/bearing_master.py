"""A small ball bearing as a USD master, in the layout that ``dcc.cad`` writes: made with ``pxr`` alone, in a moment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pxr import Gf, Kind, Sdf, Usd, UsdGeom, UsdShade, Vt

Point = tuple[float, float]
"""A point of a lathe profile: radius and height, in millimetres."""

ROOT = "Bearing"
BALLS = 9
PITCH_RADIUS = 18.0
BALL_RADIUS = 3.6


def write_bearing_master(path: Path, *, segments: int = 48) -> Path:
    """Write inner ring, outer ring, and nine balls that are occurrences of one product; Z up, millimetres."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageMetersPerUnit(stage, 0.001)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    root = UsdGeom.Xform.Define(stage, f"/{ROOT}").GetPrim()
    stage.SetDefaultPrim(root)
    Usd.ModelAPI(root).SetKind(Kind.Tokens.assembly)
    stage.CreateClassPrim(f"/{ROOT}/Products")
    for part_key, mesh in {
        "outer_ring": _lathe(_ring(22.0, 26.0, 20.9), segments),
        "inner_ring": _lathe(_ring(14.0, 10.0, 15.1), segments),
        "ball": _lathe(_sphere(BALL_RADIUS), segments),
    }.items():
        _product(stage, part_key, mesh)
    _occurrence(stage, "outer_ring", "Rings/OuterRing", (0, 0, 0))
    _occurrence(stage, "inner_ring", "Rings/InnerRing", (0, 0, 0))
    for index in range(BALLS):
        angle = 2 * math.pi * index / BALLS
        place = (PITCH_RADIUS * math.cos(angle), PITCH_RADIUS * math.sin(angle), 0)
        _occurrence(stage, "ball", f"Balls/Ball_{index + 1}", place)
    stage.GetRootLayer().Export(str(path))
    return path


def write_look(path: Path, master: Path, materials: Mapping[str, str], occurrences: Mapping[str, str]) -> Path:
    """Write a look over ``master``: material name by partKey, and by occurrence prim path below the root."""
    stage = Usd.Stage.CreateNew(str(path))
    stage.GetRootLayer().subLayerPaths.append(master.name)
    stage.SetDefaultPrim(stage.GetPrimAtPath(f"/{ROOT}"))
    UsdGeom.SetStageMetersPerUnit(stage, 0.001)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    for name in {*materials.values(), *occurrences.values()}:
        material = UsdShade.Material.Define(stage, f"/{ROOT}/mtl/{name}")
        shader = UsdShade.Shader.Define(stage, f"/{ROOT}/mtl/{name}/Preview")
        shader.CreateIdAttr("UsdPreviewSurface")
        material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    for part_key, name in materials.items():
        _bind(stage.OverridePrim(f"/{ROOT}/Products/{part_key}/geo"), name, UsdShade.Tokens.weakerThanDescendants)
    for prim_path, name in occurrences.items():
        _bind(stage.OverridePrim(f"/{ROOT}/{prim_path}"), name, UsdShade.Tokens.strongerThanDescendants)
    stage.Save()
    return path


def _bind(prim: Usd.Prim, name: str, strength: str) -> None:
    material = UsdShade.Material(prim.GetStage().GetPrimAtPath(f"/{ROOT}/mtl/{name}"))
    UsdShade.MaterialBindingAPI.Apply(prim).Bind(material, strength)


def _product(stage: Usd.Stage, part_key: str, mesh: tuple[list[Gf.Vec3f], list[int], list[Gf.Vec3f]]) -> None:
    prim = UsdGeom.Xform.Define(stage, f"/{ROOT}/Products/{part_key}").GetPrim()
    Usd.ModelAPI(prim).SetKind(Kind.Tokens.component)
    prim.CreateAttribute("raceway:partKey", Sdf.ValueTypeNames.String, True).Set(part_key)
    UsdGeom.Scope.Define(stage, f"/{ROOT}/Products/{part_key}/geo")
    points, indices, normals = mesh
    shape = UsdGeom.Mesh.Define(stage, f"/{ROOT}/Products/{part_key}/geo/body")
    shape.CreatePointsAttr(Vt.Vec3fArray(points))
    shape.CreateFaceVertexCountsAttr([4] * (len(indices) // 4))
    shape.CreateFaceVertexIndicesAttr(indices)
    shape.CreateNormalsAttr(Vt.Vec3fArray(normals))
    shape.SetNormalsInterpolation(UsdGeom.Tokens.faceVarying)
    shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    shape.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(shape.GetPointsAttr().Get()))


def _occurrence(stage: Usd.Stage, part_key: str, path: str, place: Sequence[float]) -> None:
    parent = Sdf.Path(f"/{ROOT}/{path}").GetParentPath()
    group = UsdGeom.Xform.Define(stage, parent).GetPrim()
    Usd.ModelAPI(group).SetKind(Kind.Tokens.assembly)
    prim = UsdGeom.Xform.Define(stage, f"/{ROOT}/{path}").GetPrim()
    prim.GetInherits().AddInherit(f"/{ROOT}/Products/{part_key}")
    prim.SetInstanceable(True)
    prim.CreateAttribute("raceway:occurrence", Sdf.ValueTypeNames.String, True).Set(f"{part_key}:{path}")
    UsdGeom.XformCommonAPI(prim).SetTranslate(Gf.Vec3d(*place))


def _ring(raceway: float, edge: float, lip: float) -> list[Point]:
    """Profile of a ring between radius ``edge`` and the lip, with a groove for the balls; counter-clockwise."""
    half, chamfer = 6.0, 0.6
    inward = 1.0 if edge > raceway else -1.0
    wall: list[Point] = [(edge - inward * chamfer, -half), (edge, -half + chamfer), (edge, half - chamfer)]
    wall += [(edge - inward * chamfer, half), (lip, half)]
    groove_radius = BALL_RADIUS * 1.02
    depth = math.acos(abs(lip - PITCH_RADIUS) / groove_radius)
    groove = [
        (PITCH_RADIUS + inward * groove_radius * math.cos(angle), groove_radius * math.sin(angle))
        for angle in (depth - 2 * depth * step / 12 for step in range(13))
    ]
    profile = [*wall, *groove, (lip, -half)]
    return profile if inward > 0 else profile[::-1]


def _sphere(radius: float) -> list[Point]:
    steps = 24
    angles = (math.pi * step / steps - math.pi / 2 for step in range(steps + 1))
    return [(max(radius * math.cos(angle), 1e-4), radius * math.sin(angle)) for angle in angles]


def _lathe(profile: Sequence[Point], segments: int) -> tuple[list[Gf.Vec3f], list[int], list[Gf.Vec3f]]:
    """Revolve a closed profile about Z: points, quad indices, and a normal a corner (creases kept above 30 degrees)."""
    count = len(profile)
    normals_2d = _corner_normals(profile)
    points, indices, normals = [], [], []
    for segment in range(segments):
        angle = 2 * math.pi * segment / segments
        points += [Gf.Vec3f(r * math.cos(angle), r * math.sin(angle), z) for r, z in profile]
    for segment in range(segments):
        turns = [2 * math.pi * (segment + ahead) / segments for ahead in (0, 1)]
        rows = [segment * count, ((segment + 1) % segments) * count]
        for index in range(count):
            after = (index + 1) % count
            start, end = normals_2d[index]
            for row, corner, (nr, nz) in ((0, index, start), (1, index, start), (1, after, end), (0, after, end)):
                indices.append(rows[row] + corner)
                normals.append(Gf.Vec3f(nr * math.cos(turns[row]), nr * math.sin(turns[row]), nz))
    return points, indices, normals


def _corner_normals(profile: Sequence[Point]) -> list[tuple[Point, Point]]:
    """For each edge of the profile its normals at start and end, smoothed where neighbours meet under 30 degrees."""
    count = len(profile)
    flat = []
    for index, (r0, z0) in enumerate(profile):
        r1, z1 = profile[(index + 1) % count]
        length = math.hypot(r1 - r0, z1 - z0) or 1.0
        flat.append(((z1 - z0) / length, -(r1 - r0) / length))

    def blend(one: Point, other: Point) -> Point:
        if one[0] * other[0] + one[1] * other[1] < math.cos(math.radians(30)):
            return one
        r, z = one[0] + other[0], one[1] + other[1]
        length = math.hypot(r, z)
        return r / length, z / length

    return [
        (blend(flat[index], flat[index - 1]), blend(flat[index], flat[(index + 1) % count])) for index in range(count)
    ]
