"""Where pictures go: names of files and frames, and whether they can be written at all."""

from __future__ import annotations

import glob
import re
import socket
import tempfile
from pathlib import Path

from dcc.render.presets import FORMATS
from shared.errors import InputError
from shared.files import TEMPORARY_PREFIX, make_folder, storage_error

_HASHES = re.compile(r"#+")


def check_output(output: Path, wanted: str | None = None) -> str:
    """The format of ``output``, by its suffix; its folder is made, and tried before hours are spent on the picture.

    Raises InputError (``input.output``) for another format than ``wanted`` or than any we write, and StorageError
    where nothing can be written.
    """
    kind = output.suffix.lower().removeprefix(".")
    if kind not in FORMATS or (wanted is not None and kind != wanted):
        known = [wanted] if wanted else FORMATS
        raise InputError(
            f"{output.name} does not end in {' or '.join(f'.{name}' for name in known)}.",
            hint="The suffix says the format: .png to look at, .exr for compositing.",
            code="input.output",
            fields={"output": f"must end in {', '.join(known)}"},
        )
    check_writable(output)
    return kind


def check_writable(output: Path) -> None:
    """Make the folder of ``output`` and try to write there; raises StorageError where that cannot be done."""
    folder = make_folder(output.parent)
    try:
        tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX).close()
    except OSError as error:
        raise storage_error(error, output) from error


def writer_of(process: int) -> str:
    """What stands in the temporary names that a render process of this machine writes under."""
    return f"{socket.gethostname()}-{process}-"


def remove_unfinished(folder: Path, process: int) -> None:
    """Remove what a render process of this machine, which is dead, was still writing in ``folder``."""
    for left in folder.glob(f"{glob.escape(TEMPORARY_PREFIX + writer_of(process))}*"):
        left.unlink(missing_ok=True)


def frame_path(pattern: Path, frame: int) -> Path:
    """``name.####.png`` for one frame: the number in place of the hashes, with zeros to their count.

    Raises InputError (``input.output``) where the name has no hashes, or more than one run of them.
    """
    runs = _HASHES.findall(pattern.name)
    if len(runs) != 1:
        raise InputError(
            f"{pattern.name} does not say where the frame's number goes.",
            hint="Put #### in the file's name once, as in name.####.png.",
            code="input.output",
            fields={"output": "needs #### in its name"},
        )
    return pattern.with_name(pattern.name.replace(runs[0], f"{frame:0{len(runs[0])}d}"))
