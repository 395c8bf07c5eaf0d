"""Webhooks: a program of the studio is told of what happened, signed, at least once, whatever dies meanwhile."""

from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text, update

import service
from service import schema
from service.accounts.permissions import Role
from service.activity import notifications
from service.config import Config, driver_url
from service.database import tenant_session
from service.models import Event, MediaAsset, Webhook, WebhookDelivery
from service.tasks import webhooks as sender
from service.webhooks import kinds, post, sending
from shared.client import Client
from shared.errors import AuthError
from tests.service.farm import Farm, farm, until
from tests.service.receiver import Message, Receiver, receiving
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_statements import counting
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("few_tenants")
NEVER = threading.Event()
CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Of these tests: for localhost, signed by itself; with its key."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


def send(app: Flask, most: int = 100, start: Callable[[Callable[[], None]], None] = lambda work: work()) -> None:
    """What a worker does when it looks."""
    with app.app_context():
        sender.look(app, start, NEVER, most=most)


def pass_time(studio: StudioUnderTest, by: timedelta) -> None:
    """What passing time does to deliveries that wait, and to webhooks that rest or fail."""
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        earlier = {"next_at": WebhookDelivery.next_at - by, "created_at": WebhookDelivery.created_at - by}
        session.execute(update(WebhookDelivery).values(earlier).execution_options(synchronize_session=False))
        rested = {"busy_until": Webhook.busy_until - by, "failing_since": Webhook.failing_since - by}
        session.execute(update(Webhook).values(rested).execution_options(synchronize_session=False))


def deliveries(studio: StudioUnderTest, webhook: Json, **query: str) -> list[Json]:
    path = f"/webhooks/{webhook['id']}/deliveries"
    items: list[Json] = studio.admin.get(path, query_string=query).data["items"]
    return items


def shown(studio: StudioUnderTest, webhook: Json) -> Json:
    found: Json = studio.admin.get(f"/webhooks/{webhook['id']}").data
    return found


# -- what is told


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
    comment, order = world.comment(), world.order("accept")
    publish = studio.admin.get(f"/publishes/{comment['target_id']}").data
    world.webhook(url=receiver.url)
    studio.admin.put(f"/shots/{shot['id']}/casting", {"assets": []}, headers={"If-Match": "*"})
    studio.admin.patch(f"/comments/{comment['id']}", {"text": "Better."})
    studio.admin.post(f"/orders/{order['id']}/start")
    studio.admin.patch("/settings/", {"max_order_size": 7})
    send(app)
    found = {message.json["kind"]: message.json["project"] for message in receiver.messages}
    assert found["casting.deleted"]["name"] == shot["project"]
    assert found["comment.changed"]["name"] == publish["project"]
    assert found["order.changed"]["id"] == order["project_id"]
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


# -- receivers that fail


