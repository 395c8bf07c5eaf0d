"""Carry the partKeys of a lineage over to its next revision.

A file names its parts by itself; where a part is known from the revision before, it keeps the key that it had there,
whatever it is called now. A key that a lineage has used is never given to another part, also when its part is gone or
it is uncertain which part it belongs to: nothing can wear another part's material by accident.

A person decides what is uncertain, and corrects what was matched wrong, with one JSON object: the key by which the new
file itself names a part (``new_key`` of the report) and what it is::

    {"Cover_2": "Cover",      the part Cover_2 is the old part Cover (or one whose key was retired earlier)
     "Handle": null}          the part Handle is new, whatever it resembles; what it was taken for was removed

Keys follow the decision: the part takes the old key, and one that was given it before gets a key of its own again. The
manifest that comes out is what the next revision is compared with, so that a decision counts from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcc.cad.identity.matching import match_revisions
from dcc.cad.scene import Scene
from shared.errors import CadError
from shared.files import storage_error
from shared.manifest import Manifest, read_manifest
from shared.part_keys import MAX_LENGTH
from shared.revision_report import RevisionReport


@dataclass(frozen=True)
class Previous:
    """The revision before: its manifest, and a person's decisions about the new one's parts.

    ``decisions``: the key by which the new file itself names a part, and the old key that it is, or None for "new".
    """

    manifest: Manifest
    decisions: Mapping[str, str | None]


@dataclass(frozen=True)
class CarriedOver:
    """What became of the parts, and the final key of each by the key that the file itself gives it."""

    report: RevisionReport
    keys: dict[str, str]
    retired_keys: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**self.report.to_json(), "keys": self.keys}


def read_previous(manifest: Path, decisions: Path | None) -> Previous:
    """Read what the command line names.

    Raises CadError for a file that is no manifest or no decisions, StorageError where one cannot be read.
    """
    if decisions is None:
        return Previous(read_manifest(manifest), {})
    try:
        content = json.loads(decisions.read_text(encoding="utf-8"))
    except OSError as error:
        raise storage_error(error, decisions, "read") from error
    except ValueError as error:
        content = error
    if not isinstance(content, dict) or not all(value is None or isinstance(value, str) for value in content.values()):
        raise CadError(
            f"{decisions} holds no decisions about parts.",
            hint='Write one JSON object: {"<key in the new file>": "<old key>" or null for a new part}.',
            code="cad.decisions_invalid",
        )
    return Previous(read_manifest(manifest), content)


def carry_over(previous: Previous, manifest: Manifest) -> CarriedOver:
    """Match ``manifest``, whose parts have the keys the file itself gives, with the revision before.

    Raises CadError (``cad.unknown_part``, ``cad.match_conflict``) for decisions that do not fit.
    """
    report = match_revisions(previous.manifest, manifest, previous.decisions)
    kept = {match.new_key: match.old_key for match in report.matches if match.relation == "same"}
    used = {part.part_key for part in previous.manifest.parts} | set(previous.manifest.retired_keys)
    keys: dict[str, str] = dict(kept)
    taken = used | set(kept.values())
    for part in manifest.parts:
        if part.part_key not in keys:
            keys[part.part_key] = _unused(part.part_key, taken)
            taken.add(keys[part.part_key])
    return CarriedOver(report, keys, tuple(sorted(used - set(kept.values()))))


def rename_parts(scene: Scene, keys: Mapping[str, str]) -> None:
    """Give every part of ``scene`` its final key."""
    for part in scene.parts:
        part.key = keys[part.key]
    scene.parts.sort(key=lambda part: part.key)
    scene.warnings[:] = [
        replace(warning, part_key=keys.get(warning.part_key, warning.part_key)) if warning.part_key else warning
        for warning in scene.warnings
    ]


def _unused(key: str, taken: set[str]) -> str:
    candidate, number = key, 2
    while candidate in taken:
        suffix = f"_r{number}"
        candidate, number = key[: MAX_LENGTH - len(suffix)] + suffix, number + 1
    return candidate
