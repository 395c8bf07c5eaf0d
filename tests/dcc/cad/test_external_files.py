"""Assemblies whose parts are in files of their own."""

from __future__ import annotations

import gzip
import time
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
from dcc.cad.read.external_files import external_files, with_external_files
from dcc.cad.reuse import earlier_result
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


def test_an_assembly_that_is_not_read_where_it_stands_finds_its_files(master: Path, tmp_path: Path) -> None:
    """Compressed files are unpacked, and those with a byte order mark rewritten, before the kernel reads them."""
    expected = convert(master, tmp_path / "out", Settings()).manifest.parts
    packed, marked = tmp_path / "packed.stpZ", tmp_path / "marked.step"
    packed.write_bytes(gzip.compress(master.read_bytes()))
    marked.write_bytes(b"\xef\xbb\xbf" + master.read_bytes())
    for path in (packed, marked):
        manifest = convert(path, tmp_path / f"out-{path.stem}", Settings()).manifest
        assert (manifest.parts, manifest.warnings) == (expected, ())


def test_a_changed_part_is_converted_again(master: Path, tmp_path: Path) -> None:
    packed = tmp_path / "master.stpZ"
    packed.write_bytes(gzip.compress(master.read_bytes()))
    for path in (master, packed):
        convert(path, tmp_path / "out", Settings())
        assert earlier_result(path, tmp_path / "out", Settings().tessellation, "") is None
    convert(tmp_path / "part_Box.stp", tmp_path / "out", Settings())
    assert earlier_result(tmp_path / "part_Box.stp", tmp_path / "out", Settings().tessellation, "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (rb"it''s.stp", "it's.stp"),
        (rb"B\X2\00FC\X0\chse \X2\6750D83DDE00\X0\.stp", "Büchse 材😀.stp"),
        (rb"\X4\0001F600\X0\.stp", "😀.stp"),
        (rb"B\X\FCchse.stp", "Büchse.stp"),
        (rb"B\S\|chse.stp", "Büchse.stp"),
        ("Büchse.stp".encode(), "Büchse.stp"),
        ("Büchse.stp".encode("cp1252"), "Büchse.stp"),
        (rb"C:\\parts\\box.stp", r"C:\parts\box.stp"),
    ],
    ids=["quote", "X2", "X4", "X", "S", "UTF-8", "CP1252", "backslash"],
)
def test_names_of_files_are_read_as_they_are_meant(written: bytes, meant: str) -> None:
    assert external_files(b"#1=DOCUMENT_FILE ( '" + written + b"','',$,#2,'',$);") == (meant,)


def test_names_with_quotes_and_escapes_are_found(master: Path, tmp_path: Path) -> None:
    (tmp_path / "part_Can.stp").rename(tmp_path / "it's ü.stp")
    master.write_text(master.read_text().replace("part_Can.stp", r"it''s \X2\00FC\X0\.stp"))
    manifest = convert(master, tmp_path / "out", Settings()).manifest
    assert len(manifest.parts) == 2 and manifest.warnings == ()


def test_a_missing_file_is_named(master: Path, tmp_path: Path) -> None:
    (tmp_path / "part_Can.stp").unlink()
    manifest = convert(master, tmp_path / "out", Settings()).manifest
    assert [round(part.volume) for part in manifest.parts] == [6000]
    assert any("part_Can.stp" in warning.message for warning in manifest.warnings)


@pytest.mark.parametrize("name", ["x" * 5000, r"\X\00", "/" * 300, "..", "", "part_Can.stp/x"])
def test_what_cannot_be_a_name_is_a_missing_file(master: Path, tmp_path: Path, name: str) -> None:
    master.write_text(master.read_text().replace("part_Can.stp", name))
    manifest = convert(master, tmp_path / "out", Settings()).manifest
    assert [round(part.volume) for part in manifest.parts] == [6000]


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


def test_a_file_beside_the_assembly_is_meant_where_its_folder_is_that_of_another_machine(
    master: Path, tmp_path: Path
) -> None:
    expected = convert(master, tmp_path / "out", Settings()).manifest
    moved = master.read_text().replace("'part_Box.stp'", r"'C:\\work\\part_Box.stp'")
    master.write_text(moved.replace("'part_Can.stp'", "'/home/anna/part_Can.stp'"))
    manifest = convert(master, tmp_path / "out", Settings()).manifest
    assert (manifest.parts, manifest.warnings) == (expected.parts, ())