def test_what_is_refused_is_sent_again_under_the_same_id_and_waits_longer_each_time(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    receiver.answer = lambda message: 500
    webhook = world.webhook(url=receiver.url)
    world.project()
    for tries, wait in enumerate(sending.WAITS, 1):
        send(app)
        assert len(receiver.messages) == tries
        send(app)
        assert len(receiver.messages) == tries, "it is not time yet"
        (delivery,) = deliveries(studio, webhook)
        assert (delivery["state"], delivery["tries"], delivery["status"]) == ("waiting", tries, 500)
        assert delivery["error"] == "answered 500 Internal Server Error"
        pass_time(studio, wait + timedelta(seconds=1))
    assert sum(sending.WAITS, timedelta()) < timedelta(days=1)
    assert shown(studio, webhook)["failing_since"]
    receiver.answer = lambda message: 204
    send(app)
    (delivery,) = deliveries(studio, webhook)
    assert (delivery["state"], delivery["tries"], delivery["status"]) == ("delivered", 8, 204)
    assert {message.id_if_signed(webhook["secret"]) for message in receiver.messages} == {delivery["id"]}
    assert len({message.body for message in receiver.messages}) == 1
    assert shown(studio, webhook)["failing_since"] is None


def test_a_delivery_that_always_fails_is_given_up_and_can_be_sent_again(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    receiver.answer = lambda message: 503
    webhook = world.webhook(url=receiver.url)
    world.project()
    for wait in (*sending.WAITS, timedelta(days=1)):
        send(app)
        pass_time(studio, wait)
    send(app)
    (failed,) = deliveries(studio, webhook, state="failed")
    assert failed["tries"] == len(receiver.messages) == 8 and shown(studio, webhook)["active"]
    receiver.answer = lambda message: 200
    again = studio.admin.post(f"/webhooks/{webhook['id']}/deliveries/{failed['id']}/send-again").data
    assert again["state"] == "waiting" and again["id"] == failed["id"]
    send(app)
    assert deliveries(studio, webhook)[0]["state"] == "delivered"


def test_later_events_go_on_while_one_waits(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    receiver.answer = lambda message: 500 if message.json["object"]["name"] == "bad" else 200
    webhook = world.webhook(url=receiver.url)
    for name in ("bad", "good", "better"):
        world.post("/projects/", {"name": name})
    send(app)
    pass_time(studio, timedelta(seconds=6))
    send(app)
    assert [message.json["object"]["name"] for message in receiver.messages] == ["bad", "good", "better"]
    assert [each["state"] for each in deliveries(studio, webhook)] == ["delivered", "delivered", "waiting"]


def test_a_receiver_that_is_gone_is_switched_off_and_administrators_are_told(
    app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    receiver.answer = lambda message: 410
    webhook = world.webhook(url=receiver.url, name="bot")
    world.project()
    world.project()
    send(app)
    send(app)
    assert len(receiver.messages) == 1
    now = shown(studio, webhook)
    assert now["active"] is False and "410" in now["off_reason"] and now["revision"] == webhook["revision"] + 1
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        while notifications.tell_of_events(session):
            pass
    (told,) = studio.admin.get("/notifications/", query_string={"kind": "webhook.switched_off"}).data["items"]
    assert "The webhook bot was switched off" in told["title"] and told["link"] == f"/webhooks/{webhook['id']}"
    assert studio.artist.get("/notifications/?kind=webhook.switched_off").data["items"] == []
    assert studio.admin.get(f"/audit/?row_id={webhook['id']}&action=change").data["items"][0]["actor_id"] is None
    again = studio.admin.patch(f"/webhooks/{webhook['id']}", {"active": True}).data
    assert again["off_reason"] == "" and again["failing_since"] is None


def test_one_that_fails_for_days_is_switched_off(app: Flask, studio: StudioUnderTest, world: World) -> None:
    webhook = world.webhook()  # nobody listens there
    world.project()
    send(app)
    (delivery,) = deliveries(studio, webhook)
    assert "refused" in delivery["error"] and delivery["status"] is None
    pass_time(studio, timedelta(days=2, hours=23))
    send(app)
    assert shown(studio, webhook)["active"]
    pass_time(studio, timedelta(hours=2))
    send(app)
    assert not shown(studio, webhook)["active"] and "for 3 days" in shown(studio, webhook)["off_reason"]


def test_redirects_are_not_followed(app: Flask, studio: StudioUnderTest, world: World, receiver: Receiver) -> None:
    receiver.answer = lambda message: 307
    webhook = world.webhook(url=receiver.url)
    world.project()
    send(app)
    assert [message.path for message in receiver.messages] == ["/"]
    assert "redirects are not followed" in deliveries(studio, webhook)[0]["error"]


def test_a_receiver_behind_https_must_prove_who_it_is(
    app: Flask, studio: StudioUnderTest, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(certificate=CERTIFICATE) as receiver:
        unnamed = world.webhook(url=receiver.url.replace("localhost", "127.0.0.1"), kinds=["shot.*"])
        webhook = world.webhook(url=receiver.url)
        world.project()
        send(app)
        assert "its certificate is not trusted" in deliveries(studio, webhook)[0]["error"] and not receiver.messages
        # What an administrator sets on the workers' machines for a studio's own authority.
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        pass_time(studio, timedelta(seconds=11))
        world.shot()
        send(app)
        pass_time(studio, timedelta(seconds=6))
        send(app)
    assert deliveries(studio, webhook)[0]["state"] == "delivered"
    assert {message.id_if_signed(webhook["secret"]) for message in receiver.messages} == {
        each["id"] for each in deliveries(studio, webhook)
    }
    assert "its certificate is not trusted" in deliveries(studio, unnamed)[0]["error"], "made out to another name"


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.0.1]", "[fd00:ec2::254]"])
def test_the_metadata_of_a_cloud_cannot_be_reached(studio: StudioUnderTest, host: str) -> None:
    answer = studio.admin.post("/webhooks/", {"name": "x", "url": f"http://{host}/latest/meta-data"})
    assert answer.status == 422 and "link-local" in answer.error["fields"]["url"]


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http://", "http://a b/", "http://u:p@a/", "http://a:0/", "http://a:70000/", "http://a/#x", ""]
)
def test_what_is_no_address_is_refused(studio: StudioUnderTest, url: str) -> None:
    answer = studio.admin.post("/webhooks/", {"name": "x", "url": url})
    assert answer.status == 422 and "url" in answer.error["fields"]


def test_a_name_that_leads_to_a_link_local_address_is_not_sent_to(
    app: Flask, studio: StudioUnderTest, world: World
) -> None:
    webhook = world.webhook(url="http://2852039166/")  # a way to write 169.254.169.254 that is looked up like a name
    world.project()
    send(app)
    assert "link-local" in deliveries(studio, webhook)[0]["error"]


def test_an_answer_that_trickles_or_is_no_http_ends_the_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.4)
    stop = threading.Event()

    def serve(listener: socket.socket, begin: bytes) -> None:
        line, _ = listener.accept()
        with line:
            line.sendall(begin)
            try:
                while not stop.wait(0.02):
                    line.sendall(b"x")
            except OSError:
                pass

    for begin, error in ((b"HTTP/1.1 200 OK\r\nX-Slow: ", "within"), (b"hello\r\n\r\n", "not HTTP")):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve, args=(listener, begin))
            thread.start()
            outcome = post.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"{}", {})
            stop.set()
            thread.join()
            stop.clear()
        assert error in outcome.error and outcome.status is None and outcome.seconds < 2


