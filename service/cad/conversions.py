"""CAD files and their conversions: the same content with the same settings is converted once.

A revision's parts are matched with those of the revision before it, and people may correct the matches. Then it is
converted again, with their decisions; what it had stays until the new conversion is ready and takes its place. The
revisions after it follow, because their parts were matched with keys that are others now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service.cad import choices, revisions, source_materials
from service.database import after_commit, current_actor, current_tenant, tenant_session
from service.models import Asset, CadFile, Conversion, Job
from service.queue import jobs
from shared import __version__
from shared.errors import ConflictError, NotFoundError
from shared.jobs import FINAL_STATES, JobState
from shared.manifest import SCHEMA_VERSION

SOURCE_NAME = "source.step"
CONVERTER = f"{__version__}+manifest{SCHEMA_VERSION}"
"""Version of what converts: what another one made is not taken for its result."""
DEFLECTIONS = ("relative_deflection", "linear_deflection", "angular_deflection")
LIMITS = ("seconds", "memory_mb", "triangles")
"""What a single conversion may be allowed more or less of than others; no part of what makes results equal."""
PREVIOUS = "previous"
"""Setting of a conversion: storage-relative path of the manifest of the revision before, whose keys are kept."""
DECISIONS = "decisions"
"""Setting of a conversion: what people decided about parts, old key or None by the key that the file itself gives."""


@dataclass(frozen=True)
class _Content:
    """A file as it was uploaded: its name, size in bytes, SHA-256 and storage-relative path."""

    filename: str
    size: int
    sha256: str
    source_path: str


def known_content(current: Session, sha256: str) -> tuple[str, int]:
    """Path and size of a file that the tenant has uploaded before. Raises NotFoundError for one it has not."""
    found = current.execute(
        select(Conversion.source_path, CadFile.size)
        .join(CadFile, (CadFile.tenant_id == Conversion.tenant_id) & (CadFile.conversion_id == Conversion.id))
        .where(Conversion.sha256 == sha256)
        .limit(1)
    ).first()
    if found is None:
        raise NotFoundError(
            "No file with this content was uploaded yet.",
            hint="Send the file itself as the body, without sha256.",
            code="cad.unknown_content",
        )
    return found.source_path, found.size


def add_cad_file(
    current: Session,
    root: Path,
    asset: Asset,
    *,
    filename: str,
    sha256: str,
    size: int,
    source_path: str,
    lineage: str,
    settings: dict[str, Any],
) -> tuple[CadFile, bool]:
    """Record a file of ``asset`` and see to its conversion; answers also whether that was done before.

    The same content with the same settings in the same lineage is the same CAD file. In a new revision the parts that
    are known from the newest converted one keep their keys, and with them the material choices.
    """
    earlier = _revisions(current, asset, lineage)
    full = {**settings, "converter": CONVERTER}
    same = next((cad for cad in earlier if cad.conversion.sha256 == sha256 and _own_settings(cad) == full), None)
    if same is None:
        before = next((cad for cad in earlier if cad.conversion.state == "ready"), None)
        content = _Content(filename, size, sha256, source_path)
        cad = _new_revision(current, root, asset, lineage, earlier, before, content, full)
        return cad, cad.conversion.state == "ready"
    conversion = _locked(current, same.conversion_id)
    if conversion.job_id is None or conversion.state == "failed":
        start(current, conversion, same)
    return same, conversion.state == "ready"


def restore(current: Session, root: Path, cad: CadFile) -> CadFile:
    """Make the content of an earlier revision the newest one, as a revision of its own, and answer that.

    Its parts have the keys that they had. What was chosen since for those that the newest one has, too, counts; the
    others have what was chosen for them in the earlier one. Raises ConflictError for the newest itself, and where one
    of the two is not converted yet.
    """
    earlier = _revisions(current, cad.asset, cad.lineage)
    newest = earlier[0]
    if newest.id == cad.id:
        raise ConflictError(
            f"{cad.filename} revision {cad.revision} is the newest of {cad.lineage} already.",
            hint="Choose an earlier revision.",
            code="conflict.newest",
        )
    conversion = revisions.ready(cad)
    if newest.conversion.state != "failed":
        revisions.ready(newest)
    settings = {**_own_settings(cad), "converter": CONVERTER}
    content = _Content(cad.filename, cad.size, conversion.sha256, conversion.source_path)
    made = choices.since(choices.choices_of(cad), choices.choices_of(newest), newest.revision + 1)
    return _new_revision(current, root, cad.asset, cad.lineage, earlier, cad, content, settings, made)


def newest_revisions(current: Session, cads: Collection[CadFile]) -> dict[tuple[UUID, str], int]:
    """The number of the newest revision by asset and lineage, of those that ``cads`` belong to."""
    lineages = {(cad.asset_id, cad.lineage) for cad in cads}
    found = current.execute(
        select(CadFile.asset_id, CadFile.lineage, func.max(CadFile.revision))
        .where(tuple_(CadFile.asset_id, CadFile.lineage).in_(lineages))
        .group_by(CadFile.asset_id, CadFile.lineage)
    )
    return {(asset_id, lineage): revision for asset_id, lineage, revision in found}


def start(current: Session, conversion: Conversion, cad: CadFile, limits: dict[str, int] | None = None) -> None:
    """Queue the conversion (locked by the caller, or new)."""
    request = {"conversion_id": str(conversion.id), "limits": limits or {}}
    job = jobs.create(current, "convert", request, asset_id=cad.asset_id, cad_file_id=cad.id)
    conversion.job_id, conversion.state, conversion.error = job.id, "queued", None
    current.flush()


def convert_again(
    current: Session, cad: CadFile, settings: dict[str, Any] | None = None, limits: dict[str, int] | None = None
) -> Conversion:
    """Convert a file (locked) whose conversion failed, if wanted with other settings; answers what is queued.

    Raises ConflictError for one that did not fail.
    """
    failed = _locked(current, cad.pending_conversion_id or cad.conversion_id)
    if failed.state != "failed":
        raise ConflictError(
            f"The conversion of {cad.filename} is {failed.state}; only a failed one is done again.",
            hint="Upload the file with other settings for another result.",
            code="conflict.not_failed",
        )
    if settings:
        kept = {name: value for name, value in failed.settings.items() if name not in DEFLECTIONS}
        failed = _conversion(current, failed.sha256, failed.source_path, {**kept, **settings, "converter": CONVERTER})
        taken = select(CadFile.id).where(CadFile.asset_id == cad.asset_id, CadFile.lineage == cad.lineage)
        others = current.scalars(taken.where(CadFile.conversion_id == failed.id, CadFile.id != cad.id)).all()
        if others or failed.state == "ready":
            raise ConflictError(
                f"{cad.filename} is converted with these settings already.",
                hint="Upload it with these settings, or choose that revision from the list of the asset's CAD files.",
                code="conflict.exists",
            )
        _give(current, cad, failed)
    if failed.job_id is None or failed.state == "failed":
        start(current, failed, cad, limits)
    return failed


def decide(current: Session, root: Path, cad: CadFile, decisions: revisions.Decisions, by: str | None) -> None:
    """Let ``decisions`` be all that people decided about the parts of ``cad`` (locked), and see that they hold.

    Raises what :func:`service.cad.revisions.decide` raises.
    """
    before = current.get_one(CadFile, (cad.tenant_id, cad.previous_id)) if cad.previous_id else None
    revisions.decide(root, cad, before, decisions, by)
    bring_up_to_date(current, root, cad)
    current.flush()
    current.refresh(cad)


def bring_up_to_date(current: Session, root: Path, cad: CadFile) -> None:
    """See that the keys of ``cad`` (locked) follow from its decisions and from the revision before as it is now.

    Where they do not, it is converted again; if that was done before, the result is there at once.
    """
    settings = {**_own_settings(cad), "converter": CONVERTER}
    if cad.previous_id is not None:
        before = current.get_one(CadFile, (cad.tenant_id, cad.previous_id), populate_existing=True)
        settings[PREVIOUS] = before.conversion.derivatives["scene_manifest"]
    decided = {key: decision["old_key"] for key, decision in sorted(cad.decisions.items())}
    if decided:
        settings[DECISIONS] = decided
    left = cad.pending_conversion_id
    if _says_the_same(root, cad.conversion, settings):
        cad.pending_conversion_id = None
    else:
        conversion = _conversion(current, cad.conversion.sha256, cad.conversion.source_path, settings)
        if cad.conversion.state != "ready":
            left = cad.conversion_id
        _give(current, cad, conversion)
        if conversion.job_id is None or conversion.state == "failed":
            start(current, conversion, cad)
        elif conversion.state == "ready":
            arrived(current, root, cad)
    current.flush()
    if left not in (None, cad.pending_conversion_id, cad.conversion_id):
        _abandon(current, left)


def waiting_for(current: Session, conversion_id: UUID) -> Sequence[CadFile]:
    """The CAD files that are, or are to become, what a conversion makes; locked, the earlier revisions first."""
    return current.scalars(
        select(CadFile)
        .where(or_(CadFile.conversion_id == conversion_id, CadFile.pending_conversion_id == conversion_id))
        .order_by(CadFile.revision, CadFile.id)
        .with_for_update(of=CadFile)
        .execution_options(populate_existing=True)
    ).all()


def arrived(current: Session, root: Path, cad: CadFile) -> None:
    """Let ``cad`` (locked) have its conversion that has become ready, and its choices go with their parts."""
    old_keys: dict[str, str] | None = None
    if cad.pending_conversion_id is not None:
        pending = current.get_one(Conversion, (cad.tenant_id, cad.pending_conversion_id))
        if pending.state != "ready":
            return
        if cad.conversion.state == "ready":
            old_keys = revisions.final_keys(root, cad.conversion)
        cad.conversion_id, cad.pending_conversion_id = pending.id, None
        current.flush()
        current.refresh(cad)
    new_keys = revisions.final_keys(root, cad.conversion)
    _carry_choices(current, root, cad, old_keys or new_keys, new_keys)
    source_materials.follow(current, cad, revisions.manifest_of(root, cad.conversion))
    if old_keys is not None and old_keys != new_keys:
        cad.keys_changed_at = datetime.now(UTC)
    current.flush()
    moved = {old: new_keys[own] for own, old in (old_keys or {}).items() if own in new_keys}
    for later in _later(current, cad):
        if later.previous_id == cad.id:
            later.decisions = {
                key: {**decision, "old_key": moved.get(decision["old_key"], decision["old_key"])}
                for key, decision in later.decisions.items()
            }
        else:
            later.previous_id = cad.id
        bring_up_to_date(current, root, later)


def _later(current: Session, cad: CadFile) -> list[CadFile]:
    """Later revisions (locked) that were matched with ``cad``, or with an earlier one although it is ready in time."""
    statement = select(CadFile).where(
        CadFile.asset_id == cad.asset_id, CadFile.lineage == cad.lineage, CadFile.revision > cad.revision
    )
    found = current.scalars(statement.order_by(CadFile.revision).with_for_update(of=CadFile)).all()
    numbers = {each.id: each.revision for each in found} | {cad.id: cad.revision}

    def missed(later: CadFile) -> bool:
        matched_with = numbers.get(later.previous_id, 0) if later.previous_id else 0
        return later.conversion.state != "ready" and matched_with < cad.revision

    return [later for later in found if later.previous_id == cad.id or missed(later)]


def _carry_choices(
    current: Session, root: Path, cad: CadFile, old_keys: dict[str, str], new_keys: dict[str, str]
) -> None:
    if cad.previous_id is None or revisions.REPORT not in cad.conversion.derivatives:
        return
    before = current.get_one(CadFile, (cad.tenant_id, cad.previous_id))
    carried, questions = choices.carry(
        choices.choices_of(before),
        before.material_questions,
        revisions.read_report(root, cad.conversion),
        revisions.manifest_of(root, before.conversion),
        revisions.manifest_of(root, cad.conversion),
    )
    made_here = choices.rekeyed(choices.choices_of(cad), cad.revision, old_keys, new_keys)
    unanswered = {key: question for key, question in questions.items() if key not in made_here}
    choices.store(cad, {**carried, **made_here}, unanswered)


def _says_the_same(root: Path, conversion: Conversion, settings: dict[str, Any]) -> bool:
    """Whether a ready conversion has the keys that ``settings`` ask for: what people confirmed needs no new one."""
    made_with, wanted = conversion.settings.get(DECISIONS, {}), settings.get(DECISIONS, {})
    # An older converter's keys are as good.
    apart = (DECISIONS, "converter")
    if _rest(conversion.settings, apart) != _rest(settings, apart):
        return False
    if made_with == wanted:
        return True
    if conversion.state != "ready" or not made_with.items() <= wanted.items():
        return False
    return revisions.agree(revisions.read_report(root, conversion), wanted)


def _give(current: Session, cad: CadFile, conversion: Conversion) -> None:
    """Let ``conversion`` be what the CAD file becomes; at once where there is nothing to keep until it is ready."""
    if cad.conversion.state == "ready" and conversion.id != cad.conversion_id:
        cad.pending_conversion_id = conversion.id
    else:
        cad.conversion_id, cad.pending_conversion_id = conversion.id, None
    current.flush()
    current.refresh(cad)


def _abandon(current: Session, conversion_id: UUID) -> None:
    """Stop a conversion, once this transaction is committed, if no CAD file waits for it any more.

    A worker that ends the job locks it before the CAD files: who holds a file here must not wait for the job.
    """
    tenant_id, actor_id = current_tenant(current), current_actor(current)
    after_commit(current, lambda: _stop_unwanted(tenant_id, actor_id, conversion_id))


def _stop_unwanted(tenant_id: UUID, actor_id: UUID | None, conversion_id: UUID) -> None:
    with tenant_session(tenant_id, actor_id) as current:
        job_id = current.scalars(select(Conversion.job_id).where(Conversion.id == conversion_id)).one()
        job = current.get(Job, (tenant_id, job_id), with_for_update={"of": Job}) if job_id else None
        if job is None or waiting_for(current, conversion_id):
            return
        conversion = _locked(current, conversion_id)
        if conversion.job_id != job_id or conversion.state == "ready":
            return
        if JobState(job.state) not in FINAL_STATES:
            jobs.cancel(current, job)
        # Its process may still be ending. Whoever wants the conversion again before that gives it another job.
        conversion.job_id = None


def _own_settings(cad: CadFile) -> dict[str, Any]:
    """What was asked for when the file was uploaded."""
    return _rest(cad.conversion.settings, (PREVIOUS, DECISIONS))


def _rest(settings: dict[str, Any], without: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in without}


def _locked(current: Session, conversion_id: UUID) -> Conversion:
    return current.scalars(
        select(Conversion)
        .where(Conversion.id == conversion_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _conversion(current: Session, sha256: str, source_path: str, settings: dict[str, Any]) -> Conversion:
    """The conversion of a content with these settings, locked; a new one is queued but has no job yet."""
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    # Of two requests at once one inserts; the other waits here for its commit and finds the row.
    current.execute(
        insert(Conversion)
        .values(
            tenant_id=current_tenant(current),
            id=uuid4(),
            sha256=sha256,
            settings_key=key,
            settings=settings,
            source_path=source_path,
            state="queued",
        )
        .on_conflict_do_nothing()
    )
    return current.scalars(
        select(Conversion)
        .where(Conversion.sha256 == sha256, Conversion.settings_key == key)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _revisions(current: Session, asset: Asset, lineage: str) -> Sequence[CadFile]:
    """The CAD files of a lineage, the newest first; no other can be added until this transaction ends."""
    # One revision after the other: two uploads at once must not get the same number.
    current.get(Asset, (asset.tenant_id, asset.id), with_for_update={"key_share": True, "of": Asset})
    statement = select(CadFile).where(CadFile.asset_id == asset.id, CadFile.lineage == lineage)
    return current.scalars(statement.order_by(CadFile.revision.desc())).all()


def _new_revision(
    current: Session,
    root: Path,
    asset: Asset,
    lineage: str,
    earlier: Sequence[CadFile],
    before: CadFile | None,
    content: _Content,
    settings: dict[str, Any],
    made: choices.Choices | None = None,
) -> CadFile:
    """Add a revision after ``earlier``, the newest of which comes first, and see to its conversion.

    Its parts are matched with those of ``before``. ``made`` are choices of its own; without them it begins with those
    of the newest.
    """
    if before is not None:
        settings = {**settings, PREVIOUS: before.conversion.derivatives["scene_manifest"]}
    conversion = _conversion(current, content.sha256, content.source_path, settings)
    newest = earlier[0] if earlier else None
    cad = CadFile(
        id=uuid4(),
        asset_id=asset.id,
        conversion_id=conversion.id,
        previous_id=before.id if before else None,
        filename=content.filename,
        size=content.size,
        lineage=lineage,
        revision=newest.revision + 1 if newest else 1,
        overrides_revision=1,
        overrides=dict(newest.overrides) if newest else {},
        occurrence_overrides=dict(newest.occurrence_overrides) if newest else {},
        choices=dict(newest.choices) if newest else {},
        source_materials=source_materials.of_earlier(newest) if newest else {},
        created_by_id=current_actor(current),
    )
    if made is not None:
        choices.store(cad, made, {})
    current.add(cad)
    current.flush()
    current.refresh(cad)
    if conversion.job_id is None or conversion.state == "failed":
        start(current, conversion, cad)
    elif conversion.state == "ready":
        arrived(current, root, cad)
    return cad
