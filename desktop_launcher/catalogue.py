"""What the service knows about an artist's work, as plain values. Every method blocks: call it on a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from shared.client import Client
from shared.context import Entity
from shared.custom_fields import as_text
from shared.errors import ServiceError
from shared.versions import Version

Json = Mapping[str, Any]
T = TypeVar("T")

PAGE_SIZE = 50


@dataclass(frozen=True)
class User:
    """Who is logged in, and for which organisation."""

    id: str
    name: str
    email: str
    tenant: str
    tenant_id: str

    @classmethod
    def from_json(cls, data: Json) -> User:
        user, tenant = data["user"], data["tenant"]
        email = str(user.get("email") or "")
        return cls(str(user["id"]), str(user.get("name") or email), email, _text(tenant, "name"), str(tenant["id"]))


@dataclass(frozen=True)
class Project:
    id: str
    name: str
    title: str
    is_mine: bool = False
    """Whether the user is on its team."""

    @classmethod
    def from_json(cls, data: Json) -> Project:
        return cls(str(data["id"]), str(data["name"]), _text(data, "title") or str(data["name"]))


@dataclass(frozen=True)
class EntityItem:
    """An asset or a shot of a project; ``detail`` is its kind of asset or its frame range."""

    id: str
    project: str
    entity: Entity
    title: str
    detail: str
    status: str

    @classmethod
    def from_asset(cls, data: Json) -> EntityItem:
        name = str(data["name"])
        return cls(
            str(data["id"]),
            _text(data, "project"),
            Entity.asset(name),
            _text(data, "title") or name,
            _text(data, "asset_type") or "asset",
            _text(data, "status"),
        )

    @classmethod
    def from_shot(cls, data: Json) -> EntityItem:
        entity = Entity.shot(_text(data, "sequence"), str(data["name"]))
        frames = (data.get("frame_in"), data.get("frame_out"))
        return cls(
            str(data["id"]),
            _text(data, "project"),
            entity,
            _text(data, "title") or f"{entity.sequence} / {entity.name}",
            f"frames {frames[0]} to {frames[1]}" if None not in frames else "shot",
            _text(data, "status"),
        )


@dataclass(frozen=True)
class TaskStatus:
    """What a task can be, as the studio declares it; ``color`` is ``#rrggbb``."""

    name: str
    label: str
    color: str
    is_done: bool

    @classmethod
    def from_json(cls, data: Json) -> TaskStatus:
        return cls(str(data["name"]), str(data["label"]), str(data["color"]), data["kind"] == "done")


@dataclass(frozen=True)
class TaskItem:
    """A task of an asset or a shot; ``department`` is what the studio calls it, ``assignees`` are names with commas
    between them."""

    id: str
    project: str
    entity: Entity
    target_id: str
    name: str
    department: str
    assignees: str
    status: TaskStatus
    due: date | None

    @classmethod
    def from_json(cls, data: Json, statuses: Mapping[str, TaskStatus], departments: Mapping[str, str]) -> TaskItem:
        return cls(
            str(data["id"]),
            _text(data, "project"),
            Entity.parse(str(data["entity"])),
            _text(data, "target_id"),
            str(data["name"]),
            departments[str(data["department"])],
            ", ".join(str(user["name"]) for user in data["assignees"]),
            statuses[str(data["status"])],
            _day(data.get("due")),
        )


@dataclass(frozen=True)
class SceneItem:
    """A saved work file; ``path`` is relative to the storage root."""

    id: str
    version: Version
    path: str
    software: str
    created: datetime | None

    @property
    def file_name(self) -> str:
        return self.path.rpartition("/")[2]

    @classmethod
    def from_json(cls, data: Json) -> SceneItem:
        return cls(
            str(data["id"]),
            Version(int(data["version"]), int(data["iteration"])),
            str(data["path"]),
            _text(data, "software"),
            _moment(data.get("created_at")),
        )