def test_one_slow_receiver_holds_up_no_other(app: Flask, studio: StudioUnderTest, world: World) -> None:
    others = threading.Event()

    def wait_for_the_other(message: Message) -> int:
        return 200 if others.wait(8) else 500

    def let_go_on(message: Message) -> int:
        others.set()
        return 200

    rounds: list[threading.Thread] = []

    def start(work: Callable[[], None]) -> None:
        rounds.append(threading.Thread(target=work))
        rounds[-1].start()

    with receiving(wait_for_the_other) as slow, receiving(let_go_on) as quick:
        made = [world.webhook(url=each.url) for each in (slow, quick)]
        world.project()
        send(app, start=start)
        for thread in rounds:
            thread.join()
    assert [each["status"] for webhook in made for each in deliveries(studio, webhook)] == [200, 200]


# -- secrets


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


# -- worker processes


@pytest.fixture(scope="module")
def studio_with_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with farm(tmp_path_factory.mktemp("webhooks")) as made:
        yield made


def start_worker(made: Farm, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.commands.worker", *options]
    variables = {**os.environ, **made.stack.config.to_environment()}
    made.started.append(subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL))
    return made.started[-1]


def test_what_a_killed_worker_was_sending_is_sent_by_another(studio_with_workers: Farm) -> None:
    made, client = studio_with_workers, studio_with_workers.client
    killed, held = threading.Event(), threading.Event()

    def hold_the_first(message: Message) -> int:
        if not held.is_set():
            held.set()
            killed.wait(30)
        return 200

    with receiving(hold_the_first) as receiver:
        webhook = client.post("/webhooks/", {"name": "bot", "url": receiver.url, "kinds": ["project.*"]})
        worker = start_worker(made, "--queues", "default")
        project = client.post("/projects/", {"name": "killed"})
        assert held.wait(30)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        killed.set()
        client.patch(f"/projects/{project['id']}", {"title": "Later"})
        with create_engine(driver_url(made.stack.config.database_owner_url)).begin() as connection:
            # What passing time does: the dead worker's claim runs out.
            connection.execute(text("SELECT set_config('app.current_tenant', id::text, true) FROM tenants"))
            ended = connection.execute(text("UPDATE webhooks SET busy_until = now() WHERE busy_until > now()"))
            assert ended.rowcount == 1
        start_worker(made, "--queues", "default")
        path = f"/webhooks/{webhook['id']}/deliveries"
        until(lambda: [each["state"] for each in client.pages(path)] == ["delivered"] * 2)
        made.stop_workers()
    ids = [message.id_if_signed(webhook["secret"]) for message in receiver.messages]
    assert receiver.kinds == ["project.created", "project.created", "project.changed"]
    assert ids[0] == ids[1] != ids[2], "sent twice, under one id"


