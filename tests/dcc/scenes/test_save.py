"""Versioned saves at a real service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from dcc.scenes.save import list_scenes, save_scene
from shared.client import Client
from shared.context import Context
from shared.errors import InputError, ServiceError, StorageError


def test_iterations_count_up_and_versions_start_again(client: Client, context: Context) -> None:
    name = f"s_{uuid4().hex[:8]}"
    bumps = ("iteration", "iteration", "version", "iteration")
    saved = [
        save_scene(client, context, name, lambda path: None, software="test", suffix=".txt", bump=bump)
        for bump in bumps
    ]
    assert [str(scene.version) for scene in saved] == ["v001_i001", "v001_i002", "v002_i001", "v002_i002"]
    listed = [item["path"] for item in list_scenes(client, context) if item["name"] == name]
    assert listed == [scene.path for scene in reversed(saved)]
    assert all((context.root / path).is_file() for path in listed)


def test_a_save_that_fails_leaves_no_scene(client: Client, context: Context) -> None:
    name = f"s_{uuid4().hex[:8]}"

    def fails(path: Path) -> None:
        path.write_text("half of")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError) as failure:
        save_scene(client, context, name, fails, software="test", suffix=".txt")
    assert failure.value.code == "storage.full"
    assert not [item for item in list_scenes(client, context) if item["name"] == name]
    assert not list(context.root.rglob(f"{name}*")) and not list(context.root.rglob(".tmp-*"))


def test_an_application_that_writes_nothing_is_noticed(client: Client, context: Context) -> None:
    with pytest.raises(StorageError, match="was not written"):
        save_scene(client, context, "nothing", lambda path: None, software="test", suffix=".txt", saves_atomically=True)


def test_bad_names_no_task_and_no_service_are_said(client: Client, context: Context) -> None:
    with pytest.raises(InputError):
        save_scene(client, context, "not a name", lambda path: None, software="test", suffix=".txt")
    with pytest.raises(InputError, match="No task"):
        save_scene(client, replace(context, task_id=""), "s", lambda path: None, software="test", suffix=".txt")
    with Client("http://127.0.0.1:9", context.token) as nobody, pytest.raises(ServiceError):
        save_scene(nobody, context, "s", lambda path: None, software="test", suffix=".txt")
