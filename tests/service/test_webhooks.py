"""Webhooks: a program of the studio is told of what happened, of what it asked for, signed with its own secret."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text

import service
from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import Event, MediaAsset, WebhookDelivery
from service.webhooks import kinds, sending
from shared.errors import AuthError
from tests.service.receiver import Receiver
from tests.service.studio import StudioUnderTest
from tests.service.test_statements import counting
from tests.service.webhooks import deliveries, pass_time, send
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("few_tenants")


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


def test_a_program_is_told_what_happened_to_what_in_which_project_and_by_whom(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    production = studio.production()
    webhook = world.webhook(url=f"{receiver.url}hook?of=raceway")
    studio.artist.patch(f"/tasks/{production.task['id']}", {"status": "in_progress"})
    send(app)
    (message,) = receiver.messages
    (delivery,) = deliveries(studio, webhook)
    assert message.id_if_signed(webhook["secret"]) == delivery["id"]
    assert message.path == "/hook?of=raceway" and message.headers["Content-Type"] == "application/json"
    artist = studio.artist.get("/auth/me").data["user"]
    (event,) = studio.artist.get("/activity", query_string={"kind": "task.changed"}).data["items"]
    told = message.json
    assert told["id"] == event["id"] == delivery["event_id"] and told["payload"] == event["payload"]
    assert told["kind"] == "task.changed" and told["at"]
    assert told["project"] == {"id": production.project["id"], "name": production.project["name"]}
    assert told["actor"] == {"id": artist["id"], "name": "artist"}
    subject = told["object"]
    assert (subject["type"], subject["id"], subject["name"]) == ("task", production.task["id"], "modelling")
    assert subject["url"].endswith(f"/tasks/{production.task['id']}")
    assert told["payload"]["changes"] == {"status": ["todo", "in_progress"]}
    assert (delivery["state"], delivery["status"], delivery["tries"], delivery["error"]) == ("delivered", 200, 1, "")
    send(app)
    assert len(receiver.messages) == 1


def test_it_hears_what_it_asked_for_of_its_project_and_its_tenant_from_then_on(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    ours, theirs = studio.production(), studio.production()
    world.webhook(url=receiver.url, project_id=ours.project["id"], kinds=["publish.created", "asset.*"])
    for production in (ours, theirs):
        studio.publish(production)
        studio.admin.patch(f"/assets/{production.asset['id']}", {"title": "Gear"})
        studio.admin.patch(f"/tasks/{production.task['id']}", {"status": "done"})
        studio.admin.patch(f"/projects/{production.project['id']}", {"title": "Film"})
    other_studio.publish(other_studio.production())
    assert studio.admin.post("/projects/", {"name": ours.project["name"]}).status == 409
    send(app)
    assert receiver.kinds == ["publish.created", "asset.changed"]
    assert {message.json["project"]["id"] for message in receiver.messages} == {ours.project["id"]}


def test_every_kind_of_event_can_be_asked_for_and_no_other(app: Flask, studio: StudioUnderTest, world: World) -> None:
    sources = [ast.parse(path.read_text()) for path in Path(service.__file__).parent.rglob("*.py")]
    calls = [each for source in sources for each in ast.walk(source) if isinstance(each, ast.Call)]
    emitted = [call.args[1] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "emit"]
    named = [each.value for each in emitted if isinstance(each, ast.Constant)]
    assert len(named) >= 5 and set(named) <= set(kinds.known())

    world.cast(), world.order("accept"), world.comment(), world.playlist(), world.custom_field(), world.run()
    world.scene(), world.alias(), world.material(), world.turntable(), world.cad_file()
    studio.admin.post("/auth/login", {"email": studio.email(Role.ARTIST), "password": "wrong"})
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        told = set(session.scalars(select(Event.kind).distinct()))
    assert {"casting.created", "user.failed_login", "workflow_run.started"} <= told <= set(kinds.known())

    refused = studio.admin.post("/webhooks/", {"name": "x", "url": "http://bot.example/", "kinds": ["publish.create"]})
    assert refused.status == 422 and "Did you mean 'publish.created'?" in refused.error["message"]
    assert studio.admin.get("/webhooks/kinds").data["kinds"] == list(kinds.known())


def test_the_project_of_an_event_is_that_of_what_it_is_about(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    shot, _ = world.cast()
    comment, order = world.comment(), world.order()
    publish = studio.admin.get(f"/publishes/{comment['target_id']}").data
    world.webhook(url=receiver.url)
    studio.admin.put(f"/shots/{shot['id']}/casting", {"assets": []}, headers={"If-Match": "*"})
    studio.admin.patch(f"/comments/{comment['id']}", {"text": "Better."})
    studio.admin.post(f"/orders/{order['id']}/accept")
    studio.admin.post("/comments/", {"target_type": "order", "target_id": order["id"], "text": "Which red?"})
    studio.admin.patch("/settings/", {"max_order_size": 7})
    send(app)
    found = {message.json["kind"]: message.json["project"] for message in receiver.messages}
    assert found["casting.deleted"]["name"] == shot["project"]
    assert found["comment.changed"]["name"] == publish["project"]
    assert found["order.changed"]["id"] == found["comment.created"]["id"] == order["project_id"]
    [commented] = [message.json for message in receiver.messages if message.json["kind"] == "comment.created"]
    assert commented["object"]["url"].endswith(f"/orders/{order['id']}#comment-{commented['object']['id']}")
    assert found["tenant.changed"] is None


def test_a_publish_says_which_version_of_which_part_of_what_it_is(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    production = studio.production()
    world.webhook(url=receiver.url, kinds=["publish.*", "part.changed"])
    publish = studio.publish(production, "look", status="review")
    studio.artist.patch(f"/publishes/{publish['id']}", {"status": "approved"})
    studio.admin.post(f"/publishes/{publish['id']}/withdraw")
    send(app)
    created, composed, changed, withdrawn = sorted(receiver.messages, key=lambda message: message.json["at"])
    asset = production.asset["name"]
    place = {"project": production.project["name"], "entity": f"asset:{asset}", "part_name": "look"}
    place["department"] = publish["department"]
    version = {"version": 1, "iteration": 1, "item_usd_path": publish["item_usd_path"], "software": "test"}
    for message, status in ((created, "review"), (changed, "approved")):
        assert message.json["object"]["name"] == f"{asset} look v001_i001"
        payload = message.json["payload"]
        assert payload.items() >= {**place, **version, "status": status, "comment": ""}.items()
    assert created.json["payload"]["refers"]["task_id"] == production.task["id"]
    for message in (composed, withdrawn):
        assert message.json["object"]["name"] == "look" and message.json["payload"].items() >= place.items()
        assert set(message.json["payload"]["changes"]) == {"current_publish_id"}
    (activity,) = studio.artist.get("/activity", query_string={"kind": "publish.created"}).data["items"]
    assert activity["payload"]["name"] == f"{asset} look v001_i001"


def test_what_has_a_page_is_told_with_its_address(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    world.webhook(url=receiver.url)
    shot, comment = world.shot(), world.comment()
    on_task = world.post(
        "/comments/", {"target_type": "task", "target_id": studio.production().task["id"], "text": "Nice."}
    )
    studio.admin.patch(f"/comments/{on_task['id']}", {"text": "Very nice."})
    studio.admin.patch(f"/projects/{world.project()['id']}", {"title": "Film"})
    send(app)
    page_of_publish = f"/publishes/{comment['target_id']}#comment-{comment['id']}"
    page_of_task = f"/tasks/{on_task['target_id']}#comment-{on_task['id']}"
    told = [message.json for message in receiver.messages]
    addresses = {(each["kind"], each["object"]["id"]): each["object"]["url"] for each in told}
    assert addresses["shot.created", shot["id"]].endswith(f"/shots/{shot['id']}")
    assert addresses["comment.created", comment["id"]].endswith(page_of_publish)
    assert addresses["comment.created", on_task["id"]].endswith(page_of_task)
    assert addresses["comment.changed", on_task["id"]].endswith(page_of_task)
    for each in told:
        if each["object"]["type"] in ("project", "sequence", "shot", "comment"):
            path = each["object"]["url"].partition("//")[2].partition("/")[2]
            assert studio.browser().get(f"/{path}").status_code == 200, each["kind"]


def test_what_was_before_is_not_told_although_something_older_was_under_way(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    with app.app_context(), tenant_session(studio.tenant_id) as slow:
        slow.execute(text("SELECT pg_current_xact_id()"))
        world.post("/projects/", {"name": "before"})
        webhook = world.webhook(url=receiver.url)
        world.post("/projects/", {"name": "since"})
        send(app)
        assert receiver.messages == []
    send(app)
    assert [message.json["object"]["name"] for message in receiver.messages] == ["since"]

    with app.app_context(), tenant_session(studio.tenant_id) as slow:
        slow.execute(text("SELECT pg_current_xact_id()"))
        studio.admin.patch(f"/webhooks/{webhook['id']}", {"active": False})
        world.post("/projects/", {"name": "while_off"})
        studio.admin.patch(f"/webhooks/{webhook['id']}", {"active": True})
    world.post("/projects/", {"name": "on_again"})
    send(app)
    assert [message.json["object"]["name"] for message in receiver.messages] == ["since", "on_again"]


def test_pictures_are_told_of_whoever_makes_them(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    asset = world.asset()
    world.webhook(url=receiver.url, kinds=["medium.*"])
    uploaded = world.picture(asset)
    values = {"mime_type": "image/png", "path": "x.png", "size": 1, "sha256": "0" * 64, "asset_id": UUID(asset["id"])}
    with app.app_context(), tenant_session(studio.tenant_id) as session:  # as a worker does
        for kind in ("still", "thumbnail", "frame", "cad_derivative"):
            session.add(MediaAsset(asset_type=kind, name=f"{kind}.png", **values))
    send(app)
    told = [message.json for message in receiver.messages]
    assert [(each["kind"], each["object"]["name"]) for each in told] == [
        ("medium.created", uploaded["name"]),
        ("medium.created", "still.png"),
    ]
    for each in told:
        assert each["project"]["name"] == asset["project"] and each["payload"]["mime_type"] == "image/png"
        path = each["object"]["url"].partition("//")[2].partition("/")[2]
        assert studio.browser().get(f"/{path}").status_code == 200
    assert (told[0]["actor"] is None, told[1]["actor"]) == (False, None)


def test_what_happens_while_it_is_off_is_not_told(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    webhook = world.webhook(url=receiver.url, active=False)
    project = world.project()
    assert studio.admin.post(f"/webhooks/{webhook['id']}/ping").error["code"] == "conflict.webhook_off"
    studio.admin.patch(f"/webhooks/{webhook['id']}", {"active": True})
    studio.admin.patch(f"/projects/{project['id']}", {"title": "x"})
    # Was collected, but not sent yet, when it is switched off.
    send(app, most=0)
    studio.admin.patch(f"/webhooks/{webhook['id']}", {"active": False})
    studio.admin.patch(f"/projects/{project['id']}", {"title": "y"})
    send(app)
    assert receiver.messages == []
    studio.admin.patch(f"/webhooks/{webhook['id']}", {"active": True})
    studio.admin.patch(f"/projects/{project['id']}", {"title": "z"})
    send(app)
    assert [message.json["payload"]["changes"]["title"][1] for message in receiver.messages] == ["x", "z"]
    studio.admin.post(f"/webhooks/{webhook['id']}/archive")
    restored = studio.admin.post(f"/webhooks/{webhook['id']}/restore").data
    assert restored["active"] is False


def test_no_statement_more_is_made_where_something_is_told(app: Flask, studio: StudioUnderTest, world: World) -> None:
    production = studio.production()

    def cost(status: str) -> int:
        with counting(app) as statements:
            assert studio.artist.patch(f"/tasks/{production.task['id']}", {"status": status}).status == 200
        return len(statements)

    cost("retake")
    without = cost("review")
    world.webhook()
    assert cost("done") == without


def test_the_secret_is_shown_once_and_stored_nowhere(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = world.webhook(url=receiver.url)
    old = webhook["secret"]
    world.project()
    send(app)
    new = studio.admin.post(f"/webhooks/{webhook['id']}/rotate-secret").data["secret"]
    world.project()
    send(app)
    before, after = receiver.messages
    assert before.id_if_signed(old) and after.id_if_signed(new) and old != new
    with pytest.raises(AuthError):
        after.id_if_signed(old)
    studio.admin.post(f"/webhooks/{webhook['id']}/ping")
    answers = [
        studio.admin.get(path, query_string={"page_size": 500}).body
        for path in ("/webhooks/", "/audit/", "/activity", f"/webhooks/{webhook['id']}/deliveries")
    ]
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        rows = [dict(row) for table in ("webhooks", "events", "audit_records", "webhook_deliveries")
                for row in session.execute(text(f"SELECT * FROM {table}")).mappings()]  # fmt: skip
    for secret in (old, new):
        assert secret.removeprefix("whsec_") not in f"{answers} {rows} {caplog.text}"
    rotated = studio.admin.get(f"/audit/?row_id={webhook['id']}&action=change").data["items"]
    assert [each["after"] for each in rotated] == [{"secret": "(hidden)"}]
    assert studio.api(Role.PROJECT_MANAGER).get("/webhooks/").status == 403


def test_two_that_change_a_webhook_at_once_do_not_overrule_each_other(studio: StudioUnderTest, world: World) -> None:
    path = f"/webhooks/{world.webhook()['id']}"
    tag = studio.admin.get(path).headers["ETag"]
    assert studio.admin.patch(path, {"kinds": ["task.*"]}, headers={"If-Match": tag}).status == 200
    stale = studio.admin.post(f"{path}/rotate-secret", headers={"If-Match": tag})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")


def test_a_ping_is_sent_like_an_event(app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver) -> None:
    webhook = world.webhook(url=receiver.url, kinds=["task.*"])
    made = studio.admin.post(f"/webhooks/{webhook['id']}/ping").data
    send(app)
    (message,) = receiver.messages
    assert message.id_if_signed(webhook["secret"]) == made["id"]
    assert message.body.decode() == made["body"] and message.json["kind"] == "webhook.ping"
    whole = studio.admin.get(f"/webhooks/{webhook['id']}/deliveries/{made['id']}").data
    assert (whole["state"], whole["body"]) == ("delivered", made["body"])


def test_deliveries_are_forgotten_after_a_month(app: Flask, studio: StudioUnderTest, world: World) -> None:
    webhook = world.webhook()
    studio.admin.post(f"/webhooks/{webhook['id']}/ping")
    for days, left in ((29, 1), (2, 0)):
        pass_time(studio, timedelta(days=days))
        with app.app_context(), tenant_session(studio.tenant_id) as session:
            sending.forget_old(session)
            assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == left


def test_ids_are_uuids_of_deliveries_only_of_their_own_webhook(studio: StudioUnderTest, world: World) -> None:
    one, other = world.delivery(), world.delivery()
    assert UUID(one["id"]) != UUID(other["id"])
    path = f"/webhooks/{one['webhook_id']}/deliveries/{other['id']}"
    assert studio.admin.get(path).status == studio.admin.post(f"{path}/send-again").status == 404
