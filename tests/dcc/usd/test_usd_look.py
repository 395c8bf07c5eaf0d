from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pxr import Sdf

from dcc.usd.look import read_bindings, write_look
from dcc.usd.stage import open_layer
from shared.errors import InputError, UsdError
from shared.manifest import EffectiveMaterial, Manifest
from shared.material_layers import propose_layers
from shared.material_library import Material
from tests.dcc.usd.masters import ASSET, write_vise

BRASS = EffectiveMaterial("Brass", "manual", "chosen by hand")


def test_bindings_come_back_with_their_provenance(tmp_path: Path, master: Path, manifest: Manifest) -> None:
    effective = propose_layers(manifest).effective(manifest.parts) | {"Bolt:Bolt_3": BRASS}
    path = tmp_path / "look.usd"
    written = write_look(path, ASSET, manifest, effective, master)
    assert [(item.prim_path.removeprefix(f"/{ASSET}/"), item.material, item.layer) for item in written] == [
        ("Bolt_3", "Brass", "manual"),
        ("Products/Body/geo", "Color_336b87", "auto"),
        ("Products/Body/geo/mesh/Color_00ff00", "Color_00ff00", "auto"),
        ("Products/Bolt/geo", "Steel", "auto"),
    ]
    assert written[-1].reason == 'part name "hex bolt" matches the alias "*bolt"'
    assert read_bindings(open_layer(path)) == written


def test_the_layer_holds_used_materials_and_overrides_only(tmp_path: Path, master: Path, manifest: Manifest) -> None:
    path = tmp_path / "look.usd"
    write_look(path, ASSET, manifest, {"Body": BRASS, "Bolt": BRASS}, master)
    layer = open_layer(path)
    assert layer.defaultPrim == ASSET
    assert layer.GetPrimAtPath(f"/{ASSET}").specifier == Sdf.SpecifierOver
    assert [child.name for child in layer.GetPrimAtPath(f"/{ASSET}/mtl").nameChildren] == ["Brass"]
    defined: list[str] = []

    def visit(spec: Sdf.Path) -> None:
        if spec.IsPrimPath() and layer.GetPrimAtPath(spec).specifier != Sdf.SpecifierOver:
            defined.append(str(spec.StripAllVariantSelections()))

    layer.Traverse(Sdf.Path.absoluteRootPath, visit)
    assert all(name.startswith(f"/{ASSET}/mtl") for name in defined)


def test_a_part_that_nobody_named_wears_the_fallback(tmp_path: Path, master: Path, manifest: Manifest) -> None:
    bindings = write_look(tmp_path / "look.usd", ASSET, manifest, {"Body": BRASS}, master)
    assert [(item.material, item.layer) for item in bindings] == [("Brass", "manual"), ("FailedMaterial", "fallback")]


def test_the_same_look_is_the_same_bytes(tmp_path: Path, master: Path, manifest: Manifest) -> None:
    effective = propose_layers(manifest).effective(manifest.parts)
    files = [tmp_path / "a.usd", tmp_path / "b.usd"]
    for file in files:
        write_look(file, ASSET, manifest, dict(reversed(effective.items())), master)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_studios_own_material(tmp_path: Path, master: Path, manifest: Manifest) -> None:
    gold = Material("Gold", "Gold", (1.0, 0.77, 0.34), metallic=1.0)
    chosen = {key: EffectiveMaterial("Gold", "manual", "") for key in ("Body", "Bolt")}
    write_look(tmp_path / "look.usd", ASSET, manifest, chosen, master, {"Gold": gold})
    assert open_layer(tmp_path / "look.usd").GetPrimAtPath(f"/{ASSET}/mtl/Gold")


class TestRefusals:
    def test_unknown_targets_are_named(self, tmp_path: Path, master: Path, manifest: Manifest) -> None:
        with pytest.raises(InputError, match="Blot, Bolt:Nowhere") as caught:
            write_look(tmp_path / "look.usd", ASSET, manifest, {"Blot": BRASS, "Bolt:Nowhere": BRASS}, master)
        assert set(caught.value.fields) == {"Blot", "Bolt:Nowhere"}
        assert not (tmp_path / "look.usd").exists()

    def test_unknown_material(self, tmp_path: Path, master: Path, manifest: Manifest) -> None:
        with pytest.raises(InputError) as caught:
            write_look(
                tmp_path / "look.usd", ASSET, manifest, {"Body": EffectiveMaterial("Bras", "manual", "")}, master
            )
        assert caught.value.code == "input.unknown_material"
        assert caught.value.hint == 'Did you mean "Brass"?'

    def test_an_asset_name_that_is_no_prim_name(self, tmp_path: Path, master: Path, manifest: Manifest) -> None:
        with pytest.raises(InputError, match="cannot name"):
            write_look(tmp_path / "look.usd", "my asset", manifest, {}, master)

    def test_geometry_of_another_conversion(self, tmp_path: Path, manifest: Manifest) -> None:
        other = write_vise(tmp_path / "other.usda")
        other.write_text(other.read_text().replace('"Bolt"', '"Screw"').replace("/Bolt>", "/Screw>"))
        with pytest.raises(UsdError, match=r"has no prim .*/Products/Bolt/geo") as caught:
            write_look(tmp_path / "look.usd", ASSET, manifest, {}, other)
        assert caught.value.code == "usd.prim_missing"

    def test_a_renamed_root(self, tmp_path: Path, master: Path, manifest: Manifest) -> None:
        with pytest.raises(UsdError, match="has no prim"):
            moved = replace(manifest.parts[0], prim_path="/Other/Products/Body")
            write_look(tmp_path / "look.usd", ASSET, replace(manifest, parts=(moved,)), {}, master)
