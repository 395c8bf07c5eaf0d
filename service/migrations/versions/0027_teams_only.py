"""Projects that only their team sees: each says so, each tenant for its new ones.

Who is hidden from what is settled when a transaction is bound: ``app_outsider()`` is the artist from whom something is
hidden, and null for everybody else, whom the policies cost nothing then. What belongs to a hidden project is found by
what it belongs to, in functions of which each answers one kind of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import application_role, create_hidden_rows, hide_from_outsiders, let_owner_read
from shared.errors import ConflictError

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_CHOICES = {"tenants": "projects_visible_to", "projects": "visible_to"}
_SETTING = """
    CREATE FUNCTION new_project_visible_to() RETURNS varchar LANGUAGE sql STABLE AS $$
        SELECT coalesce((SELECT projects_visible_to FROM tenants WHERE id = app_tenant()), 'everybody')
    $$
"""
_APP_OUTSIDER = """
    CREATE FUNCTION app_outsider() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('app.current_outsider', true), '')::uuid $$
"""
_OUTSIDER = """
    CREATE FUNCTION outsider(tenant uuid, person uuid) RETURNS text LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM projects j WHERE j.tenant_id = tenant AND j.visible_to = 'team' AND NOT EXISTS (
                SELECT FROM project_members m
                WHERE m.tenant_id = tenant AND m.project_id = j.id AND m.user_id = person
            )
        ) AND EXISTS (SELECT FROM users u WHERE u.tenant_id = tenant AND u.id = person AND u.role = 'artist') THEN
            RETURN person::text;
        END IF;
        RETURN '';
    END $$
"""
"""The person, if something is hidden from them, and an empty text otherwise; asked before the transaction is bound."""

# As the eighth migration has it, and as it is from now on.
_BIND = """
    PERFORM set_config('app.current_tenant', tenant_id::text, true),
        set_config('app.current_client', CASE role WHEN 'client' THEN user_id::text ELSE '' END, true){more};
"""
_ENTER = """
    CREATE OR REPLACE FUNCTION enter(digest text) RETURNS TABLE (
        token_id uuid, kind varchar, scopes jsonb, is_expired boolean, tenant_id uuid, tenant_name varchar,
        storage varchar, user_id uuid, user_name varchar, role varchar, last_used_at timestamptz
    ) LANGUAGE plpgsql ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp AS $$
    BEGIN
        SELECT * INTO token_id, kind, scopes, is_expired, tenant_id, tenant_name,
            storage, user_id, user_name, role, last_used_at FROM find_token(digest);
        IF token_id IS NULL THEN RETURN; END IF;
        IF kind <> 'refresh' AND NOT is_expired THEN {bind} END IF;
        RETURN NEXT;
    END $$
"""
_BIND_OUTSIDER = """,
        set_config('app.current_outsider',
            CASE role WHEN 'artist' THEN outsider(tenant_id, user_id) ELSE '' END, true)"""

_OWN = "tenant_id = app_tenant()"
_PROJECTS = f"""
    FROM projects j WHERE {_OWN} AND visible_to = 'team' AND NOT EXISTS (
        SELECT FROM project_members m
        WHERE m.tenant_id = j.tenant_id AND m.project_id = j.id AND m.user_id = app_outsider()
    )
