"""The lights of a USD stage in the open scene, as bright as UsdLux defines them.

Radiances and areas follow https://openusd.org/release/user_guides/schemas/usdLux/LightAPI.html. Blender's own importer
is right for rectangles and disks only: it takes a sphere's radius for metres whatever the stage's unit, makes a point
of a cylinder, a sun four times as bright, and nothing of a dome without a texture.

Lights are brought in by themselves and placed anew for each frame: what animates them (transforms, intensities,
visibility) shows, those inside instances are there, and on a turntable they stand still.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import bpy
from mathutils import Matrix, Vector
from pxr import Usd, UsdGeom, UsdLux

from dcc.render.framing import Vector as Point
from dcc.render.stage_space import StageSpace
from dcc.render.world import add_dome, dome_world

Colour = tuple[float, float, float]
_Setter = Callable[[Usd.Prim, Any, float, Vector, Colour], None]
"""Sets the data of a light from its prim at a time, given by what its sizes are multiplied, and its radiance."""
_UNLIMITED = 180.0
"""Degrees: a cone so wide cuts nothing off."""


@dataclass
class StageLights:
    """The lights of a stage that can be rendered. ``left_out`` says what of them cannot, one sentence each."""

    lights: list[Usd.Prim] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _stage: Usd.Stage | None = None
    _updates: list[Callable[[float], None]] = field(default_factory=list)

    @property
    def words(self) -> str:
        """``2 lights of the stage: key, sky``."""
        names = [str(prim.GetName()) for prim in self.lights]
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        return f"{len(names)} {'light' if len(names) == 1 else 'lights'} of the stage: {shown}"

    def add_to(self, scene: bpy.types.Scene, *, domes: bool, origin: Point) -> None:
        """Add them to ``scene`` where they stand at its frame; domes become its world, or are left out.

        ``origin``: the point of the stage (metres, Z up) that lies at the scene's origin.
        """
        assert self._stage is not None
        space = StageSpace.of(self._stage, origin)
        for prim in self.lights:
            if not _is_dome(prim):
                self._updates.append(_lamp(scene, prim, space))
        if domes:
            scene.world = dome_world()
            for prim in filter(_is_dome, self.lights):
                self._updates.append(_dome(scene.world, prim, space))
        self.show(scene.frame_current)

    def show(self, frame: int) -> None:
        """Let every light be as it is at the time code ``frame``."""
        for update in self._updates:
            update(float(frame))


def read_lights(usd: Path) -> StageLights:
    """The lights of the stage in ``usd`` that shine at some time; what of them cannot be rendered is noted."""
    stage = Usd.Stage.Open(str(usd))
    found = StageLights(_stage=stage)
    for prim in _lights_of(stage):
        if not _shines(prim, stage.GetStartTimeCode()):
            continue
        if _kind(prim) is None and not _is_dome(prim):
            found.left_out.append(f"{prim.GetPath()} is a {prim.GetTypeName()}, which is not rendered")
            continue
        found.lights.append(prim)
        found.left_out += _not_rendered(prim)
    return found


def _lights_of(stage: Usd.Stage) -> Iterator[Usd.Prim]:
    inside = any(prim.HasAPI(UsdLux.LightAPI) for each in stage.GetPrototypes() for prim in Usd.PrimRange(each))
    predicate = Usd.TraverseInstanceProxies() if inside else Usd.PrimDefaultPredicate
    return (prim for prim in stage.Traverse(predicate) if prim.HasAPI(UsdLux.LightAPI))


def _shines(prim: Usd.Prim, start: float) -> bool:
    light = UsdLux.LightAPI(prim)
    if UsdGeom.Imageable(prim).ComputeVisibility(start) == UsdGeom.Tokens.invisible:
        return bool(UsdGeom.Imageable(prim).GetVisibilityAttr().ValueMightBeTimeVarying())
    return bool(light.GetIntensityAttr().ValueMightBeTimeVarying() or _value(light.GetIntensityAttr(), start, 1.0) > 0)


def _not_rendered(prim: Usd.Prim) -> Iterator[str]:
    """What of a light has no counterpart here."""
    path, shaping = prim.GetPath(), UsdLux.ShapingAPI(prim)
    is_area = prim.IsA(UsdLux.RectLight) or prim.IsA(UsdLux.DiskLight)
    if prim.HasAPI(UsdLux.ShapingAPI):
        if shaping.GetShapingIesFileAttr().Get():
            yield f"the IES profile of {path}"
        if is_area and shaping.GetShapingConeAngleAttr().HasAuthoredValue():
            yield f"the cone of {path}"
    if prim.IsA(UsdLux.RectLight) and UsdLux.RectLight(prim).GetTextureFileAttr().Get():
        yield f"the texture of {path}"
    links = UsdLux.LightAPI(prim).GetLightLinkCollectionAPI()
    if any(targets and targets.HasAuthoredTargets() for targets in (links.GetIncludesRel(), links.GetExcludesRel())):
        yield f"the light linking of {path}"


# -- where a light stands, and how bright it is


def _place(prim: Usd.Prim, space: StageSpace, time: float) -> tuple[Vector, Matrix, Vector]:
    """Location in metres, rotation, and by what its sizes are multiplied to be metres."""
    to_world = UsdGeom.Imageable(prim).ComputeLocalToWorldTransform(time)
    location, rotation, size = space.matrix(to_world).decompose()
    return location, rotation.to_matrix(), size


def _radiance(prim: Usd.Prim, time: float) -> Colour:
    """Red, green and blue radiance: the emitted light before it is normalised. Zero where it is invisible."""
    light = UsdLux.LightAPI(prim)
    if UsdGeom.Imageable(prim).ComputeVisibility(time) == UsdGeom.Tokens.invisible:
        return 0.0, 0.0, 0.0
    strength = _value(light.GetIntensityAttr(), time, 1.0) * 2 ** _value(light.GetExposureAttr(), time, 0.0)
    red, green, blue = light.GetColorAttr().Get(time) or (1.0, 1.0, 1.0)
    white = (1.0, 1.0, 1.0)
    if light.GetEnableColorTemperatureAttr().Get(time):
        white = UsdLux.BlackbodyTemperatureAsRgb(_value(light.GetColorTemperatureAttr(), time, 6500.0))
    return red * white[0] * strength, green * white[1] * strength, blue * white[2] * strength


def _value(attribute: Usd.Attribute, time: float, otherwise: float) -> float:
    value = attribute.Get(time) if attribute else None
    return otherwise if value is None else float(value)


def _normalised(prim: Usd.Prim, time: float) -> bool:
    return bool(UsdLux.LightAPI(prim).GetNormalizeAttr().Get(time))


# -- kinds of lights


def _is_dome(prim: Usd.Prim) -> bool:
    return bool(prim.IsA(UsdLux.DomeLight) or prim.IsA(UsdLux.DomeLight_1))


def _kind(prim: Usd.Prim) -> _Setter | None:
    """What sets the data of a light of this kind; None for one that is not rendered."""
    for schema, setter in _KINDS:
        if prim.IsA(schema):
            return setter
    return None


def _lamp(scene: bpy.types.Scene, prim: Usd.Prim, space: StageSpace) -> Callable[[float], None]:
    """Add a light to the scene; answers what brings it up to date."""
    setter = _kind(prim)
    assert setter is not None
    name = str(prim.GetName())
    data = _glowing_tube(name) if setter is _set_cylinder else _light(name, prim)
    item: Any = bpy.data.objects.new(name, data)
    # As everywhere in UsdLux renderers, a light is not in the picture itself.
    item.visible_camera = False
    scene.collection.objects.link(item)

    def update(time: float) -> None:
        location, rotation, size = _place(prim, space, time)
        item.matrix_world = Matrix.Translation(location.to_tuple()) @ rotation.to_4x4()
        if setter is _set_cylinder:
            radius, length = _tube_size(prim, time, size)
            item.scale = (length, radius, radius)
        radiance = _radiance(prim, time)
        # Cycles would spend samples on a light that is out.
        item.hide_render = max(radiance) <= 0
        setter(prim, data, time, size, radiance)

    return update


def _light(name: str, prim: Usd.Prim) -> Any:
    data: Any = bpy.data.lights.new(name, _blender_type(prim))
    light = UsdLux.LightAPI(prim)
    data.diffuse_factor = _value(light.GetDiffuseAttr(), 0.0, 1.0)
    data.specular_factor = _value(light.GetSpecularAttr(), 0.0, 1.0)
    if prim.HasAPI(UsdLux.ShadowAPI):
        data.use_shadow = UsdLux.ShadowAPI(prim).GetShadowEnableAttr().Get() is not False
    return data


def _blender_type(prim: Usd.Prim) -> Literal["SUN", "SPOT", "POINT", "AREA"]:
    if prim.IsA(UsdLux.DistantLight):
        return "SUN"
    if prim.IsA(UsdLux.SphereLight):
        return "SPOT" if _cone(prim, 0.0) < _UNLIMITED else "POINT"
    return "AREA"


def _set_colour(data: Any, radiance: Colour, watts: float) -> None:
    """Colour, and the power that makes ``radiance`` of its strongest channel ``watts`` times as much."""
    strongest = max(radiance)
    data.color = _tint(radiance)
    data.energy = strongest * watts


def _tint(radiance: Colour) -> Colour:
    """A colour of full strength."""
    strongest = max(radiance)
    if strongest <= 0:
        return 1.0, 1.0, 1.0
    return radiance[0] / strongest, radiance[1] / strongest, radiance[2] / strongest


def _set_sphere(prim: Usd.Prim, data: Any, time: float, size: Vector, radiance: Colour) -> None:
    sphere = UsdLux.SphereLight(prim)
    radius = _value(sphere.GetRadiusAttr(), time, 0.5) * _mean(size)
    point = bool(sphere.GetTreatAsPointAttr().Get(time)) or radius <= 0
    data.shadow_soft_size = 0.0 if point else radius
    # Blender's watts are pi times the radiance, spread over the light's surface where it normalises.
    data.normalize = point or _normalised(prim, time)
    area = 4 * math.pi * radius**2
    _set_colour(data, radiance, math.pi * (area if point and not _normalised(prim, time) else 1.0))
    if data.type == "SPOT":
        data.spot_size = 2 * math.radians(min(_cone(prim, time), 90.0))
        data.spot_blend = _value(UsdLux.ShapingAPI(prim).GetShapingConeSoftnessAttr(), time, 0.0)


def _set_rectangle(prim: Usd.Prim, data: Any, time: float, size: Vector, radiance: Colour) -> None:
    rectangle = UsdLux.RectLight(prim)
    data.shape = "RECTANGLE"
    data.size = _value(rectangle.GetWidthAttr(), time, 1.0) * size.x
    data.size_y = _value(rectangle.GetHeightAttr(), time, 1.0) * size.y
    data.normalize = _normalised(prim, time)
    _set_colour(data, radiance, math.pi)


def _set_disk(prim: Usd.Prim, data: Any, time: float, size: Vector, radiance: Colour) -> None:
    across = 2 * _value(UsdLux.DiskLight(prim).GetRadiusAttr(), time, 0.5)
    data.shape = "ELLIPSE"
    data.size, data.size_y = across * size.x, across * size.y
    data.normalize = _normalised(prim, time)
    _set_colour(data, radiance, math.pi)


def _set_distant(prim: Usd.Prim, data: Any, time: float, size: Vector, radiance: Colour) -> None:
    angle = math.radians(_value(UsdLux.DistantLight(prim).GetAngleAttr(), time, 0.53))
    data.angle = angle
    # A sun's strength is its irradiance: the radiance over the disk that it is in the sky.
    disk = math.pi * math.sin(angle / 2) ** 2
    _set_colour(data, radiance, 1.0 if disk == 0 or _normalised(prim, time) else disk)


def _set_cylinder(prim: Usd.Prim, data: Any, time: float, size: Vector, radiance: Colour) -> None:
    radius, length = _tube_size(prim, time, size)
    area = 2 * math.pi * radius * length if _normalised(prim, time) else 1.0
    emission: Any = data.materials[0].node_tree.nodes["Emission"]
    emission.inputs["Color"].default_value = (*_tint(radiance), 1.0)
    emission.inputs["Strength"].default_value = max(radiance) / area


_KINDS: tuple[tuple[Any, _Setter], ...] = (
    (UsdLux.SphereLight, _set_sphere),
    (UsdLux.RectLight, _set_rectangle),
    (UsdLux.DiskLight, _set_disk),
    (UsdLux.DistantLight, _set_distant),
    (UsdLux.CylinderLight, _set_cylinder),
)


def _cone(prim: Usd.Prim, time: float) -> float:
    """Half the opening of a light's cone, in degrees."""
    if not prim.HasAPI(UsdLux.ShapingAPI):
        return _UNLIMITED
    angle = UsdLux.ShapingAPI(prim).GetShapingConeAngleAttr()
    return _value(angle, time, _UNLIMITED) if angle.HasAuthoredValue() else _UNLIMITED


