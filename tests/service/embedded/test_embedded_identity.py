"""As whom PostgreSQL runs: for root in two ways, for ordinary users, and for users without an account."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.embedded import Servers
from service.embedded.identity import Identity, choose_identity
from shared.errors import ServiceError
from tests.service.embedded.supervision import ROOT, Supervisor, as_user, processes_in, query, wait_until

NOBODY = pwd.getpwnam("nobody")
NAMESPACE = Identity("namespace", NOBODY.pw_uid, NOBODY.pw_gid)
USER = Identity("user", NOBODY.pw_uid, NOBODY.pw_gid)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes who it is")

# Runs a command as root of a user namespace that has all users and forbids further ones, as in a container.
_CONTAINER = """
import ctypes, os, sys
from_child, to_parent = os.pipe()
from_parent, to_child = os.pipe()
pid = os.fork()
if pid:
    os.read(from_child, 1)
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{name}", "w") as stream:
            stream.write("0 0 " + sys.argv[1])
    os.write(to_child, b"x")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
assert ctypes.CDLL(None).unshare(0x10000000) == 0
os.write(to_parent, b"x")
os.read(from_parent, 1)
with open("/proc/sys/user/max_user_namespaces", "w") as stream:
    stream.write("0")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that only root may enter, with modes that must stay as they are."""
    with tempfile.TemporaryDirectory(prefix="raceway-test-", dir="/tmp") as name:
        os.chmod(name, 0o700)
        folder = Path(name, "deep", "data")
        folder.parent.mkdir(mode=0o700)
        yield folder
        for path in (Path(name), folder.parent):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            assert path.stat().st_uid == 0


def _owner(data_dir: Path) -> int:
    return (data_dir / "postgres").stat().st_uid


@needs_root
@pytest.mark.parametrize(("identity", "owner"), [(NAMESPACE, 0), (USER, NOBODY.pw_uid)])
def test_root_below_a_folder_closed_to_others(closed_folder: Path, identity: Identity, owner: int) -> None:
    supervisor = Servers(closed_folder, environ={}, identities=[identity])
    with supervisor as urls:
        query(urls.database_owner, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert _owner(closed_folder) == owner
    # Without being told, the next start finds whose the data is.
    with Servers(closed_folder, environ={}) as urls:
        assert query(urls.database_owner, "SELECT answer FROM kept") == [(42,)]
        assert _owner(closed_folder) == owner


@needs_root
def test_data_made_in_a_namespace_is_given_to_a_user(closed_folder: Path) -> None:
    """A folder moves to a machine that forbids user namespaces."""
    for identity in (NAMESPACE, USER):
        with Servers(closed_folder, environ={}, identities=[identity]):
            pass
    owners = {path.lstat().st_uid for path in (closed_folder / "postgres").rglob("*")}
    assert owners == {NOBODY.pw_uid}
    with Servers(closed_folder, environ={}) as urls:
        assert query(urls.database, "SELECT 1") == [(1,)]


@needs_root
@pytest.mark.parametrize("identity", [NAMESPACE, USER], ids=["namespace", "user"])
def test_programs_below_a_folder_closed_to_others(closed_folder: Path, identity: Identity) -> None:
    """Also an installation may lie below /root."""
    closed_folder.mkdir(mode=0o700)
    program = Path(shutil.copy("/bin/cat", closed_folder))
    (closed_folder / "text").write_text("read")
    command = identity.command([str(program), str(closed_folder / "text")], closed_folder, signal.SIGKILL)
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"read"


@needs_root
def test_servers_of_either_identity_die_with_the_supervisor(closed_folder: Path) -> None:
    """A change of user makes the kernel forget such a promise, so it must be made after it."""
    for identity in (NAMESPACE, USER):
        code = (
            "import sys; from service.embedded import Servers; from service.embedded.identity import Identity; "
            f"Servers(sys.argv[1], environ={{}}, identities=[{identity!r}]).start(); print(flush=True); input()"
        )
        command = [sys.executable, "-c", code, str(closed_folder)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as supervisor:
            assert supervisor.stdout is not None
            assert supervisor.stdout.readline() == b"\n"
            assert processes_in(closed_folder) != []
            supervisor.kill()
        wait_until(lambda: processes_in(closed_folder) == [], f"the end of the servers as {identity}", seconds=5)


def _in_container(users: str, arguments: list[str]) -> list[str]:
    prefix = [sys.executable, "-c", _CONTAINER, users]
    probe = subprocess.run([*prefix, "/bin/true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"this machine has no user namespaces: {probe.stderr.strip()}")
    return [*prefix, *arguments]


@needs_root
def test_where_namespaces_are_forbidden_another_user_serves(
    closed_folder: Path, supervise: Callable[..., Supervisor]
) -> None:
    answer = supervise(closed_folder, _in_container("65536", [])).answer()
    assert query(answer["DATABASE_URL"], "SELECT 1") == [(1,)]
    assert _owner(closed_folder) == NOBODY.pw_uid


@needs_root
def test_where_everything_is_forbidden_the_remedy_is_named(
    closed_folder: Path, supervise: Callable[..., Supervisor]
) -> None:
    answer = supervise(closed_folder, _in_container("1", [])).answer()
    assert answer["code"] == "service.postgres_identity"
    assert "DATABASE_URL" in answer["hint"]
    assert processes_in(closed_folder) == []


@needs_root
@pytest.mark.parametrize("uid", [NOBODY.pw_uid, 54321], ids=["account", "no-account"])
def test_ordinary_users(open_folder: Path, supervise: Callable[..., Supervisor], uid: int) -> None:
    """54321 stands for the numbers that container platforms make up: initdb alone refuses them."""
    supervisor = supervise(open_folder / "data", as_user(uid))
    answer = supervisor.answer()
    assert query(answer["DATABASE_URL"], "SELECT 1") == [(1,)]
    assert _owner(open_folder / "data") == uid
    supervisor.stop()
    # Root that helps out leaves the data its owner's.
    with Servers(open_folder / "data", environ={}) as urls:
        assert query(urls.database, "SELECT 1") == [(1,)]
    assert _owner(open_folder / "data") == uid


def test_a_program_that_does_not_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        choose_identity(tmp_path / "missing", tmp_path, [Identity()])
    assert caught.value.code == "service.postgres_identity"
    assert "DATABASE_URL" in caught.value.hint
