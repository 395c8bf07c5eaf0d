"""The artist's own choice of materials, which the service keeps with the CAD file."""

from __future__ import annotations

from collections.abc import Mapping

from shared.client import Client, Json
from shared.errors import ConflictError

_TRIES = 3


def set_manual_materials(client: Client, cad_file_id: str, chosen: Mapping[str, str | None]) -> Json:
    """Add ``chosen`` to the choices by hand: material by partKey or occurrence, None to take a choice away again.

    Somebody else's choices that came in between are kept. Raises InputError for an unknown part or material,
    ConflictError where others change them all the time.
    """
    for attempt in range(1, _TRIES + 1):
        current = client.material_overrides(cad_file_id)
        parts = {**current["overrides"], **{key: name for key, name in chosen.items() if ":" not in key}}
        places = {**current["occurrence_overrides"], **{key: name for key, name in chosen.items() if ":" in key}}
        try:
            return client.set_material_overrides(cad_file_id, parts, places, etag=current.get("etag", ""))
        except ConflictError:
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")
