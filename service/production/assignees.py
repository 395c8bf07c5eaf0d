"""Who does a task: the people behind the ids that it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, cast, func, select
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from service.accounts.permissions import Role
from service.models import Task, User
from shared.errors import ConflictError, InputError, NotFoundError

MOST_ASSIGNEES = 20

Tasks = TypeVar("Tasks", bound=Iterable[Task])


def with_assignees(current: Session, tasks: Tasks) -> Tasks:
    """The tasks, with who does each; one statement, none where nobody does any."""
    known = _users(current, {UUID(user_id) for task in tasks for user_id in task.assignee_ids})
    for task in tasks:
        task.assignees = [known[UUID(user_id)] for user_id in task.assignee_ids]
    return tasks


def check_assignees(current: Session, user_ids: Sequence[UUID]) -> list[str]:
    """``user_ids``, each once, as tasks have them.

    Raises NotFoundError, ConflictError (``conflict.archived``) and InputError for somebody who is not here, is not here
    any more, or is a client.
    """
    wanted = list(dict.fromkeys(user_ids))
    known = _users(current, set(wanted))
    for user_id in wanted:
        user = known.get(user_id)
        if user is None:
            raise NotFoundError(
                f"There is no user {user_id}.",
                hint="List them: GET /api/artists/.",
                fields={"assignee_ids": f"unknown {user_id}"},
            )
        if user.archived_at is not None:
            raise ConflictError(
                f"The user {user.name} is archived.",
                hint=f"Restore them first, under People, or by POST /api/artists/{user.id}/restore.",
                code="conflict.archived",
                fields={"assignee_ids": f"{user.name} is archived"},
            )
        if user.role == Role.CLIENT:
            raise InputError(
                "A client cannot be given a task.",
                hint="Give it to an artist, or change the user's role first.",
                fields={"assignee_ids": f"{user.name} is a client"},
            )
    return [str(user_id) for user_id in wanted]


def has_assignee(user_id: UUID | None) -> ColumnElement[bool]:
    """Condition for the tasks that somebody does, alone or with others; None for those that nobody does."""
    return Task.assignee_ids == [] if user_id is None else Task.assignee_ids.contains([str(user_id)])


def does_it(word: str) -> ColumnElement[bool]:
    """Condition for the tasks that somebody does in whose words ``word`` is, as :func:`service.search.matching`."""
    found = select(cast(func.matching_rows(cast(User.__tablename__, REGCLASS), word), Text))
    condition: ColumnElement[bool] = Task.assignee_ids.has_any(func.array(found.scalar_subquery(), type_=ARRAY(Text)))
    return condition


def first_name() -> ColumnElement[str | None]:
    """The name of who answers for a task, to sort by."""
    first = cast(Task.assignee_ids[0].astext, Uuid)
    return select(User.name).where(User.tenant_id == Task.tenant_id, User.id == first).scalar_subquery()


def _users(current: Session, ids: set[UUID]) -> dict[UUID, User]:
    found = current.scalars(select(User).where(User.id.in_(ids))) if ids else ()
    return {user.id: user for user in found}
