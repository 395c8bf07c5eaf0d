"""Revision reports: what became of the parts of the revision before, and what people decided about it."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.models import CadFile, Conversion, Publish
from shared import paths
from shared.errors import ConflictError, InputError, NotFoundError
from shared.files import storage_error
from shared.manifest import Manifest, read_manifest
from shared.material_library import nearest_name

REPORT = "revision_report"
_OUTDATED = 200
_NUMBERS = re.compile(r"\d+(\.\d+)?")

Decisions = Mapping[str, str | None]
"""The old key that a part is, or None for a new part, by the key that the file itself gives it."""


def manifest_of(root: Path, conversion: Conversion) -> Manifest:
    """The manifest as the converter wrote it; the last few are kept in memory, and are not to be changed."""
    return _manifest(paths.absolute(root, conversion.derivatives["scene_manifest"]))


def version_of(root: Path, conversion: Conversion) -> int:
    """When the manifest was written, without reading it. Raises StorageError where it is gone."""
    return _changed(paths.absolute(root, conversion.derivatives["scene_manifest"]))


def read_report(root: Path, conversion: Conversion) -> dict[str, Any]:
    """The converter's report on a ready conversion that has one; not to be changed."""
    return _json(paths.absolute(root, conversion.derivatives[REPORT]))


def final_keys(root: Path, conversion: Conversion) -> dict[str, str]:
    """The partKey of each part of a ready conversion, by the key that the file itself gives it."""
    if REPORT in conversion.derivatives:
        return dict(read_report(root, conversion)["keys"])
    return {part.part_key: part.part_key for part in manifest_of(root, conversion).parts}


def agree(report: Mapping[str, Any], decisions: Decisions) -> bool:
    """Whether a report says of each part what was decided, so that converting again would change no key."""
    same = {match["new_key"]: match["old_key"] for match in report["matches"] if match["relation"] == "same"}
    new = set(report["new"])
    return all((key in new) if old_key is None else same.get(key) == old_key for key, old_key in decisions.items())


def may_be_another_product(report: Mapping[str, Any]) -> bool:
    """Whether of ten parts at most one is, or may be, one of the revision before, and at most one of those is left."""
    known = len(report["keys"]) - len(report["new"])
    before = old_keys_of(report)
    return 10 * known <= len(report["keys"]) and 10 * (len(before) - len(report["removed"])) <= len(before)


def describe(current: Session, root: Path, cad: CadFile) -> dict[str, Any]:
    """The report with what people decided, what is still open, and what was published before keys changed.

    Raises NotFoundError for the first revision of a lineage, ConflictError while there is no report.
    """
    if cad.previous_id is None:
        raise NotFoundError(
            f"{cad.filename} revision {cad.revision} has no report of an earlier revision.",
            hint="The first revision of a lineage has none.",
        )
    report = read_report(root, ready(cad))
    before = current.get_one(CadFile, (cad.tenant_id, cad.previous_id))
    decisions = cad.decisions
    matches = [
        {**match, "part_key": report["keys"][match["new_key"]], "decided": _agrees(match, decisions)}
        for match in report["matches"]
    ]
    uncertain = [{**item, "part_key": report["keys"][item["new_key"]]} for item in report["uncertain"]]
    applied = agree(report, {key: decision["old_key"] for key, decision in decisions.items()})
    return {
        **report,
        "matches": matches,
        "uncertain": uncertain,
        "groups": groups(report, decisions),
        "another_product": may_be_another_product(report),
        "cad_file_id": cad.id,
        "revision": cad.revision,
        "previous": {"id": before.id, "revision": before.revision, "filename": before.filename},
        "state": _state(cad, applied),
        "error": cad.pending.error if cad.pending else None,
        "job_id": cad.pending.job_id if cad.pending else None,
        "decisions": [{"new_key": key, **decision} for key, decision in sorted(decisions.items())],
        "material_questions": [
            {
                "part_key": key,
                "choices": [{"old_key": old, "material": name} for old, name in sorted(question.items())],
            }
            for key, question in sorted(cad.material_questions.items())
        ],
        "outdated_publishes": _outdated(current, cad),
    }


