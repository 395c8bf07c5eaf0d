"""Workflows and their runs."""

from __future__ import annotations

from tests.service.recipes.registry import RECIPES, TITLE, Call, Recipe, recipe, row_recipes
from tests.service.world import COPY, World, unique

row_recipes("/workflows/", "workflow_id", World.workflow, TITLE)
row_recipes("/workflows/runs/", "run_id", World.run, None)


@recipe("POST /workflows/")
def _(world: World) -> Call:
    return Call("/workflows/", {"name": unique(), "graph": COPY}, alone=True)


@recipe("POST /workflows/check")
def _(world: World) -> Call:
    return Call("/workflows/check", COPY, alone=True)


@recipe("GET /workflows/<uuid:workflow_id>/versions")
def _(world: World) -> Call:
    return Call(f"/workflows/{world.workflow()['id']}/versions")


@recipe("POST /workflows/runs")
def _(world: World) -> Call:
    return Call("/workflows/runs", {"workflow_id": world.workflow()["id"], "inputs": {"pictures": "gear.png"}})


def _run(path: str, *, cancelled: bool = False) -> Recipe:
    def made(world: World) -> Call:
        run = world.run()
        if cancelled:
            world.post(f"/workflows/runs/{run['id']}/cancel")
        return Call(f"/workflows/runs/{run['id']}{path}", {})

    return made


_RUN = "POST /workflows/runs/<uuid:run_id>"
RECIPES[f"{_RUN}/cancel"] = _run("/cancel")
RECIPES[f"{_RUN}/retry"] = _run("/retry", cancelled=True)
RECIPES[f"{_RUN}/nodes/<node>/cancel"] = _run("/nodes/copy/cancel")
RECIPES[f"{_RUN}/nodes/<node>/retry"] = _run("/nodes/copy/retry", cancelled=True)
