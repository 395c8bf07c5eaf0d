"""What events mean to people: who is told, of what, in which words.

A job says nothing of its own while it belongs to a batch (an order, a workflow's run, jobs submitted together): the
batch is told of once, when its last job has ended. Frames are never told of one by one; tasks that are changed
together (by a spreadsheet) are one message to each person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role, allows
from service.activity.together import Together, assigned_together, given_to, moved_together
from service.database import current_tenant
from service.models import (
    Asset,
    Comment,
    Event,
    Job,
    JobFrame,
    MediaAsset,
    Order,
    OrderItem,
    Part,
    Playlist,
    PlaylistItem,
    ProjectClient,
    Publish,
    Shot,
    Task,
    TaskStatus,
    User,
    WorkflowNode,
)
from service.production.visibility import outsiders_of
from service.production.watchers import watchers_of_any
from service.review import comments, orders
from shared.jobs import DONE_STATES, FINAL_STATES, JobState
from shared.orders import OrderState
from shared.steps import STEPS
from shared.versions import Version

_LABELS = {step.name: step.label for step in STEPS}

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


def notices_of(current: Session, event: Event) -> list[Notice]:
    """What people are told because of an event; mostly nothing."""
    if event.channel == ALERT:
        return [_alert(current, event)]
    tasks = _task_changed(current, event) if event.kind in ("task.created", "task.changed") else []
    found = [*tasks, *(tell(current, event) for tell in (*_HANDLERS.get(event.kind, ()), _activity))]
    notices = [notice for notice in found if notice and notice.audience]
    if notices and (hidden_from := outsiders_of(current, _project_of(current, event))):
        notices = [replace(notice, audience=notice.audience - hidden_from) for notice in notices]
    return [notice for notice in notices if notice.audience]


def _project_of(current: Session, event: Event) -> UUID | None:
    """Of what was uploaded for nothing in particular: that for which it has been used since."""
    if event.project_id is None and event.subject_type == "medium":
        return current.scalar(select(func.project_of(event.subject_type, event.subject_id)))
    return event.project_id


def sentence(event: Event) -> str:
    """``asset gear: changed (status)``."""
    name = str(event.payload.get("name") or "")
    changes = event.payload.get("changes")
    what, _, happened = event.kind.partition(".")
    more = f" ({', '.join(changes)})" if isinstance(changes, dict) and changes else ""
    return f"{what.replace('_', ' ').capitalize()} {name}".strip() + f": {happened.replace('_', ' ')}{more}"


def link_of(subject_type: str, subject_id: UUID | str | None) -> str:
    """Path of the page that shows a row; empty where none does."""
    page = {"job": "jobs", "asset": "assets", "publish": "publishes", "task": "tasks", "workflow_run": "workflows/runs"}
    page |= {"playlist": "playlists", "order": "orders", "medium": "pictures", "webhook": "webhooks"}
    page |= {each: f"{each}s" for each in ("project", "sequence", "shot")}
    return f"/{page[subject_type]}/{subject_id}" if subject_type in page and subject_id else ""


def link_of_event(event: Event) -> str:
    """Path of the page that shows what an event is about, a comment where it was made; empty where none does."""
    about = event.payload.get("target_type", ""), event.payload.get("target_id")
    if event.subject_type == "comment" and (link := link_of(*about)):
        return f"{link}#comment-{event.subject_id}"
    return link_of(event.subject_type, event.subject_id)


def _alert(current: Session, event: Event) -> Notice:
    # Of a fault that goes on there is one alert an hour.
    key = f"{event.kind}:{event.subject_id}:{event.created_at:%Y%m%d%H}"
    if "needs" in event.payload:  # one fault for each queue and what its jobs need
        key = ":".join([key, event.payload["name"], *event.payload["needs"]])
    title = str(event.payload.get("title") or sentence(event))
    body = " ".join(str(event.payload[name]) for name in ("message", "hint") if event.payload.get(name))
    administrators = select(User.id).where(User.role.in_([Role.TENANT_ADMIN, Role.GLOBAL_ADMIN]))
    return Notice(
        ALERT,
        event.kind,
        key,
        title,
        frozenset(current.scalars(administrators)),
        body=body,
        link=link_of_event(event),
        failed=True,
    )


def _activity(current: Session, event: Event) -> Notice | None:
    """The event itself, for those who asked to hear of everything that others do."""
    if "frame" in event.payload:
        return None
    readers = [role for role in Role if allows(role, Permission.ACTIVITY_READ)]
    audience = frozenset(current.scalars(select(User.id).where(User.role.in_(readers)))) - {event.actor_id}
    link = link_of_event(event)
    return Notice(ACTIVITY, event.kind, f"event:{event.id}", sentence(event), audience, link=link)


# -- jobs


@dataclass(frozen=True)
class _Batch:
    """Jobs that are told of together."""

    key: str
    title: str
    jobs: Sequence[Job]
    link: str


def _job_ended(current: Session, event: Event) -> Notice | None:
    job = current.scalars(select(Job).where(Job.id == event.subject_id)).unique().one_or_none()
    if job is None or current.scalar(select(WorkflowNode.id).where(WorkflowNode.job_id == job.id)):
        return None  # the run tells of its jobs
    batch = _batch_of(current, job)
    if any(each.state not in FINAL_STATES for each in batch.jobs):
        return None
    audience = {each.created_by_id for each in batch.jobs if each.created_by_id}
    if all(each.state == JobState.CANCELLED for each in batch.jobs):
        audience.discard(event.actor_id)
    counts = [counts_of(current, each) for each in batch.jobs]
    total, done, failed = (sum(numbers) for numbers in zip(*counts, strict=True))
    all_done = all(each.state in DONE_STATES for each in batch.jobs)
    tries = select(func.sum(Job.attempt)).where(Job.parent_id.in_([each.id for each in batch.jobs]))
    ends = sum(each.attempt for each in batch.jobs) + (current.scalar(tries) or 0)
    errors = {f"{error['message']} {error.get('hint') or ''}".strip() for each in batch.jobs if (error := _error(each))}
    return Notice(
        NOTIFICATION,
        "batch.completed" if all_done else "batch.failed",
        f"{batch.key}:{ends}:{done}",
        summary(batch.title, total, done, failed),
        frozenset(audience),
        body=" ".join(sorted(errors)[:3]),
        link=batch.link,
        failed=not all_done,
    )


def _error(job: Job) -> dict[str, Any] | None:
    error: dict[str, Any] | None = job.document.get("error")
    return error


def summary(title: str, total: int, done: int, failed: int, rest_word: str = "cancelled") -> str:
    """``Turntable of gear: 47 of 50 succeeded, 3 failed``."""
    if total == 1:
        return f"{title}: {'succeeded' if done else 'failed' if failed else 'cancelled'}"
    parts = [f"{done} of {total} succeeded"]
    if failed:
        parts.append(f"{failed} failed")
    if rest := total - done - failed:
        parts.append(f"{rest} {rest_word}")
    return f"{title}: {', '.join(parts)}"


def counts_of(current: Session, job: Job) -> tuple[int, int, int]:
    """How many pieces of work a job has, and how many of them are done and have failed: its frames, or itself."""
    if job.has_tasks:
        done = func.count().filter(JobFrame.path.is_not(None))
        failed = func.count().filter(JobFrame.path.is_(None), Job.state == JobState.FAILED)
        task = (Job.tenant_id == JobFrame.tenant_id) & (Job.id == JobFrame.task_id)
        counted = select(func.count(), done, failed).select_from(JobFrame).join(Job, task)
        frames = current.execute(counted.where(JobFrame.job_id == job.id)).one()
        # A film whose frames are all there has failed all the same where it could not be encoded.
        if frames[0] and (frames[1] < frames[0] or job.state == JobState.COMPLETED):
            return frames[0], frames[1], frames[2]
    return 1, int(job.state in DONE_STATES), int(job.state == JobState.FAILED)


def _batch_of(current: Session, job: Job) -> _Batch:
    ordered = (Job.tenant_id == OrderItem.tenant_id) & (Job.id == OrderItem.job_id)
    order = (
        current.scalars(select(Order).join(OrderItem, OrderItem.order_id == Order.id).where(OrderItem.job_id == job.id))
        .unique()
        .first()
    )
    if order is not None:
        of_order = select(Job).join(OrderItem, ordered).where(OrderItem.order_id == order.id)
        pictures = current.scalars(of_order).unique().all()
        return _Batch(f"order:{order.id}", f"Order {order.number}, {order.title}", pictures, link_of("order", order.id))
    together = job.request.get("batch")
    if together:
        jobs = current.scalars(select(Job).where(Job.request["batch"].astext == str(together))).unique().all()
        if len(jobs) > 1:
            return _Batch(f"batch:{together}", f"{len(jobs)} jobs", jobs, "/jobs")
    name = job.asset.name if job.asset else ""
    title = f"{_LABELS.get(job.kind, job.kind)}{f' of {name}' if name else ''}"
    return _Batch(f"job:{job.id}", title, [job], f"/jobs/{job.id}")


def _run_ended(current: Session, event: Event) -> Notice:
    payload = event.payload
    failed = event.kind.endswith("failed")
    return Notice(
        NOTIFICATION,
        "workflow.failed" if failed else "workflow.completed",
        f"{event.kind}:{event.subject_id}:{event.id}",
        summary(str(payload["name"]), payload["nodes"], payload["completed"], payload["failed"], "not begun"),
        frozenset(UUID(user) for user in [payload.get("created_by_id")] if user),
        body=str(payload.get("message") or ""),
        link=link_of("workflow_run", event.subject_id),
        failed=failed,
    )


# -- production


def _name_of(target: Asset | Shot) -> str:
    """``gear (film)``, ``sq010/sh020 (film)``."""
    return f"{str(target.entity).partition(':')[2]} ({target.project_name})"


def _named(what: Task | Publish | Order | MediaAsset) -> str:
    """``modelling of gear (film)``, ``body v002_i001 of gear (film)``, ``a.png of gear (film)``, ``order 7, Gear``."""
    if isinstance(what, Order):
        return f"order {what.number}, {what.title}"
    if isinstance(what, MediaAsset):
        return f"{what.name} of {_name_of(what.asset)}" if what.asset else what.name
    if isinstance(what, Task):
        return f"{what.name} of {_name_of(what.target)}"
    return f"{what.part.name} {Version(what.version, what.iteration)} of {_name_of(what.part.target)}"


def _task_changed(current: Session, event: Event) -> list[Notice]:
    """To each who does it or watches it: that the task was given to them, or that somebody else changed its status."""
    task = current.scalars(select(Task).where(Task.id == event.subject_id)).unique().one_or_none()
    if task is None:
        return []
    changes: dict[str, Any] = event.payload.get("changes") or {}
    new = given_to(event)
    concerned = list(dict.fromkeys([*task.assignee_ids, *sorted(watchers_of_any(current, [task.id]))]))
    readers = _readers(current, concerned)
    theirs = [user_id for user_id in map(UUID, concerned) if user_id in readers and user_id != event.actor_id]
    told = [_assigned(current, event, task, user_id) for user_id in theirs if user_id in new]
    if "status" in changes:
        status = _label_of(current, str(changes["status"][1]))
        told += [_moved(current, event, task, user_id, status) for user_id in theirs if user_id not in new]
    return [notice for notice in told if notice]


def _readers(current: Session, user_ids: Collection[str]) -> frozenset[UUID]:
    """Those of the people whom a task concerns who may see it: not who has become a client since."""
    roles = [role for role in Role if allows(role, Permission.TASK_READ)]
    found = select(User.id).where(User.id.in_(map(UUID, user_ids)), User.role.in_(roles))
    return frozenset(current.scalars(found)) if user_ids else frozenset()


def _assigned(current: Session, event: Event, task: Task, user_id: UUID) -> Notice | None:
    together = assigned_together(current, event, user_id)
    if together is None:
        return None  # the first of them tells of all
    title, body, link = _of_tasks(task, together, f"A task for you: {_named(task)}", "{} tasks for you")
    key = f"task:{task.id}:assigned:{user_id}:{event.id}"
    return Notice(NOTIFICATION, "task.assigned", key, title, frozenset({user_id}), body=body, link=link)


def _moved(current: Session, event: Event, task: Task, user_id: UUID, status: str) -> Notice | None:
    together = moved_together(current, event, user_id)
    if together is None:
        return None
    title = f"{_named(task)} is now {status}"
    title, body, link = _of_tasks(task, together, title, "{} tasks have another status")
    key = f"task:{task.id}:status:{event.id}"
    # A status that was given with a comment is told of with it: both were written at one time, in one transaction.
    given_with = select(Comment).where(Comment.task_id == task.id, Comment.created_at == event.created_at)
    if together.count == 1 and (comment := current.scalars(given_with).unique().first()):
        body, key = comment.text, _key_of(comment)
    return Notice(NOTIFICATION, "task.status", key, title, frozenset({user_id}), body=body, link=link)


def _of_tasks(task: Task, together: Together, of_one: str, of_several: str) -> tuple[str, str, str]:
    """Title, body and link of a message about ``task``, or about those that were changed together with it."""
    if together.count == 1:
        return of_one, "", link_of("task", task.id)
    more = together.count - len(together.first)
    body = "; ".join([*map(_named, together.first), *([f"and {more:,} more"] if more else [])])
    return of_several.format(f"{together.count:,}"), body, link_of("project", task.target.project.id)


def _label_of(current: Session, status: str) -> str:
    """What people call a status of tasks."""
    declared = current.scalar(select(TaskStatus).where(TaskStatus.name == status))
    return declared.label if declared else status


def _published(current: Session, event: Event) -> Notice | None:
    publish = current.scalars(select(Publish).where(Publish.id == event.subject_id)).unique().one_or_none()
    if publish is None:
        return None
    part: Part = publish.part
    beside = select(Task.id, Task.assignee_ids).where(Task.asset_id.is_not_distinct_from(part.asset_id))
    tasks = dict(current.execute(beside.where(Task.shot_id.is_not_distinct_from(part.shot_id))).all())
    concerned = watchers_of_any(current, tasks).union(*tasks.values())
    audience = _readers(current, concerned) - {event.actor_id}
    title = f"{_named(publish)} was published"
    return Notice(
        NOTIFICATION,
        "publish.created",
        f"publish:{publish.id}",
        title,
        audience,
        link=link_of("publish", publish.id),
    )


def _order_moved(current: Session, event: Event) -> Notice | None:
    """An order that goes on is told to its client; one that waits, and what its client answers, to the studio."""
    changes: dict[str, Any] = event.payload.get("changes") or {}
    order = current.scalars(select(Order).where(Order.id == event.subject_id)).unique().one_or_none()
    if order is None or (event.kind == "order.changed" and "state" not in changes):
        return None
    # As the event says: it may have gone on since.
    state = str(changes["state"][1]) if "state" in changes else OrderState.SUBMITTED.value
    audience, title = frozenset({order.client_id}), f"Order {order.number} is {state.replace('_', ' ')}"
    key, body, link = f"order:{order.id}:{event.id}", "", link_of("order", order.id)
    failed = state == OrderState.REJECTED
    if failed:
        body = order.reject_reason
    elif state in (OrderState.SUBMITTED, OrderState.RESUBMITTED):
        audience, title = orders.managers(current), f"Order {order.number} waits for you: {order.title}"
    elif state == OrderState.APPROVED:
        audience, title = orders.handlers(current, order), f"Order {order.number} is approved: {order.title}"
    elif state == OrderState.CHANGES_REQUESTED:
        audience = orders.handlers(current, order)
        title = f"Changes are requested for order {order.number}: {order.title}"
        # Told of with the comment that says which: both were written at one time, in one transaction.
        asked = select(Comment).where(Comment.order_id == order.id, Comment.created_at == event.created_at)
        if comment := current.scalars(asked).unique().first():
            body, key, link = comment.text, _key_of(comment), f"{link}#comment-{comment.id}"
    elif state == OrderState.DELIVERED and changes.get("delivery", [0, 1])[1] > 1:
        title = f"{title} again"
    audience -= {event.actor_id}
    return Notice(NOTIFICATION, "order.state", key, title, audience, body=body, link=link, failed=failed)


# -- comments


def _mentioned(current: Session, event: Event) -> Notice | None:
    """Those whom a comment names; when it was changed, those whom it did not name before."""
    comment = _comment_of(current, event)
    if comment is None:
        return None
    users = event.payload.get("user_ids", comment.mentions)
    return _comment_notice(
        current, event, comment, "comment.mention", "mentioned you in a comment on", map(UUID, users)
    )


def _commented(current: Session, event: Event) -> Notice | None:
    """Those whom a comment concerns: who does the task or watches it, who made the publish, who had the picture made;
    whose order it is, who works on that in the studio, and who wrote before."""
    comment = _comment_of(current, event)
    if comment is None:
        return None
    order = comment.order
    publish, task = comment.publish, comment.task or (comment.publish and comment.publish.task)
    job = comment.medium.job if comment.medium and not task else None
    users = (
        *(map(UUID, {*task.assignee_ids, *watchers_of_any(current, [task.id])}) if task else ()),
        publish and publish.created_by_id,
        job and job.created_by_id,
        *((order.client_id, *orders.handlers(current, order), *orders.writers(current, order)) if order else ()),
    )
    concerned = (user for user in users if user and str(user) not in comment.mentions)
    return _comment_notice(current, event, comment, "comment.created", "commented on", concerned)


def _comment_of(current: Session, event: Event) -> Comment | None:
    return current.scalars(select(Comment).where(Comment.id == event.subject_id)).unique().one_or_none()


def _comment_notice(
    current: Session, event: Event, comment: Comment, kind: str, did: str, users: Iterable[UUID]
) -> Notice | None:
    about = comment.task or comment.publish or comment.order or comment.medium
    if comment.archived_at or about is None:
        return None
    kinds: dict[type, str] = {Task: "task", Publish: "publish", Order: "order", MediaAsset: "medium"}
    link = link_of(kinds[type(about)], about.id)
    audience = comments.readers(current, comment, set(users) - {comment.author_id, event.actor_id})
    title = f"{comment.author.name} {did} {_named(about)}"
    link = f"{link}#comment-{comment.id}"
    return Notice(NOTIFICATION, kind, _key_of(comment), title, audience, body=comment.text, link=link)


def _key_of(comment: Comment) -> str:
    # One for all that is told because of a comment, so that nobody is told of it twice.
    return f"comment:{comment.id}"


# -- playlists


def _playlist_shared(current: Session, event: Event) -> Notice | None:
    """A playlist is told to the clients of its project once they may see it and there is something to see."""
    changes: dict[str, Any] = event.payload.get("changes") or {}
    shared = event.kind == "playlist.created" or changes.get("for_client", [None, False])[1]
    filled = "item_count" in changes and not changes["item_count"][0]
    if not (shared or filled):
        return None
    playlist = current.scalars(select(Playlist).where(Playlist.id == event.subject_id)).unique().one_or_none()
    # What was taken back since would be a link to nothing.
    if playlist is None or not playlist.for_client or playlist.archived_at or playlist.project.archived_at:
        return None
    shown = select(PlaylistItem.id).join(PlaylistItem.medium).where(MediaAsset.archived_at.is_(None))
    if current.scalar(shown.where(PlaylistItem.playlist_id == playlist.id).limit(1)) is None:
        return None
    clients = select(ProjectClient.user_id).where(ProjectClient.project_id == playlist.project_id)
    title = f"For you to look at: {playlist.name} ({playlist.project.title or playlist.project.name})"
    # Whatever is shared, taken back and shared again is told of once a day.
    key = f"playlist:{playlist.id}:{event.created_at:%Y%m%d}"
    audience = frozenset(current.scalars(clients)) - {event.actor_id}
    link = link_of("playlist", playlist.id)
    return Notice(NOTIFICATION, "playlist.shared", key, title, audience, link=link)


# -- accounts


def _two_factor_off(current: Session, event: Event) -> Notice | None:
    """To whose login asks for no code any more, where somebody else wanted it so."""
    changes: dict[str, Any] = event.payload.get("changes") or {}
    before, after = changes.get("two_factor_at", (None, None))
    actor = current.get(User, (current_tenant(current), event.actor_id)) if event.actor_id else None
    if not before or after or event.subject_id is None or actor is None or actor.id == event.subject_id:
        return None
    return Notice(
        NOTIFICATION,
        "account.two_factor",
        f"two_factor:{event.id}",
        f"{actor.name} switched off your two-factor login",
        frozenset({event.subject_id}),
        body="You log in with your password alone. If you did not ask for that, tell another administrator.",
        link="/account/two-factor",
    )


_HANDLERS: dict[str, tuple[Callable[[Session, Event], Notice | None], ...]] = {
    "job.completed": (_job_ended,),
    "job.failed": (_job_ended,),
    "job.cancelled": (_job_ended,),
    "workflow_run.completed": (_run_ended,),
    "workflow_run.failed": (_run_ended,),
    "publish.created": (_published,),
    "comment.created": (_mentioned, _commented),
    "comment.mentioned": (_mentioned,),
    "playlist.created": (_playlist_shared,),
    "playlist.changed": (_playlist_shared,),
    "order.created": (_order_moved,),
    "order.changed": (_order_moved,),
    "user.changed": (_two_factor_off,),
}
