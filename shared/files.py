"""Files that are either whole or absent, and their digests."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.errors import RacewayError, StorageError

TEMPORARY_PREFIX = ".tmp-"
"""Start of the name of every file or folder that is still being written; what a sweeper may remove."""

_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_REMEDIES = {
    errno.ENOSPC: ("storage.full", "the disk is full", "Free some space, or choose another folder."),
    errno.EDQUOT: ("storage.full", "the disk quota is used up", "Free some space, or choose another folder."),
    errno.EACCES: ("storage.denied", "permission denied", "Choose a folder you may write to."),
    errno.EPERM: ("storage.denied", "operation not permitted", "Choose a folder you may write to."),
    errno.EROFS: ("storage.denied", "the file system is read-only", "Choose a folder you may write to."),
    errno.ENOTDIR: ("storage.denied", "a part of the path is a file", "Choose a path whose parents are folders."),
    errno.ENOENT: ("storage.missing", "no such file or folder", "Check the path."),
    errno.EISDIR: ("storage.denied", "it is a folder", "Choose a file name instead."),
    errno.ENAMETOOLONG: ("storage.denied", "the name is too long", "Choose a shorter path."),
}


def storage_error(error: OSError, path: str | os.PathLike[str], doing: str = "write") -> StorageError:
    """The coded form of an ``OSError`` met while ``doing`` something with ``path``."""
    code, reason, hint = _REMEDIES.get(
        error.errno or 0, ("storage.failed", error.strerror or str(error), "Check the disk and the path.")
    )
    return StorageError(f"Cannot {doing} {os.fspath(path)}: {reason}.", hint=hint, code=code)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Create ``path`` and its parents where missing.

    Raises StorageError where that cannot be done.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(
            f"Cannot create the folder {folder}: a file of that name is in the way.",
            hint="Choose another folder.",
            code="storage.denied",
        ) from error
    except OSError as error:
        raise storage_error(error, folder, "create the folder") from error
    return folder


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in ``folder`` durable (a no-op where the platform cannot open folders)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    # Windows flushes a file only through a handle that may write; a link to a published file may not be written.
    with path.open("r+b" if os.name == "nt" else "rb") as stream:
        os.fsync(stream.fileno())


def make_read_only(path: str | os.PathLike[str]) -> bool:
    """Let nobody write to a file, as far as its mode goes (on Windows, its read-only attribute): its owner can give
    that right back, and can remove the file.

    Answers whether that is so now. Some network storages keep no modes, and only a file's owner may change them.
    """
    try:
        mode = os.stat(path).st_mode
        if mode & _WRITE:
            os.chmod(path, stat.S_IMODE(mode) & ~_WRITE)
    except OSError:
        return False
    return is_read_only(path)


def is_read_only(path: str | os.PathLike[str]) -> bool:
    """Whether a file's mode lets nobody write to it. False where it cannot be looked at."""
    try:
        return not os.stat(path).st_mode & _WRITE
    except OSError:
        return False


def remove_file(path: str | os.PathLike[str]) -> None:
    """Remove a file, on Windows also one that is read-only. Raises OSError as ``os.unlink`` does."""
    try:
        os.unlink(path)
    except PermissionError:
        if os.name != "nt":
            raise
        os.chmod(path, stat.S_IWRITE)
        os.unlink(path)


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike[str], *, overwrite: bool = True, writer: str = "") -> Iterator[Path]:
    """Yield a temporary path beside ``target``; on success it becomes ``target``, else it is removed.

    ``writer`` stands in the temporary name, so that whoever sees it die can remove what it left.

    The temporary name keeps the target's suffix, because writers choose a format by it. With ``overwrite=False`` an
    existing target is never replaced, not even by one of two writers that finish at the same time.

    Raises StorageError for anything the file system refuses (full disk, read-only, a file in the way).
    """
    final = Path(target)
    folder = make_folder(final.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX + writer, suffix=final.suffix, dir=folder)
        os.close(handle)
    except OSError as error:
        raise storage_error(error, final) from error
    temporary = Path(name)
    try:
        try:
            yield temporary
        except RacewayError:
            raise
        except OSError as error:
            raise storage_error(error, final) from error
        try:
            _sync_file(temporary)
            _share(temporary)
            if overwrite:
                os.replace(temporary, final)
            else:
                os.link(temporary, final)
            sync_folder(folder)
        except FileExistsError as error:
            raise StorageError(
                f"{final} exists already and is never replaced.",
                hint="Publish a new version instead.",
                code="storage.exists",
            ) from error
        except OSError as error:
            raise storage_error(error, final) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def atomic_write(target: str | os.PathLike[str], data: bytes | str, *, overwrite: bool = True) -> Path:
    """Write ``data`` (text as UTF-8) to ``target`` so that a reader sees the old content or the new, nothing else."""
    with atomic_path(target, overwrite=overwrite) as temporary:
        temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return Path(target)


@contextlib.contextmanager
def atomic_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; on success it becomes ``target``, else it is removed.

    An existing ``target`` is replaced as a whole. Every file inside is flushed before the rename.
    """
    final = Path(target)
    parent = make_folder(final.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent))
    except OSError as error:
        raise storage_error(error, final) from error
    try:
        try:
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    _sync_file(path)
            os.chmod(temporary, 0o777 & ~_umask())
            if final.exists():
                retired = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=parent))
                os.rename(final, retired / final.name)
                os.rename(temporary, final)
                shutil.rmtree(retired, ignore_errors=True)
            else:
                os.rename(temporary, final)
            sync_folder(parent)
        except OSError as error:
            raise storage_error(error, final) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-256 of a file's content.

    Raises StorageError where it cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(error, path, "read") from error


def _share(temporary: Path) -> None:
    """Let others read and write a new file, as the umask says: mkstemp makes files private, a storage is shared."""
    found, wanted = temporary.stat(), 0o666 & ~_umask()
    if found.st_nlink > 1:
        # A link to what may be published: that stays as little writable as it is.
        wanted = stat.S_IMODE(found.st_mode) | (wanted & ~_WRITE)
    os.chmod(temporary, wanted)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
