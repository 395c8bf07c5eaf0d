"""As whom PostgreSQL runs. It refuses uid 0, so a supervisor that is root starts it under another identity.

Nothing outside the data folder changes owner or mode, also where the installation or the data folder lies
below a folder that only root may enter.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.errors import ServiceError

_LAUNCHER = Path(__file__).with_name("launcher.py")
_PROBE_SECONDS = 30


@dataclass(frozen=True)
class Identity:
    """A user to run a program as; :mod:`service.embedded.launcher` explains the kinds."""

    kind: Literal["self", "namespace", "user"] = "self"
    uid: int = 0
    gid: int = 0

    def command(self, program: Sequence[str], folder: Path, death_signal: signal.Signals) -> list[str]:
        """Command that runs ``program`` in ``folder`` as this user, and ends it when this process dies."""
        name = self.kind if self.kind == "self" else f"{self.kind}:{self.uid}:{self.gid}"
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        return [*launcher, str(os.getpid()), str(int(death_signal)), name, str(folder), *program]

    def give(self, folder: Path) -> None:
        """Make ``folder`` and all inside this user's own, if it is not yet.

        Raises OSError.
        """
        if self.kind != "user" or folder.stat().st_uid == self.uid:
            return
        # The folder itself last: until then the next attempt does it all again.
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)


SELF = Identity()


def possible_identities(cluster: Path) -> list[Identity]:
    """Whom PostgreSQL could run as with the data in ``cluster`` (which need not exist), the best first."""
    uid = os.geteuid()
    if uid == 0:
        owner = cluster.stat() if cluster.exists() else None
        if owner is not None and owner.st_uid != 0:
            return [Identity("user", owner.st_uid, owner.st_gid)]
    elif _has_account(uid):
        return [SELF]
    # initdb looks its user up, so a number that no account has (usual in containers) will not do.
    account = _unprivileged_account()
    namespace = Identity("namespace", account.pw_uid, account.pw_gid)
    return [namespace, Identity("user", account.pw_uid, account.pw_gid)] if uid == 0 else [namespace]


def choose_identity(postgres: Path, folder: Path, candidates: Sequence[Identity]) -> tuple[Identity, int]:
    """The first candidate that can run ``postgres`` in ``folder``, and the major version of that program.

    Raises ServiceError ``service.postgres_identity`` where the machine permits none of them.
    """
    answer = ""
    for identity in candidates:
        probe = subprocess.run(
            identity.command([str(postgres), "--version"], folder, signal.SIGKILL),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
        )
        if probe.returncode == 0:
            return identity, int(probe.stdout.split()[2].split(".")[0])
        answer = probe.stderr.strip() or f"{postgres} ended with status {probe.returncode}"
    if os.geteuid() == 0:
        raise ServiceError(
            "PostgreSQL does not run as root, and this machine permits neither a user namespace nor a change "
            f"of user ({answer}).",
            code="service.postgres_identity",
            hint="Run Raceway as an ordinary user, or set DATABASE_URL to a PostgreSQL server of your own.",
        )
    raise ServiceError(
        f"The PostgreSQL program does not run on this machine: {answer}.",
        code="service.postgres_identity",
        hint="Set DATABASE_URL to a PostgreSQL server of your own.",
    )


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _unprivileged_account() -> pwd.struct_passwd:
    accounts = [account for account in pwd.getpwall() if account.pw_uid != 0]
    if not accounts:
        raise ServiceError(
            "PostgreSQL needs a user account other than root, and this machine has none.",
            code="service.postgres_identity",
            hint="Add one to /etc/passwd, or set DATABASE_URL to a PostgreSQL server of your own.",
        )
    return next((account for account in accounts if account.pw_name == "nobody"), accounts[0])
