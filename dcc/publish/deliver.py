"""``python -m dcc.publish.deliver``: copies files to a folder, with a manifest of their sizes and digests.

``--files LIST.json`` has ``[{"path": "...", "name": "..."}]``; two files of one name are told apart by a number. Every
file is read back: what the manifest says of it is what stands there. Prints the events of :mod:`shared.events`; the
result has ``files`` as the manifest has them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from shared.errors import InputError, StorageError
from shared.events import emit_progress, tool_main
from shared.files import atomic_path, make_folder, sha256_of, storage_error, sync_folder

MANIFEST = "delivery.json"
VERSION = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    parser = argparse.ArgumentParser(prog="dcc.publish.deliver", description="Copy files with a manifest of digests.")
    parser.add_argument("--files", type=Path, required=True, metavar="LIST.json")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument("--link", action="store_true", help="link files of the same disk instead of copying them")
    parser.add_argument("--about", default="{}", help="JSON object that the manifest begins with")
    options = parser.parse_args(arguments)
    return tool_main(lambda: deliver(options.files, options.to, link=options.link, about=json.loads(options.about)))


def deliver(listed: Path, folder: Path, *, link: bool = False, about: dict[str, Any] | None = None) -> dict[str, Any]:
    """Copy what the list names into ``folder`` and write the manifest last; returns it.

    Raises InputError for an empty list, StorageError for a file that is missing, cannot be copied, or is not the same
    at its new place.
    """
    wanted = json.loads(listed.read_text(encoding="utf-8"))
    if not wanted:
        raise InputError("There is nothing to deliver.", hint="Connect a step that gives files.", code="input.delivery")
    make_folder(folder)
    total = sum(_size(Path(item["path"])) for item in wanted) or 1
    done, taken = 0, {MANIFEST}
    files = []
    for item in wanted:
        source = Path(item["path"])
        name = _free_name(PurePath(item["name"]).name, taken)
        emit_progress("deliver", 95 * done / total, name)
        files.append({"name": name, "source": item.get("source", ""), **_copy(source, folder / name, link)})
        done += files[-1]["size"]
    manifest = {"version": VERSION, **(about or {}), "files": files}
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sync_folder(folder)
    return manifest


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise storage_error(error, path, "read") from error


def _free_name(name: str, taken: set[str]) -> str:
    """``name``, or ``name_2`` and so on; capitals make no other name, because some disks do not tell them apart."""
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    number = 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}{suffix}"
    taken.add(name.lower())
    return name


def _copy(source: Path, target: Path, link: bool) -> dict[str, Any]:
    digest = sha256_of(source)
    try:
        if link:
            try:
                os.link(source.resolve(), target)
            except OSError:
                shutil.copyfile(source, target)
        else:
            shutil.copyfile(source, target)
        with target.open("rb") as stream:
            os.fsync(stream.fileno())
    except OSError as error:
        raise storage_error(error, target, "copy to") from error
    if sha256_of(target) != digest:
        raise StorageError(
            f"{target.name} is not the same after copying.",
            hint="Deliver again; if that repeats, check the disk.",
            code="storage.digest",
        )
    return {"size": target.stat().st_size, "sha256": digest}


if __name__ == "__main__":
    sys.exit(main())
