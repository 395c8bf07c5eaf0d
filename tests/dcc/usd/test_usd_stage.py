from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom

from dcc.usd.stage import default_prim, new_stage, open_layer, open_stage, write_stage
from shared.errors import StorageError, UsdError


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsdError, match=r"There is no USD file .*nope\.usd") as caught:
        open_stage(tmp_path / "nope.usd")
    assert caught.value.code == "usd.missing"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"hello", "it is not a USD file"),
        (b"<html>404</html>", "it is not a USD file"),
        (b'#usda 1.0\ndef Xform "a" {', "Expected }"),
    ],
)
def test_what_is_not_usd_is_told_apart(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.usd").write_bytes(content)
    with pytest.raises(UsdError, match=reason) as caught:
        open_stage(tmp_path / "a.usd")
    assert caught.value.code == "usd.unreadable"
    assert "Error in 'pxr" not in caught.value.message


def test_a_lfs_pointer_says_how_to_get_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.usdc").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(UsdError, match="Git LFS pointer") as caught:
        open_layer(tmp_path / "a.usdc")
    assert caught.value.code == "usd.lfs_pointer"


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_a_truncated_binary_is_refused(tmp_path: Path, master: Path, kept: float) -> None:
    content = master.read_bytes()
    (tmp_path / "cut.usdc").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(UsdError) as caught:
        open_stage(tmp_path / "cut.usdc")
    assert caught.value.code == "usd.unreadable"


def test_a_replaced_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.usd"
    write_stage(new_stage("First"), file)
    before = open_stage(file)
    write_stage(new_stage("Second"), file, overwrite=True)
    assert default_prim(open_stage(file)).GetName() == "Second"
    assert before.GetRootLayer().defaultPrim == "Second"


def test_new_stages_are_in_millimetres_with_z_up() -> None:
    stage = new_stage("Pump")
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.001
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    assert default_prim(stage).GetSpecifier() == Sdf.SpecifierOver


def test_no_default_prim() -> None:
    with pytest.raises(UsdError) as caught:
        default_prim(Usd.Stage.CreateInMemory())
    assert caught.value.code == "usd.no_default_prim"


def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.usd"
    write_stage(new_stage("A"), file)
    with pytest.raises(StorageError) as caught:
        write_stage(new_stage("B"), file)
    assert caught.value.code == "storage.exists"
    assert default_prim(open_stage(file)).GetName() == "A"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.usd"]


@pytest.mark.parametrize(("text", "magic"), [(True, b"#usda"), (False, b"PXR-USDC")])
def test_a_usd_file_is_text_or_binary(tmp_path: Path, text: bool, magic: bytes) -> None:
    file = write_stage(new_stage("A"), tmp_path / "a.usd", text=text)
    assert file.read_bytes().startswith(magic)
