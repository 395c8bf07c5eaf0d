"""``raceway production``: a project's assets, shots and tasks as a spreadsheet, out of the service and back into it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from shared.cli import Command, add_json_option, print_json
from shared.client import Client
from shared.context import Context
from shared.errors import NotFoundError
from shared.files import storage_error


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="write a project's assets, shots and tasks as CSV")
    export.add_argument("project", help="name of the project")
    export.add_argument("file", type=Path, nargs="?", help="the file to write (default: PROJECT.csv)")
    export.set_defaults(act=_export)
    follow = actions.add_parser("import", help="add and change assets, shots and tasks as a CSV file says")
    follow.add_argument("project", help="name of the project")
    follow.add_argument("file", type=Path, help="CSV or TSV file; `export` shows its columns")
    follow.add_argument("--check", action="store_true", help="only tell what would be done")
    follow.set_defaults(act=_import)
    for action in (export, follow):
        add_json_option(action)


def _run(options: argparse.Namespace) -> int:
    context = Context.from_environment(os.environ, needs_project=False)
    with Client.from_context(context) as client:
        projects = {project["name"]: project["id"] for project in client.projects()}
        if options.project not in projects:
            raise NotFoundError(
                f"There is no project {options.project}.", hint=f"There are: {', '.join(projects) or 'none'}."
            )
        options.act(options, client, projects[options.project])
    return 0


def _export(options: argparse.Namespace, client: Client, project_id: str) -> None:
    file = client.download(f"/projects/{project_id}/sheet", options.file or Path(f"{options.project}.csv"))
    if options.json:
        print_json({"ok": True, "file": str(file)})
    else:
        print(f"written   {file}")


def _import(options: argparse.Namespace, client: Client, project_id: str) -> None:
    try:
        sheet = options.file.read_bytes()
    except OSError as error:
        raise storage_error(error, options.file, "read") from error
    done = client.follow_production_sheet(project_id, sheet, filename=options.file.name, check=options.check)
    if options.json:
        print_json({"ok": True, **done})
        return
    for what in done["added"]:
        print(f"added     {what}")
    for change in done["changed"]:
        print(f"changed   {change['what']}: {change['field']} {change['before']!r} to {change['after']!r}")
    print(f"unchanged {done['unchanged']}")
    for kept in done["kept"]:
        print(f"kept      {kept['what']}: {kept['field']} {kept['now']!r}, newer than {kept['said']!r} in the file")
    for warning in done["warnings"]:
        print(f"warning   {warning}", file=sys.stderr)
    if options.check:
        print("nothing was done: this was a check")


COMMAND = Command("production", "a project's assets, shots and tasks as a spreadsheet", _configure, _run)
