"""The database session: one per request or task, bound to one tenant, with work that waits for its commit.

Row-level security hides every row of other tenants. PostgreSQL learns the tenant at the start of each transaction
from ``session.info``; a session without a tenant sees no rows at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import select
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from psycopg2 import InterfaceError
from sqlalchemy import Connection, Pool, event, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, PendingRollbackError
from sqlalchemy.orm import Session, SessionTransaction

from service.prepared import prepared

log = logging.getLogger(__name__)

# Our models have a base of their own: this gives engine and session by application context.
db = SQLAlchemy(session_options={"expire_on_commit": False})

_TENANT = "tenant_id"
_ACTOR = "actor_id"
_CLIENT = "client_id"
_ARTIST = "artist_id"
_GUEST = "guest_link_id"
_AFTER_COMMIT = "after_commit"
_HOLD = prepared("SELECT pg_advisory_xact_lock_shared(:scope), pg_advisory_xact_lock(:key)")
_HOLD_WHOLE = text("SELECT pg_advisory_xact_lock(:scope)")
_HOLD_EACH = text(
    "SELECT pg_advisory_xact_lock_shared(:scope) UNION ALL"
    " SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) key"
)
_BIND = text(
    "SELECT set_config('app.current_tenant', :tenant, true), set_config('app.current_client', :client, true),"
    " set_config('app.current_guest', :guest, true), set_config('app.current_outsider',"
    " coalesce(outsider(CAST(nullif(:tenant, '') AS uuid), CAST(:artist AS uuid)), ''), true)"
)
_MOST_LOCKS = 200
"""That one transaction takes of a kind."""


def session() -> Session:
    """The session of this request or task."""
    current: Session = db.session()
    return current


def set_tenant(
    tenant_id: UUID | None,
    actor_id: UUID | None = None,
    *,
    is_client: bool = False,
    is_artist: bool = False,
    is_bound: bool = False,
    guest_link_id: UUID | None = None,
) -> None:
    """Bind the session to a tenant, and to the user whose changes the audit log records.

    For a user with the role ``client`` PostgreSQL shows only what is meant for them, for an artist nothing of projects
    that only their team sees; for a guest, who is no user, only the playlist of the link by which they came. Holds
    from now on, also for the rest of the transaction under way, unless ``is_bound`` says that PostgreSQL has bound that
    already.
    """
    current = session()
    current.expunge_all()
    current.info[_TENANT] = tenant_id
    current.info[_ACTOR] = actor_id
    current.info[_CLIENT] = actor_id if is_client else guest_link_id
    current.info[_ARTIST] = actor_id if is_artist else None
    current.info[_GUEST] = guest_link_id
    if current.in_transaction() and not is_bound:
        _bind(current, current.connection())


@contextlib.contextmanager
def tenant_session(
    tenant_id: UUID, actor_id: UUID | None = None, *, artist_id: UUID | None = None
) -> Iterator[Session]:
    """A session of its own for one tenant: committed at the end, rolled back on an error.

    It sees everything, or, where ``artist_id`` is given, what this user sees if they are an artist.
    """
    with Session(db.engine, expire_on_commit=False) as own:
        own.info[_TENANT] = tenant_id
        own.info[_ACTOR] = actor_id
        own.info[_ARTIST] = artist_id
        yield own
        commit(own)


@contextlib.contextmanager
def seen_by_client(current: Session, user_id: UUID) -> Iterator[None]:
    """Within it, PostgreSQL shows the session what it shows this user, who has the role ``client``."""
    with _seen_otherwise(current, _CLIENT, user_id):
        yield


@contextlib.contextmanager
def seeing_all_projects(current: Session) -> Iterator[None]:
    """Within it, the session sees what only their teams see, too: for what follows from what an artist does."""
    if current.info.get(_ARTIST) is None:
        yield
        return
    with _seen_otherwise(current, _ARTIST, None):
        yield


@contextlib.contextmanager
def seen_by_studio(current: Session) -> Iterator[None]:
    """Within it, a client's session sees what the studio sees: for what follows from what a client does."""
    if current.info.get(_CLIENT) is None:
        yield
        return
    with _seen_otherwise(current, _CLIENT, None):
        yield


@contextlib.contextmanager
def _seen_otherwise(current: Session, name: str, user_id: UUID | None) -> Iterator[None]:
    was = current.info.get(name)
    current.flush()
    current.info[name] = user_id
    _bind_again(current)
    try:
        yield
        current.flush()
    finally:
        current.info[name] = was
        # What PostgreSQL has given up after an error is rolled back; that error is told, not that it takes no more.
        with contextlib.suppress(DBAPIError, PendingRollbackError):
            _bind_again(current)


