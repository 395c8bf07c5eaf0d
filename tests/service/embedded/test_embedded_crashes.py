"""Kills at any point: nothing lives on, nothing committed is lost, and the next start works."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from service.embedded import Servers
from service.embedded.locks import ProcessLock
from tests.service.embedded.supervision import Supervisor, processes_in, query, wait_until


def test_kill_of_the_supervisor_ends_the_servers_and_loses_nothing(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    supervisor = supervise(tmp_path)
    environment = supervisor.answer()
    query(environment["DATABASE_OWNER_URL"], "CREATE TABLE commits (id int)")
    connection = redis.Redis.from_url(environment["REDIS_URL"])
    for number in range(100):
        query(environment["DATABASE_OWNER_URL"], "INSERT INTO commits VALUES (%s)", number)
        connection.rpush("rung", number)
    supervisor.kill()
    wait_until(lambda: processes_in(tmp_path) == [], "the end of the servers", seconds=5)
    with Servers(tmp_path, environ={}) as urls:
        assert urls.environment() == environment
        assert query(urls.database_owner, "SELECT count(*) FROM commits") == [(100,)]
        assert redis.Redis.from_url(urls.redis).llen("rung") == 100


def test_kill_of_redis_loses_nothing(tmp_path: Path) -> None:
    supervisor = Servers(tmp_path, environ={})
    urls = supervisor.start()
    try:
        redis.Redis.from_url(urls.redis).set("kept", "yes")
        os.kill(int((tmp_path / "redis.lock").read_text()), signal.SIGKILL)
    finally:
        supervisor.stop()
    with supervisor as urls:
        assert redis.Redis.from_url(urls.redis).get("kept") == b"yes"


def _exists(pattern: str) -> Callable[[Path], bool]:
    return lambda folder: any(folder.glob(pattern))


def _log_says(text: str) -> Callable[[Path], bool]:
    def says(folder: Path) -> bool:
        log = folder / "logs" / "postgres.log"
        return log.exists() and text in log.read_text()

    return says


@pytest.mark.parametrize(
    "reached",
    [
        pytest.param(_exists("supervisor.lock"), id="locked"),
        pytest.param(_exists("access.json"), id="passwords"),
        pytest.param(_exists("redis/appendonly.aof"), id="redis"),
        pytest.param(_exists(".tmp-initdb-*/password"), id="before-initdb"),
        pytest.param(_exists(".tmp-initdb-*/cluster/PG_VERSION"), id="bootstrap"),
        pytest.param(_exists(".tmp-initdb-*/cluster/base/4"), id="late-initdb"),
        pytest.param(_exists("postgres"), id="renamed"),
        pytest.param(_exists("postgres/postmaster.pid"), id="postmaster"),
        pytest.param(_log_says("ready to accept connections"), id="roles"),
        pytest.param(_exists("postgres/base/16386"), id="database"),
    ],
)
def test_kill_during_the_first_start(
    tmp_path: Path, supervise: Callable[..., Supervisor], reached: Callable[[Path], bool]
) -> None:
    supervisor = supervise(tmp_path)
    wait_until(lambda: reached(tmp_path), "the point of the kill")
    supervisor.kill()
    with Servers(tmp_path, environ={}) as urls:
        query(urls.database_owner, "CREATE TABLE works (id int)")
        flags = "SELECT bool_or(rolsuper OR rolbypassrls), count(*) FROM pg_roles WHERE rolname LIKE 'raceway%%'"
        assert query(urls.database, flags) == [(False, 2)]
        assert redis.Redis.from_url(urls.redis).ping()
        assert list(tmp_path.glob(".tmp-*")) == []
    assert processes_in(tmp_path) == []


def test_the_pid_file_of_a_dead_postmaster_is_no_obstacle(tmp_path: Path) -> None:
    """In a restarted container another process often has the number of the killed postmaster."""
    supervisor = Servers(tmp_path, environ={})
    supervisor.start()
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    stale = pid_file.read_text().split("\n")
    supervisor.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *stale[1:]]))
            with supervisor as urls:
                assert query(urls.database, "SELECT 1") == [(1,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_server_left_behind_is_ended_first(tmp_path: Path) -> None:
    """Where the kernel does not end servers with their supervisor (macOS), the next supervisor does."""
    lock = ProcessLock(tmp_path / "redis.lock")
    assert lock.acquire()
    with subprocess.Popen(["sleep", "60"], pass_fds=(lock.descriptor,)) as leftover:
        lock.name_holder(leftover.pid)
        lock.release()
        with Servers(tmp_path, environ={}) as urls:
            assert leftover.wait() == -signal.SIGTERM
            assert redis.Redis.from_url(urls.redis).ping()
