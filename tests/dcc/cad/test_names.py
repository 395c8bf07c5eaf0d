"""Names in every way that STEP files spell them, by the standard or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcc.cad.convert import convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest
from tests.dcc.cad.shapes import at, box, cylinder

PLACEHOLDER = b"NAME_OF_THE_PART"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part(PLACEHOLDER.decode(), box()))
    step.place(root, step.part("Other", cylinder()), at(50))
    path = tmp_path_factory.mktemp("names") / "model.step"
    step.write(path)
    return path.read_bytes()


def converted(text: bytes, name: bytes, folder: Path) -> Manifest:
    (folder / "model.step").write_bytes(text.replace(PLACEHOLDER, name))
    return convert(folder / "model.step", folder / "out", Settings()).manifest


@pytest.mark.parametrize(
    ("spelled", "name", "key"),
    [
        (rb"Geh\X2\00E4\X0\use", "Gehäuse", "Gehause"),
        (rb"\X2\8F746279\X0\ 12", "轴批 12", "u8f74u6279_12"),
        (rb"\X4\0001F600\X0\ smile", "😀 smile", "smile"),
        (rb"Gr\X\F6\X\DFe", "Größe", "Grosse"),
        (rb"Gr\S\v\S\_e", "Größe", "Grosse"),
        (rb"\PE\\S\P\S\Q", "аб", "ab"),
        (rb"5'' pipe", "5' pipe", "P_5_pipe"),
        (rb"a\\b", "a\\b", "a_b"),
        ("Gehäuse 轴承 Кольцо".encode(), "Gehäuse 轴承 Кольцо", "Gehause_u8f74u627f_Koltso"),
        ("轴承座 底板".encode("gb2312"), "轴承座 底板", "u8f74u627fu5ea7_u5e95u677f"),
        ("軸受 ブラケット".encode("shift_jis"), "軸受 ブラケット", "u8ef8u53d7_u30d5u30e9u30b1u30c3u30c8"),
        ("Gehäuse".encode("latin-1"), "Gehäuse", "Gehause"),
        ("Größe “links”".encode("cp1252"), "Größe “links”", "Grosse_links"),
    ],
)
def test_spellings(spelled: bytes, name: str, key: str, text: bytes, tmp_path: Path) -> None:
    manifest = converted(text, spelled, tmp_path)
    named = next(part for part in manifest.parts if part.source_name != "Other")
    assert named.source_name == name
    assert named.part_key == key
    assert manifest.part("Other").source_name == "Other"


@pytest.mark.parametrize("spelled", [b"", b" ", rb"\X2\ZZ\X0\ ", rb"\X2\00E4", b"a\tb\x07", b"\xff\xfe\xfd", b"a\x00b"])
def test_what_is_no_name_still_gives_every_part_a_key(spelled: bytes, text: bytes, tmp_path: Path) -> None:
    manifest = converted(text, spelled, tmp_path)
    assert len({part.part_key for part in manifest.parts}) == 2
    assert manifest.part("Other").volume > 0


def test_the_name_counts_and_not_the_identifier(text: bytes, tmp_path: Path) -> None:
    renamed = text.replace(b"PRODUCT('NAME_OF_THE_PART','NAME_OF_THE_PART'", b"PRODUCT('4711-0815','Bearing block'")
    assert renamed != text
    assert {part.source_name for part in converted(renamed, b"-", tmp_path).parts} == {"Bearing block", "Other"}