@pytest.mark.parametrize("name", ["{folder}/secret.stp", "../other/secret.stp", "./../other/../other/secret.stp"])
@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("DOCUMENT_FILE(", "DOCUMENT_FILE("),
        ("DOCUMENT_FILE(", "DOCUMENT_FILE /* a file */\n("),
        ("DOCUMENT_FILE(", "DOCUMENT_FILE( /* a file */ "),
        ("DOCUMENT_FILE(", "DCMFL("),
        ("DOCUMENT_FILE('NAME'", "DOCUMENT_FILE('x'"),
        ("DOCUMENT_FILE('NAME'", "DOCUMENT_FILE(''"),
        ("APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT('NAME'", "APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT(''"),
        ("APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT(", "AEIA/**/("),
    ],
)
def test_no_file_outside_of_the_folder_is_read(
    master: Path, tmp_path: Path, name: str, written: str, instead: str
) -> None:
    """However it is written: an artist who uploads an assembly sees nothing of what else is on the machine."""
    folder, other = tmp_path / "own", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (tmp_path / "part_Can.stp").rename(other / "secret.stp")
    (tmp_path / "part_Box.stp").rename(folder / "part_Box.stp")
    outside = name.format(folder=other)
    text = master.read_text().replace("part_Can.stp", outside)
    assert written.replace("NAME", outside) in text
    hostile = folder / "master.step"
    hostile.write_text(text.replace(written.replace("NAME", outside), instead))
    manifest = convert(hostile, tmp_path / "out", Settings()).manifest
    assert [round(part.volume) for part in manifest.parts] == [6000]


def test_no_file_outside_is_read_that_is_named_between_two_strings_like_comments(master: Path, tmp_path: Path) -> None:
    """What begins in one string like the name of a file, and ends in another, hides nothing that stands between."""
    folder = tmp_path / "own"
    folder.mkdir()
    (tmp_path / "part_Box.stp").rename(folder / "part_Box.stp")
    secret = (tmp_path / "part_Can.stp").rename(tmp_path / "secret.stp")
    text = master.read_text().replace("part_Can.stp", str(secret))
    text = text.replace(f"ASSIGNMENT('{secret}'", "ASSIGNMENT(''")
    begin = text.rindex("#", 0, text.index(f"DOCUMENT_FILE('{secret}'"))
    end = text.index(";", begin) + 1
    before, after = "#90001=MESSAGE('DOCUMENT_FILE(/*');", "#90002=MESSAGE(/* */'');"
    hostile = folder / "master.step"
    hostile.write_text(text[:begin] + before + text[begin:end] + after + text[end:])
    manifest = convert(hostile, tmp_path / "out", Settings()).manifest
    assert [round(part.volume) for part in manifest.parts] == [6000]


@pytest.mark.parametrize("written", ["DOCUMENT_FILE" + 28 * "/**/" + "x", 20_000 * "DOCUMENT_FILE/*"])
def test_text_that_only_looks_like_names_of_files_takes_no_time(master: Path, tmp_path: Path, written: str) -> None:
    path = tmp_path / "slow.step"
    path.write_text(master.read_text() + written)
    began = time.process_time()
    with with_external_files(path, tmp_path):
        assert time.process_time() - began < 3


def test_no_file_outside_is_read_by_a_file_that_the_assembly_leads_to(master: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for path in tmp_path.glob("*.st*p"):
        path.rename(folder / path.name)
    (folder / "part_Can.stp").rename(tmp_path / "secret.stp")
    nested = (folder / "master.step").read_text()
    (folder / "inner.step").write_text(nested.replace("part_Can.stp", "../secret.stp"))
    (folder / "master.step").write_text(nested.replace("part_Can.stp", "inner.step"))
    manifest = convert(folder / "master.step", tmp_path / "out", Settings()).manifest
    assert {round(part.volume) for part in manifest.parts} == {6000}


def test_files_that_lead_from_one_to_the_next_without_end_are_refused_in_words(master: Path, tmp_path: Path) -> None:
    text = master.read_text()
    for number in range(500):
        (tmp_path / f"{number}.step").write_text(text.replace("part_Can.stp", f"{number + 1}.step"))
    with pytest.raises(CadError) as caught:
        convert(tmp_path / "0.step", tmp_path / "out", Settings())
    assert caught.value.code == "cad.nested_files"
    nested = convert(tmp_path / "410.step", tmp_path / "out", Settings()).manifest
    assert {round(part.volume) for part in nested.parts} == {6000}


def test_assemblies_that_lead_to_each_other_are_read_once(master: Path, tmp_path: Path) -> None:
    text = master.read_text()
    (tmp_path / "inner.step").write_text(text.replace("part_Can.stp", "master.step"))
    master.write_text(text.replace("part_Can.stp", "inner.step"))
    try:
        volumes = {round(part.volume) for part in convert(master, tmp_path / "out", Settings()).manifest.parts}
    except CadError as error:
        assert error.code == "cad.empty"
    else:
        assert volumes == {6000}
