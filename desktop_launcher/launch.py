"""Start a program on an artist's task and watch whether it comes up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from desktop_launcher.blender_extension import STARTUP
from desktop_launcher.software import BLENDER, HOUDINI, SOFTWARE, Installation
from shared.context import Context
from shared.errors import ProcessError, StorageError
from shared.files import make_folder, storage_error
from shared.paths import absolute

BLENDER_EXTENSIONS = "BLENDER_SYSTEM_EXTENSIONS"
"""Where Blender looks for extensions a studio provides; nothing is installed into the artist's own Blender."""
HOUDINI_PACKAGES = "HOUDINI_PACKAGE_DIR"
LOG_TAIL_LINES = 3


@dataclass(frozen=True)
class Work:
    """What a program is started on: a task, and one of its scenes (a path below the storage root; empty: a new one)."""

    project: str
    entity: str
    task_id: str
    task: str
    scene: str = ""


@dataclass(frozen=True)
class LaunchPlan:
    """A command line and environment, ready to start."""

    installation: Installation
    arguments: list[str]
    environment: dict[str, str]


@dataclass
class RunningProgram:
    """A started program. It lives on when the launcher ends."""

    installation: Installation
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def label(self) -> str:
        return f"{SOFTWARE[self.installation.software].label} {self.installation.version}".strip()

    def ended(self) -> bool:
        """Whether it has ended well; raises ProcessError with the end of its log where it ended otherwise."""
        status = self.process.poll()
        if status is None:
            return False
        if status == 0:
            return True
        tail = " / ".join(_last_lines(self.log))
        ending = f"status {status}" if status > 0 else f"signal {-status}"
        raise ProcessError(
            f"{self.label} ended with {ending}{': ' + tail if tail else '.'}",
            code="process.crashed",
            hint=f"Its log is {self.log}.",
        )


def scene_to_open(root: Path, path: str) -> Path:
    """The file of a saved scene on this machine; raises StorageError where it is not there."""
    file = absolute(root, path)
    if not file.is_file():
        raise StorageError(
            f"The scene {path} is not on this machine's storage ({root}).",
            hint="Check the storage folder, and whether the shared drive is connected.",
            code="storage.missing",
        )
    return file


def plan(
    installation: Installation,
    context: Context,
    scene: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    extensions: Path | None = None,
) -> LaunchPlan:
    """How to start a program in a context, on a scene or on none.

    ``extensions`` is the folder that Blender finds our add-on in (below ``system/``), where it has been built.
    """
    environment = {**(os.environ if environ is None else environ), **context.to_environment()}
    arguments = [str(installation.executable)]
    if installation.software == BLENDER.key:
        if extensions is not None:
            # A studio that has its own folder of extensions keeps it, and puts the add-on there.
            environment.setdefault(BLENDER_EXTENSIONS, str(extensions))
            arguments += ["--python", str(STARTUP)]
    elif installation.software == HOUDINI.key:
        environment[HOUDINI_PACKAGES] = _joined(environment.get(HOUDINI_PACKAGES, ""), houdini_packages())
        # Houdini otherwise leaves its starter process at once, and its fate could not be told.
        arguments += ["-foreground"]
    if scene is not None:
        arguments.append(str(scene))
    return LaunchPlan(installation, arguments, environment)


def start(launch: LaunchPlan, log_folder: Path) -> RunningProgram:
    """Start a program detached from the launcher, its output in a log file of its own.

    Raises ProcessError (``process.not_found``) where it cannot be started, StorageError where the log cannot be
    written.
    """
    installation = launch.installation
    log = make_folder(log_folder) / f"{installation.software}-{datetime.now():%Y%m%d-%H%M%S-%f}.log"
    try:
        output = log.open("wb")
    except OSError as error:
        raise storage_error(error, log) from error
    with output:
        try:
            process = subprocess.Popen(
                launch.arguments,
                env=launch.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own session: closing the launcher, or Ctrl-C in its terminal, does not reach it.
                start_new_session=os.name != "nt",
                creationflags=_WINDOWS_DETACHED if os.name == "nt" else 0,
            )
        except OSError as error:
            raise ProcessError(
                f"{installation.executable} cannot be started: {error.strerror or error}.",
                code="process.not_found",
                hint="Check the program, or choose another installation.",
            ) from error
    return RunningProgram(installation, process, log)


def houdini_packages() -> Path:
    """The folder of our Houdini package's description; raises ProcessError where this installation lacks it."""
    spec = find_spec("houdini_otls")
    for folder in spec.submodule_search_locations or [] if spec else []:
        packages = Path(folder) / "packages"
        if packages.is_dir():
            return packages
    raise ProcessError(
        "The Houdini package of Raceway is not installed here.",
        code="launcher.houdini_package",
        hint="Install Raceway whole, or start the launcher from its checkout.",
    )


_WINDOWS_DETACHED = 0x00000200 | 0x00000008
"""CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS (constants that subprocess defines on Windows alone)."""


def _joined(present: str, folder: Path) -> str:
    folders = [part for part in present.split(os.pathsep) if part]
    return os.pathsep.join(dict.fromkeys([*folders, str(folder)]))


def _last_lines(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip()][-LOG_TAIL_LINES:]