def _bind_again(current: Session) -> None:
    # Without a transaction, the next one is bound as it begins.
    if current.in_transaction():
        _bind(current, current.connection())


def current_tenant(current: Session) -> UUID:
    """The tenant the session is bound to."""
    tenant_id = current.info.get(_TENANT)
    if not isinstance(tenant_id, UUID):
        raise RuntimeError("this session is bound to no tenant")
    return tenant_id


def current_actor(current: Session) -> UUID | None:
    """The user in whose name the session works, if it is one."""
    actor_id: UUID | None = current.info.get(_ACTOR)
    return actor_id


def hold(current: Session, scope: object, kind: object, *what: object) -> None:
    """Let one transaction at a time do ``what``: the others wait here until this one ends, and then see what it did.

    ``scope`` and ``kind``, such as a tenant and a table, are what :func:`hold_each` may hold as a whole.
    """
    current.connection().execute(_HOLD, {"scope": _whole(scope, kind), "key": _key((scope, kind, *what))})


def hold_each(current: Session, scope: object, these: Mapping[object, Collection[tuple[object, ...]]]) -> None:
    """Like :func:`hold` for several at once, by their kind, without two transactions that wait for each other.

    Of a kind with many, all is held with one lock: PostgreSQL has room for some thousands, for all transactions
    together (``max_locks_per_transaction`` times ``max_connections``).
    """
    for kind, each in these.items():
        if len(each) > _MOST_LOCKS:
            current.execute(_HOLD_WHOLE, {"scope": _whole(scope, kind)})
        elif each:
            keys = sorted(_key((scope, kind, *what)) for what in each)
            current.execute(_HOLD_EACH, {"scope": _whole(scope, kind), "keys": keys})


def _whole(scope: object, kind: object) -> int:
    return _key(("all", scope, kind))


def _key(what: tuple[object, ...]) -> int:
    digest = hashlib.blake2b(repr(tuple(map(str, what))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def after_commit(current: Session, work: Callable[[], object]) -> None:
    """Do ``work`` once the transaction under way is committed, and not at all if it is rolled back."""
    current.info.setdefault(_AFTER_COMMIT, []).append(work)


def commit(current: Session) -> None:
    """Commit, then do the work that waited for it."""
    current.commit()
    for work in current.info.pop(_AFTER_COMMIT, ()):
        try:
            work()
        except Exception:
            # What waits for a commit is a message; the sweeper sends again what was lost.
            log.exception("work after a commit failed")


def release(current: Session) -> None:
    """End the transaction and give its connection back, before something slow: the body of an upload, a tool's work.

    The next statement begins another transaction, in which rows are read anew.
    """
    commit(current)
    current.expire_all()


@event.listens_for(Session, "after_rollback")
def _forget_work(current: Session) -> None:
    current.info.pop(_AFTER_COMMIT, None)


@event.listens_for(Session, "after_begin")
def _tell_tenant(current: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if current.info.get(_TENANT) is not None:
        _bind(current, connection)


def _bind(current: Session, connection: Connection) -> None:
    # Local to the transaction: a pooled connection must not carry a tenant to its next borrower.
    names = (_TENANT, _CLIENT, _GUEST, _ARTIST)
    tenant, client, guest, artist = (str(current.info.get(name) or "") for name in names)
    connection.execute(_BIND, {"tenant": tenant, "client": client, "guest": guest, "artist": artist or None})


@event.listens_for(Pool, "checkout")
def _check_alive(connection: Any, record: object, proxy: object) -> None:
    """Of an idle connection, PostgreSQL has nothing to tell; where it does, it has gone, or is about to go.

    A restart is no error then, and no request pays for a statement that only tries the connection. ``connection`` is
    the driver's own.
    """
    try:
        idle = select.poll()
        idle.register(connection, select.POLLIN)
        told = bool(idle.poll(0))
    except InterfaceError:  # closed already
        told = True
    if told:
        raise InvalidatePoolError


def engine_options(pool: int) -> dict[str, Any]:
    """Options of the engine."""
    return {
        "pool_size": pool,
        "max_overflow": 4,
        "pool_recycle": 1800,
        # Errors of the database are logged: what they were about may be a password's hash.
        "hide_parameters": True,
        # Without keepalives, a connection that a firewall has forgotten looks alive.
        "connect_args": {"application_name": "raceway", "connect_timeout": 10, "keepalives_idle": 60},
    }
