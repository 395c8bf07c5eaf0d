"""How the servers of a data folder are reached: ports and generated passwords, kept in one private file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import StorageError
from shared.files import TEMPORARY_PREFIX, storage_error, sync_folder

HOST = "127.0.0.1"
DATABASE = "raceway"
SUPERUSER = "postgres"
OWNER_ROLE = "raceway_owner"
APPLICATION_ROLE = "raceway_app"
FILE_NAME = "access.json"
_PORTS = ("postgres_port", "redis_port")


@dataclass(frozen=True)
class Urls:
    """Addresses, passwords included: the database as the application and as its owner sees it, and Redis."""

    database: str = field(repr=False)
    database_owner: str = field(repr=False)
    redis: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The variables through which every other part of Raceway finds the servers."""
        return {
            "DATABASE_URL": self.database,
            "DATABASE_OWNER_URL": self.database_owner,
            "REDIS_URL": self.redis,
        }


def external_urls(environ: Mapping[str, str]) -> Urls:
    """The addresses that ``environ`` sets; an empty string for each server that it does not."""
    database = environ.get("DATABASE_URL", "")
    return Urls(
        database=database,
        database_owner=database and environ.get("DATABASE_OWNER_URL", database),
        redis=environ.get("REDIS_URL", ""),
    )


@dataclass(frozen=True)
class Access:
    """Content of ``access.json``. A port of 0 has not been chosen yet."""

    superuser_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    application_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    postgres_port: int
    redis_port: int

    @classmethod
    def generate(cls) -> Access:
        """New passwords of 192 random bits each, safe inside a URL."""
        return cls(
            superuser_password=secrets.token_urlsafe(24),
            owner_password=secrets.token_urlsafe(24),
            application_password=secrets.token_urlsafe(24),
            redis_password=secrets.token_urlsafe(24),
            postgres_port=0,
            redis_port=0,
        )

    @classmethod
    def load(cls, data_dir: Path) -> Access | None:
        """What a former start wrote, None where there is nothing.

        Raises StorageError where the file cannot be read or is not ours.
        """
        path = data_dir / FILE_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            access = cls(**content)
            if all(isinstance(getattr(access, name), int if name in _PORTS else str) for name in content):
                return access
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, path, "read") from error
        except (ValueError, TypeError):
            pass
        raise damaged(data_dir, f"{path} is damaged")

    def save(self, data_dir: Path) -> None:
        """Write the file, readable by its owner only, whole or not at all. Raises StorageError."""
        path = data_dir / FILE_NAME
        temporary = data_dir / f"{TEMPORARY_PREFIX}{FILE_NAME}"
        try:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump(dataclasses.asdict(self), stream, indent=2)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            sync_folder(data_dir)
        except OSError as error:
            raise storage_error(error, path) from error

    def urls(self) -> Urls:
        """The addresses these passwords and ports make."""
        # Explicit, so that PGSSLMODE and the like in a user's environment cannot break a loopback connection.
        suffix = f"@{HOST}:{self.postgres_port}/{DATABASE}?sslmode=disable&gssencmode=disable"
        return Urls(
            database=f"postgresql://{APPLICATION_ROLE}:{self.application_password}{suffix}",
            database_owner=f"postgresql://{OWNER_ROLE}:{self.owner_password}{suffix}",
            redis=f"redis://:{self.redis_password}@{HOST}:{self.redis_port}/0",
        )


def damaged(data_dir: Path, what: str) -> StorageError:
    """The error for a data folder that the servers cannot go on with."""
    return StorageError(
        f"The data folder {data_dir} cannot be used: {what}.",
        code="storage.damaged",
        hint="Restore it from a backup, or choose another data folder.",
    )
