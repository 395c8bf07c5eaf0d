"""PostgreSQL for one machine: the cluster, the two roles of Raceway and their database, the server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg2
from psycopg2 import extensions

from service.embedded.access import APPLICATION_ROLE, DATABASE, HOST, OWNER_ROLE, SUPERUSER, Access, damaged
from service.embedded.binaries import postgres_program
from service.embedded.identity import Identity, choose_identity, possible_identities
from service.embedded.server import Server, diagnosis, server_environment
from shared.errors import ServiceError, StorageError
from shared.files import TEMPORARY_PREFIX, sync_folder

_OLDEST_MAJOR = 15  # Migrations use UNIQUE NULLS NOT DISTINCT.
_BUILTIN_LOCALE_MAJOR = 17
_INITDB_SECONDS = 300
_CONNECT_SECONDS = 10
_WORKPLACE_PREFIX = f"{TEMPORARY_PREFIX}initdb-"

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "huge_pages": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    # For SSDs: by the default, made for turning disks, long tables are read whole sooner than by their index.
    "random_page_cost": "1.1",
    # Until it has counted the rows of new tables, PostgreSQL takes every tenant to have one, and joins them so.
    "autovacuum_naptime": "10s",
    "fsync": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Statements and details of errors quote values, which may be secret.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_ROLE = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"


class PostgresServer(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions and writes a checkpoint.
    death_signal = signal.SIGQUIT  # "immediate": nothing acknowledged is lost, the next start recovers.

    def __init__(
        self,
        data_dir: Path,
        access: Access,
        environ: Mapping[str, str],
        identities: Sequence[Identity] | None = None,
    ) -> None:
        super().__init__(data_dir)
        self._access = access
        self._candidates = identities
        self._program = postgres_program(environ, self._data_major())

    def start(self, preferred_port: int) -> int:
        port = super().start(preferred_port)
        try:
            self._ensure_database(port)
        except psycopg2.Error as error:
            self.request_stop()
            self.wait_until_stopped()
            raise self._refused(error) from error
        return port

    def _prepare(self) -> None:
        for forgotten in self.data_dir.glob(f"{_WORKPLACE_PREFIX}*"):
            shutil.rmtree(forgotten, ignore_errors=True)
        candidates = self._candidates or possible_identities(self.folder)
        self.identity, program_major = choose_identity(self._program, self.data_dir, candidates)
        if program_major < _OLDEST_MAJOR:
            raise ServiceError(
                f"{self._program} is PostgreSQL {program_major}, and Raceway needs {_OLDEST_MAJOR} or later.",
                code="service.no_postgres",
                hint="Set DATABASE_URL to a newer PostgreSQL server, or install one.",
            )
        data_major = self._data_major()
        if data_major is None:
            self._initialise(program_major)
        elif data_major != program_major:
            raise StorageError(
                f"The database in {self.folder} is of PostgreSQL {data_major}, and this is {program_major}.",
                code="storage.database_version",
                hint=f"Dump it with PostgreSQL {data_major} and restore it, or choose another data folder.",
            )
        else:
            self.identity.give(self.folder)
            self._forget_dead_postmaster()

    def _data_major(self) -> int | None:
        """Major version of the cluster in our folder, None where there is none yet."""
        try:
            return int((self.folder / "PG_VERSION").read_text())
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.lexists(self.folder):
                return None
        except ValueError:
            pass
        raise damaged(self.data_dir, f"{self.folder} is not a PostgreSQL cluster")

    def _initialise(self, major: int) -> None:
        """Create the cluster beside its place and move it there when it is complete and on disk."""
        workplace = Path(tempfile.mkdtemp(prefix=_WORKPLACE_PREFIX, dir=self.data_dir))
        cluster, password = workplace / "cluster", workplace / "password"
        locale = ["--locale=C.UTF-8"]
        if major >= _BUILTIN_LOCALE_MAJOR:
            # PostgreSQL's own, so that indexes do not depend on the C library of the machine.
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = [
            *(str(self._program.with_name("initdb")), f"--pgdata={cluster}", "--encoding=UTF8", *locale),
            *(f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256", "--no-instructions"),
        ]
        try:
            password.touch(mode=0o600)
            password.write_text(self._access.superuser_password)
            self.identity.give(workplace)
            run = subprocess.run(
                self.identity.command(command, workplace, signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=server_environment(os.environ),
                timeout=_INITDB_SECONDS,
                check=False,
            )
            if run.returncode != 0:
                with self.log.open("ab") as log:
                    log.write(run.stdout)
                output = run.stdout.decode(errors="replace")
                raise diagnosis("PostgreSQL could not create its files", output, self.log, self.data_dir)
            os.rename(cluster, self.folder)
            sync_folder(self.data_dir)
        finally:
            shutil.rmtree(workplace, ignore_errors=True)

    def _forget_dead_postmaster(self) -> None:
        """Remove the ``postmaster.pid`` of a server that was killed.

        We hold the lock, so none of ours is alive; yet PostgreSQL would refuse to start if some other process
        has been given that number since, as happens in containers.
        """
        pid_file = self.folder / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(pid_file.read_text().split()[0])
            if _works_in(pid, self.folder):
                raise ServiceError(
                    f"A PostgreSQL that Raceway did not start runs on {self.folder} (process {pid}).",
                    code="service.leftover",
                    hint="Stop it, then start again.",
                )
            pid_file.unlink()

    def _command(self, port: int) -> list[str]:
        settings = {**_SETTINGS, "port": str(port)}
        options = [item for name, value in settings.items() for item in ("-c", f"{name}={value}")]
        return [str(self._program), "-D", str(self.folder), *options]

    def _answers(self, port: int) -> bool:
        # PostgreSQL's own word first, so that its log does not fill with refused connections.
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        assert self._process is not None
        if len(lines) < 8 or lines[0] != str(self._process.pid) or lines[7].strip() != "ready":
            return False
        try:
            with self._superuser(port):
                return True
        except psycopg2.OperationalError as error:
            raise self._refused(error) from error

    def _refused(self, error: psycopg2.Error) -> Exception:
        if "password authentication failed" in str(error):
            return damaged(self.data_dir, "the passwords in access.json are not those of its database")
        return diagnosis("PostgreSQL refused to be set up", str(error), self.log, self.data_dir)

    def _ensure_database(self, port: int) -> None:
        """Create what is missing of roles and database: each start completes one that was cut short."""
        with self._superuser(port) as connection, connection.cursor() as cursor:
            for role, password in (
                (OWNER_ROLE, self._access.owner_password),
                (APPLICATION_ROLE, self._access.application_password),
            ):
                cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
                if cursor.rowcount == 0:
                    # Hashed here: not even a statement in a log could show the password.
                    verifier = extensions.encrypt_password(password, role, connection, "scram-sha-256")
                    cursor.execute(f"CREATE ROLE {role} {_ROLE} PASSWORD %s", (verifier,))
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.rowcount == 0:
                cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
            cursor.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            cursor.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APPLICATION_ROLE}")

    @contextlib.contextmanager
    def _superuser(self, port: int) -> Iterator[extensions.connection]:
        connection = psycopg2.connect(
            host=HOST,
            port=port,
            dbname=SUPERUSER,
            user=SUPERUSER,
            password=self._access.superuser_password,
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=_CONNECT_SECONDS,
        )
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()


def _works_in(pid: int, folder: Path) -> bool:
    """Whether the process ``pid`` has ``folder`` as its working directory, as a postmaster has (Linux)."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except OSError:
        return False
