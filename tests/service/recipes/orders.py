"""Orders of clients."""

from __future__ import annotations

from tests.service.recipes.registry import ANY, RECIPES, Call, Recipe, recipe, row_recipes
from tests.service.studio import Json
from tests.service.world import World

row_recipes("/orders/", "order_id", World.order, {"note": "in red"})


@recipe("POST /orders/")
def _(world: World) -> Call:
    asset = world.order()["items"][0]["asset_id"]
    project = world.admin.get(f"/assets/{asset}").data["project_id"]
    return Call("/orders/", {"title": "Gear", "project_id": project, "items": [{"asset_id": asset}]})


def _order(step: str, *before: str, body: Json | None = None) -> Recipe:
    return lambda world: Call(f"/orders/{world.order(*before)['id']}/{step}", body or {})


RECIPES["POST /orders/<uuid:order_id>/accept"] = _order("accept")
RECIPES["POST /orders/<uuid:order_id>/reject"] = _order("reject", body={"reason": "too dark"})
RECIPES["POST /orders/<uuid:order_id>/resubmit"] = _order("resubmit", "reject")
RECIPES["POST /orders/<uuid:order_id>/cancel"] = _order("cancel")


@recipe("POST /orders/<uuid:order_id>/start")
def _(world: World) -> Call:
    return Call(f"/orders/{world.order('accept', published=True)['id']}/start", {})


@recipe("POST /orders/<uuid:order_id>/deliver")
def _(world: World) -> Call:
    return Call(f"/orders/{world.order_with_medium()['id']}/deliver", {})


@recipe("POST /orders/<uuid:order_id>/approve")
def _(world: World) -> Call:
    return Call(f"/orders/{world.delivered_order(own=True)['id']}/approve", {"delivery": 1})


@recipe("POST /orders/<uuid:order_id>/request-changes")
def _(world: World) -> Call:
    body = {"delivery": 1, "text": "Brighter, please."}
    return Call(f"/orders/{world.delivered_order()['id']}/request-changes", body)


@recipe("PUT /orders/<uuid:order_id>/items/<uuid:item_id>/media")
def _(world: World) -> Call:
    order = world.order("accept")
    path = f"/orders/{order['id']}/items/{order['items'][0]['id']}/media"
    return Call(path, {"media_ids": [world.medium()["id"]]}, ANY)


@recipe("GET /orders/<uuid:order_id>/zip")
def _(world: World) -> Call:
    return Call(f"/orders/{world.order_with_medium()['id']}/zip")
