"""Worker processes on real conversions: killed, stopped, told to cancel; a job is done, once, and nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dcc.cad.bearing import main as write_bearing
from service.queue import queueing
from service.stack import Stack, running
from shared.client import Client, Json
from shared.errors import RacewayError
from shared.files import TEMPORARY_PREFIX, sha256_of
from shared.process_tree import descendants

_ROOT = Path(__file__).parents[2]
_LEASE_SECONDS = 4
_WAIT_SECONDS = 60.0
_OWN_SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "RACEWAY_ROOT", "RACEWAY_SECRET_KEY")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service without workers."""
    with pytest.MonkeyPatch.context() as environment:
        for name in _OWN_SERVERS:
            environment.delenv(name, raising=False)
        environment.setenv("RACEWAY_LEASE_SECONDS", str(_LEASE_SECONDS))
        with running(tmp_path_factory.mktemp("stack"), workers=0) as stack:
            with Client(stack.api_url, stack.admin_token) as client:
                project = client.post("/projects/", {"name": "film"})
                client.post("/assets/", {"project_id": project["id"], "name": "bearing"})
            yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with Client(stack.api_url, stack.admin_token) as client:
        yield client


StartWorker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker(stack: Stack, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts worker processes, which are stopped at the test's end. Whatever they did, their log is lines of JSON."""
    started: list[subprocess.Popen[bytes]] = []
    place = tmp_path / "workers.log"

    def start() -> subprocess.Popen[bytes]:
        environment = {**os.environ, **stack.config.to_environment()}
        command = [sys.executable, "-m", "service.commands.worker"]
        with place.open("ab") as log:
            started.append(subprocess.Popen(command, cwd=_ROOT, env=environment, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(timeout=20)
    for line in place.read_text().splitlines():
        assert json.loads(line)["logger"]


@pytest.fixture(scope="module")
def step_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bearing that Raceway models itself."""
    place = tmp_path_factory.mktemp("step") / "bearing.step"
    assert write_bearing([str(place)]) == 0
    return place


@pytest.fixture
def cad(client: Client, step_file: Path) -> Json:
    """A file whose conversion waits."""
    return upload(client, step_file)


def upload(client: Client, step_file: Path) -> Json:
    # With a comment and a lineage of its own, because the same content with the same settings is converted once.
    name = uuid4().hex[:8]
    own = step_file.with_name(f"bearing_{name}.step")
    own.write_text(f"{step_file.read_text()}/* {name} */\n")
    return client.upload_cad(own, project="film", asset="bearing", lineage=f"l{name}")


def until(condition: Callable[[], object], seconds: float = _WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        time.sleep(0.05)


def state(client: Client, cad: Json) -> str:
    return str(client.get(f"/jobs/{cad['job_id']}")["state"])


def process_of(client: Client, cad: Json) -> int:
    """Waits until the job's tool runs; answers its process group."""
    found: list[int] = []

    def running_tool() -> bool:
        group = client.get(f"/jobs/{cad['job_id']}")["document"]["process_group"]
        found.extend([group] if group else [])
        return bool(found)

    until(running_tool)
    return found[0]


def group_is_empty(group: int) -> bool:
    """Whether nothing of a process group lives; a worker buries its dead when it has told of the job's end."""
    for entry in Path("/proc").iterdir():
        # A process may end between one look and the next.
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                condition, _, member_of = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(member_of) == group and condition != "Z":
                    return False
    return True


def leftovers(stack: Stack) -> list[Path]:
    return list(stack.root.rglob(f"{TEMPORARY_PREFIX}*"))


def media_of(client: Client, cad: Json) -> list[Json]:
    media: list[Json] = client.get(f"/jobs/{cad['job_id']}")["media"]
    return media


def test_jobs_of_two_workers_are_each_done_once(
    client: Client, stack: Stack, step_file: Path, start_worker: StartWorker
) -> None:
    files = [upload(client, step_file) for _ in range(4)]
    start_worker(), start_worker()
    for cad in files:
        job = client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)
        assert (job["state"], job["attempt"], len(job["media"])) == ("completed", 1, 3)
        steps = job["document"]["steps"]
        assert [step["name"] for step in steps] == ["check", "read", "mesh", "write", "store"]
        assert all(step["status"] == "completed" and step["duration"] >= 0 for step in steps)
        assert steps[-1]["output"]["files"] == job["document"]["result"]["files"]
    assert not leftovers(stack)


def test_a_job_whose_worker_is_killed_is_done_by_another_once(
    client: Client, stack: Stack, cad: Json, start_worker: StartWorker
) -> None:
    worker = start_worker()
    group = process_of(client, cad)
    start_worker()
    worker.kill()
    killed = time.monotonic()
    until(lambda: group_is_empty(group), 5)
    job = client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)
    assert (job["state"], job["attempt"], len(job["media"])) == ("completed", 2, 3)
    assert time.monotonic() - killed < _LEASE_SECONDS + 15
    assert not leftovers(stack)


def test_a_worker_that_is_stopped_hands_its_job_back(
    client: Client, stack: Stack, cad: Json, start_worker: StartWorker
) -> None:
    worker = start_worker()
    group = process_of(client, cad)
    worker.terminate()
    assert worker.wait(timeout=10) == 0
    assert state(client, cad) == "queued" and group_is_empty(group) and not leftovers(stack)
    assert client.cad_file(cad["id"])["state"] == "queued"
    assert not client.get("/workers/", q=str(worker.pid))["items"]
    start_worker()
    assert client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)["state"] == "completed"


