"""Files of the tenant's storage as answers: one by itself, or several as one ZIP."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from flask import Response, current_app, request, send_file
from zipstream import ZipStream

from service.accounts import auth
from service.models import MediaAsset
from shared import paths
from shared.errors import ConflictError, NotFoundError, StorageError

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')
"""What Windows takes in no file name."""
_LONGEST_NAME = 200
"""Bytes of a file name without its suffix; file systems take 255 with it."""


def root() -> Path:
    """Storage root of the caller's tenant."""
    return auth.config().tenant_root(auth.current().storage)


def stored_file(path: str, mime_type: str = "", name: str = "", *, below: Path | None = None) -> Response:
    """The file at ``path``, to be saved under ``name``; ``below`` is the storage root where nobody is logged in.

    Raises StorageError where it is gone, and ConflictError (``conflict.stale``, status 412) where If-Match names
    another state of it.
    """
    place = _stored(path, below or root())
    wanted = request.if_match
    # Werkzeug heeds it in no request that has a Range, and takes "*" for another file's ETag (RFC 9110, 13.1.1).
    request.environ.pop("HTTP_IF_MATCH", None)
    guessed = mime_type or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    file = send_file(place, mimetype=guessed, download_name=name or place.name, conditional=True)
    if wanted and (file.get_etag()[0] or "") not in wanted:
        file.close()
        raise ConflictError(
            f"{name or place.name} is not the file any more that If-Match names.",
            hint="Ask for it without If-Match.",
            code="conflict.stale",
            status=412,
        )
    # "no-cache": the browser asks each time whether what it has still stands; a frame may have been rendered anew.
    return _private(file)


def zipped_media(media: Iterable[tuple[str, MediaAsset]], name: str, *, below: Path | None = None) -> Response:
    """Pictures and films, each with what it is of, as a ZIP called ``name``, numbered in their order.

    It is written while it is sent: nothing is put on the disk, and its length is known before. ``below`` is the storage
    root where nobody is logged in. Raises NotFoundError where there are none, StorageError where a file is gone.
    """
    # What renders and films are made of has been compressed already.
    stream, below = ZipStream(sized=True), below or root()
    for number, (of, medium) in enumerate(media, 1):
        given = PurePath(medium.name)
        stream.add_path(
            _stored(medium.path, below), _file_name(f"{number:02} {of} {given.stem}", given.suffix), recurse=False
        )
    if stream.is_empty():
        raise NotFoundError(f"{name} has no picture or film that you can see.", hint="Look again when it has one.")
    response = current_app.response_class(stream, mimetype="application/zip", direct_passthrough=True)
    response.content_length = len(stream)
    response.headers.set("Content-Disposition", "attachment", filename=_file_name(name, ".zip"))
    return _private(response)


def _stored(path: str, below: Path) -> Path:
    place = paths.absolute(below, path)
    if not place.is_file():
        raise StorageError(
            f"{path} is not on the storage any more.", hint="Restore it from a backup.", code="storage.missing"
        )
    return place


def _file_name(words: str, suffix: str) -> str:
    name = " ".join(_NOT_IN_NAMES.sub(" ", words).split())
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip() + suffix


def _private(response: Response) -> Response:
    # For no proxy, which would serve the file to whoever asks next, of whatever tenant.
    response.cache_control.private = True
    return response
