"""Real servers: shared by a module, or under a supervisor of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from service.embedded import Servers, Urls
from tests.service.embedded.supervision import Supervisor


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start(data_dir: Path, prefix: Sequence[str] = ()) -> Supervisor:
        started.append(Supervisor(data_dir, prefix))
        return started[-1]

    yield start
    for supervisor in started:
        if supervisor.process.poll() is None:
            supervisor.stop()
        for stream in (supervisor.process.stdin, supervisor.process.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder of the servers behind ``urls``."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def urls(data_dir: Path) -> Iterator[Urls]:
    """Addresses of servers that the tests of a module share and leave as they are."""
    with Servers(data_dir, environ={}) as urls:
        yield urls


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter and write to, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="raceway-test-", dir="/tmp") as name:
        os.chmod(name, 0o777)
        yield Path(name)
