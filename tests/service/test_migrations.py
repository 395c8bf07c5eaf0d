"""Data survives the way up through the migrations, and down again as far as it can."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from service import schema
from service.config import Config
from shared.departments import DEPARTMENTS
from shared.errors import ConflictError


def test_data_survives_the_way_up_and_down(empty: Config) -> None:
    """Rows as the first release wrote them."""
    schema.downgrade(empty, "0001")
    tenant, project, asset, active, locked = (uuid4() for _ in range(5))
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        for statement, values in (
            ("INSERT INTO tenants (id, name, storage) VALUES (:id, 'studio', 'studio')", {"id": tenant}),
            ("INSERT INTO users (id, name, email, role) VALUES (:id, 'A', 'a@x', 'artist')", {"id": active}),
            (
                "INSERT INTO users (id, name, email, role, active) VALUES (:id, 'B', 'b@x', 'artist', false)",
                {"id": locked},
            ),
            ("INSERT INTO projects (id, name, title) VALUES (:id, 'film', 'The film')", {"id": project}),
            (
                "INSERT INTO assets (id, project_id, name) VALUES (:id, :project, 'gear')",
                {"id": asset, "project": project},
            ),
            (
                "INSERT INTO api_tokens (id, user_id, name, kind, digest) VALUES (:id, :user, 'farm', 'personal', 'd')",
                {"id": uuid4(), "user": active},
            ),
        ):
            connection.execute(text(statement), values)
    schema.upgrade(empty)
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        users = connection.execute(text("SELECT id, archived_at IS NOT NULL FROM users")).all()
        assert {row[0]: row[1] for row in users} == {active: False, locked: True}
        found = connection.execute(
            text("SELECT name, title, revision FROM projects WHERE search @@ to_tsquery('simple', 'film:*')")
        ).one()
        assert tuple(found) == ("film", "The film", 1)
        settings = connection.execute(text("SELECT max_concurrent_renders, fallback_material FROM tenants")).one()
        assert tuple(settings) == (4, "FailedMaterial")
        connection.execute(
            text(
                "INSERT INTO api_tokens (id, user_id, name, kind, digest, scopes)"
                " VALUES (:id, :user, 'limited', 'personal', 'e', CAST(:scopes AS jsonb))"
            ),
            {"id": uuid4(), "user": active, "scopes": json.dumps(["job.read"])},
        )
    schema.downgrade(empty, "0001")
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        assert dict(connection.execute(text("SELECT name, active FROM users")).all()) == {"A": True, "B": False}
        assert connection.scalar(text("SELECT name FROM assets")) == "gear"
        # A token that was limited is not let loose by an older version, which knows no limits.
        assert connection.scalars(text("SELECT name FROM api_tokens")).all() == ["farm"]


def test_parts_learn_their_place_and_their_publishes_are_counted(empty: Config) -> None:
    """Parts and publishes as the releases before long lists wrote them."""
    schema.downgrade(empty, "0007")
    tenant, project, sequence, shot, task, part, other = (uuid4() for _ in range(7))
    part_row = "INSERT INTO parts (id, shot_id, name, department, last_version, last_iteration)"
    publish = (
        "INSERT INTO publishes (id, part_id, task_id, version, iteration, software, item_usd_path, sha256, size,"
        " status, archived_at) SELECT gen_random_uuid(), :part, :task, n, 1, 'x', 'p' || n, 'd', 1, 'published',"
        " CASE WHEN n = 1 THEN now() END FROM generate_series(1, 3) n"
    )
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        values = {"project": project, "sequence": sequence, "shot": shot, "task": task, "part": part, "other": other}
        for statement in (
            "INSERT INTO projects (id, name) VALUES (:project, 'film')",
            "INSERT INTO sequences (id, project_id, name) VALUES (:sequence, :project, 'sq010')",
            "INSERT INTO shots (id, sequence_id, name) VALUES (:shot, :sequence, 'sh0010')",
            "INSERT INTO tasks (id, shot_id, name, department) VALUES (:task, :shot, 'light', 'lighting')",
            f"{part_row} VALUES (:part, :shot, 'lamps', 'lighting', 3, 1)",
            f"{part_row} VALUES (:other, :shot, 'fog', 'lighting', 3, 1)",
            publish,
        ):
            connection.execute(text(statement), values)
    schema.upgrade(empty)
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        columns = "project_name, entity, usd_path, entity_usd_path, live_publishes, archived_publishes"
        found = {row.name: tuple(row)[1:] for row in connection.execute(text(f"SELECT name, {columns} FROM parts"))}
        folder = "film/shots/sq010/sh0010/usd"
        place = ("film", "shot:sq010/sh0010")
        assert found == {
            "lamps": (*place, f"{folder}/lamps/lamps.usd", f"{folder}/sh0010.usd", 2, 1),
            "fog": (*place, f"{folder}/fog/fog.usd", f"{folder}/sh0010.usd", 0, 0),
        }
        connection.execute(text("DELETE FROM publishes WHERE version > 1"))
        counts = connection.execute(text("SELECT live_publishes, archived_publishes FROM parts WHERE name = 'lamps'"))
        assert tuple(counts.one()) == (0, 1)
        connection.rollback()


def test_parts_learn_what_they_compose(empty: Config) -> None:
    """Parts as the releases before wrote them; then publishes that are composed and withdrawn."""
    schema.downgrade(empty, "0009")
    tenant, project, asset, task, part, idle, first, second = (uuid4() for _ in range(8))
    part_row = "INSERT INTO parts (id, asset_id, name, department, last_version, last_iteration, current_publish_id)"
    publish = (
        "INSERT INTO publishes"
        " (id, part_id, task_id, software, sha256, size, status, version, iteration, item_usd_path)"
    )
    columns = "name, current_version, current_iteration, current_item_usd_path"

    def composed(connection: Connection) -> set[tuple[Any, ...]]:
        found = connection.execute(text(f"SELECT {columns} FROM parts WHERE asset_id = :asset"), {"asset": asset})
        return set(map(tuple, found))

    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        values = {"project": project, "asset": asset, "task": task, "part": part, "idle": idle, "first": first}
        for statement in (
            "INSERT INTO projects (id, name) VALUES (:project, 'film')",
            "INSERT INTO assets (id, project_id, name) VALUES (:asset, :project, 'gear')",
            "INSERT INTO tasks (id, asset_id, name, department) VALUES (:task, :asset, 'model', 'model')",
            f"{part_row} VALUES (:part, :asset, 'body', 'model', 3, 2, :first)",
            f"{part_row} VALUES (:idle, :asset, 'lid', 'model', 0, 0, NULL)",
            f"{publish} VALUES (:first, :part, :task, 'x', 'd', 1, 'published', 3, 2, 'body_3.usd')",
        ):
            connection.execute(text(statement), values)
    schema.upgrade(empty)
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        nothing = ("lid", None, None, None)
        assert composed(connection) == {("body", 3, 2, "body_3.usd"), nothing}
        values = {"part": part, "task": task, "second": second}
        connection.execute(
            text(f"{publish} VALUES (:second, :part, :task, 'x', 'd', 1, 'published', 4, 1, 'body_4.usd')"), values
        )
        connection.execute(text("UPDATE parts SET current_publish_id = :second WHERE id = :part"), values)
        assert composed(connection) == {("body", 4, 1, "body_4.usd"), nothing}
        connection.execute(text("UPDATE parts SET current_publish_id = NULL"))
        assert {row[1:] for row in composed(connection)} == {(None, None, None)}
        connection.rollback()


def test_what_was_said_about_pictures_alone_or_by_guests_does_not_outlive_them(empty: Config) -> None:
    tenant, user, project, asset, task, medium = (uuid4() for _ in range(6))
    values = {"user": user, "project": project, "asset": asset, "task": task, "medium": medium}
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        for statement in (
            "INSERT INTO tenants (id, name, storage) VALUES (app_tenant(), :user, :user)",
            "INSERT INTO users (id, name, email, role) VALUES (:user, 'A', 'a@x', 'artist')",
            "INSERT INTO projects (id, name) VALUES (:project, 'film')",
            "INSERT INTO assets (id, project_id, name) VALUES (:asset, :project, 'gear')",
            (
                "INSERT INTO task_statuses (id, name, kind, color, is_default)"
                " VALUES (gen_random_uuid(), 'todo', 'todo', '#000000', true)"
            ),
            (
                "INSERT INTO departments (id, name, label, arc, rank)"
                " VALUES (gen_random_uuid(), 'model', 'Model', 'payload', 6)"
            ),
            (
                "INSERT INTO tasks (id, asset_id, name, department, status)"
                " VALUES (:task, :asset, 'model', 'model', 'todo')"
            ),
            (
                "INSERT INTO media_assets (id, asset_type, name, path, mime_type, size, sha256)"
                " VALUES (:medium, 'still', 'a.png', 'a.png', 'image/png', 1, 'd')"
            ),
            (
                "INSERT INTO comments (id, author_id, media_id, text, for_client)"
                " VALUES (gen_random_uuid(), :user, :medium, 'of the picture', true)"
            ),
            (
                "INSERT INTO comments (id, author_id, media_id, task_id, text, seconds)"
                " VALUES (gen_random_uuid(), :user, :medium, :task, 'of the task', 1)"
            ),
            "INSERT INTO playlists (id, project_id, name) VALUES (:asset, :project, 'Dailies')",
            (
                "INSERT INTO guest_links (id, playlist_id, label, digest, expires_at)"
                " VALUES (:asset, :asset, 'Agency', 'd', now())"
            ),
            (
                "INSERT INTO comments (id, guest_link_id, guest_name, task_id, text)"
                " VALUES (gen_random_uuid(), :asset, 'Mia', :task, 'of a guest')"
            ),
        ):
            connection.execute(text(statement), values)
    schema.downgrade(empty, "0014")
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        assert connection.scalars(text("SELECT text FROM comments")).all() == ["of the task"]


def test_statuses_in_use_are_declared_and_who_did_a_task_still_does(empty: Config) -> None:
    """Tasks as the releases before declared statuses wrote them; and back, where only one does a task."""
    schema.downgrade(empty, "0017")
    tenant, anna, bert, project, asset = (uuid4() for _ in range(5))
    values = {"tenant": tenant, "anna": anna, "bert": bert, "project": project, "asset": asset}
    statuses = ("wip", "pending_review", "rtk", "todo", "final", "on_hold", "warm")

    def connect(connection: Connection) -> None:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})

    with schema.owner_connection(empty) as connection:
        connect(connection)
        for statement in (
            "INSERT INTO tenants (id, name, storage) VALUES (:tenant, 'other', 'other')",
            "INSERT INTO users (id, name, email, role) VALUES (:anna, 'A', 'a@y', 'artist')",
            "INSERT INTO users (id, name, email, role) VALUES (:bert, 'B', 'b@y', 'artist')",
            "INSERT INTO projects (id, name) VALUES (:project, 'film')",
            "INSERT INTO assets (id, project_id, name) VALUES (:asset, :project, 'gear')",
            "INSERT INTO tasks (id, asset_id, name, department) VALUES (gen_random_uuid(), :asset, 'idle', 'model')",
        ):
            connection.execute(text(statement), values)
        for status in statuses:
            row = (
                "INSERT INTO tasks (id, asset_id, name, department, status, assignee_id)"
                " VALUES (gen_random_uuid(), :asset, :status, 'model', :status, :anna)"
            )
            connection.execute(text(row), {**values, "status": status})
    schema.upgrade(empty)
    with schema.owner_connection(empty) as connection:
        connect(connection)
        declared = connection.execute(text("SELECT name, kind, is_default FROM task_statuses ORDER BY position")).all()
        names = [name for name, _, _ in declared]
        assert names[:7] == ["todo", "in_progress", "review", "retake", "approved", "done", "on_hold"]
        assert sorted(names[7:]) == ["final", "pending_review", "rtk", "warm", "wip"]
        kinds = {name: kind for name, kind, _ in declared}
        assert {name: kinds[name] for name in names[7:]} == {
            "final": "done",
            "pending_review": "review",
            "rtk": "retake",
            "warm": "in_progress",
            "wip": "in_progress",
        }
        assert [name for name, _, is_default in declared if is_default] == ["todo"]
        found: dict[str, Any] = dict(
            connection.execute(text("SELECT name, assignee_ids FROM tasks WHERE tenant_id = app_tenant()")).all()
        )
        assert found == {"idle": [], **{status: [str(anna)] for status in statuses}}
        both = {"both": json.dumps([str(bert), str(anna)])}
        connection.execute(text("UPDATE tasks SET assignee_ids = CAST(:both AS jsonb) WHERE name = 'wip'"), both)
    schema.downgrade(empty, "0017")
    with schema.owner_connection(empty) as connection:
        connect(connection)
        does: dict[str, Any] = dict(
            connection.execute(text("SELECT name, assignee_id FROM tasks WHERE tenant_id = app_tenant()")).all()
        )
        assert (does["wip"], does["todo"], does["idle"]) == (bert, anna, None)
        assert set(connection.scalars(text("SELECT status FROM tasks WHERE tenant_id = app_tenant()"))) == set(statuses)


def test_clients_keep_what_they_see_and_see_no_more_after_a_way_back(empty: Config) -> None:
    schema.downgrade(empty, "0018")
    tenant, client, before, after = (uuid4() for _ in range(4))
    values = {"client": client, "before": before, "after": after, "seen": "2026-05-01 12:00+00"}
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        for statement in (
            "INSERT INTO tenants (id, name, storage) VALUES (app_tenant(), :client, :client)",
            "INSERT INTO users (id, name, email, role) VALUES (:client, 'C', 'c@x', 'client')",
            (
                "INSERT INTO api_tokens (id, user_id, name, kind, digest, last_used_at)"
                " VALUES (gen_random_uuid(), :client, 'farm', 'personal', :client, :seen)"
            ),
            "INSERT INTO projects (id, name) VALUES (:before, 'before')",
        ):
            connection.execute(text(statement), values)
    schema.upgrade(empty)
    admitted = "INSERT INTO project_clients (id, project_id, user_id) VALUES (gen_random_uuid(), :project, :client)"
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        connection.execute(text("INSERT INTO projects (id, name) VALUES (:after, 'after')"), values)
        for project in (before, after):
            connection.execute(text(admitted), {"project": project, "client": client})
        found = text("SELECT name, clients_see FROM projects WHERE id IN (:before, :after)")
        seen = dict(connection.execute(found, values).all())
        assert seen == {"before": "all", "after": "shared"}
        assert connection.scalar(text("SELECT last_seen_at = :seen FROM users WHERE id = :client"), values)
    schema.downgrade(empty, "0018")
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        left = text("SELECT project_id FROM project_clients WHERE user_id = :client")
        projects = connection.scalars(left, values).all()
        assert projects == [before], "a version that knows no sharing would show all of the other one"


def test_names_are_composed_and_what_would_become_a_namesake_keeps_its_spelling(empty: Config) -> None:
    """Titles, playlists and custom fields as macOS sent them to the releases before."""
    schema.downgrade(empty, "0022")
    tenant, project, one, other, alone = (uuid4() for _ in range(5))
    decomposed, composed = "Mo\u0308we", "M\u00f6we"
    bird = {"bird": decomposed}
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        asset = (
            "INSERT INTO projects (id, name, title, fields) VALUES (:project, 'film', :title, CAST(:fields AS jsonb))"
        )
        values = {"project": project, "title": decomposed, "fields": json.dumps(bird, ensure_ascii=False)}
        connection.execute(text(asset), values)
        for playlist_id, name in ((one, decomposed), (other, composed), (alone, f"{decomposed} 2")):
            playlist = "INSERT INTO playlists (id, project_id, name) VALUES (:id, :project, :name)"
            connection.execute(text(playlist), {"id": playlist_id, "project": project, "name": name})
    schema.upgrade(empty)
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        assert connection.execute(text("SELECT title, fields, name_order FROM projects")).one() == (
            composed, {"bird": composed}, "film",
        )  # fmt: skip
        names = dict(connection.execute(text("SELECT id, name FROM playlists")).all())
        assert names == {one: decomposed, other: composed, alone: f"{composed} 2"}
        connection.execute(text("DELETE FROM playlists"))
        connection.execute(text("DELETE FROM projects"))


def test_what_was_delivered_counts_as_a_first_delivery_and_the_last_one_stays(empty: Config) -> None:
    """Orders as the releases before numbered deliveries wrote them; and back."""
    schema.downgrade(empty, "0027")
    names = ("tenant", "anna", "client", "project", "asset", "done", "open", "item", "waiting", "old", "new", "given")
    values = {name: uuid4() for name in names}

    def connect(connection: Connection) -> None:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(values["tenant"])})

    order = "INSERT INTO orders (id, number, title, client_id, project_id, state, delivered_at) VALUES"
    item = "INSERT INTO order_items (id, order_id, position, asset_id, kind) VALUES"
    medium = "INSERT INTO media_assets (id, asset_type, name, path, mime_type, size, sha256) VALUES"
    record = "INSERT INTO audit_records (id, actor_id, action, table_name, row_id, after) VALUES"
    with schema.owner_connection(empty) as connection:
        connect(connection)
        for statement in (
            "INSERT INTO tenants (id, name, storage) VALUES (:tenant, 'orders', 'orders')",
            "INSERT INTO users (id, name, email, role) VALUES (:anna, 'A', 'a@z', 'project_manager')",
            "INSERT INTO users (id, name, email, role) VALUES (:client, 'C', 'c@z', 'client')",
            "INSERT INTO projects (id, name) VALUES (:project, 'film')",
            "INSERT INTO assets (id, project_id, name) VALUES (:asset, :project, 'gear')",
            f"{order} (:done, 1, 'Done', :client, :project, 'delivered', now())",
            f"{order} (:open, 2, 'Open', :client, :project, 'accepted', NULL)",
            f"{item} (:item, :done, 1, :asset, 'still')",
            f"{item} (:waiting, :open, 1, :asset, 'still')",
            f"{medium} (:old, 'still', 'old.png', 'old.png', 'image/png', 1, 'd')",
            f"{medium} (:new, 'still', 'new.png', 'new.png', 'image/png', 1, 'd')",
            "INSERT INTO order_media (id, item_id, media_id) VALUES (:given, :item, :old)",
            "INSERT INTO order_media (id, item_id, media_id) VALUES (gen_random_uuid(), :waiting, :old)",
            f"{record} (gen_random_uuid(), :anna, 'change', 'orders', :done, '{{\"state\"\\: \"delivered\"}}')",
            f"{record} (gen_random_uuid(), :anna, 'change', 'orders', :open, '{{\"state\"\\: \"accepted\"}}')",
        ):
            connection.execute(text(statement), values)
    schema.upgrade(empty)
    anna = values["anna"]
    with schema.owner_connection(empty) as connection:
        connect(connection)
        columns = "title, delivery, accepted_by_id, delivered_by_id"
        found = {tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM orders"))}
        assert found == {("Done", 1, None, anna), ("Open", 0, anna, None)}
        deliveries = dict(connection.execute(text("SELECT item_id, delivery FROM order_media")).all())
        assert deliveries == {values["item"]: 1, values["waiting"]: None}
        for statement in (
            "UPDATE orders SET state = 'changes_requested', answered_at = now(), delivery = 2 WHERE id = :done",
            "UPDATE order_media SET delivery = 2 WHERE item_id = :item",
            "INSERT INTO order_media (id, item_id, media_id, delivery) VALUES (gen_random_uuid(), :item, :new, 1)",
            "INSERT INTO order_media (id, item_id, media_id) VALUES (gen_random_uuid(), :item, :new)",
            (
                "INSERT INTO comments (id, author_id, order_id, delivery, text)"
                " VALUES (gen_random_uuid(), :client, :done, 2, 'Brighter.')"
            ),
        ):
            connection.execute(text(statement), values)
    schema.downgrade(empty, "0027")
    with schema.owner_connection(empty) as connection:
        connect(connection)
        assert dict(connection.execute(text("SELECT title, state FROM orders")).all()) == {
            "Done": "in_progress", "Open": "accepted",
        }  # fmt: skip
        left = connection.execute(text("SELECT item_id, media_id FROM order_media")).all()
        kept = {(values["item"], values["old"]), (values["waiting"], values["old"])}
        assert set(map(tuple, left)) == kept, "what was not delivered would be shown at once"
        assert connection.scalar(text("SELECT count(*) FROM comments")) == 0


def test_every_studio_has_departments_and_its_own_keep_the_version_that_knows_them(empty: Config) -> None:
    """Tasks and parts as the releases before declared departments wrote them."""
    schema.downgrade(empty, "0031")
    tenant, idle, project, asset, task, part = (uuid4() for _ in range(6))
    values = {"tenant": tenant, "idle": idle, "project": project, "asset": asset, "task": task, "part": part}

    def connect(connection: Connection, to: UUID = tenant) -> None:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(to)})

    with schema.owner_connection(empty) as connection:
        for each in (idle, tenant):
            connect(connection, each)
            connection.execute(text("INSERT INTO tenants (id, name, storage) VALUES (:id, :id, :id)"), {"id": each})
        for statement in (
            "INSERT INTO projects (id, name) VALUES (:project, 'film')",
            "INSERT INTO assets (id, project_id, name) VALUES (:asset, :project, 'gear')",
            (
                "INSERT INTO task_statuses (id, name, kind, color, is_default)"
                " VALUES (gen_random_uuid(), 'todo', 'todo', '#000000', true)"
            ),
            (
                "INSERT INTO tasks (id, asset_id, name, department, status)"
                " VALUES (:task, :asset, 'model', 'model', 'todo')"
            ),
            (
                "INSERT INTO parts (id, asset_id, name, department, last_version, last_iteration)"
                " VALUES (:part, :asset, 'smoke', 'fx', 0, 0)"
            ),
        ):
            connection.execute(text(statement), values)
    schema.upgrade(empty)
    declared = text("SELECT name, label, arc, rank FROM departments WHERE tenant_id = app_tenant() ORDER BY rank")
    with schema.owner_connection(empty) as connection:
        for each in (tenant, idle):
            connect(connection, each)
            found = [(row.name, row.label, row.arc) for row in connection.execute(declared)]
            assert found == [(one.name, one.label, one.arc) for one in DEPARTMENTS]
        connect(connection)
        connection.execute(
            text(
                "INSERT INTO departments (id, name, label, arc, rank)"
                " VALUES (gen_random_uuid(), 'grooming', 'Grooming', 'sublayer', 4.5)"
            )
        )
        connection.execute(text("UPDATE parts SET department = 'grooming' WHERE id = :part"), values)
    with pytest.raises(ConflictError, match="grooming") as refused:
        schema.downgrade(empty, "0031")
    assert refused.value.code == "conflict.departments"
    with schema.owner_connection(empty) as connection:
        connect(connection)
        connection.execute(text("UPDATE parts SET department = 'fx' WHERE id = :part"), values)
    schema.downgrade(empty, "0031")
    with schema.owner_connection(empty) as connection:
        connect(connection)
        assert connection.scalars(text("SELECT department FROM tasks WHERE id = :task"), values).all() == ["model"]
        assert connection.scalars(text("SELECT department FROM parts WHERE id = :part"), values).all() == ["fx"]
