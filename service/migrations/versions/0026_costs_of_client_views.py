"""What PostgreSQL believes of the functions that say what clients see.

For everybody else they are never called, but their cost was counted for every row that is looked up by its key: joins
of a few rows read whole tables instead.
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_FORMER_ROWS = {
    **dict.fromkeys(("client_open_parts", "client_publishes", "client_shown_media"), 480),
    **dict.fromkeys(("client_assets", "client_media_assets", "client_order_media", "client_orders"), 1000),
    **dict.fromkeys(("client_parts", "client_projects", "client_sequences", "client_shots"), 1000),
}


def upgrade() -> None:
    for function in _FORMER_ROWS:
        op.execute(f"ALTER FUNCTION {function}() COST 1 ROWS 10")


def downgrade() -> None:
    for function, rows in _FORMER_ROWS.items():
        op.execute(f"ALTER FUNCTION {function}() COST 100 ROWS {rows}")
