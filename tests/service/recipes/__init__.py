"""A call that succeeds, for every route there is: what tests of access, isolation and the audit log repeat for all.

A new route needs a recipe here. Each makes rows of its own, so that recipes can be called in any order.
"""

from __future__ import annotations

from service.api.routing import Endpoint

# Each adds its recipes.
from tests.service.recipes import (  # noqa: F401
    accounts,
    cad,
    jobs,
    orders,
    playlists,
    production,
    publishes,
    webhooks,
    workflows,
)
from tests.service.recipes.registry import RECIPES, Call
from tests.service.world import World

__all__ = ["RECIPES", "Call", "call_of", "name_of"]


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def call_of(endpoint: Endpoint, world: World) -> Call:
    """A call of that route that succeeds in the world's tenant."""
    recipe = RECIPES.get(name_of(endpoint).replace("/api", "", 1))
    assert recipe, f"{name_of(endpoint)} has no recipe: add one to tests/service/recipes"
    return recipe(world)