@dataclass(frozen=True)
class PublishItem:
    """A published version of a part."""

    id: str
    part: str
    version: Version
    department: str
    status: str
    is_latest: bool
    artist: str
    created: datetime | None

    @classmethod
    def from_json(cls, data: Json) -> PublishItem:
        return cls(
            str(data["id"]),
            _text(data, "part_name"),
            Version(int(data["version"]), int(data["iteration"])),
            _text(data, "department"),
            _text(data, "status"),
            bool(data.get("is_latest")),
            _text(data, "created_by"),
            _moment(data.get("created_at")),
        )


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list; ``total`` counts the whole list."""

    items: list[T]
    total: int


@dataclass(frozen=True)
class Catalogue:
    """The service as one user sees it. A client is made for each call, as a client belongs to one thread."""

    api_url: str
    token: str = field(repr=False)

    @classmethod
    def log_in(cls, api_url: str, email: str, password: str, code: str = "") -> Catalogue:
        """Log in with a password, and a code where one is needed; raises AuthError where they are wrong."""
        with Client(api_url) as client:
            return cls(api_url, str(client.login(email, password, code)["token"]))

    def user(self) -> User:
        """Whose token this is; raises AuthError where it is no longer good."""
        with self._client() as client:
            return _parsed(User.from_json, client.me())

    def projects(self) -> list[Project]:
        """Those on whose team the user is, and after them the others."""
        with self._client() as client:
            mine = {str(row["id"]) for row in client.projects(mine=True)}
            found = [_parsed(Project.from_json, row) for row in client.projects()]
        marked = [replace(project, is_mine=project.id in mine) for project in found]
        return sorted(marked, key=lambda project: not project.is_mine)

    def assets(self, project: str, search: str, page: int) -> Page[EntityItem]:
        return self._page("/assets/", EntityItem.from_asset, page, project=project, q=search or None)

    def shots(self, project: str, search: str, page: int) -> Page[EntityItem]:
        return self._page("/shots/", EntityItem.from_shot, page, project=project, q=search or None)

    def my_tasks(self, search: str, page: int) -> Page[TaskItem]:
        with self._client() as client:
            make = _tasks(client)
        return self._page("/tasks/", make, page, assignee="me", sort="due,name", q=search or None)

    def tasks(self, project: str, entity: Entity) -> list[TaskItem]:
        with self._client() as client:
            make = _tasks(client)
            rows = client.tasks(project=project, **_entity_filter(entity))
            return [_parsed(make, row) for row in rows]

    def fields(self, project: str, entity: Entity, target_id: str) -> list[tuple[str, str]]:
        """The custom fields of an asset or a shot that are filled: titles, and what is in them."""
        with self._client() as client:
            declared = client.custom_fields(target_type=entity.kind, project=project)
            titles = {field["name"]: _text(field, "title") or str(field["name"]) for field in declared}
            values = client.get(f"/{entity.kind}s/{quote(target_id)}")["fields"]
        return [(titles.get(name, name), text) for name, value in values.items() if (text := as_text(value))]

    def scenes(self, task_id: str) -> list[SceneItem]:
        """The saved scenes of a task, the latest first."""
        with self._client() as client:
            scenes = [_parsed(SceneItem.from_json, row) for row in client.scenes(task_id)]
        return sorted(scenes, key=lambda scene: (scene.version, scene.path), reverse=True)

    def publishes(self, project: str, entity: Entity) -> list[PublishItem]:
        """Everything published for an asset or a shot, by part, the latest first."""
        with self._client() as client:
            rows = client.publishes(project=project, **_entity_filter(entity))
            items = [_parsed(PublishItem.from_json, row) for row in rows]
        return sorted(sorted(items, key=lambda item: item.version, reverse=True), key=lambda item: item.part)

    def thumbnail(self, asset_id: str, name: str, folder: Path) -> Path | None:
        """The newest small picture of an asset, fetched into ``folder``; None where it has none."""
        with self._client() as client:
            rows = client.get("/media/assets", asset_type="thumbnail", asset=name)["items"]
            # Another project may have an asset of this name.
            row = next((row for row in rows if row["asset_id"] == asset_id), None)
            if row is None:
                return None
            target = folder / f"{row['id']}.png"
            return target if target.is_file() else client.download(f"/media/assets/{row['id']}/file", target)

    def _page(self, path: str, make: Callable[[Json], T], page: int, **filters: Any) -> Page[T]:
        with self._client() as client:
            answer = client.get(path, page=page, page_size=PAGE_SIZE, **filters)
        return Page([_parsed(make, row) for row in answer["items"]], int(answer["total"]))

    def _client(self) -> Client:
        return Client(self.api_url, self.token)


def _tasks(client: Client) -> Callable[[Json], TaskItem]:
    """What makes tasks of the API's rows, with the statuses and departments as they are declared now."""
    declared = (_parsed(TaskStatus.from_json, row) for row in client.task_statuses())
    statuses = {status.name: status for status in declared}
    departments = {str(row["name"]): str(row["label"]) for row in client.departments()}
    return lambda row: TaskItem.from_json(row, statuses, departments)


def _entity_filter(entity: Entity) -> dict[str, str]:
    return {entity.kind: str(entity).partition(":")[2]}


def _parsed(make: Callable[[Json], T], data: Any) -> T:
    try:
        return make(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServiceError(
            f"The service's answer lacks something the launcher needs ({type(error).__name__}: {error}).",
            hint="Are the launcher and the service of the same version?",
            code="service.protocol",
        ) from error


def _text(data: Json, key: str) -> str:
    value = data.get(key)
    return str(value) if value is not None else ""


def _moment(value: Any) -> datetime | None:
    """A moment in this machine's time zone."""
    return datetime.fromisoformat(str(value)).astimezone() if value else None


def _day(value: Any) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None
