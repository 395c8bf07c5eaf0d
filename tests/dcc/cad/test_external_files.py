"""Assemblies whose parts are in files of their own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from OCP.STEPCAFControl import STEPCAFControl_Writer
from OCP.STEPControl import STEPControl_StepModelType
from OCP.TDataStd import TDataStd_Name
from OCP.TDocStd import TDocStd_Document
from OCP.TopLoc import TopLoc_Location
from OCP.XCAFDoc import XCAFDoc_DocumentTool

from dcc.cad.convert import convert
from dcc.cad.kernel import extended_string, silence
from dcc.cad.settings import Settings
from shared.errors import CadError
from tests.dcc.cad.shapes import at, box, cylinder


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """An assembly file that refers to ``part_Box.stp`` and ``part_Can.stp`` beside it."""
    silence()
    document = TDocStd_Document(extended_string("XmlXCAF"))
    shapes = XCAFDoc_DocumentTool.ShapeTool_s(document.Main())
    root = shapes.NewShape()
    for name, shape, place in (("Box", box(), at(5)), ("Can", cylinder(), at(50))):
        part = shapes.AddShape(shape, False)
        TDataStd_Name.Set_s(part, extended_string(name))
        shapes.AddComponent(root, part, TopLoc_Location(place))
    shapes.UpdateAssemblies()
    writer = STEPCAFControl_Writer()
    writer.Transfer(document, STEPControl_StepModelType.STEPControl_AsIs, "part_")
    path = tmp_path / "master.step"
    writer.Write(str(path))
    return path


def test_files_beside_the_assembly_are_read(master: Path, tmp_path: Path) -> None:
    manifest = convert(master, tmp_path / "out", Settings()).manifest
    assert sorted(round(part.volume) for part in manifest.parts) == [1571, 6000]
    assert manifest.warnings == ()


def test_a_missing_file_is_named(master: Path, tmp_path: Path) -> None:
    (tmp_path / "part_Can.stp").unlink()
    manifest = convert(master, tmp_path / "out", Settings()).manifest
    assert [round(part.volume) for part in manifest.parts] == [6000]
    assert any("part_Can.stp" in warning.message for warning in manifest.warnings)


def test_without_any_of_them_there_is_nothing_to_convert(master: Path, tmp_path: Path) -> None:
    for path in tmp_path.glob("part_*.stp"):
        path.unlink()
    with pytest.raises(CadError) as caught:
        convert(master, tmp_path / "out", Settings())
    assert caught.value.code == "cad.missing_files"
    assert "part_Box.stp, part_Can.stp" in caught.value.message


def test_a_zip_archive_of_all_the_files_is_the_whole_assembly(master: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "delivery.zip", "w") as archive:
        for path in tmp_path.glob("*.st*p"):
            archive.write(path, f"../cad/{path.name}")
    manifest = convert(tmp_path / "delivery.zip", tmp_path / "packed", Settings()).manifest
    assert manifest.parts == convert(master, tmp_path / "out", Settings()).manifest.parts
    assert manifest.warnings == ()
