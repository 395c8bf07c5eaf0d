"""Become the right user, promise to die with the supervisor, then turn into the server.

Run by its path, isolated and with nothing but the standard library::

    python -I -S launcher.py PARENT SIGNAL IDENTITY FOLDER PROGRAM [ARGUMENT ...]

``PARENT`` is the supervisor's process id and ``SIGNAL`` what the kernel sends this process when the
supervisor dies (Linux). ``FOLDER`` becomes the working directory. ``IDENTITY`` is one of

* ``self``: stay who we are;
* ``namespace:UID:GID``: enter a user namespace in which we are called UID. PostgreSQL refuses to run as uid
  0; in there it sees another number while, for the file system, the process keeps its rights as owner of
  root's files;
* ``user:UID:GID``: really become that user, but keep the capability to pass folders that are closed to it, so
  that programs and data may lie below a folder such as ``/root`` whose mode is nobody's to change.

A separate program instead of ``preexec_fn``, because Python code between fork and exec can deadlock in a
process that has threads. It ends with status 126 and one line on standard error where the machine forbids
what was asked.
"""

from __future__ import annotations

import ctypes
import os
import sys

REFUSED = 126

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilitySet(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def main(arguments: list[str]) -> int:
    parent, death_signal, identity, folder, *command = arguments
    try:
        _become(identity)
        os.chdir(folder)
        if _LINUX:
            # Last, because a change of user makes the kernel forget the request.
            _call("prctl", _PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            return REFUSED  # The supervisor died before the kernel knew of our request.
        os.execv(command[0], command)
    except OSError as error:
        print(f"cannot run {command[0]} in {folder} as {identity}: {error.strerror}", file=sys.stderr)
    return REFUSED


def _become(identity: str) -> None:
    kind, *numbers = identity.split(":")
    if kind == "namespace":
        _enter_namespace(*map(int, numbers))
    elif kind == "user":
        _become_user(*map(int, numbers))


def _enter_namespace(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as stream:
            stream.write(text)


def _become_user(uid: int, gid: int) -> None:
    if _LINUX:
        _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if _LINUX:
        _keep_traversal()


def _keep_traversal() -> None:
    """Keep the weakest capability that passes closed folders, and hand it on to the program (ambient)."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    sets = (_CapabilitySet * 2)()
    _call("capget", ctypes.byref(header), sets)
    kept = next((c for c in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if sets[0].permitted & 1 << c), None)
    mask = 0 if kept is None else 1 << kept
    sets[0] = _CapabilitySet(mask, mask, mask)
    sets[1] = _CapabilitySet(0, 0, 0)
    _call("capset", ctypes.byref(header), sets)
    if kept is not None:
        _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, kept, 0, 0)


def _call(function: str, *arguments: object) -> None:
    """Call the C library; raises OSError with its errno."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
