"""The step ``playlist_film``: what a playlist shows, as one film in the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.config import Config
from service.publish.store import Upload
from service.tasks import tool
from service.tasks.lease import Lease
from service.tasks.logs import FOLDER
from shared import paths
from shared.errors import RenderError, StorageError
from shared.files import sha256_of

PAINTER = tool.Tool("dcc.render.film_parts", RenderError, "What draws captions", "film", "RACEWAY_RENDER_SECONDS")
ENCODER = tool.Tool("dcc.media.playlist_film", RenderError, "The film's encoder", "film", "RACEWAY_RENDER_SECONDS")
_REPORTED = ("frames", "duration", "fps", "width", "height", "codec")


def run(lease: Lease, config: Config, root: Path) -> None:
    """Make the film; it appears whole, and nothing of it where something fails."""
    request: dict[str, Any] = lease.job.request
    items = [{**item, "path": str(_stored(root, item))} for item in request["items"]]

    def use(program: tool.Tool, *arguments: str) -> dict[str, Any]:
        limits = config.render_seconds, config.stall_seconds
        return tool.run(program, [*arguments], lease, config, root, seconds=limits[0], stall_seconds=limits[1])

    with tool.temporary_folder(lease, root / FOLDER) as temporary:
        listed, film = temporary / "list.json", temporary / "film.mp4"
        listed.write_text(json.dumps({**request, "items": items}), encoding="utf-8")
        if any(item["caption"] or item["linear"] for item in items):
            use(PAINTER, str(listed), "--to", str(temporary))
        result = use(ENCODER, str(listed), "--prepared", str(temporary), "--output", str(film))
        lease.start_step("store")
        upload = Upload(film, sha256_of(film), film.stat().st_size)
        # A name of its own: whatever else has the same content is not cleared away with it.
        file = upload.keep(root, f"playlist-{lease.job.id}.mp4")
    made = {**{name: result[name] for name in _REPORTED}, "file": file, "size": upload.size, "sha256": upload.sha256}
    lease.complete(made, lambda current: None, output=made)


def _stored(root: Path, item: dict[str, Any]) -> Path:
    place = paths.absolute(root, item["path"])
    if not place.is_file():
        raise StorageError(
            f"{item['name']} is not on the storage any more.",
            hint="Restore it from a backup, or take it off the playlist.",
            code="storage.missing",
        )
    return place
