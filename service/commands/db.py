"""``raceway db``: the database's schema and content."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.cli import Command
from shared.errors import InputError

if TYPE_CHECKING:
    from service.config import Config


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    upgrade = _action(actions, "upgrade", "apply the migrations")
    upgrade.add_argument("--revision", default="head", help="revision to go to (default: the newest)")
    downgrade = _action(actions, "downgrade", "undo migrations; the data in what they made is lost")
    downgrade.add_argument("revision", help="revision to go back to, `base` for an empty database")
    downgrade.add_argument("--yes", action="store_true", help="really do it")
    reset = _action(actions, "reset", "delete all rows and keep the schema")
    reset.add_argument("--yes", action="store_true", help="really do it")
    _action(actions, "current", "show the revision the database is at")


def run(options: argparse.Namespace) -> int:
    from service import schema

    if options.action in ("reset", "downgrade") and not options.yes:
        raise InputError(
            f"`raceway db {options.action}` deletes data, so it wants to be told twice.",
            hint=f"Run `raceway db {options.action} --yes` if you mean it.",
            code="input.confirm",
        )
    config = config_of(options.data)
    if options.action == "upgrade":
        print(f"The database is at revision {schema.upgrade(config, options.revision)}.")
    elif options.action == "downgrade":
        print(f"The database is at revision {schema.downgrade(config, options.revision) or 'base'}.")
    elif options.action == "reset":
        print(f"{schema.reset(config)} tables were emptied; the schema and the files on the storage are as they were.")
        print("The next start of `raceway up` makes the first tenant and its administrator again.")
    else:
        print(f"at {schema.current_revision(config) or 'no revision'}, newest is {schema.head_revision()}")
    return 0


def _action(actions: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=purpose, description=purpose)
    add_data_option(parser)
    return parser


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """``--data``: where the service is found that no environment variables name."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder of a running `raceway up` (default: its default)"
    )


def config_of(data: Path | None) -> Config:
    """The configuration by the environment, or else of the `raceway up` with that data folder.

    Raises ServiceError where neither is there.
    """
    from service.config import Config
    from service.embedded import urls_of_running
    from service.stack import data_folder

    urls = urls_of_running(data_folder(data))
    # Only the database and the storage are touched: the rest need not be set.
    unused = {"RACEWAY_ROOT": str(data_folder(data) / "storage"), "RACEWAY_SECRET_KEY": "unused"}
    return Config.from_environment({**unused, **{k: v for k, v in os.environ.items() if v}, **urls.environment()})


COMMAND = Command("db", "apply migrations, or empty the database", configure, run)
