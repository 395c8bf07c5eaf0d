"""Real PostgreSQL and Redis for the service's tests: started once, and a tenant of its own for each test.

Row-level security keeps the tests apart as it keeps studios apart, so that nothing has to be deleted between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from argon2 import PasswordHasher
from flask import Flask

from service import schema
from service.accounts import auth
from service.app import create_app
from service.config import Config
from service.embedded import Servers
from service.queue import queueing
from service.tasks import encode, frames, still
from tests.service.address import at_address
from tests.service.browser import Browser, running_browser
from tests.service.exhibits import Exhibits, make_exhibits
from tests.service.receiver import Receiver, receiving
from tests.service.stand_in import worker as stand_in_worker
from tests.service.studio import Json, StudioUnderTest, make_studio

Submit = Callable[..., Json]


# A hash is meant to take long to make, and there are thousands of users, tenants and logins here.
auth.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A service's configuration on servers of our own, migrated."""
    folder = tmp_path_factory.mktemp("service")
    with Servers(folder / "data", environ={}) as urls:
        environment = {
            **urls.environment(),
            "RACEWAY_ROOT": str(folder / "storage"),
            "RACEWAY_SECRET_KEY": "of the tests",
            "RACEWAY_MAX_UPLOAD_MB": "4",
        }
        config = Config.from_environment(environment)
        config.root.mkdir()
        schema.upgrade(config)
        yield config


@pytest.fixture(scope="session")
def app(config: Config) -> Flask:
    return create_app(config)


@pytest.fixture(scope="module")
def few_tenants(config: Config, app: Flask) -> None:
    """No tenants but those of this module's tests: what goes through every tenant is quick then."""
    schema.reset(config)


@pytest.fixture
def studio(app: Flask) -> StudioUnderTest:
    """A new tenant with a user of each role."""
    return make_studio(app)


@pytest.fixture
def other_studio(app: Flask) -> StudioUnderTest:
    """Another tenant, which must not see anything of ``studio``."""
    return make_studio(app)


@pytest.fixture
def quiet_queue(app: Flask) -> None:
    """An empty queue, so that a worker does this test's jobs only."""
    queueing.bell(app).redis.flushdb()


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render tasks start quick stand-ins for the renderers."""
    for module, name in ((frames, "RENDERER"), (encode, "ENCODER"), (still, "RENDERER")):
        monkeypatch.setattr(module, name, getattr(module, name))
    stand_in_worker.stand_in()


@pytest.fixture
def publish_id(studio: StudioUnderTest) -> str:
    """Of an asset that can be rendered."""
    return str(studio.publish(studio.production())["id"])


@pytest.fixture
def submit(studio: StudioUnderTest, publish_id: str) -> Submit:
    """Submit a job that renders the publish: frames 1 to 6 in chunks of two, if nothing else is said."""

    def submit(kind: str = "frames", **fields: object) -> Json:
        body = {"kind": kind, "publish_id": publish_id, **fields}
        if kind == "frames":
            body = {"frames": "1-6", "chunk": 2, **body}
        job: Json = studio.artist.post("/jobs/", body).data
        return job

    return submit


@pytest.fixture(scope="module")
def exhibits(app: Flask) -> Exhibits:
    """A tenant whose rows the tests look at and leave as they are."""
    return make_exhibits(app)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The service on a port of its own."""
    with at_address(app) as address:
        yield address


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser, which takes seconds to start."""
    with running_browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The real browser, as new for each test."""
    chromium.renew()
    yield chromium
    chromium.renew()


@pytest.fixture(scope="module")
def window(chromium: Browser) -> Iterator[Browser]:
    """The real browser, as new for the tests of a file."""
    chromium.renew()
    yield chromium
    chromium.renew()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A program of the studio that takes what webhooks send."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """Servers of the module's own, for tests that change the schema."""
    folder = tmp_path_factory.mktemp("migrations")
    with Servers(folder / "data", environ={}) as urls:
        yield Config.from_environment(
            {**urls.environment(), "RACEWAY_ROOT": str(folder / "storage"), "RACEWAY_SECRET_KEY": "of the tests"}
        )


@pytest.fixture
def empty(own_servers: Config) -> Config:
    """A database of the newest schema without a row, whatever the test before left."""
    schema.upgrade(own_servers)
    schema.reset(own_servers)
    return own_servers
