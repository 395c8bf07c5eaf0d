"""Our Blender add-on, built and unpacked into a folder that Blender is pointed at when it is started from here."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.errors import ProcessError, RacewayError
from shared.files import atomic_folder, sha256_of

BUILD_SECONDS = 60
REPOSITORY = "system"
"""Blender looks for a system's extensions below a folder of this name."""
EXTENSION = "raceway"
STARTUP = Path(__file__).with_name("blender_startup.py")
"""Blender runs it at its start, to enable the add-on."""

_RACEWAY = "import sys; from shared.cli import main; sys.exit(main())"
"""The ``raceway`` command, wherever its script was installed."""


def prepare_extension(folder: Path) -> Path:
    """Build the add-on, unpack it below ``folder`` unless that very build is there, and answer where.

    Each build has a folder of its own: a Blender that is running keeps the one it was started with. Blocks for about
    a second. Raises ProcessError where the add-on cannot be built, StorageError where it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="raceway-") as built:
        archive = _build(Path(built))
        target = folder / sha256_of(archive)[:16]
        if not target.is_dir():
            with atomic_folder(target) as temporary, zipfile.ZipFile(archive) as opened:
                opened.extractall(temporary / REPOSITORY / EXTENSION)
    return target


def _build(folder: Path) -> Path:
    """Run ``raceway build-addon`` in a process of its own: the launcher itself knows nothing of Blender."""
    arguments = [sys.executable, "-c", _RACEWAY, "build-addon", "--output", str(folder), "--json"]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise ProcessError(
            "The Blender add-on could not be built.",
            hint="Try `raceway build-addon` in a terminal to see why.",
            code="launcher.build_addon",
        ) from error
    if not answer.get("ok"):
        raise RacewayError.from_json(answer["error"])
    return Path(answer["extension"])
