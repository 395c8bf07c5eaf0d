"""Webhooks."""

from __future__ import annotations

from tests.service.recipes.registry import Call, recipe, row_recipes
from tests.service.world import World, unique

row_recipes("/webhooks/", "webhook_id", World.webhook, {"name": "better"})


@recipe("POST /webhooks/")
def _(world: World) -> Call:
    body = {"name": unique(), "url": "http://127.0.0.1:9/", "project_id": world.project()["id"], "active": False}
    return Call("/webhooks/", body)


@recipe("POST /webhooks/<uuid:webhook_id>/rotate-secret")
def _(world: World) -> Call:
    return Call(f"/webhooks/{world.webhook()['id']}/rotate-secret", {})


@recipe("POST /webhooks/<uuid:webhook_id>/ping")
def _(world: World) -> Call:
    return Call(f"/webhooks/{world.webhook()['id']}/ping", {})


@recipe("GET /webhooks/<uuid:webhook_id>/deliveries")
def _(world: World) -> Call:
    return Call(f"/webhooks/{world.delivery()['webhook_id']}/deliveries")


@recipe("GET /webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>")
def _(world: World) -> Call:
    delivery = world.delivery()
    return Call(f"/webhooks/{delivery['webhook_id']}/deliveries/{delivery['id']}")


@recipe("POST /webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/send-again")
def _(world: World) -> Call:
    delivery = world.delivery()
    return Call(f"/webhooks/{delivery['webhook_id']}/deliveries/{delivery['id']}/send-again", {})
