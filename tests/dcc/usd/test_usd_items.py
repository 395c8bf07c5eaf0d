from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dcc.usd.items import place_item, write_item
from dcc.usd.stage import new_stage, open_stage
from shared.errors import StorageError, UsdError
from shared.files import is_read_only, make_read_only, sha256_of


def test_an_item_is_the_masters_content_and_shares_its_bytes(tmp_path: Path, master: Path) -> None:
    item = tmp_path / "usd/model/data/model_v001_i001.usd"
    assert place_item(master, item) == sha256_of(master) == sha256_of(item)
    assert item.stat().st_ino == master.stat().st_ino
    assert len(open_stage(item).GetPrototypes()) == 2


def test_a_file_of_somebody_else_is_copied(tmp_path: Path, master: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write everything, so the permission is answered here.
    monkeypatch.setattr("dcc.usd.items.os.access", lambda path, mode: False)
    monkeypatch.setattr("dcc.usd.items.os.geteuid", lambda: master.stat().st_uid + 1)
    item = tmp_path / "item.usd"
    place_item(master, item)
    assert item.stat().st_ino != master.stat().st_ino
    assert item.read_bytes() == master.read_bytes()


def test_a_published_file_of_ones_own_is_shared_again_and_stays_read_only(tmp_path: Path, master: Path) -> None:
    for version in (1, 2):
        item = tmp_path / f"model_v00{version}_i001.usd"
        place_item(master, item)
        assert make_read_only(item)
    assert item.samefile(master) and is_read_only(tmp_path / "model_v001_i001.usd")


def test_other_storage_gets_a_copy(master: Path) -> None:
    shared_memory = Path("/dev/shm")
    if not os.access(shared_memory, os.W_OK) or shared_memory.stat().st_dev == master.stat().st_dev:
        pytest.skip("there is only one file system here that may be written to")
    folder = shared_memory / f"raceway-test-{master.stat().st_ino}"
    try:
        place_item(master, folder / "item.usd")
        assert (folder / "item.usd").read_bytes() == master.read_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_published_items_are_never_replaced(tmp_path: Path, master: Path) -> None:
    item = tmp_path / "item.usd"
    write_item(new_stage("First"), item)
    before = item.read_bytes()
    with pytest.raises(StorageError) as caught:
        place_item(master, item)
    assert caught.value.code == "storage.exists"
    with pytest.raises(StorageError):
        write_item(new_stage("Second"), item)
    assert item.read_bytes() == before


def test_other_content_than_expected_leaves_nothing(tmp_path: Path, master: Path) -> None:
    folder = tmp_path / "data"
    with pytest.raises(StorageError, match="not the content that was asked for") as caught:
        place_item(master, folder / "item.usd", sha256="0" * 64)
    assert caught.value.code == "storage.digest"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", ["hello", "#usda 1.0\n"])
def test_what_cannot_be_referenced_is_no_item(tmp_path: Path, content: str) -> None:
    source = tmp_path / "bad.usd"
    source.write_text(content)
    with pytest.raises(UsdError):
        place_item(source, tmp_path / "item.usd")
    assert not (tmp_path / "item.usd").exists()
