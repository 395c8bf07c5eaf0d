"""The form that submits a render from the queue's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from service.accounts.permissions import Permission
from service.api.jobs import NewJob, submit_job
from service.database import session
from service.models import Asset, CadFile, Conversion, Part, Project, Publish, Shot
from service.models import Sequence as ShotSequence
from service.pages.forms import read_form
from service.pages.frame import action, tell_refusal
from service.queue.render_jobs import PRESETS
from shared.errors import RacewayError
from shared.step_schema import Parameter
from shared.steps import step

KINDS = ("still", "turntable", "frames")
_CHOICES = ("lighting", "background", "engine", "device")
_SUBJECTS = 300
_FIELDS = ("publish_id", "cad_file_id")
_DIGITS = 9
"""Of a number of frames; more than can be rendered is refused by name."""


@dataclass(frozen=True)
class NewRender:
    """What the form offers: names by what :func:`_meant_by` reads, and parameters with few values."""

    published: Sequence[tuple[str, str]]
    cad_files: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, str]]
    presets: Sequence[str]
    choices: Sequence[Parameter]
    camera: Parameter


def new_render() -> NewRender:
    """The form as it is now: what is published can be rendered, and so can a CAD file as it came."""
    still = step("still")
    found = [still.parameter(name) for name in (*_CHOICES, "camera")]
    *choices, camera = [parameter for parameter in found if parameter is not None]
    kinds = [(kind, step(kind).label) for kind in KINDS]
    return NewRender(_published(), _cad_files(), kinds, list(PRESETS), choices, camera)


@action("/jobs/new", Permission.JOB_WRITE)
def submit_render() -> str:
    """Submit what the form says, and show the job."""
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    given |= _meant_by(given.pop("subject", ""))
    frames = given.get("frames", "")
    # Beyond some thousands of digits int() raises.
    if given.get("kind") == "turntable" and frames.isdecimal() and len(frames) <= _DIGITS:
        given["frames"] = int(frames)
    if given.get("kind") == "still":
        given.pop("frames", None)
    try:
        job = submit_job(read_form(NewJob, given, "The render cannot be submitted so.", dict.fromkeys(_FIELDS, "What")))
    except RacewayError as error:
        if error.status not in (409, 422):
            raise
        tell_refusal(error)
        return url_for("pages.queue")
    return url_for("pages.job", job_id=job["id"])


def _meant_by(subject: str) -> dict[str, str]:
    """The field of the job that a choice of the form stands for: ``publish_id:ID`` or ``cad_file_id:ID``."""
    name, _, subject_id = subject.partition(":")
    return {name: subject_id} if name in _FIELDS else {}


def _published() -> list[tuple[str, str]]:
    """Each asset and shot that is not put away and has something published: its newest publish, and its name."""
    put_away = (model.archived_at for model in (Publish, Asset, Shot, ShotSequence, Project))
    newest = (
        select(
            *(Publish.id, Publish.created_at, Part.entity, Part.project_name),
            *(Asset.title, Shot.title.label("shot_title"), Project.title.label("project_title")),
        )
        .join(Part, Part.current_publish_id == Publish.id)
        .outerjoin(Asset, Asset.id == Part.asset_id)
        .outerjoin(Shot, Shot.id == Part.shot_id)
        .outerjoin(ShotSequence, ShotSequence.id == Shot.sequence_id)
        .join(Project, Project.id == func.coalesce(Asset.project_id, ShotSequence.project_id))
        .where(*(moment.is_(None) for moment in put_away))
        .ext(distinct_on(Part.entity, Part.project_name))
        .order_by(Part.entity, Part.project_name, Publish.created_at.desc())
        .subquery()
    )
    found = session().execute(select(newest).order_by(newest.c.created_at.desc()).limit(_SUBJECTS))
    named = [(f"publish_id:{row.id}", f"{_called(row)} ({row.project_title or row.project_name})") for row in found]
    return sorted(named, key=lambda pair: pair[1])


def _called(row: Any) -> str:
    """The title of an asset, or its name; the place of a shot, and its title."""
    kind, _, name = row.entity.partition(":")
    return row.title or name if kind == "asset" else ", ".join(filter(None, [name, row.shot_title]))


def _cad_files() -> list[tuple[str, str]]:
    """The newest converted revision of each model of an asset that is not put away, and its name."""
    newest = (
        select(
            *(CadFile.id, CadFile.created_at, CadFile.filename, CadFile.revision),
            func.coalesce(func.nullif(Asset.title, ""), Asset.name).label("name"),
            func.coalesce(func.nullif(Project.title, ""), Project.name).label("of"),
        )
        .join(Conversion, Conversion.id == CadFile.conversion_id)
        .join(Asset, Asset.id == CadFile.asset_id)
        .join(Project, Project.id == Asset.project_id)
        .where(Conversion.state == "ready", Asset.archived_at.is_(None), Project.archived_at.is_(None))
        .ext(distinct_on(CadFile.asset_id, CadFile.lineage))
        .order_by(CadFile.asset_id, CadFile.lineage, CadFile.revision.desc())
        .subquery()
    )
    found = session().execute(select(newest).order_by(newest.c.created_at.desc()).limit(_SUBJECTS))
    named = [
        (f"cad_file_id:{row.id}", f"{row.name}: {row.filename}, revision {row.revision} ({row.of})") for row in found
    ]
    return sorted(named, key=lambda pair: pair[1])
