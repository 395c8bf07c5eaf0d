from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt

from dcc.usd.checks import CHECKS
from dcc.usd.findings import Finding
from dcc.usd.fixes import fix
from dcc.usd.look import write_look
from dcc.usd.materials import write_library
from dcc.usd.validation import validate
from shared.errors import UsdError
from shared.manifest import EffectiveMaterial, Manifest, write_manifest
from tests.dcc.usd.conftest import BuildAsset
from tests.dcc.usd.masters import ASSET, ROOT, cube
from tests.shared.parts import make_manifest, make_part

Edit = Callable[[Usd.Stage], object]

MESH = f"/{ROOT}/Products/Bolt/geo/mesh"


def edited(master: Path, change: Edit) -> Path:
    """A copy of the master with something done to it."""
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.TransferContent(Sdf.Layer.OpenAsAnonymous(str(master)))
    stage = Usd.Stage.Open(layer)
    change(stage)
    path = master.with_name("edited.usda")
    layer.Export(str(path))
    return path


def mesh(stage: Usd.Stage) -> UsdGeom.Mesh:
    return UsdGeom.Mesh(stage.GetPrimAtPath(MESH))


def indexed_normals(stage: Usd.Stage, indices: list[int]) -> None:
    normals = UsdGeom.PrimvarsAPI(mesh(stage)).CreatePrimvar(
        "normals", Sdf.ValueTypeNames.Normal3fArray, UsdGeom.Tokens.faceVarying
    )
    normals.Set(Vt.Vec3fArray([Gf.Vec3f(0, 0, 1)]))
    normals.SetIndices(Vt.IntArray(indices))


def test_a_master_and_its_asset_pass_every_check(master: Path, manifest: Manifest, build_asset: BuildAsset) -> None:
    assert validate(master, manifest=manifest).findings == ()
    assert validate(build_asset(), manifest=manifest).findings == ()


