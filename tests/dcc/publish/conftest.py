"""A running service with a small production, and the artist's context, client, queue and command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from shared.client import Client
from shared.context import Context
from shared.publish_queue import PublishQueue
from tests.studio import Studio

Run = Callable[..., tuple[int, str]]

if any(find_spec(name) is None for name in ("pxr", "flask")):
    collect_ignore_glob = ["test_*"]


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    from service.stack import running
    from tests.studio import make_studio

    with running(tmp_path_factory.mktemp("publish"), workers=0) as stack:
        yield make_studio(stack.url, stack.api_url, stack.root, stack.admin_token)


@pytest.fixture(scope="package")
def context(studio: Studio) -> Iterator[Context]:
    with studio.token() as token:
        yield studio.context(token)


@pytest.fixture
def client(context: Context) -> Iterator[Client]:
    with Client.from_context(context) as client:
        yield client


@pytest.fixture
def queue(tmp_path: Path) -> PublishQueue:
    """The artist's queue of publishes, empty."""
    return PublishQueue(tmp_path / "state" / "publish-queue")


@pytest.fixture
def run(
    context: Context, queue: PublishQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """``raceway publish`` with these arguments: its exit status and what it printed."""
    from dcc.publish.command import COMMAND

    monkeypatch.setenv("RACEWAY_STATE", str(queue.folder.parent))
    for name, value in context.to_environment().items():
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)

    def run(*arguments: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        status = COMMAND.run(parser.parse_args([str(argument) for argument in arguments]))
        return status, capsys.readouterr().out

    return run
