"""Comments on orders; deliveries of orders, numbered, and what their clients answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import hide_from_outsiders, limit_clients

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_PEOPLE = ("accepted_by_id", "delivered_by_id", "answered_by_id")
_STATES = ("submitted", "resubmitted", "accepted", "in_progress", "delivered", "rejected", "cancelled")
_NEW_STATES = (*_STATES[:5], "changes_requested", "approved", *_STATES[5:])
_ORDER_CHECKS = {
    "delivery": "delivery >= 0 AND (delivery = 0) = (delivered_at IS NULL)",
    "answer": "state NOT IN ('approved', 'changes_requested') OR answered_at IS NOT NULL",
}
_COMMENT_CHECKS = {
    "on_order": "order_id IS NULL OR media_id IS NULL",
    "delivery": "delivery IS NULL OR order_id IS NOT NULL",
}
_TARGET = "num_nonnulls(task_id, publish_id{0}) <= 1 AND num_nonnulls(task_id, publish_id{0}, media_id) >= 1"
_GIVEN_ONCE = "uq_order_media_tenant_id_item_id"

_ON = "SELECT FROM {table} o WHERE o.tenant_id = comments.tenant_id AND o.id = comments.{column}"
# As the fifteenth migration has it.
_SEEN = (
    f"EXISTS ({_ON.format(table='publishes', column='publish_id')})"
    f" OR (publish_id IS NULL AND EXISTS ({_ON.format(table='media_assets', column='media_id')}))"
)
_SEEN_ORDER = f"EXISTS ({_ON.format(table='orders', column='order_id')})"
# As the twenty-seventh has it.
_HIDDEN = (
    "CASE WHEN task_id IS NOT NULL THEN task_id IN (SELECT hidden_tasks())"
    " WHEN publish_id IS NOT NULL THEN publish_id IN (SELECT hidden_publishes()){order}"
    " WHEN media_id IS NOT NULL THEN media_id IN (SELECT hidden_media_assets()) ELSE false END"
)
_HIDDEN_ORDER = " WHEN order_id IS NOT NULL THEN order_id IN (SELECT hidden_orders())"

_FUNCTIONS = {
    # Of order media clients see what was delivered: what is chosen for the next delivery comes with that.
    "client_order_media()": (("(item_id IN", "(delivery IS NOT NULL AND item_id IN"),),
    "client_shown_media()": (
        ("FROM order_media WHERE item_id IN", "FROM order_media WHERE delivery IS NOT NULL AND item_id IN"),
    ),
    # What hangs on comments for clients on their orders.
    "client_media_assets()": (
        ("SELECT publish_id, media_id,", "SELECT publish_id, order_id, media_id,"),
        (
            "publish_id IS NULL AND media_id IN (SELECT id FROM shown)",
            "order_id IN (SELECT client_orders()) OR publish_id IS NULL AND media_id IN (SELECT id FROM shown)",
        ),
    ),
    "hidden_lone_media()": ((" WHEN media_id IS NOT NULL", f"{_HIDDEN_ORDER} WHEN media_id IS NOT NULL"),),
    "project_of(text, uuid)": tuple(
        (way, f"project_of('order', order_id), {way}")
        for way in ("project_of('medium', media_id)", "project_of('placed_medium', media_id)")
    ),
}
"""What changes in functions that are long: the text before and after."""

_CARRY_OVER = """
    UPDATE orders SET delivery = 1 WHERE delivered_at IS NOT NULL;
    UPDATE order_media m SET delivery = 1 FROM order_items i JOIN orders o ON o.tenant_id = i.tenant_id
        AND o.id = i.order_id WHERE i.tenant_id = m.tenant_id AND i.id = m.item_id AND o.delivered_at IS NOT NULL;
    UPDATE orders o SET accepted_by_id = {accepted}, delivered_by_id = {delivered};
""".format(
    **{
        state: f"""(
            SELECT r.actor_id FROM audit_records r JOIN users u ON u.tenant_id = r.tenant_id AND u.id = r.actor_id
            WHERE r.tenant_id = o.tenant_id AND r.row_id = o.id AND r.after ->> 'state' = '{state}'
            ORDER BY r.created_at DESC LIMIT 1)"""
        for state in ("accepted", "delivered")
    }
)
_CARRY_BACK = """
    DELETE FROM comments WHERE order_id IS NOT NULL;
    DELETE FROM order_media m USING order_items i JOIN orders o ON o.tenant_id = i.tenant_id AND o.id = i.order_id
        WHERE i.tenant_id = m.tenant_id AND i.id = m.item_id AND o.delivery > 0
        AND m.delivery IS DISTINCT FROM o.delivery;
    UPDATE orders SET state = CASE state WHEN 'approved' THEN 'delivered' ELSE 'in_progress' END
        WHERE state IN ('approved', 'changes_requested');
