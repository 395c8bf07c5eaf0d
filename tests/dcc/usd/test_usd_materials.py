from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pxr import Sdr, UsdShade

from dcc.usd.materials import (
    STANDARD_SURFACE,
    define_material,
    preview_inputs,
    standard_surface_inputs,
    write_library,
    write_materialx,
)
from dcc.usd.stage import MATERIAL, new_stage, open_stage
from shared.errors import InputError
from shared.material_library import LIBRARY, Material, material_by_name
from tests.dcc.usd.conftest import usd_complaints

every_material = pytest.mark.parametrize("material", LIBRARY.values(), ids=lambda material: material.name)


@every_material
def test_the_preview_surface_carries_the_librarys_numbers(material: Material) -> None:
    stage = new_stage("A")
    prim = define_material(stage, f"/A/{material.name}", material)
    source, _, _ = prim.ComputeSurfaceSource()
    assert source.GetShaderId() == "UsdPreviewSurface"
    assert source.GetInput("diffuseColor").Get() == pytest.approx(material.base_color)
    assert source.GetInput("metallic").Get() == pytest.approx(material.metallic)
    assert source.GetInput("roughness").Get() == pytest.approx(material.roughness)
    assert prim.GetPrim().GetAttribute(MATERIAL).Get() == material.name
    assert prim.GetPrim().GetDisplayName() == material.label


def test_preview_inputs_are_those_that_usd_defines() -> None:
    node = Sdr.Registry().GetShaderNodeByIdentifier("UsdPreviewSurface")
    assert set(preview_inputs(LIBRARY["Steel"])) <= set(node.GetShaderInputNames())


def test_glass_lets_light_through_in_both() -> None:
    glass = LIBRARY["Glass"]
    assert preview_inputs(glass)["opacity"] == pytest.approx(0.15)
    assert standard_surface_inputs(glass)["transmission"] == 1.0
    assert standard_surface_inputs(glass)["opacity"] == (1.0, 1.0, 1.0)


def test_a_translucent_paint_is_no_glass() -> None:
    paint = material_by_name("Color_ff000080")
    assert preview_inputs(paint)["opacity"] == pytest.approx(128 / 255)
    assert standard_surface_inputs(paint)["opacity"] == pytest.approx((128 / 255,) * 3)
    assert standard_surface_inputs(paint)["transmission"] == 0.0


def test_the_library_file_offers_both_render_contexts(tmp_path: Path) -> None:
    stage = open_stage(write_library(tmp_path / "materials.usda"))
    assert stage.GetDefaultPrim().GetName() == "Materials"
    for name in LIBRARY:
        material = UsdShade.Material(stage.GetPrimAtPath(f"/Materials/{name}"))
        assert material.ComputeSurfaceSource()[0].GetShaderId() == "UsdPreviewSurface"
        assert material.ComputeSurfaceSource("mtlx")[0].GetShaderId() == STANDARD_SURFACE


def test_usds_validators_only_miss_the_materialx_definitions(tmp_path: Path) -> None:
    complaints = usd_complaints(open_stage(write_library(tmp_path / "materials.usda")))
    assert all("MissingShaderIdInRegistry" in complaint for complaint in complaints)


def test_a_name_that_cannot_name_a_prim_is_refused(tmp_path: Path) -> None:
    odd = Material("Köln/2", "odd", (0.5, 0.5, 0.5))
    with pytest.raises(InputError, match="Köln/2"):
        write_library(tmp_path / "materials.usda", {odd.name: odd})
    assert not list(tmp_path.iterdir())


# Blender's wheel brings a USD that knows MaterialX, and MaterialX itself.
FULL_USD = """
import json, sys
from dcc.display_libraries import import_bpy
import_bpy()
import bpy
bpy.utils.expose_bundled_modules()
from pxr import Usd, UsdValidation, Sdr
import MaterialX
assert Sdr.Registry().GetShaderNodeByIdentifier("ND_standard_surface_surfaceshader")
stage = Usd.Stage.Open(sys.argv[1])
validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
errors = [str(error.GetMessage()) for error in UsdValidation.ValidationContext(validators).Validate(stage)]
document = MaterialX.createDocument()
MaterialX.readFromXmlFile(document, sys.argv[2])
library = MaterialX.createDocument()
MaterialX.loadLibraries(MaterialX.getDefaultDataLibraryFolders(), MaterialX.getDefaultDataSearchPath(), library)
document.importLibrary(library)
valid, message = document.validate()
used = [node.getName() for node in document.getMaterialNodes()]
undefined = [node.getName() for node in document.getNodes() if node.getNodeDef() is None]
print("RESULT", json.dumps({"errors": errors, "valid": valid, "message": message, "used": used, "no": undefined}))
"""


@pytest.mark.skipif(find_spec("bpy") is None, reason="the Blender wheel is not installed")
def test_a_full_usd_and_materialx_accept_every_input(tmp_path: Path) -> None:
    usd = write_library(tmp_path / "materials.usda")
    mtlx = write_materialx(tmp_path / "materials.mtlx")
    done = subprocess.run(
        [sys.executable, "-c", FULL_USD, str(usd), str(mtlx)], capture_output=True, text=True, timeout=120, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-2000:]
    result = json.loads(lines[0].removeprefix("RESULT "))
    assert result["errors"] == []
    assert result["valid"], result["message"]
    assert result["used"] == list(LIBRARY)
    assert result["no"] == []


def test_the_export_tool(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dcc.usd.export_library", "--out", str(tmp_path / "lib")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    event = json.loads(done.stdout)
    assert (done.returncode, event["event"], event["materials"]) == (0, "result", list(LIBRARY))
    assert open_stage(event["usd"]).GetPrimAtPath("/Materials/Steel")
    assert Path(event["materialx"]).read_text().startswith("<?xml")
