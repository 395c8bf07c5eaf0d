"""Publishes: made, composed, withdrawn, pinned."""

from __future__ import annotations

from tests.service.recipes.registry import Call, recipe, row_recipes
from tests.service.world import World

row_recipes("/publishes/", "publish_id", World.replaced_publish, {"status": "approved"})


@recipe("POST /publishes/reserve")
def _(world: World) -> Call:
    return Call("/publishes/reserve", world.production().reserve_body())


@recipe("POST /publishes/")
def _(world: World) -> Call:
    production = world.production()
    reserved = world.post("/publishes/reserve", production.reserve_body())
    item = world.studio.write(reserved["item_usd_path"])
    return Call("/publishes/", production.publish_body(item, reservation_id=reserved["reservation_id"]))


@recipe("POST /publishes/<uuid:publish_id>/compose")
def _(world: World) -> Call:
    production = world.production()
    first = world.studio.publish(production)
    world.studio.publish(production)
    return Call(f"/publishes/{first['id']}/compose", {})


@recipe("POST /publishes/<uuid:publish_id>/withdraw")
def _(world: World) -> Call:
    return Call(f"/publishes/{world.publish()['id']}/withdraw", {})


@recipe("GET /publishes/pinned-entry")
def _(world: World) -> Call:
    publish = world.publish()
    query = {"project": publish["project"], "asset": publish["entity"].partition(":")[2]}
    return Call("/publishes/pinned-entry", options={"query_string": query})


@recipe("GET /publishes/<uuid:publish_id>/pinned-entry")
def _(world: World) -> Call:
    return Call(f"/publishes/{world.publish()['id']}/pinned-entry")


@recipe("POST /publishes/outdated")
def _(world: World) -> Call:
    return Call("/publishes/outdated", {"item_usd_paths": [world.publish()["item_usd_path"]]}, alone=True)
