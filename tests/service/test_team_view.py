"""Projects that only their team sees are hidden from others in every table, by every route, on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import Table, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from service.accounts.permissions import MINIMUM_ROLE, Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.database import db, tenant_session
from service.models import (
    Base,
    Comment,
    Event,
    HeldNotification,
    MediaAsset,
    Project,
    ProjectMember,
    Publish,
    StaleEntry,
    Task,
)
from tests.service.exhibits import add_rows
from tests.service.recipes import call_of, name_of
from tests.service.studio import Json, StudioUnderTest, make_studio
from tests.service.teams import add_to_team, id_of, seen_by, show
from tests.service.test_comments import on, say
from tests.service.test_statements import fill
from tests.service.world import COPY, World, unique

TABLES = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c]
SHOWN = {
    **dict.fromkeys(("users", "api_tokens"), "people, whatever they work on"),
    **dict.fromkeys(("materials", "material_aliases"), "the studio's, for all projects"),
    **dict.fromkeys(("departments", "task_statuses"), "the studio's, for all projects"),
    **dict.fromkeys(("workflows", "workflow_versions", "paused_queues"), "the studio's, for all projects"),
    **dict.fromkeys(("notifications", "notification_preferences"), "of one person, who was told"),
    "conversions": "of a content, whosever it is: reached by CAD files, which are hidden",
    **dict.fromkeys(("audit_records", "webhook_deliveries", "sweeps"), "for those only who see every project"),
    "event_cursors": "how far readers are",
}
"""Tables of which nothing is hidden, and why."""
HIDDEN = [table for table in TABLES if table.name not in SHOWN]
OPEN_TO_ARTISTS = [each for each in ENDPOINTS if MINIMUM_ROLE.get(each.permission) in (Role.CLIENT, Role.ARTIST)]
OF_THE_STUDIO = re.compile(
    r"(/artists|/materials|/departments|/task-statuses|/task-templates|/workflows|/notifications)/"
)
"""Addresses below which artists reach what belongs to no project, or to themselves."""
LOOK = {"name": "look", "department": "look"}
LOOSE = re.compile(r"/media/assets/")
"""Below which recipes upload pictures for nothing in particular, which are everybody's until something uses them."""


@contextmanager
def hidden(studio: StudioUnderTest) -> Iterator[None]:
    """Meanwhile only their teams see the tenant's projects, and nobody is in any team."""
    _show_all(studio, "team")
    try:
        yield
    finally:
        _show_all(studio, "everybody")


def _show_all(studio: StudioUnderTest, visible_to: str) -> None:
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(update(Project).values(visible_to=visible_to))
        for member in current.scalars(select(ProjectMember)):
            current.delete(member)


def ids_in(current: Session, table: Table) -> set[str]:
    return set(map(str, current.scalars(select(table.c.id))))


def secrets_of(studio: StudioUnderTest) -> set[str]:
    """Ids of the rows that are hidden from the artist, and the names of projects."""
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        there = set().union(*(ids_in(current, table) for table in HIDDEN))
        names = set(current.scalars(select(Project.name)))
    with seen_by(studio, Role.ARTIST) as current:
        return (there | names) - set().union(*(ids_in(current, table) for table in HIDDEN))


# -- every table, every route, every page


def test_every_table_is_hidden_or_says_why_not(app: Flask) -> None:
    with app.app_context():
        policies = "SELECT tablename, permissive, cmd FROM pg_policies WHERE policyname = 'team_view'"
        limited = {name: more for name, *more in db.session.execute(text(policies))}
    assert limited == {table.name: ["RESTRICTIVE", "ALL"] for table in HIDDEN}


def test_postgresql_shows_who_is_in_no_team_no_row_of_a_project(studio: StudioUnderTest) -> None:
    world = World(studio)
    fill(world)
    project = full(world)
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        before = {table.name: ids_in(current, table) for table in HIDDEN}
    assert [name for name, ids in before.items() if not ids] == []
    # What nobody said of which project it is, and the run that was started with it.
    refer = ("project_id", "asset_id", "shot_id", "sequence_id", "publish_id", "cad_file_id", "task_id", "part_id")
    with hidden(studio):
        with seen_by(studio, Role.ARTIST) as current:
            for table in HIDDEN:
                for row in current.execute(select(table)).mappings():
                    assert not [name for name in refer if row.get(name)], (table.name, row)
                    assert project["name"] not in str(dict(row)), table.name
            assert not current.scalars(select(Comment.id)).all() + current.scalars(select(Publish.id)).all()
        with seen_by(studio, Role.PROJECT_MANAGER) as current:
            assert [table.name for table in HIDDEN if not ids_in(current, table)] == ["project_members"]
    with seen_by(studio, Role.ARTIST) as current:
        assert [table.name for table in HIDDEN if not ids_in(current, table)] == ["project_members"]


