from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Limits, Settings
from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.glb import Glb
from tests.dcc.cad.shapes import at, box, faces


def test_nodes_name_their_part_and_share_its_mesh(bearing: Conversion) -> None:
    glb = Glb.read(bearing.glb)
    part_nodes = [node for node, _ in glb.placed() if "mesh" in node]
    assert len(part_nodes) == 12
    balls = [node for node in part_nodes if node["extras"]["partKey"] == "Ball"]
    assert len(balls) == 8 and len({node["mesh"] for node in balls}) == 1
    occurrences = {o.path for part in bearing.manifest.parts for o in part.occurrences}
    assert {node["extras"]["occurrence"] for node in part_nodes} == occurrences
    assert glb.document["scenes"][0]["extras"]["partKeyMap"]["Inner_ring"] == "Inner ring"
    assert len(glb.document["meshes"]) == 5


def test_it_is_metres_with_y_up(bearing: Conversion) -> None:
    glb = Glb.read(bearing.glb)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for node, world in glb.placed():
        if "mesh" in node:
            for primitive in glb.document["meshes"][node["mesh"]]["primitives"]:
                points = glb.accessor(primitive["attributes"]["POSITION"]) @ world[:3, :3] + world[3, :3]
                low, high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
    assert high - low == pytest.approx([0.047, 0.014, 0.047], abs=1e-4)


def test_accessors_are_sound(bearing: Conversion) -> None:
    glb = Glb.read(bearing.glb)
    for mesh in glb.document["meshes"]:
        for primitive in mesh["primitives"]:
            position = glb.document["accessors"][primitive["attributes"]["POSITION"]]
            points = glb.accessor(primitive["attributes"]["POSITION"])
            normals = glb.accessor(primitive["attributes"]["NORMAL"])
            indices = glb.accessor(primitive["indices"])
            assert position["min"] == points.min(axis=0).tolist()
            assert position["max"] == points.max(axis=0).tolist()
            assert indices.max() < len(points) == len(normals)
            assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-5)


def test_colours_of_parts_faces_and_occurrences(tmp_path: Path) -> None:
    step = StepWriter()
    shape = box()
    part = step.part("Box", shape, color="ff0000", face_colors=[(faces(shape)[0], "00ff00")])
    root = step.assembly("Root")
    step.place(root, part)
    step.place(root, part, at(100), color="0000ff")
    step.write(tmp_path / "colours.step")
    glb = Glb.read(convert(tmp_path / "colours.step", tmp_path / "out", Settings()).glb)
    colors = []
    for node, _ in sorted(glb.placed(), key=lambda item: item[1][3, 0]):
        if "mesh" in node:
            primitives = glb.document["meshes"][node["mesh"]]["primitives"]
            materials = [glb.document["materials"][primitive["material"]] for primitive in primitives]
            colors.append([material["pbrMetallicRoughness"]["baseColorFactor"] for material in materials])
    red, green, blue = [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]
    assert colors == [[red, green], [blue, green]]
    assert len(glb.document["accessors"]) == 4


def test_very_many_occurrences_become_one_instancing_table(tmp_path: Path) -> None:
    step = StepWriter()
    part = step.part("Box", box())
    root = step.assembly("Root")
    places = [at(10 * index, -3, 7, degrees=31 * index) for index in range(12)]
    for place in places:
        step.place(root, part, place)
    step.write(tmp_path / "many.step")
    settings = Settings(limits=Limits(expanded_occurrences=11))
    conversion = convert(tmp_path / "many.step", tmp_path / "out", settings)
    assert conversion.manifest.part("Box").occurrence_count == 12
    glb = Glb.read(conversion.glb)
    assert glb.document["extensionsRequired"] == ["EXT_mesh_gpu_instancing"]
    (node,) = [node for node, _ in glb.placed() if "mesh" in node]
    table = node["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    translations, rotations = glb.accessor(table["TRANSLATION"]), glb.accessor(table["ROTATION"])
    assert glb.accessor(table["SCALE"]) == pytest.approx(1)
    for place, translation, (x, y, z, w) in zip(places, translations, rotations, strict=True):
        offset = place.TranslationPart()
        assert translation == pytest.approx([offset.X(), offset.Y(), offset.Z()], abs=1e-4)
        expected = place.GetRotation()
        dot = x * expected.X() + y * expected.Y() + z * expected.Z() + w * expected.W()
        assert abs(dot) == pytest.approx(1, abs=1e-6)
