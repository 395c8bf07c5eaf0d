from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from shared.step_files import is_step

STEP = b"/* exported */\nISO-10303-21;\nHEADER;\n" + b" " * 9000


def packed(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, STEP)
    return target.getvalue()


@pytest.mark.parametrize("content", [STEP, gzip.compress(STEP), packed("readme.txt", "cad/Model.STP")])
def test_step_files_are_known_compressed_or_not(content: bytes) -> None:
    assert is_step(io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"solid cube",
        gzip.compress(b"solid cube"),
        gzip.compress(STEP)[:8],
        b"\x1f\x8b" + bytes(40),
        packed(),
        packed("readme.txt", "__MACOSX/model.step"),
        packed("model.step")[:200],
    ],
)
def test_everything_else_is_not(content: bytes) -> None:
    assert not is_step(io.BytesIO(content))