def groups(report: Mapping[str, Any], decisions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Open questions that one answer may settle, the largest group first.

    Those are asked for one ``reason`` (numbers in it aside); ``decisions`` has the likeliest earlier part of each,
    where no other question has the same one.
    """
    likeliest = {
        item["new_key"]: item["candidates"][0] for item in report["uncertain"] if item["new_key"] not in decisions
    }
    claims = Counter(candidate["old_key"] for candidate in likeliest.values())
    claims.update(decision["old_key"] for decision in decisions.values())
    found: dict[str, dict[str, str]] = {}
    for new_key, candidate in sorted(likeliest.items()):
        if claims[candidate["old_key"]] == 1:
            reason = _NUMBERS.sub("…", candidate["reason"])
            found.setdefault(reason, {})[new_key] = candidate["old_key"]
    several = ((reason, group) for reason, group in found.items() if len(group) > 1)
    return [{"reason": reason, "decisions": group} for reason, group in sorted(several, key=lambda each: -len(each[1]))]


def open_questions(cad: CadFile) -> int:
    """Number of parts about which a person must decide: who they are, or what they wear."""
    undecided = set(cad.conversion.summary.get("uncertain", ())) - cad.decisions.keys()
    return len(undecided) + len(cad.material_questions)


def decide(root: Path, cad: CadFile, before: CadFile | None, decisions: Decisions, by: str | None) -> None:
    """Let ``decisions`` be all that people decided about the parts of ``cad`` (locked), matched with ``before``.

    A part may also be one that was gone in the revision before and has come back.

    Raises InputError (``input.revision_decisions``) that names every key that does not exist or is claimed twice,
    and then changes nothing; NotFoundError for the first revision of a lineage.
    """
    if before is None:
        raise NotFoundError(
            f"{cad.filename} revision {cad.revision} has no earlier revision whose parts its own could be.",
            hint="The first revision of a lineage has none.",
        )
    report = read_report(root, ready(cad))
    _check(report, old_keys_of(report) | set(manifest_of(root, before.conversion).retired_keys), decisions)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    decided: dict[str, Any] = {}
    for new_key, old_key in sorted(decisions.items()):
        known = cad.decisions.get(new_key)
        same = known is not None and known["old_key"] == old_key
        decided[new_key] = known if same else {"old_key": old_key, "by": by, "at": now}
    cad.decisions = decided
    cad.decisions_revision += 1


def old_keys_of(report: Mapping[str, Any]) -> set[str]:
    """Every partKey of the revision before: each was matched, or is listed as removed."""
    return {match["old_key"] for match in report["matches"]} | set(report["removed"])


def _check(report: Mapping[str, Any], old_keys: set[str], decisions: Decisions) -> None:
    new_keys = set(report["keys"])
    problems: dict[str, str] = {}
    claimed: dict[str, str] = {}
    for new_key, old_key in sorted(decisions.items()):
        if new_key not in new_keys:
            problems[new_key] = f"unknown part of this revision.{_suggestion(new_key, new_keys)}"
        elif old_key is not None and old_key not in old_keys:
            problems[new_key] = f'unknown part "{old_key}" of the revision before.{_suggestion(old_key, old_keys)}'
        elif old_key is not None and old_key in claimed:
            problems[new_key] = f'"{old_key}" is claimed by {claimed[old_key]} already'
        elif old_key is not None:
            claimed[old_key] = new_key
    if problems:
        listed = "; ".join(f"{key}: {problem}" for key, problem in problems.items())
        raise InputError(
            f"The decisions were not accepted: {listed}",
            hint="Correct the named entries and send all of them again; nothing was changed.",
            code="input.revision_decisions",
            fields=problems,
        )


def _suggestion(key: str, known: Iterable[str]) -> str:
    near = nearest_name(key, known)
    return f' Did you mean "{near}"?' if near else ""


def _agrees(match: Mapping[str, Any], decisions: Mapping[str, Any]) -> dict[str, Any] | None:
    decision = decisions.get(match["new_key"])
    if decision is None or decision["old_key"] != match["old_key"] or match["relation"] != "same":
        return None
    return {"by": decision["by"], "at": decision["at"]}


def _state(cad: CadFile, applied: bool) -> str:
    if cad.pending is not None:
        return "failed" if cad.pending.state == "failed" else "applying"
    return "current" if applied else "stale"


def _outdated(current: Session, cad: CadFile) -> list[dict[str, Any]]:
    if cad.keys_changed_at is None:
        return []
    statement = select(Publish).where(Publish.cad_file_id == cad.id, Publish.created_at < cad.keys_changed_at)
    rows = current.scalars(statement.order_by(Publish.created_at.desc()).limit(_OUTDATED)).unique()
    return [
        {
            "publish_id": row.id,
            "part_name": row.part.name,
            "version": row.version,
            "iteration": row.iteration,
            "is_latest": row.id == row.part.current_publish_id,
        }
        for row in rows
    ]


def ready(cad: CadFile) -> Conversion:
    """Its conversion. Raises ConflictError (``cad.not_ready``) while that is not done."""
    if cad.conversion.state != "ready":
        raise ConflictError(
            f"{cad.filename} is not converted yet: it is {cad.conversion.state}.",
            hint="Wait until its state is `ready`; where it failed, convert it again on its page, or by "
            "POST /api/cad/{id}/convert.",
            code="cad.not_ready",
        )
    return cad.conversion


def _manifest(place: Path) -> Manifest:
    # Stored files never change under their name, but a damaged storage must be noticed.
    return _kept_manifest(place, _changed(place))


def _json(place: Path) -> dict[str, Any]:
    return _kept_json(place, _changed(place))


@functools.lru_cache(maxsize=8)
def _kept_manifest(place: Path, changed: int) -> Manifest:
    return read_manifest(place)


@functools.lru_cache(maxsize=16)
def _kept_json(place: Path, changed: int) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise storage_error(error, place, "read") from error
    return data


def _changed(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError as error:
        raise storage_error(error, place, "read") from error
