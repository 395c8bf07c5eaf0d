from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dcc.cad.read.precheck import check
from shared.errors import CadError

MINIMAL = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "cad.empty_file"),
        (b"hello world", "cad.not_step"),
        (bytes(range(256)) * 10, "cad.not_step"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "cad.html"),
        (b"\n <HTML>ISO-10303-21;</HTML>", "cad.html"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n", "cad.lfs_pointer"),
        (b"PK\x03\x04" + MINIMAL, "cad.not_step"),
        (gzip.compress(MINIMAL, mtime=0), "cad.not_step"),
        (b"solid cube\nfacet normal 0 0 1\n", "cad.not_step"),
        (MINIMAL[:40], "cad.truncated"),
        (MINIMAL + b" " * 100_000, "cad.truncated"),
    ],
)
def test_what_is_no_step_file_is_named(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "part.step"
    path.write_bytes(content)
    with pytest.raises(CadError) as caught:
        check(path)
    assert caught.value.code == code
    assert "part.step" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_in_two_bytes_a_letter_is_named(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "part.step"
    path.write_bytes(("\ufeff" * (encoding != "utf-16") + MINIMAL.decode()).encode(encoding))
    with pytest.raises(CadError, match="UTF-16"):
        check(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(CadError) as caught:
        check(tmp_path / "none.step")
    assert caught.value.code == "cad.not_found"
    with pytest.raises(CadError) as caught:
        check(tmp_path)
    assert caught.value.code == "cad.not_a_file"


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b"/* exported */\n"])
def test_harmless_beginnings_are_accepted(prefix: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part.step"
    path.write_bytes(prefix + MINIMAL)
    check(path)
