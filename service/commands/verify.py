"""``raceway verify``: do the files on the storage match what the database recorded of them?"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict

from service.commands.db import add_data_option, config_of
from shared.cli import EXIT_FAILED, Command, Progress, add_json_option, print_json


def configure(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)
    parser.add_argument("--protect", action="store_true", help="also make published items read-only that are not yet")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    from service.base_app import create_base_app
    from service.verification import number_of_files, verify

    config = config_of(options.data)
    progress, states, faults, writable = Progress(), Counter[str](), [], 0
    with create_base_app(config).app_context():
        number = number_of_files()
        try:
            for done, looked in enumerate(verify(config, protect=options.protect), 1):
                progress.update("Reading", min(100, 100 * done / max(1, number)), looked.path)
                states[looked.state] += 1
                writable += looked.writable
                if looked.state != "unchanged":
                    faults.append(looked)
        finally:
            progress.close()
    if options.json:
        told = [{**asdict(fault), "row_id": str(fault.row_id)} for fault in faults]
        print_json({"ok": not faults, "files": states.total(), "writable_items": writable, "faults": told})
    else:
        for fault in faults:
            print(f"{fault.state}: {fault.tenant}/{fault.path} ({fault.kind} {fault.row_id})")
        others = "".join(f", {count:,} {state}" for state, count in sorted(states.items()) if state != "unchanged")
        print(f"{states['unchanged']:,} of {states.total():,} files are as they were recorded{others}.")
        if writable:
            remedy = "the storage keeps no modes" if options.protect else "make them read-only with --protect"
            print(f"{writable:,} published items may still be written by mistake: {remedy}.")
        if faults:
            print("Restore what was lost or changed from a backup: the entries that compose it need not be touched.")
    return EXIT_FAILED if faults else 0


COMMAND = Command("verify", "compare published files and pictures with what was recorded of them", configure, run)
