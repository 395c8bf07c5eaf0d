"""Checks of the service where it runs: configuration, PostgreSQL, Redis, storage, port, data folder, single sign-on,
workers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from service import schema
from service.config import Config, driver_url, is_database_url, service_id
from service.embedded import binaries
from service.embedded.access import Access, external_urls
from service.embedded.locks import ProcessLock
from service.embedded.servers import urls_of_running
from service.queue import queueing
from service.stack import SECRET_KEY_FILE
from shared.doctor.disks import folder_findings, read_only_findings
from shared.doctor.report import Check, Finding, Setup, fault, fine, skipped, warning
from shared.errors import RacewayError

if TYPE_CHECKING:
    from service.accounts.single_sign_on import IdentityProvider

_POSTGRES = 150000
"""server_num of the first version with NULLS NOT DISTINCT."""
_REDIS = (6, 2)
_SECRET_LENGTH = 16
_SILENT_SECONDS = 30
"""A worker that lives beats every few seconds."""
_WAITING_SECONDS = 120
_HEALTH_BYTES = 2000
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"}
_NOT_HERE = "no DATABASE_URL is set, and no `raceway up` runs with this data folder"


@dataclass(frozen=True)
class _Urls:
    database: str
    redis: str


def _urls(setup: Setup) -> _Urls | None:
    """The servers of this machine's service, whoever started them; None where there is no service here."""
    external = external_urls(setup.environ)
    try:
        running = urls_of_running(setup.data, setup.environ)
    except RacewayError:
        return _Urls(external.database, external.redis) if external.database or external.redis else None
    return _Urls(running.database, running.redis)


def _configuration(setup: Setup) -> Iterator[Finding]:
    names = ("DATABASE_URL", "REDIS_URL", "RACEWAY_ROOT", "RACEWAY_SECRET_KEY")
    if not any(setup.get(name) for name in names):
        yield skipped("Configuration: nothing is set, `raceway up` chooses everything itself.")
        return
    try:
        config = Config.from_environment(setup.environ)
    except RacewayError as error:
        for name, problem in error.fields.items():
            yield fault("config", f"{name} {problem}", error.hint)
        return
    if len(config.secret_key) < _SECRET_LENGTH:
        yield fault(
            "secret_key",
            f"RACEWAY_SECRET_KEY has only {len(config.secret_key)} characters: sessions can be forged.",
            "Use a long random text, such as the output of `openssl rand -base64 32`.",
        )
    if not config.database_owner_url:
        yield warning("owner_url", "DATABASE_OWNER_URL is not set: the schema cannot be upgraded from here.", "Set it.")
    yield fine("The service's environment is complete")


def _programs(setup: Setup) -> Iterator[Finding]:
    for name, url, find in (
        ("PostgreSQL", setup.get("DATABASE_URL"), binaries.postgres_program),
        ("Redis", setup.get("REDIS_URL"), binaries.redis_program),
    ):
        if url:
            yield skipped(f"{name}: a server of yours is used.")
            continue
        yield fine(f"{name}: {find(setup.environ)}")


