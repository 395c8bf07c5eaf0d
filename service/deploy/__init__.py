"""Units that let systemd run the service and workers on machines of a studio, and how to work with them.

The files beside this one are templates: ``@PYTHON@`` and the like are filled in for the machine they are written on.
"""

from __future__ import annotations

from pathlib import Path

from shared.files import atomic_path, make_folder

UNITS = ("raceway.service", "raceway-worker@.service", "raceway-workers.target")
ENVIRONMENT = "raceway.env"
_HERE = Path(__file__).parent

GUIDE = """\
The units are in {folder}. On every machine that shall work:

  install   copy them to /etc/systemd/system, and {environment} (filled in, mode 0640) to {settings}
            mount the storage where RACEWAY_ROOT says; make the user {user}
            systemctl daemon-reload
  start     systemctl enable --now raceway-workers.target raceway-worker@1
  scale     systemctl enable --now raceway-worker@2 raceway-worker@3      one more each, at any time
            systemctl disable --now raceway-worker@3                     one less; its job goes on elsewhere
  drain     systemctl kill --kill-whom=main -s SIGUSR1 raceway-worker@2  finishes its job, takes no other, and ends
  stop      systemctl stop raceway-worker@2                              hands its job back to the queue at once
  upgrade   drain, install the new version, start; workers of the old version go on meanwhile
  look      journalctl -u 'raceway-worker@*' -f      and the page /jobs, which shows every worker

A machine with a GPU says so in {settings}/worker-1.env: RACEWAY_CAPABILITIES=gpu. RACEWAY_QUEUES=render keeps
conversions off it. Workers need no open port; they reach PostgreSQL, Redis and the storage. On the machine of the
service: systemctl enable --now raceway.service"""


def write_units(folder: Path, *, python: str, user: str = "raceway", settings: Path = Path("/etc/raceway")) -> str:
    """Write the units, and an example of their environment, into ``folder``; answers how to work with them.

    ``python`` is the interpreter that has Raceway installed, ``settings`` the folder of the environment file. Raises
    StorageError where they cannot be written.
    """
    values = {
        "@PYTHON@": python,
        "@USER@": user,
        "@FOLDER@": str(settings),
        "@ENVIRONMENT@": str(settings / ENVIRONMENT),
    }
    make_folder(folder)
    for name in (*UNITS, ENVIRONMENT):
        text = (_HERE / name).read_text(encoding="utf-8")
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return GUIDE.format(folder=folder, environment=ENVIRONMENT, settings=settings, user=user)
