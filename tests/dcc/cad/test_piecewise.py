"""Reading a file piece by piece gives what reading it as a whole gives, to the byte."""

from __future__ import annotations

import mmap
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from OCP.TopoDS import TopoDS_Shape

from dcc.cad.convert import GLB, MANIFEST, USD_MASTER, convert
from dcc.cad.read.declared import declared_by, declared_in
from dcc.cad.read.features import features_of
from dcc.cad.read.part21.index import index
from dcc.cad.read.piecewise import read_pieces
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.errors import StorageError
from tests.conftest import DATA
from tests.dcc.cad.shapes import at, box, compound, cylinder, faces, handed, mirrored, turned

PIECES = Settings(processes=2, piecewise_bytes=0)
WHOLE = Settings(processes=1)
SAMPLES = sorted(path.relative_to(DATA) for path in DATA.glob("step/*.st*p")) or [Path("none")]
SINGLE_PARTS = {"abstract-pca.step", "m6x12-countersunk-screw.step"}


def is_taken_apart(source: Path) -> bool:
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        found = index(text)
        if found is None:
            return False
        assert declared_by(found) == declared_in(text)
        read = read_pieces(
            found,
            PIECES,
            name=source.name,
            body_names=True,
            features=features_of(text),
            on_progress=lambda share: None,
        )
        del found
    return read is not None


def assert_same(source: Path, folder: Path, pieces: Settings = PIECES) -> None:
    for name, settings in (("pieces", pieces), ("whole", WHOLE)):
        convert(source, folder / name, settings)
    for file in (MANIFEST, USD_MASTER, GLB):
        assert (folder / "pieces" / file).read_bytes() == (folder / "whole" / file).read_bytes(), file


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_real_files(sample: Path, data_folder: Path, tmp_path: Path) -> None:
    assert is_taken_apart(data_folder / sample) == (sample.name not in SINGLE_PARTS)
    assert_same(data_folder / sample, tmp_path)


SHAPES: tuple[Callable[[random.Random], TopoDS_Shape], ...] = (
    lambda chance: box(chance.uniform(1, 9), 4, 5),
    lambda chance: cylinder(chance.uniform(1, 5), 7),
    lambda chance: mirrored(handed()),
    lambda chance: compound(box(chance.uniform(1, 3), 2, 2), turned(cylinder(1, 6), by=at(9))),
    lambda chance: compound(*faces(box(chance.uniform(1, 3), 2, 2))[:2]),
)
NAMES = ("Bolt", "", "Bolt", "Größe 4", "raceway piece 1", "螺栓", "it's", "NAUO7", "1")


def write_random(path: Path, chance: random.Random) -> None:
    """An assembly with some of everything that a STEP file can say about its products."""
    step = StepWriter(chance.choice(("MM", "INCH", "M")))
    root = step.assembly("Root")
    groups = [root, step.assembly("Group"), step.assembly("Group")]
    for number in range(chance.randrange(3, 9)):
        shape = chance.choice(SHAPES)(chance)
        part = step.part(
            chance.choice(NAMES),
            shape,
            color=chance.choice(("", "ff0000", "8a8d90")),
            material=chance.choice(("", "Steel")),
            layer=chance.choice(("", "Outside", "Inside")),
            hidden=chance.random() < 0.15,
            face_colors=[(faces(shape)[0], "00ff00")] if chance.random() < 0.4 else [],
        )
        for _ in range(chance.randrange(1, 3)):
            place = at(chance.uniform(-50, 50), number * 20, 0, chance.choice((0, 30, 90)))
            step.place(chance.choice(groups), part, place, name=chance.choice(("", "Left", "Right")))
    step.place(groups[0], groups[1], at(100))
    step.place(groups[0], groups[1], color=chance.choice(("", "0000ff")))
    step.place(groups[1], groups[2], at(0, 0, 30))
    step.write(path)


@pytest.mark.parametrize("seed", range(8))
def test_assemblies_with_some_of_everything(seed: int, tmp_path: Path) -> None:
    write_random(tmp_path / "model.step", random.Random(seed))
    assert is_taken_apart(tmp_path / "model.step")
    assert_same(tmp_path / "model.step", tmp_path)


def test_a_disk_that_refuses_the_other_process_is_told_as_such_and_nothing_counts_as_converted(tmp_path: Path) -> None:
    write_random(tmp_path / "model.step", random.Random(1))
    (tmp_path / "out" / GLB).mkdir(parents=True)
    with pytest.raises(StorageError, match=re.escape(GLB)):
        convert(tmp_path / "model.step", tmp_path / "out", PIECES)
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {GLB, USD_MASTER}


def renumbered(text: str) -> str:
    """Other numbers for all entities: large, with gaps, and not in the order of the file."""
    numbers = sorted(set(re.findall(r"#(\d+)", text)))
    random.Random(1).shuffle(numbers)
    new = {number: str(7 + 13 * place) for place, number in enumerate(numbers)}
    return re.sub(r"#(\d+)", lambda match: "#" + new[match[1]], text)


def spread_out(text: str) -> str:
    return re.sub(r"(#\d+) = (\w+)\(", r"\n\n\1  =   \2 (\n", text)


def with_comments(text: str) -> str:
    return text.replace("DATA;", "DATA;\n/* #1 = 'nothing' ; */")


def unfinished(text: str) -> str:
    """A reference to an entity that is not there."""
    return re.sub(r"(CLOSED_SHELL\('',\()#\d+", r"\1#999999", text, count=1)


@pytest.mark.parametrize(
    ("change", "apart"), [(renumbered, True), (spread_out, True), (with_comments, False), (unfinished, False)]
)
def test_other_ways_to_write_the_same(change: Callable[[str], str], apart: bool, tmp_path: Path) -> None:
    write_random(tmp_path / "model.step", random.Random(3))
    text = (tmp_path / "model.step").read_text()
    assert change(text) != text
    (tmp_path / "model.step").write_text(change(text), newline="")
    assert is_taken_apart(tmp_path / "model.step") == apart
    assert_same(tmp_path / "model.step", tmp_path)


def test_an_assembly_of_very_many_placements(tmp_path: Path) -> None:
    step = StepWriter()
    root, crowd = step.assembly("Root"), step.assembly("Crowd")
    parts = [step.part("Pin", cylinder(), color="ff0000"), step.part("Plate", box()), step.part("Pin", box(1, 1, 1))]
    for number in range(230):
        place = at(number * 30, number % 7, 0, number % 5 * 20)
        step.place(crowd, parts[number % 3], place, name="Left" if number % 4 else "", color="0000ff" * (number == 9))
    step.place(root, crowd)
    step.place(root, crowd, at(0, 0, 100))
    step.write(tmp_path / "model.step")
    assert is_taken_apart(tmp_path / "model.step")
    assert_same(tmp_path / "model.step", tmp_path)
    # A file that is too small to be shared out is taken apart by one process.
    size = (tmp_path / "model.step").stat().st_size
    assert_same(tmp_path / "model.step", tmp_path / "small", replace(PIECES, piecewise_bytes=2 * size))
