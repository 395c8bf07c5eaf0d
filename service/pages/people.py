"""The people of the tenant, for its administrators: invited, given roles, put away."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from flask import flash, render_template, request, url_for
from flask import session as cookie
from sqlalchemy import func, select, true

from service.accounts import auth, password_links
from service.accounts.permissions import Permission, Role
from service.accounts.settings import tenant_settings
from service.api import tenants
from service.api import users as api
from service.api.listing import row
from service.api.records import change
from service.api.tasks import target_order, tasks_of
from service.database import session
from service.models import Task, User
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, page
from service.pages.paging import page_number, paged
from service.production.assignees import has_assignee
from service.production.statuses import is_open
from service.search import matching

_PAGE = 100
_TASKS = 50
_LINKS = "password_links"
"""In the reader's cookie: the links by which people choose passwords, by user, until that user's page shows them."""
_IS_OPEN = Task.archived_at.is_(None) & is_open()


@page("/people", Permission.USER_WRITE)
def people() -> str:
    """All people; ``q``, ``role`` and ``without_code`` narrow them, ``archived`` shows those who were put away, too."""
    query, role = request.args.get("q", "").strip()[:200], request.args.get("role", "")
    with_archived = "archived" in request.args
    found = select(User).order_by(User.archived_at.nulls_first(), User.name_order, User.id)
    if not with_archived:
        found = found.where(User.archived_at.is_(None))
    if role in list(Role):
        found = found.where(User.role == role)
    if without_code := "without_code" in request.args:
        found = found.where(User.two_factor_at.is_(None))
    if query:
        found = found.where(*matching(query, User))
    number = page_number()
    users, more = paged(found, number, _PAGE)
    return render_template(
        "pages/people.html",
        people=users,
        open_tasks=_open_tasks(),
        query=query,
        role=role,
        roles=_roles(),
        with_archived=with_archived,
        without_code=without_code,
        number=number,
        more=more,
        mailed=password_links.can_be_mailed(auth.config()),
        settings=tenant_settings(session()),
        has_two_factor=row(User, auth.current().user_id).two_factor_at is not None,
    )


@page("/people/<uuid:user_id>", Permission.USER_WRITE)
def person(user_id: UUID) -> str:
    """Somebody: what they may do, and what they have to do."""
    found = row(User, user_id)
    tasks = tasks_of("", "", "").where(_IS_OPEN, has_assignee(user_id))
    ordered = tasks.order_by(Task.due.nulls_last(), target_order(), Task.name_order, Task.id)
    links = cookie.pop(_LINKS, {})
    link = links.pop(str(user_id), "")
    if links:
        cookie[_LINKS] = links
    return render_template(
        "pages/person.html",
        person=found,
        roles=_roles(),
        may_change=auth.current().role.includes(Role(found.role)),
        is_self=found.id == auth.current().user_id,
        tasks=session().scalars(ordered.limit(_TASKS)).unique().all(),
        link=link,
        mailed=password_links.can_be_mailed(auth.config()),
    )


@action("/people", Permission.USER_WRITE)
def invite_person() -> str:
    """Add the person whom the form names, and make the link by which they choose a password."""
    form = request.form
    given = {name: form.get(name, "") for name in ("name", "email", "role")}
    made = api.create_artist(read_form(api.NewUser, given, "Nobody was invited."))
    return _with_link(made.id)


@action("/people/clients-see", Permission.SETTINGS_WRITE)
def choose_clients_see() -> str:
    """Choose what clients see of projects that are made from now on."""
    return _set_for_new_projects("clients_see")


@action("/people/visible-to", Permission.SETTINGS_WRITE)
def choose_visible_to() -> str:
    """Choose who sees projects that are made from now on."""
    return _set_for_new_projects("projects_visible_to")


@action("/people/two-factor", Permission.SETTINGS_WRITE)
def choose_two_factor() -> str:
    """Choose whether everybody logs in with a second factor."""
    wanted = request.form.get("require_two_factor", "") == "yes"
    tenants.change_settings(tenants.SettingsChanges.model_validate({"require_two_factor": wanted}))
    told = "Who has no two-factor login is asked to set it up, with their next click." if wanted else "Nobody has to."
    flash(f"Saved. {told}", "done")
    return url_for("pages.people", _anchor="two-factor")


@action("/people/<uuid:user_id>/two-factor/off", Permission.USER_WRITE)
def switch_off_two_factor(user_id: UUID) -> str:
    """Let somebody log in with the password alone."""
    found = row(User, user_id, lock=True)
    check_seen(found)
    api.switch_off_two_factor(user_id)
    flash(f"{found.name} logs in with the password alone, and is told so.", "done")
    return _to(user_id)


@action("/people/<uuid:user_id>/change", Permission.USER_WRITE)
def change_person(user_id: UUID) -> str:
    """Give somebody another name, address or role; ``version`` is what the reader saw."""
    found, form = row(User, user_id, lock=True), request.form
    check_seen(found)
    now = {"name": found.name, "email": found.email, "role": found.role}
    given = {name: form[name] for name in now if name in form and form[name] != now[name]}
    if given:
        api.change_artist(user_id, read_form(api.UserChanges, given, "Nothing was changed."))
        flash("Saved.", "done")
    return _to(user_id)


@action("/people/<uuid:user_id>/password-link", Permission.USER_WRITE)
def link_person(user_id: UUID) -> str:
    """Make a link by which somebody chooses a password, and show it."""
    return _with_link(user_id)


@action("/people/<uuid:user_id>/<any(archive, restore):what>", Permission.USER_WRITE)
def archive_person(user_id: UUID, what: str) -> str:
    """Put somebody away, or take them back."""
    found = row(User, user_id, lock=True)
    check_seen(found)
    if what == "archive" and found.archived_at is None:
        api.lock_out(found)
        change(found, {"archived_at": datetime.now(UTC)})
    elif what == "restore":
        api.check_role(Role(found.role))
        change(found, {"archived_at": None})
    flash(f"{found.name} {'can log in no more' if what == 'archive' else 'is back, and can log in'}.", "done")
    return _to(user_id)


def _set_for_new_projects(name: str) -> str:
    given = {name: request.form.get(name, "")}
    tenants.change_settings(read_form(tenants.SettingsChanges, given, "Nothing was changed."))
    flash("Saved. Projects that there are stay as they are: each says so under its People.", "done")
    return url_for("pages.people")


def _roles() -> list[Role]:
    """Those that the reader can give."""
    mine = auth.current().role
    return [role for role in Role if mine.includes(role)]


def _open_tasks() -> dict[str, int]:
    """How many open tasks each person has, by their id."""
    each = func.jsonb_array_elements_text(Task.assignee_ids).table_valued("value").lateral()
    counted = select(each.c.value, func.count()).select_from(Task).join(each, true()).where(_IS_OPEN)
    return dict(session().execute(counted.group_by(each.c.value)).all())


def _with_link(user_id: UUID) -> str:
    cookie[_LINKS] = {**cookie.get(_LINKS, {}), str(user_id): api.make_password_link(user_id)["url"]}
    return _to(user_id)


def _to(user_id: UUID) -> str:
    return url_for("pages.person", user_id=user_id)
