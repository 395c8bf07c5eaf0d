"""What the service needs to know, read from its environment once at start-up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from shared.errors import InputError

MEBIBYTE = 2**20

_SECRETS = {
    *("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "RACEWAY_SECRET_KEY", "RACEWAY_SMTP_URL"),
    "RACEWAY_OIDC_CLIENT_SECRET",
    "PGPASSWORD",  # where a URL has no password, PostgreSQL's driver takes this one
    "PM_API_TOKEN",  # of whoever runs a worker on their workstation
}

_HINTS = {
    "DATABASE_URL": "Give the application role's URL, like postgresql://raceway_app:secret@localhost/raceway; "
    "`raceway up` without it starts a PostgreSQL of its own.",
    "REDIS_URL": "Give it like redis://localhost:6379/0; `raceway up` without it starts a Redis of its own.",
    "RACEWAY_ROOT": "Give the folder of the shared storage as this machine sees it.",
    "RACEWAY_SECRET_KEY": "Give any long random text, the same for every process of the service.",
}


@dataclass(frozen=True)
class Config:
    """Settings of one service process. Secrets stay out of ``repr``, so that none reaches a log."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    root: Path
    secret_key: str = field(repr=False)
    database_owner_url: str = field(default="", repr=False)
    """URL of the role that owns the tables; needed for migrations only."""
    public_url: str = ""
    max_upload_bytes: int = 2048 * MEBIBYTE
    tool_memory_bytes: int = 8192 * MEBIBYTE
    """Resident memory that one conversion or render may use."""
    convert_seconds: int = 1800
    render_seconds: int = 7200
    lease_seconds: int = 10
    """How long a worker may be silent before its job is taken up by another."""
    stall_seconds: int = 300
    """How long a renderer may be silent before it is stopped and tried again."""
    streams_per_tenant: int = 32
    """Event streams that the users of one tenant may have open at a time, over all processes of the service."""
    streams_per_process: int = 48
    """Event streams in one process, so that some of its threads stay free for requests."""
    trusted_proxies: int = 0
    """Reverse proxies that each request comes through; what they say of the client and the address it asked for
    (X-Forwarded-For, -Proto, -Host) is believed. Each proxy must write all three itself: a single one overwrites
    -Proto and -Host, of several each appends its value, for they are counted from the end. A header that a proxy lets
    through untouched is the client's word. With 0 these headers are ignored: anybody can send them."""
    database_pool: int = 16
    """Connections kept for the request threads of one process."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the variables; raises InputError (``input.config``) that names every one missing or wrong."""
        env = os.environ if environ is None else environ
        wrong = {name: f"is not set. {_HINTS[name]}" for name in _HINTS if not env.get(name)}
        numbers = {
            "RACEWAY_MAX_UPLOAD_MB": 2048,
            "RACEWAY_TOOL_MEMORY_MB": 8192,
            "RACEWAY_CONVERT_SECONDS": 1800,
            "RACEWAY_RENDER_SECONDS": 7200,
            "RACEWAY_LEASE_SECONDS": 10,
            "RACEWAY_STALL_SECONDS": 300,
            "RACEWAY_STREAMS_PER_TENANT": 32,
        }
        for name, default in numbers.items():
            text = env.get(name) or str(default)
            if text.isdecimal() and int(text) > 0:
                numbers[name] = int(text)
            else:
                wrong[name] = f"is {text!r}, not a whole number above 0."
        proxies = env.get("RACEWAY_TRUSTED_PROXIES") or "0"
        if not proxies.isdecimal():
            wrong["RACEWAY_TRUSTED_PROXIES"] = f"is {proxies!r}, not the number of proxies before the service."
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
            if env.get(name) and (problem := _database_problem(env[name])):
                wrong[name] = f"{problem} {_HINTS['DATABASE_URL']}"
        if wrong:
            raise InputError(
                f"The service is not configured: {', '.join(wrong)}.",
                hint="Set these environment variables, or start everything on this machine with `raceway up`.",
                code="input.config",
                fields=wrong,
            )
        return cls(
            database_url=env["DATABASE_URL"],
            database_owner_url=env.get("DATABASE_OWNER_URL", ""),
            redis_url=env["REDIS_URL"],
            root=Path(env["RACEWAY_ROOT"]).expanduser().absolute(),
            secret_key=env["RACEWAY_SECRET_KEY"],
            public_url=env.get("RACEWAY_PUBLIC_URL", "").rstrip("/"),
            max_upload_bytes=numbers["RACEWAY_MAX_UPLOAD_MB"] * MEBIBYTE,
            tool_memory_bytes=numbers["RACEWAY_TOOL_MEMORY_MB"] * MEBIBYTE,
            convert_seconds=numbers["RACEWAY_CONVERT_SECONDS"],
            render_seconds=numbers["RACEWAY_RENDER_SECONDS"],
            lease_seconds=numbers["RACEWAY_LEASE_SECONDS"],
            stall_seconds=numbers["RACEWAY_STALL_SECONDS"],
            streams_per_tenant=numbers["RACEWAY_STREAMS_PER_TENANT"],
            trusted_proxies=int(proxies),
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that make a started process see this configuration."""
        return {
            "DATABASE_URL": self.database_url,
            "DATABASE_OWNER_URL": self.database_owner_url,
            "REDIS_URL": self.redis_url,
            "RACEWAY_ROOT": str(self.root),
            "RACEWAY_SECRET_KEY": self.secret_key,
            "RACEWAY_PUBLIC_URL": self.public_url,
            "RACEWAY_MAX_UPLOAD_MB": str(self.max_upload_bytes // MEBIBYTE),
            "RACEWAY_TOOL_MEMORY_MB": str(self.tool_memory_bytes // MEBIBYTE),
            "RACEWAY_CONVERT_SECONDS": str(self.convert_seconds),
            "RACEWAY_RENDER_SECONDS": str(self.render_seconds),
            "RACEWAY_LEASE_SECONDS": str(self.lease_seconds),
            "RACEWAY_STALL_SECONDS": str(self.stall_seconds),
            "RACEWAY_STREAMS_PER_TENANT": str(self.streams_per_tenant),
            "RACEWAY_TRUSTED_PROXIES": str(self.trusted_proxies),
        }

    def require_owner_url(self) -> str:
        """The owner's URL; raises InputError where it is not set."""
        if not self.database_owner_url:
            raise InputError(
                "Migrations need the role that owns the tables, and DATABASE_OWNER_URL is not set.",
                hint="Set DATABASE_OWNER_URL to another role than DATABASE_URL's, or tenants are not isolated.",
                code="input.config",
                fields={"DATABASE_OWNER_URL": "is not set"},
            )
        return self.database_owner_url

    def tenant_root(self, storage: str) -> Path:
        """Storage root of a tenant: what its artists see as ``PM_ROOT``."""
        return self.root / storage


@cache
def service_id(secret_key: str) -> str:
    """What tells a service from others to whoever knows its key, and nothing to everybody else: ``/health`` says it.

    Dear to compute, so that a weak key cannot be guessed from it in bulk.
    """
    return hashlib.scrypt(secret_key.encode(), salt=b"raceway service", n=2**14, r=8, p=1, dklen=12).hex()


def driver_url(url: str) -> str:
    """``url`` with our PostgreSQL driver named, as SQLAlchemy wants it."""
    return make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def is_database_url(url: str) -> bool:
    """Whether this is the URL of a PostgreSQL, wherever that may be."""
    return not _database_problem(url)


def _database_problem(url: str) -> str:
    backend: Callable[[], str] = lambda: make_url(url).get_backend_name()  # noqa: E731
    try:
        # `postgres://` is what many hosts hand out, though SQLAlchemy no longer knows it.
        return "" if url.startswith("postgres://") or backend() == "postgresql" else "is not a PostgreSQL URL."
    except ArgumentError:
        return "is not a URL."


def tool_environment() -> dict[str, str]:
    """This process's environment without the service's secrets.

    Tools read what strangers made, and may print their environment where they crash.
    """
    return {name: value for name, value in os.environ.items() if name not in _SECRETS}
