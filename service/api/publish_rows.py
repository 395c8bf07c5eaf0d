"""Publishes as the API answers them: written by PostgreSQL from three tables, because lists of them are long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Select,
    String,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import array

from service.accounts import auth
from service.accounts.permissions import Role
from service.api.json_rows import Written, as_json, time
from service.api.listing import EditableQuery, JsonPages, json_pages, page_in_json
from service.database import session
from service.models import Asset, Part, Project, Publish, Sequence, Shot, User
from service.prepared import PREPARED, prepared
from service.search import matches, matching_parts, words_of

_FEW = 5000
"""So many publishes are sorted sooner than the whole list is searched for them in its order."""

_FIELDS = (
    select(
        Publish.id,
        time(Publish.created_at),
        time(Publish.updated_at),
        Publish.revision,
        time(Publish.archived_at),
        Publish.id.label("publish_id"),
        Publish.task_id,
        case((Part.shot_id.is_(None), "asset"), else_="shot").label("target_type"),
        func.coalesce(Part.asset_id, Part.shot_id).label("target_id"),
        Part.project_name.label("project"),
        Part.entity,
        Part.name.label("part_name"),
        Part.department,
        Publish.version,
        Publish.iteration,
        Publish.source_version,
        Publish.source_iteration,
        Publish.software,
        Publish.status,
        Publish.for_client,
        func.coalesce(Part.current_publish_id == Publish.id, False).label("is_latest"),
        Part.usd_path.label("part_usd_path"),
        Publish.item_usd_path,
        Part.usd_path.label("asset_usd_path"),
        Part.entity_usd_path,
        Publish.sha256,
        Publish.size,
        Publish.cad_file_id,
        User.name.label("created_by"),
        Publish.details.label("metadata"),
        Publish.validation,
    )
    .join(Part, Part.id == Publish.part_id)
    .outerjoin(User, User.id == Publish.created_by_id)
)
_ONE = as_json(_FIELDS.where(Publish.id == bindparam("publish_id"))).add_columns(column("revision"))
_SORT: dict[str, Any] = {
    "created_at": Publish.created_at,
    "updated_at": Publish.updated_at,
    "version": Publish.version,
    "part_name": Part.name,
    "department": Part.department,
    "status": Publish.status,
    "software": Publish.software,
}
_SORT_OF_PART = {name for name, column in _SORT.items() if column.class_ is Part}
_OWN = (
    *("id", "task_id", "cad_file_id", "created_at", "updated_at", "revision", "archived_at", "version", "iteration"),
    *("source_version", "source_iteration", "software", "status", "item_usd_path", "sha256", "size", "validation"),
)


def described(publish_id: UUID) -> Written | None:
    """What the API answers for a publish; None where there is none."""
    found = session().connection().execute(_ONE, {"publish_id": publish_id}).one_or_none()
    return tagged(found[0].encode(), found.revision) if found else None


def tagged(publish: bytes, revision: int) -> Written:
    """The JSON of a publish with its entity tag, which is the same whether PostgreSQL has written it or pydantic.

    They set spaces differently in what clients send as JSON; it stands last, and never changes.
    """
    return Written(publish, str(revision), digested=publish.partition(b',"metadata":')[0])


def described_new(publish: Publish, author: str) -> dict[str, Any]:
    """What the API answers for a publish that ``author`` has just made: its rows are at hand, no statement needed."""
    part = publish.part
    return {
        **{name: getattr(publish, name) for name in _OWN},
        "publish_id": publish.id,
        "target_type": "asset" if part.asset_id else "shot",
        "target_id": part.asset_id or part.shot_id,
        "project": part.project_name,
        "entity": part.entity,
        "part_name": part.name,
        "department": part.department,
        "for_client": False,
        "is_latest": part.current_publish_id == publish.id,
        "part_usd_path": part.usd_path,
        "asset_usd_path": part.usd_path,
        "entity_usd_path": part.entity_usd_path,
        "created_by": author,
        "metadata": publish.details,
    }


_OF_PARTS = frozenset({"project", "asset", "sequence", "shot", "part", "department", "words"})
"""Filters that narrow a list down to the publishes of some parts; the others are columns:"""
_FILTERS = {
    "task_id": Publish.task_id,
    "status": Publish.status,
    "software": Publish.software,
    "for_client": Publish.for_client,
    "created_by": Publish.created_by_id,
}

_IS_SAID = prepared(
    """
    SELECT EXISTS (
        SELECT FROM unnest(CAST(:words AS text[])) word WHERE EXISTS (SELECT matching_rows('publishes', word))
        OR EXISTS (
            SELECT FROM users u
            WHERE u.id IN (SELECT matching_rows('users', word)) AND search_vector(u.name) @@ to_tsquery('simple', word)
        )
    )
    """
)
"""Whether any of the words is said of a publish, or in the name of who made some, and not only of parts."""


@dataclass(frozen=True)
class _Lists:
    """Statements for lists of one form.

    ``held`` answers how many publishes the parts that are meant have, all other filters aside, and where these are few
    also which parts: ``few`` then looks them up part by part and sorts them. ``many`` picks from the list in its order.
    """

    few: JsonPages
    many: JsonPages
    held: Select[Any] | None


def page_of_publishes(query: EditableQuery, filters: Mapping[str, Any], *, latest: bool) -> Written:
    """The page that ``query`` asks of the publishes that meet ``filters``: values of the calls' parameters by name.

    A ``shot`` may come with its ``sequence``. With ``latest``, only what each part composes now.
    """
    values, said = dict(filters), 0
    if query.q.strip():
        words = words_of(query.q)
        if session().connection().scalar(_IS_SAID, {"words": words}):
            said = len(words)
            values |= {f"word_{number}": word for number, word in enumerate(words)}
        else:
            values["words"] = words
    lists = _lists(frozenset(values), query.sort or "-created_at", query.archived, latest, said, query.page_size)
    pages, held = lists.many, None
    if lists.held is not None:
        held, few_parts = session().connection().execute(lists.held, values).one()
        if few_parts is not None:
            pages, values["parts"] = lists.few, few_parts
    # What parts count is more than a client may see of them.
    is_counted = not values.keys() & _FILTERS.keys() and auth.current().role is not Role.CLIENT
    return page_in_json(pages, query, values, total=held if is_counted else None)


@lru_cache(maxsize=500)
def _lists(given: frozenset[str], sort: str, archived: bool, latest: bool, said: int, page_size: int) -> _Lists:
    parts = _parts(given)
    statement = select(Publish)
    if any(name in sort for name in _SORT_OF_PART):
        statement = statement.join(Part, Part.id == Publish.part_id)
    statement = statement.where(*(_FILTERS[name] == bindparam(name) for name in _FILTERS if name in given))
    # Each in the publish's own row or its author's name, or else in what it is a publish of.
    statement = statement.where(*(_has(bindparam(f"word_{number}", type_=String)) for number in range(said)))
    few = many = statement
    held = None
    if latest:
        few = many = statement.where(Publish.id == _any(parts.with_only_columns(Part.current_publish_id)))
    elif given & _OF_PARTS:
        few = statement.where(Publish.part_id == any_(cast(bindparam("parts", type_=Text), ARRAY(Uuid))))
        # IS TRUE: otherwise PostgreSQL goes part by part here, too.
        many = statement.where(Publish.part_id.in_(parts).is_(True))
    if not latest and (given & _OF_PARTS or not given):
        live = func.coalesce(func.sum(Part.live_publishes), 0)
        number = live + func.coalesce(func.sum(Part.archived_publishes), 0) if archived else live
        these = func.coalesce(cast(func.array_agg(Part.id), Text), "{}")
        few_parts = case((number <= _FEW, these)) if given else null()
        held = parts.with_only_columns(number, few_parts).execution_options(**PREPARED)
    pages = partial(
        json_pages,
        fields=_FIELDS,
        key=Publish,
        sort=_SORT,
        wanted_sort=sort,
        archived=archived,
        page_size=page_size,
    )
    return _Lists(pages(few), pages(many), held)


def _has(word: BindParameter[str]) -> ColumnElement[bool]:
    authors = select(User.id).where(matches(word, User), matches(word, User.name))
    of_word = matching_parts(array([word]))
    return or_(matches(word, Publish), Publish.part_id.in_(of_word), Publish.created_by_id.in_(authors))


def _any(ids: Select[Any]) -> ColumnElement[Any]:
    """For comparison: PostgreSQL looks up each of ``ids`` in the index, instead of reading all rows in their order."""
    return any_(func.array(ids.scalar_subquery()))


def _parts(given: frozenset[str]) -> Select[Any]:
    """A select of the parts that are meant, with the values of ``given`` as parameters."""

    def equal(**columns: Any) -> list[ColumnElement[bool]]:
        return [column == bindparam(name) for name, column in columns.items() if name in given]

    # The list that they are part of may hold the table of parts as well, to be sorted by it.
    parts = select(Part.id).correlate(None).where(*equal(part=Part.name, department=Part.department))
    assets = select(Asset.id).join(Project, Project.id == Asset.project_id)
    assets = assets.where(*equal(project=Project.name, asset=Asset.name))
    shots = select(Shot.id).join(Sequence, Sequence.id == Shot.sequence_id)
    shots = shots.join(Project, Project.id == Sequence.project_id)
    shots = shots.where(*equal(project=Project.name, sequence=Sequence.name, shot=Shot.name))
    if "asset" in given:
        parts = parts.where(Part.asset_id.in_(assets))
    if given & {"sequence", "shot"}:
        parts = parts.where(Part.shot_id.in_(shots))
    if "project" in given and not given & {"asset", "sequence", "shot"}:
        parts = parts.where(Part.project_name == bindparam("project"))
    if "words" in given:
        parts = parts.where(Part.id == _any(matching_parts(bindparam("words"))))
    return parts
