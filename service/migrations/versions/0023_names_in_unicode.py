"""Names in Unicode: accents are written in one way (NFC), and lists sort names as people count and spell."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# What is compared, byte by byte: small letters without their accents, and numbers of one length. Not a collation of
# ICU, which not every server has (nor does the one that `raceway up` starts), and whose order changes with its version,
# so that indexes break.
_NATURAL_ORDER = r"""
    CREATE FUNCTION natural_order(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT regexp_replace(
            regexp_replace(
                translate(
                    replace(replace(replace(
                        lower(regexp_replace(normalize(words, NFKD), '[\u0300-\u036f]', '', 'g')),
                        'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
                    'øłđðı', 'olddi'),
                '([0-9]+)', '000000000000\1', 'g'),
            '[0-9]+([0-9]{12})', '\1', 'g')
    $$
"""
_SORTED = ("projects", "sequences", "shots", "assets", "tasks", "parts", "users")
_LONG = ("assets", "shots", "tasks")
"""Tables whose lists are long enough to be read in their order from an index."""
_TEXTS = {
    **dict.fromkeys(("projects", "sequences", "shots", "assets", "custom_fields"), ("title",)),
    "users": ("name",),
    "scenes": ("comment",),
    "comments": ("text",),
    "media_assets": ("name", "category_key"),
    "cad_files": ("filename",),
    "orders": ("title", "note", "reject_reason"),
    "api_tokens": ("name",),
}
"""Texts that people type, which need not be unique."""


def upgrade() -> None:
    op.execute(_NATURAL_ORDER)
    for table in _SORTED:
        computed = sa.Computed("natural_order(name)", persisted=True)
        op.add_column(table, sa.Column("name_order", sa.String(collation="C"), computed, nullable=False))
    for table in _LONG:
        op.create_index(f"ix_{table}_name_order", table, ["tenant_id", "name_order", "id"])
    for table, columns in _TEXTS.items():
        _compose(table, [f"{column} = normalize({column}, NFC)" for column in columns], columns)
    # Names of fields and choices are keys and values of this.
    for table in ("projects", "sequences", "shots", "assets", "tasks"):
        _compose(table, ["fields = normalize(fields::text, NFC)::jsonb"], ["fields::text"])
    # One that has a namesake keeps its spelling, and is told from it as before.
    taken = "EXISTS (SELECT FROM playlists o WHERE o.tenant_id = t.tenant_id AND o.project_id = t.project_id"
    taken += " AND o.id <> t.id AND normalize(o.name, NFC) = normalize(t.name, NFC))"
    _compose("playlists", ["name = normalize(name, NFC)"], ["name"], f"NOT {taken}")


def downgrade() -> None:
    for table in _LONG:
        op.drop_index(f"ix_{table}_name_order", table_name=table)
    for table in _SORTED:
        op.drop_column(table, "name_order")
    op.execute("DROP FUNCTION natural_order(text)")


def _compose(table: str, values: list[str], columns: Iterable[str], condition: str = "true") -> None:
    """Write the texts of a table in NFC, of every tenant."""
    decomposed = " OR ".join(f"{column} IS NOT NFC NORMALIZED" for column in columns)
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(f"UPDATE {table} t SET {', '.join(values)} WHERE ({decomposed}) AND {condition}")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
