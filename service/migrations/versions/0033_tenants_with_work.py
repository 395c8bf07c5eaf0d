"""Which tenants workers have something to do for, so that they need not ask each, every second."""

from __future__ import annotations

from alembic import op

from service.migrations.isolation import create_lookup, let_owner_read

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_READ = ("events", "event_cursors", "held_notifications", "notifications", "workflow_runs")
_TO_TELL = """
    SELECT t.id FROM tenants t
    LEFT JOIN event_cursors c ON c.tenant_id = t.id AND c.reader = 'notifications'
    WHERE EXISTS (
        SELECT FROM events e WHERE e.tenant_id = t.id
        AND (e.transaction, e.number) > (coalesce(c.transaction, 0), coalesce(c.number, 0))
    ) OR EXISTS (
        SELECT FROM held_notifications h WHERE h.tenant_id = t.id AND h.due_at <= now()
    ) OR EXISTS (
        SELECT FROM notifications n WHERE n.tenant_id = t.id AND n.email_state = 'waiting' AND n.email_after <= now()
    )
"""
"""Where something happened that nobody was told of yet, or a digest or a mail is due."""


def upgrade() -> None:
    for table in _READ:
        let_owner_read(table)
    create_lookup("list_tenants_to_tell()", "tenant_id uuid", _TO_TELL)
    create_lookup(
        "list_tenants_with_runs()",
        "tenant_id uuid",
        "SELECT DISTINCT tenant_id FROM workflow_runs WHERE state = 'running'",
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION list_tenants_with_runs()")
    op.execute("DROP FUNCTION list_tenants_to_tell()")
    for table in _READ:
        op.execute(f"DROP POLICY owner_lookup ON {table}")
