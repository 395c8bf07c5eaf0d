"""The page of a CAD file's revision: what became of its parts, and the buttons to confirm or correct that."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.cad import Deflections, check_limits
from service.api.listing import row
from service.archiving import check_live
from service.cad import choices, conversions, revisions
from service.cad.materials import library_of, manifest_of
from service.database import session
from service.models import CadFile
from service.pages.frame import action, page
from shared.errors import ConflictError, InputError
from shared.manifest import BoundingBox, Manifest, Part
from shared.material_layers import manual_layer
from shared.material_library import FALLBACK_NAME

ROW_LIMIT = 300
"""Matches on one page; a search finds those beyond."""
GROUP_LIMIT = 1000
"""Parts that one button decides about; the next ones follow when those are decided."""
NEW = "is_new"
"""Value of a button that says that a part is new."""


@dataclass(frozen=True)
class Known:
    """A part as it is told from others: its name and size, and what was chosen for it."""

    key: str
    name: str
    box: BoundingBox | None
    material: str | None


@dataclass(frozen=True)
class PartView:
    """A part of this revision, the earlier parts it may be, and which one it is taken for."""

    new_key: str
    part: Known
    taken_for: Known | None
    relation: str
    confidence: float | None
    reason: str
    candidates: list[tuple[Known, float, str]] = field(default_factory=list)
    decision: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class RevisionView:
    """What the page shows."""

    cad: CadFile
    report: Mapping[str, Any]
    groups: list[tuple[str, list[tuple[str, Known, Known]]]]
    open: list[PartView]
    decided: list[PartView]
    matched: list[PartView]
    new: list[PartView]
    removed: list[tuple[Known, bool]]
    """Each with whether a part that is asked about may be it."""
    gone: list[tuple[str, str]]
    """Occurrences for which something was chosen and whose places are empty, and the materials."""
    matching: int
    old_keys: list[str]


@page("/cad/<uuid:cad_file_id>/revision", Permission.CAD_READ)
def revision(cad_file_id: UUID) -> str:
    """What became of each part of the revision before; ``part`` searches the matches."""
    return _render(row(CadFile, cad_file_id), request.args.get("part", "").strip())


@action("/cad/<uuid:cad_file_id>/decide", Permission.MATERIAL_ASSIGN)
def decide(cad_file_id: UUID) -> str:
    """Confirm or correct the match of the part ``new_key``: ``old_key`` names an earlier part; or take that back.

    Both may be given several times, for as many parts.
    """
    cad = row(CadFile, cad_file_id, lock=True)
    if request.form.get("version") != str(cad.decisions_revision):
        raise _stale()
    new_keys, old_keys = request.form.getlist("new_key"), [key.strip() for key in request.form.getlist("old_key")]
    decisions = {key: decision["old_key"] for key, decision in cad.decisions.items()}
    if "undo" in request.form:
        decisions = {key: old_key for key, old_key in decisions.items() if key not in new_keys}
    elif NEW in request.form:
        decisions |= dict.fromkeys(new_keys)
    elif len(old_keys) == len(new_keys) and all(old_keys):
        decisions |= dict(zip(new_keys, old_keys, strict=True))
    else:
        raise InputError(f"No part was named that {', '.join(new_keys)} is.", hint="Choose one, or say that it is new.")
    conversions.decide(session(), _root(), cad, decisions, auth.current().user_name)
    return url_for("pages.revision", cad_file_id=cad_file_id)


@action("/cad/<uuid:cad_file_id>/choose", Permission.MATERIAL_ASSIGN)
def choose(cad_file_id: UUID) -> str:
    """Choose ``material`` for the part ``part_key``; empty for none by hand."""
    cad = row(CadFile, cad_file_id, lock=True)
    if request.form.get("version") != str(cad.overrides_revision):
        raise _stale()
    part_key, material = request.form.get("part_key", ""), request.form.get("material", "")
    manifest = manifest_of(_root(), cad)
    accepted = manual_layer({part_key: material or FALLBACK_NAME}, manifest.parts, library_of(session()))
    chosen = {part_key: accepted[part_key].material if material else None}
    choices.add(cad, chosen, auth.current().user_name)
    return url_for("pages.revision", cad_file_id=cad_file_id)


@action("/cad/<uuid:cad_file_id>/convert", Permission.CAD_WRITE)
def convert_again(cad_file_id: UUID) -> str:
    """Try a failed conversion again, with the settings and limits of the form."""
    cad = row(CadFile, cad_file_id, lock=True)
    limits = {
        name: int(text) for name in conversions.LIMITS if (text := request.form.get(name, "").strip()).isdecimal()
    }
    check_limits(limits)
    coarser = request.form.get("relative_deflection", "").strip()
    settings = Deflections(relative_deflection=float(coarser)).settings() if coarser else {}
    conversions.convert_again(session(), cad, settings, limits)
    return url_for("pages.asset", asset_id=cad.asset_id, cad=cad.id)


@action("/cad/<uuid:cad_file_id>/restore", Permission.CAD_WRITE)
def restore_revision(cad_file_id: UUID) -> str:
    """Make an earlier revision the newest one."""
    cad = row(CadFile, cad_file_id)
    check_live(cad.asset)
    restored = conversions.restore(session(), _root(), cad)
    return url_for("pages.asset", asset_id=cad.asset_id, cad=restored.id)


def _stale() -> ConflictError:
    return ConflictError(
        "Somebody else decided something about these parts meanwhile.",
        hint="Go back, load the page again, and look at what is there now.",
        code="conflict.stale",
        status=412,
    )


def _root() -> Any:
    return auth.config().tenant_root(auth.current().storage)


def _render(cad: CadFile, query: str) -> str:
    report = revisions.describe(session(), _root(), cad)
    before = row(CadFile, report["previous"]["id"])
    new, old = (_Parts(manifest_of(_root(), each), each) for each in (cad, before))
    view = _view(cad, report, new, old, query)
    return render_template("pages/revision.html", view=view, cad=cad, asset=cad.asset, report=report, query=query)


class _Parts:
    """The parts of a revision, to be looked up by key."""

    def __init__(self, manifest: Manifest, cad: CadFile) -> None:
        self._parts: dict[str, Part] = {part.part_key: part for part in manifest.parts}
        self._chosen = cad.overrides

    def known(self, key: str) -> Known:
        part = self._parts.get(key)
        if part is None:
            return Known(key, "", None, self._chosen.get(key))
        return Known(key, part.body_name or part.source_name, part.bounding_box, self._chosen.get(key))


def _view(cad: CadFile, report: Mapping[str, Any], new: _Parts, old: _Parts, query: str) -> RevisionView:
    decisions = cad.decisions

    def part(new_key: str, **more: Any) -> PartView:
        given: dict[str, Any] = {"taken_for": None, "relation": "", "confidence": None, "reason": ""}
        known = new.known(report["keys"][new_key])
        return PartView(new_key, known, **{**given, **more}, decision=decisions.get(new_key))

    uncertain = [
        part(
            item["new_key"],
            candidates=[(old.known(c["old_key"]), c["confidence"], c["reason"]) for c in item["candidates"]],
        )
        for item in report["uncertain"]
    ]
    matches = [
        part(
            match["new_key"],
            taken_for=old.known(match["old_key"]),
            relation=match["relation"],
            confidence=match["confidence"],
            reason=match["reason"],
        )
        for match in sorted(report["matches"], key=lambda match: match["confidence"])
    ]
    fresh = [part(key) for key in report["new"]]
    found = [each for each in matches if each.decision is None and _found(each, query)]
    everything = [*uncertain, *matches, *fresh]
    asked = {candidate.key for each in uncertain if each.decision is None for candidate, _, _ in each.candidates}
    shown = {each.new_key: each for each in everything if each.decision is not None and each.relation in ("", "same")}
    return RevisionView(
        cad=cad,
        report=report,
        groups=[
            (
                group["reason"],
                [
                    (key, new.known(report["keys"][key]), old.known(was))
                    for key, was in itertools.islice(group["decisions"].items(), GROUP_LIMIT)
                ],
            )
            for group in report["groups"]
        ],
        open=[each for each in uncertain if each.decision is None],
        decided=list(shown.values()),
        matched=found[:ROW_LIMIT],
        new=[each for each in fresh if each.decision is None],
        removed=[(old.known(key), key in asked) for key in report["removed"]],
        gone=[
            (target, choice.material)
            for target, choice in choices.choices_of(cad).items()
            if choice.material and choice.place
        ],
        matching=len(found),
        old_keys=sorted(revisions.old_keys_of(report)),
    )


def _found(each: PartView, query: str) -> bool:
    texts = (each.new_key, each.part.key, each.part.name, each.taken_for.key if each.taken_for else "")
    return query.casefold() in " ".join(texts).casefold()