"""


def _of(table: str, condition: str) -> str:
    return f"SELECT id FROM {table} WHERE {_OWN} AND ({condition})"


def _in(columns: str, hidden: str) -> str:
    return f"{columns} IN (SELECT hidden_{hidden}())"


_OF_PROJECT = _in("project_id", "projects")
# Workflows are started with ids, and with paths, which begin with the name of their project.
_INPUTS = (
    "EXISTS (SELECT FROM jsonb_each_text(inputs) given WHERE given.value IN (SELECT hidden_subjects()::text))"
    """ OR EXISTS (SELECT FROM hidden_project_names() name WHERE strpos(inputs::text, '"' || name || '/') > 0)"""
)


def _first_of(otherwise: str, **columns: str) -> str:
    """Condition by the first of the ``columns`` that has a value: what the others refer to is not looked for."""
    cases = (f"WHEN {column} IS NOT NULL THEN {_in(column, hidden)}" for column, hidden in columns.items())
    return f"CASE {' '.join(cases)} ELSE {otherwise} END"


_OF_SUBJECT = {"publish_id": "publishes", "cad_file_id": "cad_files"}
_JOB = _first_of(_in("id", "lone_jobs"), asset_id="assets", **_OF_SUBJECT)
_MEDIUM_IS_OF = {"asset_id": "assets", "shot_id": "shots", **_OF_SUBJECT, "job_id": "jobs"}
_MEDIUM = _first_of(_in("id", "lone_media"), **_MEDIUM_IS_OF)
_COMMENT_IS_ON = {"task_id": "tasks", "publish_id": "publishes"}
_COMMENT = _first_of("false", **_COMMENT_IS_ON, media_id="media_assets")
_HIDDEN = {
    "projects": f"SELECT id {_PROJECTS}",
    "sequences": _of("sequences", _OF_PROJECT),
    "assets": _of("assets", _OF_PROJECT),
    "shots": _of("shots", _in("sequence_id", "sequences")),
    "entities": "SELECT hidden_assets() UNION ALL SELECT hidden_shots()",
    "tasks": f"{_of('tasks', _in('asset_id', 'assets'))} UNION ALL {_of('tasks', _in('shot_id', 'shots'))}",
    # By the name of its project, which a part has, one index answers them all.
    "parts": _of("parts", _in("project_name", "project_names")),
    "publishes": _of("publishes", _in("part_id", "parts")),
    "cad_files": _of("cad_files", _in("asset_id", "assets")),
    "subjects": "SELECT hidden_entities() UNION ALL SELECT hidden_publishes() UNION ALL SELECT hidden_cad_files()",
    # What was started with something hidden but is filed under nothing, such as a delivery of a shot's publish.
    "workflow_runs": _of("workflow_runs", f"{_in('asset_id', 'assets')} OR {_INPUTS}"),
    "lone_jobs": f"SELECT job_id FROM workflow_nodes WHERE {_OWN} AND {_in('run_id', 'workflow_runs')}",
    "jobs": _of("jobs", _JOB),
    "playlists": _of("playlists", _OF_PROJECT),
    "orders": _of("orders", _OF_PROJECT),
    "order_items": _of("order_items", _in("order_id", "orders")),
    "placed_media": _of("media_assets", _first_of("false", **_MEDIUM_IS_OF)),
    # Of what was uploaded for nothing in particular: what is used where they do not look.
    "lone_media": f"""
        SELECT media_id FROM playlist_items WHERE {_OWN} AND {_in("playlist_id", "playlists")}
        UNION ALL SELECT media_id FROM order_media WHERE {_OWN} AND {_in("item_id", "order_items")}
        UNION ALL SELECT jsonb_array_elements_text(attachments)::uuid FROM comments
            WHERE {_OWN} AND attachments <> '[]' AND {_first_of("false", **_COMMENT_IS_ON, media_id="placed_media")}
    """,
    "media_assets": _of("media_assets", _MEDIUM),
}
"""What ``hidden_<name>()`` answers: ids of what is of hidden projects. ``subjects`` are what workflows start with."""
_POLICIES = {
    "projects": _in("id", "projects"),
    **dict.fromkeys(
        (
            *("sequences", "assets", "playlists", "orders", "custom_fields", "task_templates"),
            *("project_clients", "project_members", "webhooks", "held_notifications"),
        ),
        _OF_PROJECT,
    ),
    # What was uploaded for nothing in particular may have been used since it was told of.
    "events": f"CASE WHEN project_id IS NULL AND subject_type = 'medium' THEN {_in('subject_id', 'lone_media')}"
    f" ELSE {_OF_PROJECT} END",
    "shots": _in("sequence_id", "sequences"),
    "castings": f"{_in('shot_id', 'shots')} OR {_in('asset_id', 'assets')}",
    "tasks": _in("coalesce(asset_id, shot_id)", "entities"),
    "parts": _in("project_name", "project_names"),
    **dict.fromkeys(("scenes", "time_entries", "task_watchers"), _in("task_id", "tasks")),
    **dict.fromkeys(("reservations", "publishes", "compositions"), _in("part_id", "parts")),
    "stale_entries": _in("target_id", "entities"),
    "cad_files": _in("asset_id", "assets"),
    "jobs": _JOB,
    **dict.fromkeys(("job_dependencies", "job_frames"), _in("job_id", "jobs")),
    "workflow_runs": _in("id", "workflow_runs"),
    "workflow_nodes": _in("run_id", "workflow_runs"),
    "media_assets": _MEDIUM,
    "comments": _COMMENT,
    "playlist_items": _in("playlist_id", "playlists"),
    "order_items": _in("order_id", "orders"),
    "order_media": _in("item_id", "order_items"),
}
"""Which rows of a table are hidden. The others are the tenant's (people, settings, materials, workflows), of one person
(notifications), of one content whosever it is (conversions), or shown to those only who see everything (the audit log,
deliveries of webhooks)."""

_OF_MEDIUM = {
    "asset_id": "asset",
    "shot_id": "shot",
    "publish_id": "publish",
    "cad_file_id": "cad_file",
    "job_id": "job",
}
_WAYS = {
    "sequence": ("sequences", {"project_id": "project"}),
    "asset": ("assets", {"project_id": "project"}),
    "shot": ("shots", {"sequence_id": "sequence"}),
    "casting": ("castings", {"shot_id": "shot"}),
    "task": ("tasks", {"asset_id": "asset", "shot_id": "shot"}),
    "scene": ("scenes", {"task_id": "task"}),
    "time_entry": ("time_entries", {"task_id": "task"}),
    "task_watcher": ("task_watchers", {"task_id": "task"}),
    "part": ("parts", {"asset_id": "asset", "shot_id": "shot"}),
    "reservation": ("reservations", {"part_id": "part"}),
    "publish": ("publishes", {"part_id": "part"}),
    "cad_file": ("cad_files", {"asset_id": "asset"}),
    "job": ("jobs", {"asset_id": "asset", "publish_id": "publish", "cad_file_id": "cad_file"}),
    "medium": ("media_assets", _OF_MEDIUM),
    # Without what uses it: a picture may hang on a comment on a picture that hangs on a comment on the first.
    "placed_medium": ("media_assets", _OF_MEDIUM),
    "comment": ("comments", {"task_id": "task", "publish_id": "publish", "media_id": "medium"}),
    "playlist": ("playlists", {"project_id": "project"}),
    "order": ("orders", {"project_id": "project"}),
    "order_item": ("order_items", {"order_id": "order"}),
    "order_media": ("order_media", {"item_id": "order_item"}),
    "workflow_run": ("workflow_runs", {"asset_id": "asset"}),
    "custom_field": ("custom_fields", {"project_id": "project"}),
    "task_template": ("task_templates", {"project_id": "project"}),
    "project_client": ("project_clients", {"project_id": "project"}),
    "project_member": ("project_members", {"project_id": "project"}),
}
"""What events are about: as they call it, its table, and the columns that lead to its project."""
_REFERS = {column: kind for _, ways in _WAYS.values() for column, kind in ways.items()}


def _first(ways: dict[str, str], value: str) -> str:
    return f"coalesce({', '.join(f'project_of({kind!r}, {value.format(column)})' for column, kind in ways.items())})"


_PROJECT_OF = f"""
    CREATE FUNCTION project_of(kind text, row_id uuid) RETURNS uuid LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    DECLARE found uuid;
    BEGIN
        CASE kind
        WHEN 'project' THEN found := row_id;
        {
    " ".join(
        f"WHEN {kind!r} THEN SELECT {_first(ways, '{}')} INTO found FROM {table} WHERE {_OWN} AND id = row_id;"
        for kind, (table, ways) in _WAYS.items()
    )
}
        ELSE RETURN NULL;
        END CASE;
        IF found IS NULL AND kind = 'job' THEN
            SELECT project_of('workflow_run', run_id) INTO found FROM workflow_nodes
            WHERE {_OWN} AND job_id = row_id LIMIT 1;
        ELSIF found IS NULL AND kind = 'medium' THEN
            SELECT coalesce(
                (SELECT project_of('playlist', playlist_id) FROM playlist_items
                    WHERE {_OWN} AND media_id = row_id LIMIT 1),
                (SELECT project_of('order_item', item_id) FROM order_media WHERE {_OWN} AND media_id = row_id LIMIT 1),
                (SELECT coalesce(project_of('task', task_id), project_of('publish', publish_id),
                        project_of('placed_medium', media_id))
                    FROM comments WHERE {_OWN} AND attachments <> '[]' AND attachments ? row_id::text LIMIT 1)
            ) INTO found;
        ELSIF found IS NULL AND kind = 'workflow_run' THEN
            SELECT coalesce(project_of('publish', given.value::uuid), project_of('cad_file', given.value::uuid))
            INTO found FROM workflow_runs r, jsonb_each_text(r.inputs) given
            WHERE r.{_OWN} AND r.id = row_id AND given.value ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
            ORDER BY 1 NULLS LAST LIMIT 1;
            IF found IS NULL THEN
                SELECT j.id INTO found FROM workflow_runs r JOIN projects j ON j.tenant_id = r.tenant_id
                WHERE r.{_OWN} AND r.id = row_id AND strpos(r.inputs::text, '"' || j.name || '/') > 0 LIMIT 1;
            END IF;
        END IF;
        RETURN found;
    END $$
