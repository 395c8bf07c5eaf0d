"""What a part composes now stands with the part: a scene that refers to hundreds learns at once what is newer."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "current_version": sa.Integer(),
    "current_iteration": sa.Integer(),
    "current_item_usd_path": sa.String(),
}
_READ = ("parts", "publishes")

# A publish never changes its version or its file, so that only another publish makes these others.
_COPY = """
    CREATE FUNCTION copy_current_publish() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT version, iteration, item_usd_path
        INTO NEW.current_version, NEW.current_iteration, NEW.current_item_usd_path
        FROM publishes WHERE tenant_id = NEW.tenant_id AND id = NEW.current_publish_id;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("parts", sa.Column(name, kind, nullable=True))
    _carry_over()
    # The newest publish of a path is the last in the index, with no sorting for each of hundreds.
    _index_paths("version", "iteration")
    op.execute(_COPY)
    op.execute(
        "CREATE TRIGGER copy_current_publish BEFORE INSERT OR UPDATE OF current_publish_id ON parts"
        " FOR EACH ROW EXECUTE FUNCTION copy_current_publish()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER copy_current_publish ON parts")
    op.execute("DROP FUNCTION copy_current_publish()")
    _index_paths()
    for name in _COLUMNS:
        op.drop_column("parts", name)


def _index_paths(*more: str) -> None:
    name, table = "ix_publishes_item_usd_path", "publishes"
    op.drop_index(name, table_name=table)
    op.create_index(name, table, ["tenant_id", "item_usd_path", *more])


def _carry_over() -> None:
    for table in _READ:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE parts SET current_version = b.version, current_iteration = b.iteration,"
        " current_item_usd_path = b.item_usd_path FROM publishes b"
        " WHERE b.tenant_id = parts.tenant_id AND b.id = parts.current_publish_id"
    )
    for table in _READ:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