def _mean(size: Vector) -> float:
    return (size.x + size.y + size.z) / 3


def _tube_size(prim: Usd.Prim, time: float, size: Vector) -> tuple[float, float]:
    """Radius and length of a cylinder light, in metres; never nothing."""
    tube = UsdLux.CylinderLight(prim)
    radius = _value(tube.GetRadiusAttr(), time, 0.5) * (size.y + size.z) / 2
    return max(radius, 1e-6), max(_value(tube.GetLengthAttr(), time, 1.0) * size.x, 1e-6)


def _glowing_tube(name: str) -> bpy.types.Mesh:
    """The open side of a cylinder along X, 1 long, of radius 1, that glows: Blender has no such light."""
    corners = 32
    ring = [(math.cos(2 * math.pi * step / corners), math.sin(2 * math.pi * step / corners)) for step in range(corners)]
    mesh = bpy.data.meshes.new(name)
    faces = [(i, (i + 1) % corners, (i + 1) % corners + corners, i + corners) for i in range(corners)]
    mesh.from_pydata([(x, y, z) for x in (-0.5, 0.5) for y, z in ring], [], faces)
    material = bpy.data.materials.new(name)
    tree: Any = material.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    mesh.materials.append(material)
    return mesh


def _dome(world: bpy.types.World, prim: Usd.Prim, space: StageSpace) -> Callable[[float], None]:
    """Add a dome to the world; answers what brings it up to date."""
    texture = UsdLux.DomeLight(prim).GetTextureFileAttr().Get() if prim.IsA(UsdLux.DomeLight) else None
    if prim.IsA(UsdLux.DomeLight_1):
        texture = UsdLux.DomeLight_1(prim).GetTextureFileAttr().Get()
    file = texture and (texture.resolvedPath or texture.path)
    dome = add_dome(world, Path(file) if file else None)
    pole = Matrix.Rotation(math.radians(90), 3, "X") if _pole_is_z(prim) else Matrix.Identity(3)

    def update(time: float) -> None:
        _, rotation, _ = _place(prim, space, time)
        dome(_radiance(prim, time), rotation @ pole)

    return update


def _pole_is_z(prim: Usd.Prim) -> bool:
    """Whether the top of a dome's picture is its Z axis; it is Y for the first version of the schema always."""
    if not prim.IsA(UsdLux.DomeLight_1):
        return False
    pole = UsdLux.DomeLight_1(prim).GetPoleAxisAttr().Get() or UsdLux.Tokens.scene
    if pole == UsdLux.Tokens.scene:
        return bool(UsdGeom.GetStageUpAxis(prim.GetStage()) == UsdGeom.Tokens.z)
    return bool(pole == UsdLux.Tokens.Z)
