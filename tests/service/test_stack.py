"""Everything on one machine: it comes up, goes down, and comes up again after any end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from service import schema
from service.config import Config
from service.stack import running
from shared.client import Client
from shared.errors import InputError, RacewayError, ServiceError
from shared.process_tree import descendants, kill_tree

RACEWAY = [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())"]
START_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def nothing_is_set() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "RACEWAY_ROOT", "RACEWAY_SECRET_KEY"):
            environment.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation that was stopped."""
    folder = tmp_path_factory.mktemp("installed") / "data"
    with running(folder, workers=0):
        return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Where nothing is installed yet."""
    return tmp_path / "data"


@pytest.fixture
def data(installed: Path, tmp_path: Path) -> Path:
    """A copy of that installation: what a test does to it is seen by no other."""
    return shutil.copytree(installed, tmp_path / "data")


@pytest.fixture
def up(data: Path) -> Iterator[subprocess.Popen[str]]:
    """``raceway up`` in a process of its own."""
    process = subprocess.Popen([*RACEWAY, "up", "--data", str(data), "--port", "0"], stdout=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        kill_tree(process.pid)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def address_of(process: subprocess.Popen[str]) -> str:
    """The address with its token that ``raceway up`` prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Open"):
            return line.split()[1]
    raise AssertionError("raceway up printed no address")


def children_of(parent: int) -> set[int]:
    return {pid for pid in descendants(parent) if _parent(pid) == parent}


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and _state(pid) != "Z"}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def gone_within(pids: set[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_what_was_made_is_there_after_a_stop_and_after_a_kill(data: Path, up: subprocess.Popen[str]) -> None:
    url, _, token = address_of(up).partition("/?token=")
    with Client(url, token) as client:
        client.post("/projects/", {"name": "film"})
        assert [worker["name"] for worker in client.get("/workers/")["items"]] == ["worker-1"]
    assert requests.get(f"{url}/?token={token}", timeout=10).status_code == 200
    started = descendants(up.pid)
    assert len(started) >= 5
    up.kill()
    assert gone_within(started, 10), alive(started)
    others = children_of(os.getpid())
    with running(data, workers=0) as stack:
        with Client(stack.api_url, stack.admin_token) as client:
            assert [project["name"] for project in client.projects()] == ["film"]
        assert stack.root == data / "storage" / "studio"
        started = {pid for child in children_of(os.getpid()) - others for pid in {child} | descendants(child)}
        assert len(started) >= 4
    assert gone_within(started, 10), alive(started)


def test_who_is_killed_is_started_again_and_sigterm_ends_everything_in_order(up: subprocess.Popen[str]) -> None:
    url, _, token = address_of(up).partition("/?token=")
    _kill_worker(url, token)
    _kill_service(up, url)
    started = descendants(up.pid)
    up.send_signal(signal.SIGTERM)
    assert up.wait(timeout=30) == 0
    assert gone_within(started, 5), alive(started)


def _kill_worker(url: str, token: str) -> None:
    with Client(url, token) as client:
        first = client.get("/workers/")["items"][0]["pid"]
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + START_SECONDS
        while first in (pids := {worker["pid"] for worker in client.get("/workers/")["items"]}) and len(pids) == 1:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _kill_service(up: subprocess.Popen[str], url: str) -> None:
    (master,) = [pid for pid in children_of(up.pid) if b"service.wsgi:app" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    processes = {master} | descendants(master)
    os.kill(master, signal.SIGKILL)
    assert gone_within(processes, 5), alive(processes)
    # The address is held meanwhile: a call waits, and is answered by the new one.
    assert requests.get(f"{url}/api/health", timeout=START_SECONDS).json()["ok"]


def test_the_first_password_is_kept_in_private_and_stays(empty: Path) -> None:
    with running(empty, workers=0) as stack:
        password = stack.password_file.read_text()
        assert stack.password_file.stat().st_mode & 0o777 == 0o600
        assert (empty / "secret.key").stat().st_mode & 0o777 == 0o600
        # A start that was killed while it made its secrets leaves an empty file.
        (empty / "secret.key").write_text("")
        with Client(stack.api_url, "") as client:
            user = client.post("/auth/login", {"email": stack.studio.email, "password": password})["user"]
        assert user["role"] == "global_admin"
        refused = subprocess.run(
            [*RACEWAY, "up", "--data", str(empty), "--json"], capture_output=True, text=True, check=False, timeout=60
        )
        assert refused.returncode == 1
        assert json.loads(refused.stdout)["error"]["code"] == "service.data_in_use"
    with running(empty, workers=0) as stack:
        assert stack.password_file.read_text() == password
        assert len((empty / "secret.key").read_text()) > 30


def test_a_program_reads_where_everything_is(empty: Path) -> None:
    command = [*RACEWAY, "up", "--data", str(empty), "--port", "0", "--workers", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        answer = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        assert requests.get(f"{answer['api_url']}/ready", timeout=10).json()["ok"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0 and process.stdout.read() == ""
    assert answer["ok"] and Path(answer["root"]).is_dir() and Path(answer["password_file"]).is_file()


def test_a_port_that_is_taken_is_named(empty: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=str(port)) as caught, running(empty, port=port, workers=0):
            pass
    assert caught.value.code == "service.port_taken"


def test_a_reset_empties_the_tables_and_keeps_the_schema(data: Path) -> None:
    with running(data, workers=0) as stack:
        revision = schema.current_revision(stack.config)
        refused = subprocess.run(
            [*RACEWAY, "db", "reset", "--data", str(data)], capture_output=True, text=True, check=False, timeout=60
        )
        with Client(stack.api_url, stack.admin_token) as client:
            client.me()
        schema.reset(stack.config)
        assert schema.current_revision(stack.config) == revision == schema.head_revision()
        with Client(stack.api_url, stack.admin_token) as client, pytest.raises(RacewayError) as caught:
            client.me()
    assert caught.value.code == "auth.invalid_token"
    assert refused.returncode == 1 and "--yes" in refused.stderr


def test_migrations_go_down_and_up_again(data: Path) -> None:
    with running(data, workers=0) as stack:
        assert schema.downgrade(stack.config) == ""
        assert schema.upgrade(stack.config) == schema.head_revision()


def test_one_role_for_both_urls_is_refused(config: Config) -> None:
    with pytest.raises(InputError, match="role"):
        schema.upgrade(replace(config, database_owner_url=config.database_url))


def test_every_missing_setting_is_named() -> None:
    with pytest.raises(InputError) as caught:
        Config.from_environment({"RACEWAY_MAX_UPLOAD_MB": "many", "DATABASE_URL": "mysql://x"})
    assert set(caught.value.fields) == {
        "DATABASE_URL",
        "REDIS_URL",
        "RACEWAY_ROOT",
        "RACEWAY_SECRET_KEY",
        "RACEWAY_MAX_UPLOAD_MB",
    }


def test_no_secret_is_in_a_configuration_that_is_printed(config: Config) -> None:
    shown = repr(config)
    assert "of the tests" not in shown and "@127.0.0.1" not in shown
