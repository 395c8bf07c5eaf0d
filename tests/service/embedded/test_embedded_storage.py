"""Data folders with odd names, and folders that cannot be used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from service.embedded import Servers
from shared.errors import StorageError
from tests.service.embedded.supervision import Supervisor, as_user, processes_in, query


def _refusal(data_dir: Path) -> StorageError:
    with pytest.raises(StorageError) as caught:
        Servers(data_dir, environ={}).start()
    assert caught.value.hint
    assert str(data_dir) in caught.value.message
    assert processes_in(data_dir) == []
    return caught.value


def test_long_and_odd_names_work(tmp_path: Path) -> None:
    folder = tmp_path / ("länge, \"quotes' $HOME 日本 " + "x" * 100) / ("y" * 100)
    with Servers(folder, environ={}) as urls:
        assert query(urls.database, "SELECT 1") == [(1,)]
        assert redis.Redis.from_url(urls.redis).ping()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _refusal(tmp_path / "file").code == "storage.denied"
    assert _refusal(tmp_path / "file" / "below").code == "storage.denied"


def test_a_database_of_another_version(tmp_path: Path) -> None:
    with Servers(tmp_path, environ={}):
        pass
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    refusal = _refusal(tmp_path)
    assert refusal.code == "storage.database_version"
    assert "PostgreSQL 12" in refusal.message


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"postgres_port": "1"}'])
def test_a_damaged_access_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "access.json").write_text(content)
    assert _refusal(tmp_path).code == "storage.damaged"


def test_a_lost_access_file(tmp_path: Path) -> None:
    with Servers(tmp_path, environ={}):
        pass
    (tmp_path / "access.json").unlink()
    assert _refusal(tmp_path).code == "storage.damaged"
    assert not (tmp_path / "access.json").exists()


def test_passwords_of_another_folder(tmp_path: Path) -> None:
    for name in ("one", "other"):
        with Servers(tmp_path / name, environ={}):
            pass
    os.replace(tmp_path / "other" / "access.json", tmp_path / "one" / "access.json")
    assert _refusal(tmp_path / "one").code == "storage.damaged"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system with the given options."""
    point = tmp_path / "disk"
    point.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root may mount a small file system")
        return point

    yield mount
    subprocess.run(["umount", str(point)], capture_output=True, check=False)


@pytest.mark.parametrize("size", ["8m", "20m", "30m"])
def test_a_full_disk_leaves_nothing_half_made(small_disk: Callable[[str], Path], size: str) -> None:
    folder = small_disk(f"size={size}") / "data"
    assert _refusal(folder).code == "storage.full"
    assert not (folder / "postgres").exists()
    assert list(folder.glob(".tmp-*")) == []


def test_a_read_only_disk(small_disk: Callable[[str], Path]) -> None:
    assert _refusal(small_disk("ro") / "data").code == "storage.denied"


def test_a_read_only_folder_of_an_ordinary_user(open_folder: Path, supervise: Callable[..., Supervisor]) -> None:
    open_folder.chmod(0o555)
    prefix = as_user(65534) if os.geteuid() == 0 else []
    assert supervise(open_folder, prefix).answer()["code"] == "storage.denied"
