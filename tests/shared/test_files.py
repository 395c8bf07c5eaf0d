from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from shared.errors import StorageError
from shared.files import (
    TEMPORARY_PREFIX,
    atomic_folder,
    atomic_path,
    atomic_write,
    is_read_only,
    make_folder,
    make_read_only,
    remove_file,
    sha256_of,
)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(TEMPORARY_PREFIX)]


def test_a_failing_writer_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    target = tmp_path / "layer.usd"
    atomic_write(target, "old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_the_temporary_name_keeps_the_suffix_writers_choose_a_format_by(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "picture.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"x")


def test_of_two_writers_that_must_not_replace_one_wins_and_the_other_is_told(tmp_path: Path) -> None:
    target = tmp_path / "body_v001_i001.usd"
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def write(content: str) -> None:
        try:
            with atomic_path(target, overwrite=False) as temporary:
                temporary.write_text(content)
                barrier.wait()
            outcomes.append(content)
        except StorageError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = target.read_text()
    assert sorted(outcomes) == sorted([winner, "storage.exists"])
    assert leftovers(tmp_path) == []


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "derivatives"
    with atomic_folder(target) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(ZeroDivisionError), atomic_folder(target) as temporary:
        (temporary / "b").write_text("2")
        raise ZeroDivisionError
    assert [path.name for path in target.iterdir()] == ["a"]
    with atomic_folder(target) as temporary:
        (temporary / "c").write_text("3")
    assert [path.name for path in target.iterdir()] == ["c"]
    assert leftovers(tmp_path) == []


def test_new_files_and_folders_are_readable_by_the_studio(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        atomic_write(tmp_path / "file", "x")
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / "inner").write_text("x")
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError) as caught:
            make_folder(folder)
        assert str(folder) in caught.value.message
        assert caught.value.code == "storage.denied"
        assert caught.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught, atomic_path(tmp_path / "out.bin"), open("/dev/full", "wb") as stream:
        stream.write(b"x" * 100_000)
    assert caught.value.code == "storage.full"
    assert leftovers(tmp_path) == []


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"abc")
    assert sha256_of(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(StorageError) as caught:
        sha256_of(tmp_path / "missing")
    assert caught.value.code == "storage.missing"


def test_a_read_only_file_takes_no_writes_and_is_removed_all_the_same(tmp_path: Path) -> None:
    file = atomic_write(tmp_path / "item.usd", "published")
    assert not is_read_only(file) and make_read_only(file) and make_read_only(file) and is_read_only(file)
    assert file.stat().st_mode & 0o444, "it stays readable"
    remove_file(file)
    assert not file.exists() and not make_read_only(file) and not is_read_only(file)


def test_a_link_to_a_read_only_file_stays_read_only_when_it_is_put_in_place(tmp_path: Path) -> None:
    first = atomic_write(tmp_path / "first.usd", "published")
    make_read_only(first)
    with atomic_path(tmp_path / "second.usd", overwrite=False) as temporary:
        temporary.unlink()
        os.link(first, temporary)
    assert (tmp_path / "second.usd").samefile(first) and is_read_only(first)