FAULTS: dict[str, tuple[Edit, str, str, str]] = {
    "no default prim": (lambda stage: stage.ClearDefaultPrim(), "default_prim", "", "It has no defaultPrim."),
    "index out of range": (
        lambda stage: mesh(stage).GetFaceVertexIndicesAttr().Set([*range(7), 99] * 3),
        "mesh_topology", MESH, "point index 99 is out of range: it has 8 points.",
    ),
    "negative index": (
        lambda stage: mesh(stage).GetFaceVertexIndicesAttr().Set([*range(7), -1] * 3),
        "mesh_topology", MESH, "point index -1 is out of range: it has 8 points.",
    ),
    "too few indices": (
        lambda stage: mesh(stage).GetFaceVertexCountsAttr().Set([4] * 7),
        "mesh_topology", MESH, "its faces have 28 corners, but 24 point indices are given.",
    ),
    "a face of two corners": (
        lambda stage: mesh(stage).GetFaceVertexCountsAttr().Set([4, 4, 4, 4, 6, 2]),
        "mesh_topology", MESH, "face 5 has 2 corners.",
    ),
    "no faces": (
        lambda stage: (mesh(stage).GetFaceVertexCountsAttr().Set([]), mesh(stage).GetFaceVertexIndicesAttr().Set([])),
        "mesh_topology", MESH, "it has no faces.",
    ),
    "a point at infinity": (
        lambda stage: mesh(stage).GetPointsAttr().Set(Vt.Vec3fArray([Gf.Vec3f(float("inf"), 0, 0)] * 8)),
        "mesh_topology", MESH, "point 0 is not finite.",
    ),
    "normals missing": (
        lambda stage: mesh(stage).GetNormalsAttr().Set(Vt.Vec3fArray([Gf.Vec3f(0, 0, 1)] * 5)),
        "mesh_topology", MESH, "it has 5 faceVarying normals, not 24.",
    ),
    "normals too long": (
        lambda stage: mesh(stage).GetNormalsAttr().Set(Vt.Vec3fArray([Gf.Vec3f(0, 0, 2)] * 24)),
        "mesh_topology", MESH, "some normals are not of length 1.",
    ),
    "too few indices of normals": (
        lambda stage: indexed_normals(stage, [0] * 5),
        "mesh_topology", MESH, "it has 5 faceVarying normals, not 24.",
    ),
    "an index of no normal": (
        lambda stage: indexed_normals(stage, [0] * 23 + [1]),
        "mesh_topology", MESH, "some of its corners have a normal that is not there.",
    ),
    "wrong extent": (
        lambda stage: mesh(stage).GetExtentAttr().Set([Gf.Vec3f(0), Gf.Vec3f(1)]),
        "mesh_extent", MESH, "its points reach from (-2, -2, -2) to (2, 2, 2), outside its extent.",
    ),
    "no partKey": (
        lambda stage: stage.GetPrimAtPath(f"/{ROOT}/Products/Bolt").RemoveProperty("raceway:partKey"),
        "part_keys", f"/{ROOT}/Products/Bolt", "it has no raceway:partKey.",
    ),
    "partKey twice": (
        lambda stage: stage.GetPrimAtPath(f"/{ROOT}/Products/Bolt").GetAttribute("raceway:partKey").Set("Body"),
        "part_keys", f"/{ROOT}/Products/Bolt", f'"Body" is the partKey of /{ROOT}/Products/Body too.',
    ),
    "unknown partKey": (
        lambda stage: stage.GetPrimAtPath(f"/{ROOT}/Products/Bolt").GetAttribute("raceway:partKey").Set("Bolts"),
        "part_keys", f"/{ROOT}/Products/Bolt", '"Bolts" is no partKey of test.stp.',
    ),
    "part missing": (
        lambda stage: (stage.RemovePrim(f"/{ROOT}/Products/Body"), stage.RemovePrim(f"/{ROOT}/Body")),
        "part_keys", f"/{ROOT}/Products", "the part Body is missing.",
    ),
    "occurrence twice": (
        lambda stage: stage.GetPrimAtPath(f"/{ROOT}/Bolt_3").GetAttribute("raceway:occurrence").Set("Body:Body"),
        "occurrences", f"/{ROOT}/Bolt_3", f'"Body:Body" is the raceway:occurrence of /{ROOT}/Body too.',
    ),
    "bound to no material": (
        lambda stage: UsdShade.MaterialBindingAPI.Apply(stage.GetPrimAtPath(f"/{ROOT}/Bolt_3"))
        .GetDirectBindingRel().SetTargets(["/nowhere"]),
        "material_bindings", f"/{ROOT}/Bolt_3", "it is bound to /nowhere, which is no material.",
    ),
    "nested meshes": (lambda stage: cube(stage, f"{MESH}/inner", 1.0), "usd_validators", "", "EncapsulationChecker"),
    "y up": (
        lambda stage: UsdGeom.SetStageUpAxis(stage, "Y"),
        "stage_units", "", "Its upAxis is Y; everything in the pipeline has Z up.",
    ),
    "metres": (
        lambda stage: UsdGeom.SetStageMetersPerUnit(stage, 1.0),
        "stage_units", "", "It has metersPerUnit 1; everything in the pipeline is in millimetres (0.001).",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_named_and_placed(fault: str, master: Path, manifest: Manifest) -> None:
    change, check, prim, message = FAULTS[fault]
    report = validate(edited(master, change), manifest=manifest)
    assert not report.passed
    found = [item for item in report.findings if item.check == check and message in item.message]
    assert found, report.findings
    assert found[0].prim.startswith(prim)
    assert found[0].hint


def test_faults_of_an_instanced_mesh_are_told_once(master: Path, manifest: Manifest) -> None:
    broken = edited(master, FAULTS["negative index"][0])
    assert len([item for item in validate(broken).findings if item.check == "mesh_topology"]) == 1


def test_a_file_that_does_not_open_is_a_finding(tmp_path: Path, master: Path) -> None:
    cut = tmp_path / "cut.usdc"
    cut.write_bytes(master.read_bytes()[:500])
    report = validate(cut)
    assert [item.check for item in report.findings] == ["file_opens"]
    assert not report.passed


def test_size_limit(master: Path) -> None:
    report = validate(master, max_bytes=100)
    assert [item.check for item in report.findings] == ["file_size"]


class TestPaths:
    def layer(self, folder: Path, path: str) -> Path:
        (folder / "lib").mkdir()
        (folder / "lib/part.usda").write_text('#usda 1.0\n(\n    defaultPrim = "P"\n)\ndef Xform "P" {}\n')
        file = folder / "a.usda"
        file.write_text(
            '#usda 1.0\n(\n    defaultPrim = "A"\n    metersPerUnit = 0.001\n    upAxis = "Z"\n)\n'
            f'def Xform "A" (\n    prepend references = @{path.format(folder=folder)}@\n) {{}}\n'
        )
        return file

    def test_relative_paths_are_right(self, tmp_path: Path) -> None:
        assert validate(self.layer(tmp_path, "./lib/part.usda")).findings == ()

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("{folder}/lib/part.usda", "is an absolute path"),
            (".\\lib\\part.usda", "has backslashes"),
        ],
    )
    def test_repairable_paths_are_repaired(self, tmp_path: Path, path: str, message: str) -> None:
        file = self.layer(tmp_path, path)
        findings = [item for item in validate(file).findings if item.check == "asset_paths"]
        assert len(findings) == 1 and message in findings[0].message and findings[0].fix
        assert fix(file, findings) == ["relative_paths"]
        assert validate(file).findings == ()
        assert "@./lib/part.usda@" in file.read_text() or "@.\\lib" not in file.read_text()

    @pytest.mark.parametrize("path", ["C:\\shots\\part.usda", "/nowhere/part.usda", "//server/part.usda"])
    def test_paths_of_one_machine_only(self, tmp_path: Path, path: str) -> None:
        findings = [item for item in validate(self.layer(tmp_path, path)).findings if item.check == "asset_paths"]
        assert findings and "absolute path" in findings[0].message and not findings[0].fix

    @pytest.mark.parametrize("name", ["wood.<UDIM>.png", "smoke.####.png", "smoke.%04d.png"])
    def test_a_set_of_textures_is_there_with_any_of_its_files(self, name: str, tmp_path: Path) -> None:
        file = self.layer(tmp_path, "./lib/part.usda")
        file.write_text(file.read_text().replace("{}", f"{{\n    asset map = @{tmp_path}/{name}@\n}}"))
        (alone,) = validate(file).findings
        assert not alone.fix
        (tmp_path / f"{name.partition('.')[0]}.1001.png").touch()
        findings = validate(file).findings
        assert fix(file, findings) == ["relative_paths"]
        assert f"@./{name}@" in file.read_text()
        assert validate(file).findings == ()

    def test_missing_file(self, tmp_path: Path) -> None:
        findings = [
            item for item in validate(self.layer(tmp_path, "./gone.usda")).findings if item.check == "asset_paths"
        ]
        assert [item.message for item in findings] == ["@./gone.usda@ cannot be found."]

    def test_missing_further_down(self, tmp_path: Path) -> None:
        file = self.layer(tmp_path, "./lib/part.usda")
        part = tmp_path / "lib/part.usda"
        part.write_text(part.read_text().replace("{}", "{\n    asset map = @./gone.png@\n}"))
        findings = validate(file).findings
        assert [item.check for item in findings] == ["asset_paths"]
        assert "gone.png" in findings[0].message