def full(world: World) -> Json:
    """A project with a row in each of the tables that have one seldom."""
    studio, production = world.studio, world.production()
    project = {"project_id": production.project["id"]}
    add_to_team(studio, production.project, id_of(studio.artist))
    world.post(f"/tasks/{production.task['id']}/watch")
    world.cast()
    world.playlist_film()
    world.guest_link()
    world.turntable()
    world.webhook(**project)
    world.post("/custom-fields/", {**project, "target_type": "shot", "name": unique(), "type": "text"})
    world.post("/task-templates/", {**project, "name": unique(), "target_type": "asset", "tasks": [LOOK]})
    studio.publish(production)
    still = {"kind": "still", "publish_id": world.publish()["id"]}
    world.post("/jobs/", {**still, "depends_on": [world.post("/jobs/", still)["id"]]})
    picture = studio.write(f"{production.project['name']}/assets/gear/front.png")
    world.post("/workflows/runs", {"graph": COPY, "inputs": {"pictures": picture}})
    held = HeldNotification(
        id=uuid4(), user_id=id_of(studio.artist), key="k", channel="activity", kind="x.y", title="t", frequency="daily",
        email=False, due_at=datetime.now(UTC), project_id=UUID(production.project["id"]),
    )  # fmt: skip
    add_rows(studio, held, StaleEntry(id=uuid4(), target_type="asset", target_id=UUID(production.asset["id"])))
    return production.project


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(make_studio(app))


@pytest.mark.parametrize("endpoint", OPEN_TO_ARTISTS, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_no_route_shows_or_changes_what_only_a_team_sees(world: World, endpoint: Endpoint) -> None:
    """A call that succeeds, made by an artist who is in no team."""
    call = call_of(endpoint, world)
    with hidden(world.studio):
        answer = call.send(world.studio.app, endpoint.method, world.studio.tokens[Role.ARTIST])
        if call.alone or OF_THE_STUDIO.search(call.path) or LOOSE.search(call.path):
            assert answer.status_code < 300 or call.refuses, answer.text
            if not answer.is_streamed:
                assert not {each for each in secrets_of(world.studio) if each in answer.text}
        else:
            assert answer.status_code == 404, answer.text
        answer.close()


@pytest.fixture(scope="module")
def secret(app: Flask) -> StudioUnderTest:
    """A tenant with a row of every kind, all of projects that only their team sees."""
    studio = make_studio(app)
    world = World(studio)
    fill(world)
    full(world)
    picture = world.picture()
    say(studio.admin, "Look.", on(medium=picture["id"]))
    _show_all(studio, "team")
    return studio


PAGES = ("/", "/projects", "/my-tasks", "/playlists", "/orders", "/jobs", "/time", "/search?q=gear", "/notifications",
         "/workflows")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_no_page_tells_of_what_only_a_team_sees(secret: StudioUnderTest, path: str) -> None:
    answer = secret.browser().get(path)
    assert answer.status_code == 200, path
    assert not {each for each in secrets_of(secret) if each in answer.text}


def test_no_page_of_a_row_opens(app: Flask, secret: StudioUnderTest) -> None:
    """Every page with an id in its address, with the ids of all rows of that kind that are hidden."""
    tables = {"medium_id": "media_assets", "media_id": "media_assets", "run_id": "workflow_runs", "cad_id": "cad_files",
              "cad_file_id": "cad_files", "publish_id": "publishes"}  # fmt: skip
    browser, secrets, closed = secret.browser(), secrets_of(secret), 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("pages.") or "GET" not in (rule.methods or ()) or len(rule.arguments) != 1:
            continue
        [argument] = rule.arguments
        name = tables.get(argument, f"{argument.removesuffix('_id')}s")
        table = next((table for table in HIDDEN if table.name == name), None)
        if table is None:
            continue
        with app.app_context(), tenant_session(secret.tenant_id) as current:
            ids = ids_in(current, table) & secrets
        assert ids, rule.rule
        for row_id in sorted(ids)[:3]:
            answer = browser.get(re.sub(r"<[^>]+>", row_id, rule.rule))
            # Some are for managers only.
            assert answer.status_code in (403, 404), rule.rule
            closed += answer.status_code == 404
    assert closed > 20


def test_postgresql_takes_nothing_into_what_is_hidden(studio: StudioUnderTest) -> None:
    """Whatever a route forgets."""
    production = studio.production()
    show(studio, production.project, "team")
    comment = Comment(id=uuid4(), task_id=UUID(production.task["id"]), author_id=id_of(studio.artist), text="Hello.")
    with pytest.raises(ProgrammingError, match="row-level security"), seen_by(studio, Role.ARTIST) as current:
        current.add(comment)
    with seen_by(studio, Role.ARTIST) as current:
        assert current.execute(update(Task).values(status="approved")).rowcount == 0  # type: ignore[attr-defined]
    with seen_by(studio, Role.ARTIST) as current:
        media = MediaAsset(
            id=uuid4(), asset_type="still", name="a.png", path="a.png", mime_type="image/png", size=1, sha256="0" * 64
        )
        current.add(media)


# -- who sees it, from when on


def test_every_event_of_a_project_says_of_which(secret: StudioUnderTest) -> None:
    """Those that say of none are about people, or what is the studio's."""
    with secret.app.app_context(), tenant_session(secret.tenant_id) as current:
        others = set(current.scalars(select(Event.subject_type).where(Event.project_id.is_(None))))
        projects = set(current.scalars(select(Event.subject_type).where(Event.project_id.is_not(None))))
    of_the_studio = {"tenant", "user", "material", "material_alias", "department", "task_status", "task_template"}
    of_the_studio |= {"custom_field", "workflow", "workflow_run", "medium", "conversion", "project_client"}
    assert others <= of_the_studio - {"project_client"}
    assert {"task", "publish", "casting", "comment", "order", "order_item", "time_entry", "medium"} <= projects
