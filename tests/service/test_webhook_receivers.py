"""Receivers of webhooks that fail, stall or lie: what they missed is sent again, and nobody else waits for them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from service import schema
from service.activity import notifications
from service.config import Config
from service.database import tenant_session
from service.webhooks import post, sending
from tests.service.receiver import Message, Receiver, receiving
from tests.service.studio import StudioUnderTest
from tests.service.test_statements import counting
from tests.service.webhooks import deliveries, pass_time, send, shown
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("few_tenants")
CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Of these tests: for localhost, signed by itself; with its key."""


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


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
