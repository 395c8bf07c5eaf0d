"""The form that submits a render from the queue's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from pydantic import ValidationError
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.jobs import NewJob, submit_job
from service.database import session
from service.models import Part, Publish
from service.pages.frame import action, tell_refusal
from service.queue.render_jobs import PRESETS
from shared.errors import InputError, RacewayError
from shared.step_schema import Parameter
from shared.steps import step

KINDS = ("still", "turntable", "frames")
_CHOICES = ("lighting", "background", "engine", "device")
_SUBJECTS = 300


@dataclass(frozen=True)
class NewRender:
    """What the form offers. ``subjects`` are names by publish; ``choices`` parameters with few values."""

    subjects: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, str]]
    presets: Sequence[str]
    choices: Sequence[Parameter]
    camera: Parameter


def new_render() -> NewRender:
    """The form as it is now: what is published is what can be rendered."""
    still = step("still")
    found = [still.parameter(name) for name in (*_CHOICES, "camera")]
    *choices, camera = [parameter for parameter in found if parameter is not None]
    kinds = [(kind, step(kind).label) for kind in KINDS]
    return NewRender(_subjects(), kinds, list(PRESETS), choices, camera)


@action("/jobs/new", Permission.JOB_WRITE)
def submit_render() -> str:
    """Submit what the form says, and show the job."""
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    if given.get("kind") == "turntable" and given.get("frames", "").isdecimal():
        given["frames"] = int(given["frames"])
    if given.get("kind") == "still":
        given.pop("frames", None)
    try:
        job = submit_job(_read(given))
    except RacewayError as error:
        if error.status not in (409, 422):
            raise
        tell_refusal(error)
        return url_for("pages.queue")
    return url_for("pages.job", job_id=job["id"])


def _read(given: dict[str, Any]) -> NewJob:
    try:
        return NewJob.model_validate(given)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors(include_url=False))
        raise InputError(
            f"The render cannot be submitted so: {names}.", hint="Choose from what the form offers."
        ) from None


def _subjects() -> list[tuple[str, str]]:
    """Each asset and shot with something published: its newest publish, and its name."""
    current = select(Publish).join(Publish.part).where(Part.current_publish_id == Publish.id)
    found: dict[str, str] = {}
    for publish in session().scalars(current.order_by(Publish.created_at.desc()).limit(_SUBJECTS)).unique():
        target = publish.part.target
        found.setdefault(f"{str(target.entity).partition(':')[2]} ({target.project_name})", str(publish.id))
    return sorted(((identity, name) for name, identity in found.items()), key=lambda pair: pair[1])
