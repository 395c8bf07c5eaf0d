"""What long lists are read by: each part's place and number of publishes, search by part, and who asks, at one call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import application_role

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PLACE = ("project_name", "entity", "usd_path", "entity_usd_path")
_COUNTS = ("live_publishes", "archived_publishes")
_READ = ("parts", "publishes", "assets", "shots", "sequences", "projects")

# Nothing that a place is made of can be renamed, so it is written once.
_PLACES = """
    SELECT j.name, 'asset:' || a.name, j.name || '/assets/' || a.name || '/usd/', a.name
    FROM assets a JOIN projects j ON j.tenant_id = a.tenant_id AND j.id = a.project_id
    WHERE a.tenant_id = {part}.tenant_id AND a.id = {part}.asset_id
    UNION ALL
    SELECT j.name, 'shot:' || q.name || '/' || s.name, j.name || '/shots/' || q.name || '/' || s.name || '/usd/', s.name
    FROM shots s JOIN sequences q ON q.tenant_id = s.tenant_id AND q.id = s.sequence_id
    JOIN projects j ON j.tenant_id = q.tenant_id AND j.id = q.project_id
    WHERE s.tenant_id = {part}.tenant_id AND s.id = {part}.shot_id
"""
_FUNCTIONS = {
    "place_part()": f"""
        RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE folder text; name text;
        BEGIN
            SELECT * INTO NEW.project_name, NEW.entity, folder, name FROM ({_PLACES.format(part="NEW")}) place;
            NEW.usd_path := folder || NEW.name || '/' || NEW.name || '.usd';
            NEW.entity_usd_path := folder || name || '.usd';
            RETURN NEW;
        END $$""",
    # Whole statements at a time: of a part that gets many publishes at once, one row is written.
    "count_publishes()": """
        RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE sign int := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
        BEGIN
            UPDATE parts SET live_publishes = live_publishes + sign * n.live,
                archived_publishes = archived_publishes + sign * n.archived
            FROM (
                SELECT tenant_id, part_id,
                    count(*) FILTER (WHERE archived_at IS NULL) AS live, count(archived_at) AS archived
                FROM changed GROUP BY tenant_id, part_id
            ) n WHERE parts.tenant_id = n.tenant_id AND parts.id = n.part_id;
            RETURN NULL;
        END $$""",
    "count_archived_publish()": """
        RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE sign int := CASE WHEN NEW.archived_at IS NULL THEN 1 ELSE -1 END;
        BEGIN
            UPDATE parts SET live_publishes = live_publishes + sign, archived_publishes = archived_publishes - sign
            WHERE tenant_id = NEW.tenant_id AND id = NEW.part_id;
            RETURN NULL;
        END $$""",
    # As matching_rows(), see the third migration: past row-level security for the index's sake, one tenant only.
    "matching_parts(words text[])": """
        RETURNS SETOF uuid LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN RETURN QUERY
            SELECT found.id FROM unnest(words) word CROSS JOIN LATERAL (
                SELECT p.id FROM parts p WHERE p.tenant_id = app_tenant() AND p.search @@ to_tsquery('simple', word)
                UNION
                SELECT p.id FROM assets a JOIN parts p ON p.tenant_id = a.tenant_id AND p.asset_id = a.id
                WHERE a.tenant_id = app_tenant() AND a.search @@ to_tsquery('simple', word)
                UNION
                SELECT p.id FROM shots s JOIN parts p ON p.tenant_id = s.tenant_id AND p.shot_id = s.id
                WHERE s.tenant_id = app_tenant() AND s.search @@ to_tsquery('simple', word)
            ) found GROUP BY found.id HAVING count(*) = cardinality(words);
        END $$""",
    # What find_token() answers; for a token that opens the API, the transaction is bound to its tenant as well.
    "enter(digest text)": """
        RETURNS TABLE (
            token_id uuid, kind varchar, scopes jsonb, is_expired boolean, tenant_id uuid, tenant_name varchar,
            storage varchar, user_id uuid, user_name varchar, role varchar, last_used_at timestamptz
        ) LANGUAGE plpgsql ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN
            SELECT * INTO token_id, kind, scopes, is_expired, tenant_id, tenant_name,
                storage, user_id, user_name, role, last_used_at FROM find_token(digest);
            IF token_id IS NULL THEN RETURN; END IF;
            IF kind <> 'refresh' AND NOT is_expired THEN
                PERFORM set_config('app.current_tenant', tenant_id::text, true),
                    set_config('app.current_client', CASE role WHEN 'client' THEN user_id::text ELSE '' END, true);
            END IF;
            RETURN NEXT;
        END $$""",
}
_OPEN = ("matching_parts(text[])", "enter(text)")
"""What the application may call; the others are triggers."""
_TRIGGERS = {
    "place_part": "BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION place_part()",
    "count_inserted": (
        "AFTER INSERT ON publishes REFERENCING NEW TABLE AS changed FOR EACH STATEMENT"
        " EXECUTE FUNCTION count_publishes()"
    ),
    "count_deleted": (
        "AFTER DELETE ON publishes REFERENCING OLD TABLE AS changed FOR EACH STATEMENT"
        " EXECUTE FUNCTION count_publishes()"
    ),
    "count_archived": (
        "AFTER UPDATE OF archived_at ON publishes FOR EACH ROW"
        " WHEN ((OLD.archived_at IS NULL) <> (NEW.archived_at IS NULL)) EXECUTE FUNCTION count_archived_publish()"
    ),
}


def upgrade() -> None:
    for column in _PLACE:
        op.add_column("parts", sa.Column(column, sa.String(), nullable=True))
    for column in _COUNTS:
        op.add_column("parts", sa.Column(column, sa.Integer(), server_default=sa.text("0"), nullable=False))
    _carry_over()
    for column in _PLACE:
        op.alter_column("parts", column, nullable=False)
    op.create_index("ix_parts_usd_path", "parts", ["tenant_id", "usd_path"])
    for signature, body in _FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for name, trigger in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {trigger}")
    for signature in _OPEN:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f'GRANT EXECUTE ON FUNCTION {signature} TO "{application_role()}"')


def downgrade() -> None:
    for name, trigger in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {'parts' if ' ON parts ' in trigger else 'publishes'}")
    for signature in (*_OPEN, "place_part()", "count_publishes()", "count_archived_publish()"):
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_index("ix_parts_usd_path", table_name="parts")
    for column in (*_PLACE, *_COUNTS):
        op.drop_column("parts", column)


def _carry_over() -> None:
    for table in _READ:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE parts SET (project_name, entity, usd_path, entity_usd_path) = (SELECT project, entity,"
        " folder || parts.name || '/' || parts.name || '.usd', folder || name || '.usd'"
        f" FROM ({_PLACES.format(part='parts')}) place (project, entity, folder, name))"
    )
    op.execute(
        "UPDATE parts SET live_publishes = n.live, archived_publishes = n.archived FROM (SELECT tenant_id, part_id,"
        " count(*) FILTER (WHERE archived_at IS NULL) AS live, count(archived_at) AS archived"
        " FROM publishes GROUP BY tenant_id, part_id) n WHERE parts.tenant_id = n.tenant_id AND parts.id = n.part_id"
    )
    for table in _READ:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