"""
"""What only this revision knows cannot be kept. Of orders the last delivery stays, and what was not delivered would be
shown at once."""
_OF_EACH_TENANT = """
    DO $$
    DECLARE tenant uuid;
    BEGIN
        FOR tenant IN SELECT id FROM tenants LOOP
            PERFORM set_config('app.current_tenant', tenant::text, true);
            {statements}
        END LOOP;
        PERFORM set_config('app.current_tenant', '', true);
    END $$
"""
"""Bound to each tenant in turn, because row-level security binds the owner as well."""


def upgrade() -> None:
    for column in _PEOPLE:
        op.add_column("orders", sa.Column(column, sa.UUID(), nullable=True))
        _refer("orders", column, "users")
    op.add_column("orders", sa.Column("delivery", sa.Integer(), server_default="0", nullable=False))
    op.add_column("orders", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
    _check("orders", "state", _known(_NEW_STATES), again=True)
    op.add_column("order_media", sa.Column("delivery", sa.Integer(), nullable=True))
    op.drop_constraint(f"{_GIVEN_ONCE}_media_id", "order_media")
    _give_once("media_id", "delivery")
    op.execute(_OF_EACH_TENANT.format(statements=_CARRY_OVER))
    for name, condition in _ORDER_CHECKS.items():
        _check("orders", name, condition)
    op.add_column("comments", sa.Column("order_id", sa.UUID(), nullable=True))
    op.add_column("comments", sa.Column("delivery", sa.Integer(), nullable=True))
    _refer("comments", "order_id", "orders")
    op.create_index("ix_comments_order_id", "comments", ["tenant_id", "order_id", "created_at"])
    _check("comments", "one_target", _TARGET.format(", order_id"), again=True)
    for name, condition in _COMMENT_CHECKS.items():
        _check("comments", name, condition)
    _limit_comments(f"{_SEEN} OR {_SEEN_ORDER}", _HIDDEN.format(order=_HIDDEN_ORDER))
    for function, changes in _FUNCTIONS.items():
        _rewrite(function, changes)


def downgrade() -> None:
    for function, changes in _FUNCTIONS.items():
        _rewrite(function, tuple((after, before) for before, after in changes))
    op.execute(_OF_EACH_TENANT.format(statements=_CARRY_BACK))
    _limit_comments(_SEEN, _HIDDEN.format(order=""))
    for name in _COMMENT_CHECKS:
        op.drop_constraint(f"ck_comments_{name}", "comments")
    _check("comments", "one_target", _TARGET.format(""), again=True)
    for column in ("delivery", "order_id"):
        op.drop_column("comments", column)
    op.drop_constraint(f"{_GIVEN_ONCE}_media_id_delivery", "order_media")
    _give_once("media_id")
    op.drop_column("order_media", "delivery")
    _check("orders", "state", _known(_STATES), again=True)
    for name in _ORDER_CHECKS:
        op.drop_constraint(f"ck_orders_{name}", "orders")
    for column in ("answered_at", "delivery", *reversed(_PEOPLE)):
        op.drop_column("orders", column)


def _known(states: tuple[str, ...]) -> str:
    return f"state IN ({', '.join(map(repr, states))})"


def _check(table: str, name: str, condition: str, *, again: bool = False) -> None:
    if again:
        op.drop_constraint(f"ck_{table}_{name}", table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def _give_once(*columns: str) -> None:
    name, keys = "_".join((_GIVEN_ONCE, *columns)), ["tenant_id", "item_id", *columns]
    # Of what is chosen but not delivered, too.
    op.create_unique_constraint(op.f(name), "order_media", keys, postgresql_nulls_not_distinct="delivery" in columns)


def _refer(table: str, column: str, to: str) -> None:
    keys = ["tenant_id", column], ["tenant_id", "id"]
    op.create_foreign_key(f"fk_{column}_{to}", table, to, *keys, ondelete="RESTRICT")


def _limit_comments(seen: str, hidden: str) -> None:
    for policy in ("client_view", "team_view"):
        op.execute(f"DROP POLICY {policy} ON comments")
    # Publishes, orders and media have policies of their own: a client finds here those that they see.
    limit_clients("comments", f"(for_client AND ({seen}))")
    hide_from_outsiders("comments", hidden)


def _rewrite(function: str, changes: tuple[tuple[str, str], ...]) -> None:
    """Change parts of a function's text; who may call it, and what it seems to cost, stays."""
    connection = op.get_bind()
    known = sa.text("SELECT pg_get_functiondef(CAST(:function AS regprocedure))")
    text = str(connection.scalar(known, {"function": function}))
    for before, after in changes:
        if text.count(before) != 1:
            raise RuntimeError(f"{function} is not what this migration changes: it should say {before!r} once")
        text = text.replace(before, after)
    connection.exec_driver_sql(text)
