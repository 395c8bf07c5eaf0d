"""Jobs, and the workers and queues, which every tenant shares."""

from __future__ import annotations

from collections.abc import Callable

from tests.service.recipes.registry import RECIPES, Call, Recipe, recipe, row_recipes
from tests.service.studio import Json
from tests.service.world import World

row_recipes("/jobs/", "job_id", World.job, None)


@recipe("POST /jobs/")
def _(world: World) -> Call:
    return Call("/jobs/", {"kind": "still", "publish_id": world.publish()["id"]})


@recipe("GET /jobs/<uuid:job_id>/log")
def _(world: World) -> Call:
    return Call(f"/jobs/{world.job()['id']}/log")


@recipe("POST /jobs/<uuid:job_id>/cancel")
def _(world: World) -> Call:
    return Call(f"/jobs/{world.job()['id']}/cancel", {})


@recipe("POST /jobs/<uuid:job_id>/retry")
def _(world: World) -> Call:
    job = world.job()
    world.post(f"/jobs/{job['id']}/cancel")
    return Call(f"/jobs/{job['id']}/retry", {})


def _of_job(path: str, body: Json | None = None, make: Callable[[World], Json] = World.job) -> Recipe:
    return lambda world: Call(f"/jobs/{make(world)['id']}/{path}", body)


_JOB = "/jobs/<uuid:job_id>"
RECIPES[f"PATCH {_JOB}"] = lambda world: Call(f"/jobs/{world.job()['id']}", {"priority": 90})
for _change in ("pause", "skip"):
    RECIPES[f"POST {_JOB}/{_change}"] = _of_job(_change, {})
RECIPES[f"POST {_JOB}/resume"] = _of_job(
    "resume", {}, make=lambda world: world.post(f"/jobs/{world.job()['id']}/pause")
)
for _part in ("tasks", "frames", "dependencies"):
    RECIPES[f"GET {_JOB}/{_part}"] = _of_job(_part, make=World.turntable)
RECIPES[f"GET {_JOB}/frames/<int:frame>/file"] = _of_job("frames/1/file", make=World.frame)


@recipe("GET /jobs/<uuid:job_id>/events")
def _(world: World) -> Call:
    return Call(f"/jobs/{world.job()['id']}/events")


# -- workers and queues

RECIPES["GET /workers/<uuid:worker_id>"] = lambda world: Call(f"/workers/{world.worker()['id']}", alone=True)
RECIPES["PATCH /workers/<uuid:worker_id>"] = lambda world: Call(
    f"/workers/{world.worker()['id']}", {"wanted": "rest"}, alone=True
)


def _queue(change: str, before: str) -> Recipe:
    def made(world: World) -> Call:
        world.post(f"/queues/render/{before}")
        return Call(f"/queues/render/{change}", {}, alone=True)

    return made


RECIPES["POST /queues/<name>/pause"] = _queue("pause", before="resume")
RECIPES["POST /queues/<name>/resume"] = _queue("resume", before="pause")
