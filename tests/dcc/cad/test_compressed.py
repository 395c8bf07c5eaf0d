"""Compressed STEP files: what PLM systems write, and archives that people pack."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Limits, Settings
from dcc.cad.step_writer import StepWriter
from shared.errors import CadError
from tests.dcc.cad.shapes import at, box, cylinder

SETTINGS = Settings(processes=1)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Box", box(), color="ff0000"), at(50))
    step.place(root, step.part("Pin", cylinder()))
    step.write(tmp_path / "model.step")
    return tmp_path / "model.step"


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / "model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder / "model.zip"


def converted(path: Path, settings: Settings = SETTINGS) -> Conversion:
    return convert(path, path.parent / f"out-{path.name}", settings)


def refused(path: Path, settings: Settings = SETTINGS) -> str:
    with pytest.raises(CadError) as caught:
        converted(path, settings)
    assert path.name in caught.value.message and caught.value.hint
    assert not list((path.parent / f"out-{path.name}").glob("*"))
    return caught.value.code


@pytest.mark.parametrize("apart", [False, True], ids=["as a whole", "piece by piece"])
def test_gzip_is_read_like_the_file_in_it(apart: bool, plain: Path) -> None:
    settings = Settings(processes=2, piecewise_bytes=0 if apart else 1 << 30)
    path = plain.with_suffix(".stpZ")
    path.write_bytes(gzip.compress(plain.read_bytes()))
    manifest = converted(path, settings).manifest
    assert manifest.parts == converted(plain, settings).manifest.parts
    assert (manifest.source.name, manifest.source.size) == (path.name, path.stat().st_size)


def test_a_zip_archive_is_read_like_the_file_in_it(plain: Path) -> None:
    files = {"__MACOSX/._model.stp": b"\0", "drawings/readme.txt": b"hello", "cad/Model.STP": plain.read_bytes()}
    files["cad/._Model.STP"] = b"\0"
    assert converted(packed(plain.parent, files)).manifest.parts == converted(plain).manifest.parts


def test_what_cannot_be_unpacked_is_named(plain: Path) -> None:
    path = plain.with_suffix(".stp.gz")
    content = gzip.compress(plain.read_bytes())
    for damaged in (content[:-100], content[:2000] + bytes(50) + content[2050:], content[:12]):
        path.write_bytes(damaged)
        assert refused(path) == "cad.damaged_archive"
    path = packed(plain.parent, {"model.step": plain.read_bytes()})
    path.write_bytes(path.read_bytes()[:3000])
    assert refused(path) == "cad.damaged_archive"


def test_what_is_inside_decides(plain: Path) -> None:
    twice = plain.with_suffix(".stpz")
    twice.write_bytes(gzip.compress(gzip.compress(plain.read_bytes())))
    assert refused(twice) == "cad.not_step"
    assert refused(packed(plain.parent, {"model.txt": b"text"})) == "cad.no_step_inside"
    assert refused(packed(plain.parent, {})) == "cad.no_step_inside"
    text = plain.read_bytes()
    assert refused(packed(plain.parent, {"one.step": text, "two.step": text})) == "cad.several_inside"
    assert refused(packed(plain.parent, {"a/part.step": text, "b/part.step": text})) == "cad.several_inside"


def test_no_more_is_unpacked_than_the_limit(plain: Path) -> None:
    settings = Settings(processes=1, limits=Limits(unpacked_bytes=1 << 20))
    bomb = plain.with_suffix(".stpZ")
    bomb.write_bytes(gzip.compress(plain.read_bytes() + b" " * (1 << 20)))
    assert refused(bomb, settings) == "cad.too_large"
    path = packed(plain.parent, {"one.step": plain.read_bytes(), "two.step": b" " * (1 << 20)})
    assert refused(path, settings) == "cad.too_large"
