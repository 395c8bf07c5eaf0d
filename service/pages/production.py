"""A project's production as a spreadsheet: downloaded, and sent back with what was planned in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, render_template, request, url_for

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.production_sheet import COLUMNS, follow_sheet
from service.api.sheet_fields import FieldColumns
from service.database import session
from service.models import Project
from service.pages.frame import action, page, shortened, tell_refusal
from service.production.custom_fields import fields_of
from service.production.sheet import FIELD
from service.production.statuses import statuses_of
from shared.custom_fields import as_text
from shared.errors import ConflictError, InputError


@page("/projects/<uuid:project_id>/production", Permission.PRODUCTION_WRITE)
def production(project_id: UUID) -> str:
    """Where a project's spreadsheet is fetched and sent."""
    project = row(Project, project_id)
    fields = FieldColumns.of(fields_of(session(), project_id)).fields
    return render_template(
        "pages/production.html",
        project=project,
        columns=COLUMNS,
        fields=fields,
        statuses=statuses_of(session()),
    )


@action("/projects/<uuid:project_id>/production", Permission.PRODUCTION_WRITE)
def send_production(project_id: UUID) -> str:
    """Follow the spreadsheet that the form has, or only tell what it means."""
    target = url_for("pages.production", project_id=project_id)
    sent, check = request.files.get("sheet"), "check" in request.form
    try:
        if sent is None or not sent.filename:
            raise InputError("No file was chosen.", hint="Choose the spreadsheet, saved as CSV.")
        done = follow_sheet(project_id, sent.read(), sent.filename, check=check)
    except (InputError, ConflictError) as error:
        tell_refusal(error, *(f"{where}: {fault}" for where, fault in error.fields.items()))
        return target
    flash(shortened(_told(done, check=check)), "done")
    return target


def _told(done: dict[str, Any], *, check: bool) -> list[str]:
    added, changed = ("Would add", "Would change") if check else ("Added", "Changed")
    rows = {each["what"] for each in done["changed"]}
    counts = f"{added} {len(done['added']):,} and {changed.lower()} {len(rows):,}"
    if not done["rows"]:
        counts = "No row stands below the titles of the columns. " + counts
    lines = [f"{counts}; {done['unchanged']:,} are there already, as the spreadsheet says."]
    # What was not done comes first: of a long list the end is not shown.
    lines += done["warnings"]
    for each in done["kept"]:
        newer = f"newer than “{each['said']}” in the spreadsheet"
        lines.append(f"The {each['field']} of {each['what']} stays “{each['now']}”, {newer}.")
    lines += [f"{added} {what}." for what in done["added"]]
    for each in done["changed"]:
        field = each["field"].removeprefix(FIELD).replace("_", " ")
        before, after = as_text(each["before"]), as_text(each["after"])
        lines.append(f"{changed} {field} of {each['what']} from “{before}” to “{after}”.")
    return lines
