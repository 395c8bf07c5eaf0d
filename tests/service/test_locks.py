"""Locks in Redis: one owner, who alone renews and releases; a killed owner's lock expires; Redis may restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from redis import Redis

from service.cad.locks import Lock, LockCancelledError, held
from service.config import Config
from service.database import tenant_session
from service.embedded.redis_server import RedisServer
from service.models import Conversion
from service.queue import queueing
from tests.service.studio import StudioUnderTest, work
from tests.service.test_cad import upload

HOLDER = """
import sys
from service.cad.locks import held
from service.queue.queueing import connect
with held(connect(sys.argv[1]), sys.argv[2], seconds=float(sys.argv[3])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def redis(config: Config) -> Redis:
    return queueing.connect(config.redis_url)


@pytest.fixture
def name() -> str:
    return f"test:{uuid4()}"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own, to be stopped and started."""
    server = RedisServer(tmp_path, "secret", {})
    yield server
    stop(server)


def stop(server: RedisServer) -> None:
    server.request_stop()
    server.wait_until_stopped()


def wait_until(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_one_at_a_time_and_the_next_when_it_is_released(redis: Redis, name: str) -> None:
    first, second = Lock(redis, name), Lock(redis, name)
    assert first.acquire() and not second.acquire()
    assert not first.lost and second.lost
    assert first.release() and second.acquire()
    assert first.lost and second.release()


def test_only_the_owner_releases_and_renews(redis: Redis, name: str) -> None:
    owner, stranger = Lock(redis, name), Lock(redis, name)
    owner.acquire()
    assert not stranger.release() and not stranger.renew()
    assert redis.get(owner.key) == owner.token.encode()
    # A late owner, whose lock expired and is another's now, takes nothing away from it.
    redis.delete(owner.key)
    stranger.acquire()
    assert not owner.renew() and owner.lost and not owner.release()
    assert redis.get(owner.key) == stranger.token.encode()
    stranger.release()


def test_it_is_renewed_for_as_long_as_the_work_takes(redis: Redis, name: str) -> None:
    other = Lock(redis, name)
    with held(redis, name, seconds=0.6) as lock:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert not lock.lost and not other.acquire()
            time.sleep(0.05)
    assert lock.lost and other.acquire()
    other.release()


def test_a_lock_taken_by_another_is_known_as_lost(redis: Redis, name: str) -> None:
    with held(redis, name, seconds=0.4) as lock:
        redis.set(lock.key, "another's token", px=60_000)
        wait_until(lambda: lock.lost)
    assert redis.get(lock.key) == b"another's token"
    redis.delete(lock.key)


def test_the_wait_ends_when_the_caller_must_stop(redis: Redis, name: str) -> None:
    Lock(redis, name, seconds=30).acquire()
    stopping = threading.Event()
    threading.Timer(0.2, stopping.set).start()
    with pytest.raises(LockCancelledError), held(redis, name, stopping.is_set):
        pytest.fail("the lock is another's")
    redis.delete(Lock(redis, name).key)


def test_the_lock_of_a_killed_owner_expires_and_the_work_is_taken_up(config: Config, redis: Redis, name: str) -> None:
    arguments = [sys.executable, "-c", HOLDER, config.redis_url, name, "1.5"]
    holder = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    assert not Lock(redis, name).acquire()
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    killed = time.monotonic()
    with held(redis, name) as lock:
        assert time.monotonic() - killed < 5 and not lock.lost


def test_a_restart_of_redis_does_not_lose_the_lock(own_redis: RedisServer, name: str) -> None:
    port = own_redis.start(0)
    redis = queueing.connect(f"redis://:secret@127.0.0.1:{port}/0")
    with held(redis, name, seconds=8.0) as lock:
        stop(own_redis)
        assert own_redis.start(port) == port
        redis.flushall()  # the worst of restarts: nothing was written to disk
        wait_until(lambda: redis.get(lock.key) == lock.token.encode())
        assert not lock.lost and not Lock(redis, name).acquire()


@pytest.mark.usefixtures("quiet_queue")
def test_who_comes_second_waits_and_finds_the_conversion_done(
    app: Flask, studio: StudioUnderTest, redis: Redis
) -> None:
    production = studio.production()
    cad = upload(studio, production, b"ISO-10303-21;\nEND-ISO-10303-21;\n")
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        conversion_id = current.query(Conversion.id).scalar()
    lock = Lock(redis, f"convert:{studio.tenant_id}:{conversion_id}")
    assert lock.acquire()

    def done_by_the_first() -> None:
        with app.app_context(), tenant_session(studio.tenant_id) as current:
            current.query(Conversion).update({"state": "ready", "summary": {"parts": 7}})
        lock.release()

    timer = threading.Timer(0.6, done_by_the_first)
    timer.start()
    work(app)
    timer.join()
    job = studio.artist.get(f"/jobs/{cad['job_id']}").data
    # This content cannot be converted, so nobody tried.
    assert job["state"] == "completed" and job["document"]["result"]["parts"] == 7
    assert studio.artist.get(f"/cad/{cad['id']}").data["summary"] == {"parts": 7}