class TestFixes:
    def test_default_prim_up_axis_and_extent(self, master: Path, manifest: Manifest) -> None:
        def damage(stage: Usd.Stage) -> None:
            stage.ClearDefaultPrim()
            stage.ClearMetadata("upAxis")
            mesh(stage).GetExtentAttr().Set([Gf.Vec3f(0), Gf.Vec3f(1)])

        broken = edited(master, damage)
        fixed = fix(broken, validate(broken, manifest=manifest).findings)
        assert set(fixed) == {"set_default_prim", "set_up_axis", "compute_extent"}
        assert validate(broken, manifest=manifest).findings == ()

    def test_units_are_not_guessed(self, master: Path) -> None:
        broken = edited(master, lambda stage: stage.ClearMetadata("metersPerUnit"))
        findings = validate(broken).findings
        assert [item.check for item in findings] == ["stage_units"]
        before = broken.read_bytes()
        assert fix(broken, findings) == []
        assert broken.read_bytes() == before


class TestLayersOfAStack:
    """A look alone composes next to nothing; on its model it is checked as it will be published."""

    brass = EffectiveMaterial("Brass", "manual", "")

    def test_a_look_alone_and_on_its_model(self, build_asset: BuildAsset, manifest: Manifest) -> None:
        usd = build_asset().parent
        look, model = usd / "look/data/look_v001_i001.usd", usd / "model/model.usd"
        assert validate(look, manifest=manifest).findings == ()
        report = validate(look, manifest=manifest, below=[model])
        assert report.findings == ()
        assert report.below == (str(model),)

    def test_a_look_on_the_wrong_revision(self, build_asset: BuildAsset, manifest: Manifest, tmp_path: Path) -> None:
        model = build_asset().parent / "model/model.usd"
        look = tmp_path / "look.usda"
        write_look(look, ASSET, manifest, {"Bolt": self.brass}, tmp_path / "master.usdc")
        look.write_text(look.read_text().replace('over "Bolt"', 'over "Screw"'))
        checks = {item.check: item for item in validate(look, manifest=manifest, below=[model]).findings}
        assert checks["part_keys"].message == '"Screw" is no partKey of test.stp.'
        assert checks["material_bindings"].prim == f"/{ASSET}/Products/Screw/geo"
        # Alone, nobody can say that the prim is not there; that the key is unknown, the manifest says.
        assert [item.check for item in validate(look, manifest=manifest).findings] == ["part_keys"]

    def test_a_missing_layer_below_is_an_error(self, master: Path, tmp_path: Path) -> None:
        with pytest.raises(UsdError, match=r"gone\.usd"):
            validate(master, below=[tmp_path / "gone.usd"])