def test_a_worker_that_drains_finishes_its_job_first(client: Client, cad: Json, start_worker: StartWorker) -> None:
    worker = start_worker()
    process_of(client, cad)
    worker.send_signal(signal.SIGUSR1)
    assert worker.wait(timeout=_WAIT_SECONDS) == 0
    assert state(client, cad) == "completed"


def test_a_running_job_that_is_cancelled_leaves_no_process_and_no_file(
    client: Client, stack: Stack, cad: Json, start_worker: StartWorker
) -> None:
    worker = start_worker()
    group = process_of(client, cad)
    client.post(f"/jobs/{cad['job_id']}/cancel")
    until(lambda: state(client, cad) == "cancelled", 5)
    # The warm converter itself stays.
    assert group_is_empty(group) and len(descendants(worker.pid)) <= 1 and not leftovers(stack)
    described = client.cad_file(cad["id"])
    assert (described["state"], described["error"]["code"]) == ("failed", "process.cancelled")
    assert media_of(client, cad) == []
    client.post(f"/jobs/{cad['job_id']}/retry")
    assert client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)["state"] == "completed"
    assert client.cad_file(cad["id"])["state"] == "ready"


def test_a_waiting_job_that_is_cancelled_is_not_done(
    client: Client, cad: Json, step_file: Path, start_worker: StartWorker
) -> None:
    assert client.post(f"/jobs/{cad['job_id']}/cancel")["state"] == "cancelled"
    assert client.cad_file(cad["id"])["state"] == "failed"
    start_worker()
    # The queue is first in, first out: when the next one is done, this one's bell was heard.
    assert client.wait_for_job(upload(client, step_file)["job_id"], timeout=_WAIT_SECONDS)["state"] == "completed"
    job = client.get(f"/jobs/{cad['job_id']}")
    assert (job["state"], job["attempt"]) == ("cancelled", 0)


def test_a_tool_that_crashes_fails_its_job_which_can_be_tried_again(
    client: Client, stack: Stack, cad: Json, start_worker: StartWorker
) -> None:
    start_worker()
    os.killpg(process_of(client, cad), signal.SIGSEGV)
    with pytest.raises(RacewayError) as caught:
        client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)
    assert caught.value.code == "cad.crashed"
    described = client.cad_file(cad["id"])
    assert (described["state"], described["error"]["code"]) == ("failed", "cad.crashed")
    assert not leftovers(stack)
    again = client.post(f"/cad/{cad['id']}/convert")
    assert client.wait_for_job(again["job_id"], timeout=_WAIT_SECONDS)["state"] == "completed"


def test_a_job_whose_message_was_lost_is_done(
    client: Client, stack: Stack, cad: Json, start_worker: StartWorker
) -> None:
    queueing.connect(stack.config.redis_url).flushdb()
    start_worker()
    assert client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)["state"] == "completed"


def test_a_still_comes_with_its_thumbnail_and_says_what_computed_it(
    client: Client, stack: Stack, cad: Json, start_worker: StartWorker
) -> None:
    start_worker()
    client.wait_for_job(cad["job_id"], timeout=_WAIT_SECONDS)
    job = client.submit_job("still", cad_file_id=cad["id"], width=64, height=36, samples=1, device="cpu")
    job = client.wait_for_job(job["id"], timeout=2 * _WAIT_SECONDS)
    result = job["document"]["result"]
    assert result["device"]["requested"] == "cpu" and result["device"]["used"] and result["device"]["why"]
    media = {medium["asset_type"]: medium for medium in job["media"]}
    assert set(media) == {"still", "thumbnail"} == set(result["files"])
    assert (media["still"]["width"], media["still"]["height"]) == (64, 36)
    for medium in media.values():
        place = stack.root / medium["path"]
        assert (place.stat().st_size, sha256_of(place)) == (medium["size"], medium["sha256"])
        assert f"/renders/{job['id']}/" in medium["path"]
    assert job["document"]["steps"][0]["name"] == "load"
    assert not leftovers(stack)


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("REDIS_URL", "redis://:geheim@127.0.0.1:1/0", "service.redis"),
        ("DATABASE_URL", "postgresql://raceway_app:geheim@127.0.0.1:1/raceway", "service.database"),
        ("RACEWAY_ROOT", "/nowhere/at/all", "storage.missing"),
        ("RACEWAY_SECRET_KEY", "", "input.config"),
    ],
)
def test_a_worker_that_cannot_work_says_why(stack: Stack, variable: str, value: str, code: str) -> None:
    environment = {**os.environ, **stack.config.to_environment(), variable: value}
    command = [sys.executable, "-m", "service.commands.worker"]
    ended = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=_WAIT_SECONDS
    )
    assert ended.returncode == 1
    assert f"error [{code}]" in ended.stderr and "hint: " in ended.stderr
    assert "Traceback" not in ended.stderr and "geheim" not in ended.stderr


_DAEMON = """
import os, subprocess, sys, time
from shared.process_tree import adopt_orphans, descendants, end_descendants
adopt_orphans()
# A daemon that leaves its session and loses its parent.
subprocess.run(["sh", "-c", "setsid sleep 300 & setsid sleep 300 & exit"])
assert len(descendants(os.getpid())) >= 2
end_descendants()
assert not descendants(os.getpid())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lets a process adopt orphans")
def test_what_broke_away_from_a_tool_is_ended() -> None:
    subprocess.run([sys.executable, "-c", _DAEMON], cwd=_ROOT, check=True, timeout=60)
