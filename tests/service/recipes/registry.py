"""Recipes by their routes, and what adds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from service.api import ENDPOINTS
from tests.service.studio import Json
from tests.service.world import World

ANY = {"headers": {"If-Match": "*"}}
"""Options of a call that changes whatever version there is."""
TITLE = {"title": "Another"}


@dataclass
class Call:
    """A request; ``path`` is below ``/api``. ``alone`` tells that it names no row of the tenant."""

    path: str
    body: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    alone: bool = False
    refuses: bool = False
    """Whether there is nothing to read or change yet, so that it is refused, with 404 or 409."""

    def send(self, app: Flask, method: str, token: str) -> TestResponse:
        """The answer; of one that never ends only its status is waited for."""
        options = dict(self.options)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        client = app.test_client()
        return client.open("/api" + self.path, method=method, json=self.body, headers=headers, **options)


Recipe = Callable[[World], Call]


def _alone(path: str) -> Recipe:
    return lambda world: Call(path, alone=True)


_LISTS = [each.path.removeprefix("/api") for each in ENDPOINTS if each.method == "GET" and "<" not in each.path]
RECIPES: dict[str, Recipe] = {f"GET {path}": _alone(path) for path in _LISTS}
"""By method and path, such as ``GET /jobs/``. Lists, and what else names no row, need no recipe written for them."""


def recipe(*routes: str) -> Callable[[Recipe], Recipe]:
    def add(made: Recipe) -> Recipe:
        for route in routes:
            RECIPES[route] = made
        return made

    return add


def row_recipes(prefix: str, argument: str, make: Callable[[World], Json], changes: Json | None) -> None:
    """Add recipes to read a row below ``prefix``, to change, archive and restore it; ``changes`` is None where that
    cannot be.
    """

    def of(world: World) -> Call:
        return Call(f"{prefix}{make(world)['id']}")

    def change(world: World) -> Call:
        return Call(f"{prefix}{make(world)['id']}", changes)

    def archive(world: World) -> Call:
        return Call(f"{prefix}{make(world)['id']}/archive", {})

    def restore(world: World) -> Call:
        row = make(world)
        world.post(f"{prefix}{row['id']}/archive")
        return Call(f"{prefix}{row['id']}/restore", {})

    RECIPES[f"GET {prefix}<uuid:{argument}>"] = of
    if changes is not None:
        RECIPES[f"PATCH {prefix}<uuid:{argument}>"] = change
        RECIPES[f"POST {prefix}<uuid:row_id>/archive"] = archive
        RECIPES[f"POST {prefix}<uuid:row_id>/restore"] = restore
