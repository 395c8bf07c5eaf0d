"""Worker processes killed at random, renderers told to stop: every frame stands once, and no process is left."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.queue import queueing
from shared.errors import ServiceError
from tests.service.farm import Farm, farm, until

_FRAMES = 200
_KILLS = 3


@pytest.fixture(scope="module")
def running_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with farm(tmp_path_factory.mktemp("farm"), RACEWAY_LEASE_SECONDS="3") as started:
        yield started


def test_workers_killed_at_random_leave_every_frame_there_once(running_farm: Farm) -> None:
    chance = random.Random(5)
    workers = [running_farm.start_worker(STAND_IN_SECONDS="0.02") for _ in range(3)]
    job = running_farm.submit("frames", frames=f"1-{_FRAMES}", chunk=10)
    for kill in range(1, _KILLS + 1):
        rendered = kill * _FRAMES / (_KILLS + 2)
        until(lambda rendered=rendered: progress(running_farm, job["id"]) * _FRAMES / 100 >= rendered)
        workers.pop(chance.randrange(len(workers))).kill()
        if kill == 2:
            # All bells are lost, too.
            queueing.connect(running_farm.stack.config.redis_url).flushdb()
        workers.append(running_farm.start_worker(STAND_IN_SECONDS="0.02"))
    done = running_farm.client.wait_for_job(job["id"], timeout=300)
    frames = running_farm.client.job_frames(job["id"])
    assert [frame["frame"] for frame in frames] == list(range(1, _FRAMES + 1))
    for frame in frames:
        assert (running_farm.stack.root / frame["path"]).read_text() == f"frame {frame['frame']}"
    assert len(done["media"]) == _FRAMES == len({medium["path"] for medium in done["media"]})
    running_farm.stop_workers()


def test_redis_and_postgresql_restart_under_a_job(running_farm: Farm) -> None:
    for _ in range(2):
        running_farm.start_worker(STAND_IN_SECONDS="0.1")
    job = running_farm.submit("frames", frames="1-80", chunk=8)
    for server, rendered in (("redis", 10), ("postgres", 40)):
        until(lambda rendered=rendered: progress(running_farm, job["id"]) >= rendered)
        running_farm.restart_server(server)
    until(lambda: answers(running_farm))
    running_farm.client.wait_for_job(job["id"], timeout=300)
    frames = running_farm.client.job_frames(job["id"])
    assert [frame["frame"] for frame in frames] == list(range(1, 81)) and all(frame["path"] for frame in frames)
    # Who heard no bell while Redis was away hears the next one.
    running_farm.client.wait_for_job(running_farm.submit("still")["id"], timeout=180)
    assert all(process.poll() is None for process in running_farm.started)
    running_farm.stop_workers()


def answers(running_farm: Farm) -> bool:
    try:
        return bool(running_farm.client.get("/jobs/", page_size=1))
    except ServiceError:
        return False


def test_cancelled_renders_leave_no_process_and_no_file(running_farm: Farm) -> None:
    # How fast is measured by tests.benchmarks.cancel; here the farm only waits for each tree's end.
    for _ in range(3):
        running_farm.start_worker(STAND_IN_SECONDS="60", STAND_IN_DAEMON="1")
    seconds = [second for _ in range(3) for second in running_farm.cancel_running(3)]
    assert len(seconds) == 9
    running_farm.stop_workers()
    assert not list(Path(running_farm.stack.root).rglob(".tmp-*"))


def progress(running_farm: Farm, job_id: str) -> float:
    return float(running_farm.client.job(job_id)["progress"]["percent"])