def _database(setup: Setup) -> Iterator[Finding]:
    urls = _urls(setup)
    if urls is None or not urls.database:
        yield skipped(f"The database: {_NOT_HERE}.")
        return
    if not is_database_url(urls.database):
        yield skipped("The database: DATABASE_URL is not one of PostgreSQL.")
        return
    engine = create_engine(driver_url(urls.database), poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            yield from _server_findings(connection)
            yield from _role_findings(connection)
            yield from _schema_findings(connection)
    except OperationalError as error:
        known = schema.database_error(error, urls.database)
        yield fault("database_down", known.message, known.hint)
    finally:
        engine.dispose()


def _server_findings(connection: Connection) -> Iterator[Finding]:
    number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    shown = connection.execute(text("SHOW server_version")).scalar_one()
    if number < _POSTGRES:
        yield fault("database_version", f"PostgreSQL {shown} is too old: 15 or later is needed.", "Upgrade the server.")
    else:
        yield fine(f"PostgreSQL {shown} answers")
    most = int(connection.execute(text("SHOW max_connections")).scalar_one())
    used = connection.execute(text("SELECT sum(numbackends) FROM pg_stat_database")).scalar_one()
    if used > 0.8 * most:
        yield warning(
            "connections", f"{used} of {most} connections to PostgreSQL are taken.", "Raise max_connections there."
        )
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if connection.execute(text(f"SHOW {name}")).scalar_one() == "off":
            yield fault(
                "durability", f"PostgreSQL runs with {name} = off: a crash loses publishes.", f"Set {name} = on."
            )


def _role_findings(connection: Connection) -> Iterator[Finding]:
    role = connection.execute(
        text(
            "SELECT rolname, rolsuper OR rolbypassrls AS unbound,"
            " EXISTS (SELECT FROM pg_tables WHERE tablename = 'tenants' AND pg_has_role(rolname, tableowner, 'USAGE'))"
            " AS owner"
            " FROM pg_roles WHERE rolname = current_user"
        )
    ).one()
    if role.unbound or role.owner:
        yield fault(
            "database_role",
            f"DATABASE_URL uses the role {role.rolname!r}, which row-level security does not bind.",
            "Use a role that is no superuser, has no BYPASSRLS and is neither the tables' owner nor its member.",
        )
    else:
        yield fine(f"The role {role.rolname} is bound by row-level security")


def _schema_findings(connection: Connection) -> Iterator[Finding]:
    try:
        with connection.begin_nested():
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except ProgrammingError:
        revision = None
    wanted = schema.head_revision()
    if revision != wanted:
        ahead = revision is not None and revision > wanted
        yield fault(
            "schema",
            f"The database's schema is at {revision or 'nothing'}, this version of Raceway needs {wanted}.",
            "Update Raceway on this machine." if ahead else "Run `raceway db upgrade`.",
        )
        return
    yield fine(f"The schema is at revision {revision}")
    unguarded = connection.scalars(
        text(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
            " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
        )
    ).all()
    if unguarded:
        yield fault(
            "row_security",
            f"Row-level security is off for {', '.join(unguarded)}: tenants can see one another's rows.",
            "Somebody switched it off by hand: ALTER TABLE ... ENABLE and FORCE ROW LEVEL SECURITY.",
        )


def _redis(setup: Setup) -> Iterator[Finding]:
    urls = _urls(setup)
    if urls is None or not urls.redis:
        yield skipped("Redis: no REDIS_URL is set, and no `raceway up` runs with this data folder.")
        return
    try:
        queueing.check(urls.redis)
    except RacewayError as error:
        yield fault("redis_down", error.message, error.hint)
        return
    with contextlib.closing(queueing.connect(urls.redis)) as redis:
        info = redis.info()
        numbers = tuple(int(part) for part in info["redis_version"].split(".")[:2])
        if numbers < _REDIS:
            yield fault("redis_version", f"Redis {info['redis_version']} is too old: 6.2 or later.", "Upgrade it.")
        else:
            yield fine(f"Redis {info['redis_version']} answers")
        if info.get("role") != "master":
            yield fault("redis_replica", "REDIS_URL names a replica, which takes no messages.", "Give the primary's.")
        try:
            policy = redis.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
        except RedisError:
            yield skipped("Redis' settings: this user may not read them.")
            return
        if policy != "noeviction":
            yield fault(
                "redis_eviction",
                f"Redis forgets messages when its memory is full (maxmemory-policy {policy}).",
                "Set maxmemory-policy noeviction.",
            )
        if not info.get("aof_enabled") and not redis.config_get("save").get("save"):
            yield warning(
                "redis_persistence",
                "Redis keeps nothing over a restart: waiting jobs are rung again only by the sweeper.",
                "Set appendonly yes.",
            )


def _storage(setup: Setup) -> Iterator[Finding]:
    if setup.get("RACEWAY_ROOT"):
        root = Path(setup.get("RACEWAY_ROOT"))
    elif (setup.data / "storage").is_dir():
        root = setup.data / "storage"
    else:
        yield skipped("The service's storage: RACEWAY_ROOT is not set, and there is no data folder yet.")
        return
    yield from folder_findings(root, "storage", "The service's storage", "RACEWAY_ROOT", setup.free_bytes)
    yield from read_only_findings(root, "storage", "The service's storage")


def _data_folder(setup: Setup) -> Iterator[Finding]:
    if not setup.data.exists():
        above = next(folder for folder in setup.data.absolute().parents if folder.exists())
        if not above.is_dir():
            yield fault("data_missing", f"The data folder {setup.data} lies below {above}, a file.", "Choose another.")
            return
        yield skipped(f"The data folder {setup.data}: `raceway up` will make it.")
        return
    yield from folder_findings(setup.data, "data", "The data folder", "--data", setup.free_bytes)
    if not setup.data.is_dir():
        return
    with contextlib.suppress(FileNotFoundError):
        kind = _file_system(setup.data)
        if kind in _NETWORK_FILE_SYSTEMS:
            yield warning(
                "data_network",
                f"The data folder is on a network file system ({kind}): PostgreSQL is neither safe nor fast there.",
                "Choose one on a disk of this machine; the shared storage may well be on the network.",
            )
    access = Access.load(setup.data)
    if access is None and (setup.data / "postgres").exists():
        yield fault("data_damaged", f"{setup.data} has a database, but no access.json.", "Restore it from a backup.")
    for name in ("access.json", "admin.password", SECRET_KEY_FILE):
        file = setup.data / name
        if file.exists() and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield fault("secret_readable", f"{file} can be read by others on this machine.", f"chmod 600 {file}")
    lock = ProcessLock(setup.data / "supervisor.lock")
    if lock.path.exists():
        if lock.acquire():
            lock.release()
        else:
            yield fine(f"`raceway up` runs with it (process {lock.holder()})")


def _file_system(folder: Path) -> str:
    """Type of the file system that ``folder`` is on, by Linux's table of mounts. Raises FileNotFoundError elsewhere."""
    found = ("", "")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(found[0]):
            found = (place, kind)
    return found[1]


def _port(setup: Setup) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", setup.port))
        except PermissionError:
            yield fault("port_denied", f"Port {setup.port} is kept for root.", "Choose one above 1023 with --port.")
            return
        except OSError:
            pass
        else:
            yield fine(f"Port {setup.port} is free")
            return
    hint = "Choose another with `raceway up --port`, or 0 for any free one."
    try:
        with _LOCAL.open(f"http://127.0.0.1:{setup.port}/api/health", timeout=3) as answer:
            health = json.loads(answer.read(_HEALTH_BYTES))["data"]
            # Earlier versions do not tell which one they are.
            theirs = str(health.get("service", "")) if health["status"] == "ok" else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        yield fault("port_taken", f"Another program listens at port {setup.port}.", hint)
        return
    secret_key = _secret_key(setup)
    if not secret_key:
        yield warning(
            "port_unknown",
            f"A Raceway answers at port {setup.port}; whether it is that of {setup.data} cannot be told.",
            "Name its data folder with --data, or set RACEWAY_SECRET_KEY to the key of the service.",
        )
    elif service_id(secret_key) == theirs:
        yield fine(f"The service answers at port {setup.port}")
    else:
        ours = f"that of {setup.data}" if not setup.get("RACEWAY_SECRET_KEY") else "that of RACEWAY_SECRET_KEY"
        yield fault("port_other", f"Another Raceway answers at port {setup.port}, not {ours}.", hint)


def _secret_key(setup: Setup) -> str:
    """The key of this machine's service; empty where there is none, or it may not be read."""
    if setup.get("RACEWAY_SECRET_KEY"):
        return setup.get("RACEWAY_SECRET_KEY")
    try:
        return (setup.data / SECRET_KEY_FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _shared_memory(setup: Setup) -> Iterator[Finding]:
    if os.name == "nt" or not Path("/dev").is_dir():
        yield skipped("Shared memory: not needed on this system.")
    elif not os.access("/dev/shm", os.W_OK):
        yield warning(
            "shared_memory",
            "/dev/shm cannot be written: PostgreSQL and gunicorn use slower places.",
            "Mount a tmpfs there (Docker: --shm-size 256m).",
        )
    else:
        yield fine("Shared memory can be used")


def _workers(setup: Setup) -> Iterator[Finding]:
    urls = _urls(setup)
    if urls is None or not is_database_url(urls.database):
        yield skipped(f"Workers: {_NOT_HERE}.")
        return
    engine = create_engine(driver_url(urls.database), poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            yield from _worker_findings(connection)
    except (OperationalError, ProgrammingError):
        yield skipped("Workers: the database cannot be asked.")
    finally:
        engine.dispose()


def _worker_findings(connection: Connection) -> Iterator[Finding]:
    rows = connection.execute(
        text("SELECT name, host, queues, extract(epoch FROM now() - last_seen) AS silent FROM workers ORDER BY name")
    ).all()
    silent = [row for row in rows if row.silent > _SILENT_SECONDS]
    for row in silent:
        yield warning(
            "worker_silent",
            f"Worker {row.name} on {row.host} has said nothing for {row.silent:.0f} s.",
            "Look at that machine; its jobs are taken up by others. Start it again: `raceway worker`.",
        )
    alive = [row for row in rows if row not in silent]
    served = {queue for row in alive for queue in row.queues}
    if missing := [queue for queue in queueing.QUEUES if queue not in served]:
        yield fault(
            "no_worker", f"No worker serves {', '.join(missing)}: such jobs wait for ever.", "Start `raceway worker`."
        )
    else:
        yield fine(f"{len(alive)} workers serve {', '.join(sorted(served))}")
    waiting = connection.execute(
        text("SELECT coalesce(sum(number), 0) FROM waiting_jobs(make_interval(secs => :seconds))"),
        {"seconds": _WAITING_SECONDS},
    ).scalar_one()
    if waiting:
        yield warning(
            "jobs_wait",
            f"{waiting} jobs have waited longer than {_WAITING_SECONDS} s.",
            "Start more workers, or see the queue page for what holds them.",
        )


def _identity_provider(setup: Setup) -> IdentityProvider | None:
    if not any(name.startswith(("RACEWAY_OIDC_", "RACEWAY_SAML_")) for name in setup.environ):
        return None
    # The protocols' libraries take a second to load.
    from service.accounts.single_sign_on import provider_from

    chosen = "" if setup.get("DATABASE_URL") else f"http://127.0.0.1:{setup.port}"
    return provider_from(setup.get("RACEWAY_PUBLIC_URL") or chosen, setup.environ)


def _single_sign_on(setup: Setup) -> Iterator[Finding]:
    provider = _identity_provider(setup)
    if provider is None:
        yield skipped("Single sign-on: no identity provider is set.")
        return
    try:
        yield fine(f"The identity provider {provider.look()} says who it is")
    except (OSError, ValueError) as error:
        yield fault("single_sign_on", f"Nobody can log in by single sign-on: {error}.", f"Look at {provider.variable}.")


CHECKS = [
    Check("service", "configuration", _configuration),
    Check("service", "programs", _programs),
    Check("service", "database", _database),
    Check("service", "redis", _redis),
    Check("service", "storage", _storage),
    Check("service", "data", _data_folder),
    Check("service", "port", _port),
    Check("service", "memory", _shared_memory),
    Check("service", "single sign-on", _single_sign_on),
    Check("service", "workers", _workers),
]
