"""Everything that is called so: projects, assets, shots, tasks, publishes, people and more, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import ARRAY, Text, exists, func, literal, select
from sqlalchemy.orm import aliased

from service.accounts.permissions import Permission
from service.api.assets import AssetQuery, list_assets
from service.api.orders import OrderQuery, list_orders
from service.api.playlists import PlaylistQuery, list_playlists
from service.api.projects import ProjectQuery, list_projects
from service.api.sequences import SequenceQuery, list_sequences
from service.api.shots import ShotQuery, list_shots
from service.api.tasks import TaskQuery, list_tasks
from service.api.users import UserQuery, list_artists
from service.archiving import label_of
from service.database import session
from service.models import Asset, Part, Project, Publish, Shot
from service.models import Sequence as ShotSequence
from service.pages.field_values import page_of_row
from service.pages.formats import words
from service.pages.frame import may, page
from service.search import matching_parts, words_of
from service.titles import titled

_SHOWN = 8
_LONGEST = 200


@dataclass(frozen=True)
class Found:
    """One thing that was found. ``about`` says where it belongs; ``address`` is empty where it has no page."""

    label: str
    about: str
    address: str


@dataclass(frozen=True)
class Group:
    """What was found of one kind: the first of ``total``."""

    title: str
    found: Sequence[Found]
    total: int


@page("/search", Permission.PRODUCTION_READ)
def search() -> str:
    """What is found by the words, or beginnings of words, of ``q``, that the reader may see."""
    query = request.args.get("q", "").strip()[:_LONGEST]
    groups = [group for group in _groups(query) if group.found] if words_of(query) else []
    return render_template("pages/search.html", query=query, groups=groups)


def _groups(query: str) -> Iterator[Group]:
    """Two statements each."""

    def group(title: str, form: Callable[..., Any], rows: Callable[[Any], dict[str, Any]], view: Any) -> Group:
        found = rows(form(q=query, page_size=_SHOWN))
        return Group(title, [view(each) for each in found["items"]], found["total"])

    yield group("Projects", ProjectQuery, list_projects, lambda each: _row(each, words(each.status)))
    yield group("Assets", AssetQuery, list_assets, lambda each: _row(each, _where(each, words(each.asset_type))))
    yield group("Sequences", SequenceQuery, list_sequences, lambda each: _row(each, titled(each.project)))
    yield group("Shots", ShotQuery, list_shots, lambda each: _row(each, _where(each, each.sequence.name)))
    if may(Permission.TASK_READ):
        in_order = partial(TaskQuery, sort="name,target")
        yield group("Tasks", in_order, list_tasks, lambda each: _row(each, _where(each.target, titled(each.target))))
    yield _publishes(query)
    yield group("Playlists", PlaylistQuery, list_playlists, _playlist)
    yield group("Orders", OrderQuery, list_orders, _order)
    if may(Permission.USER_READ):
        yield group("People", UserQuery, list_artists, _person)


def _row(found: Any, about: str) -> Found:
    title = getattr(found, "title", "")
    return Found(f"{label_of(found)} · {title}" if title else label_of(found), about, page_of_row(found))


def _where(target: Any, more: str) -> str:
    return f"{titled(target.project)} / {more}"


def _publishes(query: str) -> Group:
    """The current publish of each part that is found by its own words, or by those of what it stands in.

    For a client, who may not see that one, it is the newest of those that they see.
    """
    of_part = (Publish.part_id == Part.id, Publish.archived_at.is_(None))
    newest = ((Publish.id == Part.current_publish_id).desc(), Publish.version.desc(), Publish.iteration.desc())
    shown = select(Publish.id).where(*of_part).order_by(*newest).limit(1).scalar_subquery()
    matched = matching_parts(literal(words_of(query), ARRAY(Text)))
    of_shot = aliased(Project)
    parts = select(Part).outerjoin(Part.asset).outerjoin(Asset.project)
    parts = parts.outerjoin(Part.shot).outerjoin(Shot.sequence).outerjoin(of_shot, ShotSequence.project)
    in_use = (each.archived_at.is_(None) for each in (Asset, Project, Shot, ShotSequence, of_shot))
    parts = parts.where(Part.id.in_(matched), Part.current_publish_id.is_not(None), exists().where(*of_part), *in_use)
    first = parts.add_columns(shown).order_by(Part.entity, Part.name).limit(_SHOWN)
    rows = session().execute(first).unique().all()
    total = session().scalar(parts.with_only_columns(func.count(Part.id))) or 0
    return Group("Publishes", [_publish(part, publish_id) for part, publish_id in rows], total)


def _publish(part: Part, publish_id: UUID) -> Found:
    address = url_for("pages.publish", publish_id=publish_id)
    return Found(part.name, f"{part.project_name} / {part.entity.partition(':')[2]}", address)


def _playlist(found: dict[str, Any]) -> Found:
    return Found(found["name"], found["project"], url_for("pages.playlist", playlist_id=found["id"]))


def _order(found: dict[str, Any]) -> Found:
    label = f"{found['number']} · {found['title']}"
    return Found(label, words(found["state"]), url_for("pages.order", order_id=found["id"]))


def _person(found: Any) -> Found:
    user_id: UUID = found.id
    address = url_for("pages.person", user_id=user_id) if may(Permission.USER_WRITE) else ""
    return Found(found.name, f"{words(found.role)}, {found.email}", address)
