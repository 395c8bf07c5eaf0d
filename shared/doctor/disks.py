"""Whether a folder can be worked in: it is there, takes a file and its rename, and has room."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from shared.doctor.report import Finding, fault, fine, warning
from shared.files import TEMPORARY_PREFIX, make_read_only, remove_file, storage_error


def folder_findings(folder: Path, code: str, what: str, variable: str, free_bytes: int) -> Iterator[Finding]:
    """Look at ``folder``, which is ``what`` and set by ``variable``; codes are ``<code>_missing``, ``_denied``,
    ``_full`` and ``_low``."""
    if not folder.is_dir():
        other = "is a file" if folder.exists() else "does not exist"
        yield fault(
            f"{code}_missing", f"{what} {folder} {other}.", f"Make the folder, or set {variable} to the right one."
        )
        return
    problem = _write_problem(folder)
    if problem is not None:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        told = storage_error(problem, folder)
        hint = told.hint if full else f"Give your user the right to write there, or set {variable} to another folder."
        yield fault(f"{code}_{'full' if full else 'denied'}", f"{what} cannot be used. {told.message}", hint)
        return
    free = shutil.disk_usage(folder).free
    if free < free_bytes:
        yield warning(
            f"{code}_low",
            f"{what} {folder} has only {free / 2**30:.1f} GiB left; {free_bytes / 2**30:.1f} GiB are wanted.",
            "Free some space before the disk is full.",
        )
        return
    yield fine(f"{what}: {folder}, {free / 2**30:.0f} GiB free")


def read_only_findings(folder: Path, code: str, what: str) -> Iterator[Finding]:
    """Try whether a file in ``folder`` can be made read-only, as published items are; the code is ``<code>_modes``."""
    tried = folder / f"{TEMPORARY_PREFIX}doctor-{uuid.uuid4().hex}"
    try:
        tried.touch()
        if not make_read_only(tried):
            yield warning(
                f"{code}_modes",
                f"{what} {folder} does not let files be made read-only: published items can be overwritten by mistake.",
                "Mount it so that it keeps modes (SMB: without noperm and file_mode; NFS: check who owns the files).",
            )
    except OSError:
        return  # folder_findings says why
    finally:
        with contextlib.suppress(OSError):
            remove_file(tried)


def _write_problem(folder: Path) -> OSError | None:
    """Do once what every publish does: write a file, flush it to the disk, rename it."""
    name = f"{TEMPORARY_PREFIX}doctor-{uuid.uuid4().hex}"
    written, renamed = folder / name, folder / f"{name}-renamed"
    try:
        with written.open("wb") as stream:
            stream.write(bytes(4096))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(written, renamed)
    except OSError as error:
        return error
    finally:
        for left in (written, renamed):
            if left.exists():
                left.unlink()
    return None