"""
"""The project to which a row belongs; null for what is of none, or not there."""
_PROJECT_OF_EVENT = f"""
    CREATE FUNCTION project_of_event(kind text, row_id uuid, payload jsonb) RETURNS uuid LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DECLARE found uuid;
    BEGIN
        -- Publishes are told of by the very statement that adds them.
        IF kind IN ('part', 'publish') THEN
            SELECT id INTO found FROM projects WHERE {_OWN} AND name = payload ->> 'project';
        END IF;
        IF found IS NULL THEN
            found := project_of(kind, row_id);
        END IF;
        -- Of what is deleted, what it belonged to.
        IF found IS NULL AND payload ? 'refers' THEN
            found := {_first(_REFERS, "(payload -> 'refers' ->> '{}')::uuid")};
        END IF;
        RETURN found;
    END $$
"""
_PLACE_EVENT = """
    CREATE FUNCTION place_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    BEGIN
        NEW.project_id := project_of_event(NEW.subject_type, NEW.subject_id, NEW.payload);
        RETURN NEW;
    END $$
"""
_CARRY_OVER = """
    DO $$
    DECLARE tenant uuid;
    BEGIN
        FOR tenant IN SELECT id FROM tenants LOOP
            PERFORM set_config('app.current_tenant', tenant::text, true);
            UPDATE events SET project_id = project_of_event(subject_type, subject_id, payload)
            WHERE tenant_id = tenant AND subject_id IS NOT NULL;
        END LOOP;
        PERFORM set_config('app.current_tenant', '', true);
    END $$