def test_materialx_that_this_usd_cannot_check_is_one_warning(tmp_path: Path) -> None:
    report = validate(write_library(tmp_path / "materials.usda"))
    assert report.passed
    assert [item.severity for item in report.findings] == ["warning"]
    assert report.findings[0].message.startswith("13 MaterialX shaders were not checked")


def test_findings_read_as_sentences() -> None:
    finding = Finding("default_prim", "", "It has no defaultPrim.", "Set it to A.", "set_default_prim")
    assert str(finding) == "error [default_prim] It has no defaultPrim.\n  Set it to A. (--fix does it)"
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert {"file_size", "default_prim", "asset_paths", "part_keys", "usd_validators"} <= set(names)


class TestTool:
    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dcc.usd.validate", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_json_is_a_result_event(self, tmp_path: Path, master: Path, manifest: Manifest) -> None:
        document = write_manifest(manifest, tmp_path / "manifest.json")
        done = self.run(master, "--manifest", document, "--json")
        event = json.loads(done.stdout)
        assert (done.returncode, event["event"], event["passed"], event["findings"]) == (0, "result", True, [])

    def test_a_failing_file_for_people(self, master: Path) -> None:
        broken = edited(master, lambda stage: stage.ClearDefaultPrim())
        done = self.run(broken)
        assert done.returncode == 1
        assert done.stdout.startswith("error [default_prim] It has no defaultPrim.")
        done = self.run(broken, "--fix")
        assert done.returncode == 0
        assert "fixed: set_default_prim" in done.stdout

    def test_errors_are_coded(self, tmp_path: Path, master: Path) -> None:
        done = self.run(master, "--manifest", tmp_path / "gone.json", "--json")
        event = json.loads(done.stdout)
        assert (done.returncode, event["event"], event["code"]) == (1, "error", "storage.missing")
        done = self.run(master, "--manifest", tmp_path / "gone.json")
        assert done.returncode == 1 and done.stderr.startswith("error [storage.missing]")
        assert "Traceback" not in done.stderr


def test_a_manifest_of_another_model_is_noticed(master: Path) -> None:
    other = make_manifest(make_part("Gear"))
    messages = [item.message for item in validate(master, manifest=other).findings]
    assert '"Body" is no partKey of test.stp.' in messages
    assert "the part Gear is missing." in messages
