"""A running service with a small production, and the artist's context and client."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from shared.client import Client
from shared.context import Context
from tests.studio import Studio

if any(find_spec(name) is None for name in ("pxr", "flask")):
    collect_ignore_glob = ["test_*"]


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    from service.stack import running
    from tests.studio import make_studio

    with running(tmp_path_factory.mktemp("publish"), workers=0) as stack:
        yield make_studio(stack.url, stack.api_url, stack.root, stack.admin_token)


@pytest.fixture(scope="session")
def context(studio: Studio) -> Iterator[Context]:
    with studio.token() as token:
        yield studio.context(token)


@pytest.fixture
def client(context: Context) -> Iterator[Client]:
    with Client.from_context(context) as client:
        yield client