def test_two_workers_send_each_event_once_and_in_order(studio_with_workers: Farm) -> None:
    made, client = studio_with_workers, studio_with_workers.client
    with receiving() as receiver:
        webhook = client.post("/webhooks/", {"name": "counter", "url": receiver.url, "kinds": ["project.changed"]})
        project = client.post("/projects/", {"name": "counted"})
        workers = [start_worker(made, "--queues", "default") for _ in range(2)]
        with Client(made.stack.api_url, made.stack.admin_token) as other:
            for number in range(40):
                (client, other)[number % 2].patch(f"/projects/{project['id']}", {"title": str(number)})
        until(lambda: len(receiver.messages) >= 40)
        path = f"/webhooks/{webhook['id']}/deliveries"
        until(lambda: all(each["state"] == "delivered" for each in client.pages(path)))
        assert all(worker.poll() is None for worker in workers)
        made.stop_workers()
    titles = [message.json["payload"]["changes"]["title"][1] for message in receiver.messages]
    assert titles == [str(number) for number in range(40)]


def test_ids_are_uuids_of_deliveries_only_of_their_own_webhook(studio: StudioUnderTest, world: World) -> None:
    one, other = world.delivery(), world.delivery()
    assert UUID(one["id"]) != UUID(other["id"])
    path = f"/webhooks/{one['webhook_id']}/deliveries/{other['id']}"
    assert studio.admin.get(path).status == studio.admin.post(f"{path}/send-again").status == 404


@pytest.fixture
def no_others(config: Config, app: Flask) -> None:
    """No webhooks of tests before: each that waits costs statements."""
    schema.reset(config)


def test_webhooks_that_wait_cost_no_more_than_one(
    app: Flask, no_others: None, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    def cost() -> int:
        send(app)
        with counting(app) as statements:
            send(app)
        return len(statements)

    world.webhook(url=receiver.url)
    one = cost()
    for _ in range(5):
        world.webhook(url=receiver.url)
    assert cost() == one <= 5


def test_a_delivery_costs_few_statements_and_keeps_its_order(
    app: Flask, no_others: None, studio: StudioUnderTest, world: World, receiver: Receiver
) -> None:
    world.webhook(url=receiver.url, kinds=["asset.changed"])
    asset = studio.production().asset
    for number in range(12):
        studio.admin.patch(f"/assets/{asset['id']}", {"title": f"Gear {number}"})
    with counting(app) as statements:
        send(app)
    titles = [message.json["payload"]["changes"]["title"][1] for message in receiver.messages]
    assert titles == [f"Gear {number}" for number in range(12)]
    assert len(statements) <= 12 * 4 + 35
