"""Composing by hand: another version of a part than the newest, or none; see :mod:`service.publish.publishing`."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from service.archiving import check_live
from service.database import commit, current_actor, release
from service.models import Part, Publish
from service.publish import entries, items, statements
from service.publish.entries import Target
from shared.errors import ConflictError
from shared.versions import Version


def compose(current: Session, root: Path, publish: Publish) -> Publish:
    """Let the entries compose this version of its part, older or newer, until another one is published.

    Commits the session. Raises ConflictError for a publish that was put away, PublishError where its item is not on the
    storage any more as it was published.
    """
    check_live(publish)
    key, path, digest = (publish.tenant_id, publish.id), publish.item_usd_path, publish.sha256
    # What was published never changes. A large item is read for a while, in which nothing is locked.
    release(current)
    items.check_kept(root, path, digest)
    publish = current.get_one(Publish, key, with_for_update={"key_share": True, "of": Publish}, populate_existing=True)
    check_live(publish)
    target = _lock_target_of(current, publish)
    if publish.part.current_publish_id != publish.id:
        _change_by_hand(current, root, target, publish.part, publish.id)
    return publish


def withdraw(current: Session, root: Path, publish: Publish) -> Publish:
    """Take the contribution of the publish's part out of its asset or shot, until the part is published again.

    The part's own entry keeps composing what it did, for those who refer to it. Commits the session. Raises
    ConflictError where the entries do not compose this publish.
    """
    target = _lock_target_of(current, publish)
    if publish.part.current_publish_id != publish.id:
        raise ConflictError(
            f"{publish.part.name} {Version(publish.version, publish.iteration)} is not what {target.entity} composes.",
            hint="Withdraw the publish that is_latest names.",
            code="conflict.not_composed",
        )
    _change_by_hand(current, root, target, publish.part, None)
    return publish


def _lock_target_of(current: Session, publish: Publish) -> Target:
    target = publish.part.target
    locked = entries.lock_target(current, type(target), target.id)
    assert locked is not None  # the part's foreign key
    check_live(locked)
    current.refresh(publish.part)
    return locked


def _change_by_hand(current: Session, root: Path, target: Target, part: Part, publish_id: UUID | None) -> None:
    part.current_publish_id = publish_id
    current.flush()
    mark, target_type = uuid4(), entries.type_of(target)
    values = {
        "mark": mark,
        "part_id": part.id,
        "publish_id": publish_id,
        "created_by_id": current_actor(current),
        "target_type": target_type,
        "target_id": target.id,
    }
    current.connection().execute(statements.COMPOSE, values)
    commit(current)
    entries.refresh_after_commit(current, root, target_type, target.id, mark)