"""
"""Bound to each tenant in turn, because row-level security binds the owner as well."""


def upgrade() -> None:
    for table, column in _CHOICES.items():
        op.add_column(table, sa.Column(column, sa.String(), server_default="everybody", nullable=False))
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ('everybody', 'team')")
    op.execute(_SETTING)
    op.alter_column("projects", "visible_to", server_default=sa.text("new_project_visible_to()"))
    op.create_index("ix_projects_visible_to_team", "projects", ["tenant_id"], postgresql_where="visible_to = 'team'")
    op.execute("CREATE INDEX ix_parts_project_name ON parts (tenant_id, project_name) INCLUDE (id)")
    let_owner_read("project_members")
    op.execute(_APP_OUTSIDER)
    op.execute(_OUTSIDER)
    op.execute("REVOKE ALL ON FUNCTION outsider(uuid, uuid) FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION outsider(uuid, uuid) TO "{application_role()}"')
    op.execute(_ENTER.format(bind=_BIND.format(more=_BIND_OUTSIDER)))
    for table in ("events", "held_notifications"):
        op.add_column(table, sa.Column("project_id", sa.UUID(), nullable=True))
    op.execute(_PROJECT_OF)
    op.execute("REVOKE ALL ON FUNCTION project_of(text, uuid) FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION project_of(text, uuid) TO "{application_role()}"')
    op.execute(_PROJECT_OF_EVENT)
    op.execute("REVOKE ALL ON FUNCTION project_of_event(text, uuid, jsonb) FROM PUBLIC")
    op.execute(_PLACE_EVENT)
    op.execute(_CARRY_OVER)
    op.execute(
        "CREATE TRIGGER place_event BEFORE INSERT ON events FOR EACH ROW"
        " WHEN (NEW.subject_id IS NOT NULL) EXECUTE FUNCTION place_event()"
    )
    create_hidden_rows("project_names", f"SELECT name {_PROJECTS}", "varchar")
    for name, query in _HIDDEN.items():
        create_hidden_rows(name, query)
    for table, condition in _POLICIES.items():
        hide_from_outsiders(table, condition)


def downgrade() -> None:
    _check_nothing_is_hidden()
    for table in _POLICIES:
        op.execute(f"DROP POLICY team_view ON {table}")
    for name in (*_HIDDEN, "project_names"):
        op.execute(f"DROP FUNCTION hidden_{name}()")
    op.execute("DROP TRIGGER place_event ON events")
    op.execute("DROP FUNCTION place_event()")
    op.execute("DROP FUNCTION project_of_event(text, uuid, jsonb)")
    op.execute("DROP FUNCTION project_of(text, uuid)")
    for table in ("events", "held_notifications"):
        op.drop_column(table, "project_id")
    op.execute(_ENTER.format(bind=_BIND.format(more="")))
    op.execute("DROP FUNCTION outsider(uuid, uuid)")
    op.execute("DROP FUNCTION app_outsider()")
    op.execute("DROP POLICY owner_lookup ON project_members")
    op.drop_index("ix_parts_project_name", table_name="parts")
    op.drop_index("ix_projects_visible_to_team", table_name="projects")
    for table, column in reversed(_CHOICES.items()):
        op.drop_column(table, column)
        if table == "projects":
            op.execute("DROP FUNCTION new_project_visible_to()")


def _check_nothing_is_hidden() -> None:
    # Artists cannot be kept from a project by a version that knows no hiding, as clients could be.
    hidden = op.get_bind().scalar(sa.text("SELECT count(*) FROM projects WHERE visible_to = 'team'"))
    if hidden:
        raise ConflictError(
            f"{hidden} project{'s are' if hidden > 1 else ' is'} seen by the team only, and the version before this "
            "one would show them to every artist.",
            hint="Nothing was changed. Let everybody see them first, in `raceway up` or by PATCH /api/projects/{id} "
            'with {"visible_to": "everybody"}.',
            code="conflict.team_only",
        )
