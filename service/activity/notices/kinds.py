"""What people can be told of, and a message."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

ACTIVITY, NOTIFICATION, ALERT = "activity", "notification", "alert"

KINDS: dict[str, dict[str, str]] = {
    ACTIVITY: {},
    NOTIFICATION: {
        "batch.completed": "Jobs, frames and orders that you started have succeeded: one summary for each batch.",
        "batch.failed": "Some or all of a batch that you started failed.",
        "workflow.completed": "A run of a workflow that you started is through.",
        "workflow.failed": "A run of a workflow that you started failed.",
        "task.assigned": "A task was given to you.",
        "task.status": "Somebody else changed the status of a task that you do or watch.",
        "publish.created": "Something was published that a task which you do or watch builds on.",
        "comment.mention": "Somebody mentioned you in a comment.",
        "comment.created": "Somebody commented on a publish, picture or order of yours, or on a task that you do or "
        "watch.",
        "playlist.shared": "A playlist waits for you to look at it, as a client of its project.",
        "order.state": "An order of yours goes on, one waits for you, or a client answers to what was delivered.",
        "account.two_factor": "An administrator switched off your two-factor login.",
    },
    ALERT: {},
}
"""The kinds of each channel that a user can choose a frequency for, and what each tells. Alerts and activity have as
many kinds as there are events."""


@dataclass(frozen=True)
class Notice:
    """A message to some users. ``key`` is what it tells of, so that nobody is told twice."""

    channel: str
    kind: str
    key: str
    title: str
    audience: frozenset[UUID]
    body: str = ""
    link: str = ""
    failed: bool = False
