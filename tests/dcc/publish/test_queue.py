"""Publishing while the service is away: nothing is lost, nothing is sent twice, and order is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pxr import Sdf

from dcc.publish.data import CadModel, InvalidPublishError, Published, Request, UsdFile
from dcc.publish.pipeline import publish, send
from dcc.publish.queued import Drained, drain
from shared.client import Client
from shared.context import Context
from shared.errors import ServiceError, StorageError
from shared.publish_queue import PublishQueue
from tests.dcc.publish.conftest import Run
from tests.dcc.publish.test_pipeline import files_of, part_name, write_layer

NOWHERE = "http://127.0.0.1:9/api"


@pytest.fixture
def offline(context: Context) -> Context:
    return replace(context, api_url=NOWHERE)


def publish_offline(offline: Context, queue: PublishQueue, request: Request) -> Published:
    with Client.from_context(offline) as client:
        return publish(client, offline, request, queue=queue)


def request_of(context: Context, part: str, comment: str = "") -> Request:
    return Request(part, UsdFile(write_layer(context, "work.usda")), "look", comment=comment)


def comments_of(client: Client, part: str) -> list[str]:
    """Comments of a part's publishes, by version."""
    rows = client.publishes(project="film", asset="ball_bearing", part=part, sort="version")
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["metadata"].get("comment", "") for row in rows]


def test_what_waits_is_sent_in_its_order_with_the_next_publish(
    client: Client, context: Context, offline: Context, queue: PublishQueue
) -> None:
    part = part_name()
    for comment in ("first", "second"):
        done = publish_offline(offline, queue, request_of(context, part, comment))
        assert done.queued and done.publish == {}
    assert files_of(context, part) == [] and len(queue.entries()) == 2
    done = publish(client, context, request_of(context, part, "third"), queue=queue)
    assert done.publish["version"] == 3
    assert comments_of(client, part) == ["first", "second", "third"]
    assert queue.entries() == []
    assert files_of(context, part) == [f"{part}_v00{version}_i001.usd" for version in (1, 2, 3)]


def test_a_layer_keeps_what_it_was_and_what_it_refers_to(
    client: Client, context: Context, offline: Context, queue: PublishQueue
) -> None:
    below = write_layer(context, "below.usda")
    above = write_layer(context, "above.usda", more=f"subLayers = [@../{below.parent.name}/below.usda@]")
    publish_offline(offline, queue, Request(part_name(), UsdFile(above), "look"))
    above.write_text("changed since")
    (published,) = drain(client, context, queue, send).sent
    item = Sdf.Layer.FindOrOpen(str(context.root / published["item_usd_path"]))
    assert Path(item.ComputeAbsolutePath(item.subLayerPaths[0])) == below
    assert published["validation"]["findings"] == []


def test_a_file_is_checked_before_it_waits(context: Context, offline: Context, queue: PublishQueue) -> None:
    bad = write_layer(context, "bad.usda", "elsewhere")
    with pytest.raises(InvalidPublishError):
        publish_offline(offline, queue, Request(part_name(), UsdFile(bad), "look"))
    assert queue.entries() == []
    with pytest.raises(ServiceError), Client.from_context(offline) as nobody:
        publish(nobody, offline, request_of(context, part_name()))


def test_a_publish_of_cad_is_made_when_the_service_is_back(
    client: Client, context: Context, offline: Context, queue: PublishQueue
) -> None:
    assert publish_offline(offline, queue, Request("model", CadModel(str(uuid4())))).queued
    (refused,) = drain(client, context, queue, send).refused
    assert refused.error is not None and refused.error["code"] == "not_found"


def test_what_the_service_refuses_is_kept_until_the_artist_decides(
    client: Client, context: Context, offline: Context, queue: PublishQueue
) -> None:
    part, other = part_name(), part_name()
    publish(client, context, Request(part, UsdFile(write_layer(context, "a.usda")), "fx"))
    publish_offline(offline, queue, request_of(context, part, "wrong department"))
    publish_offline(offline, queue, request_of(context, other, "fine"))
    done = drain(client, context, queue, send)
    assert [row["part_name"] for row in done.sent] == [other] and done.waiting == 0
    (refused,) = done.refused
    assert refused.error is not None and refused.error["code"] == "conflict.department"
    # It is not sent again by itself, and nothing is lost by looking.
    assert drain(client, context, queue, send).sent == [] and refused.layer.is_file()
    queue.retry(queue.entry(refused.id))
    assert len(drain(client, context, queue, send).refused) == 1
    queue.remove(queue.entry(refused.id.rpartition("-")[2]))
    assert queue.entries() == []
    assert comments_of(client, part) == [""]


def test_without_a_valid_token_everything_waits(context: Context, offline: Context, queue: PublishQueue) -> None:
    publish_offline(offline, queue, request_of(context, part_name()))
    with Client(context.api_url, "rw_expired") as stranger:
        done = drain(stranger, context, queue, send)
    assert (done.waiting, done.refused, done.reason and done.reason.status) == (1, [], 401)


def test_a_publish_goes_to_its_own_storage_only(
    client: Client, context: Context, offline: Context, queue: PublishQueue, tmp_path: Path
) -> None:
    publish_offline(offline, queue, request_of(context, part_name()))
    done = drain(client, replace(context, root=tmp_path), queue, send)
    assert done == Drained() and len(queue.entries()) == 1


DRAIN = """
import os, sys
from pathlib import Path
from dcc.publish.pipeline import send
from dcc.publish.queued import drain
from shared.client import Client
from shared.context import Context
from shared.publish_queue import PublishQueue
{fault}
context = Context.from_environment(os.environ)
done = drain(Client.from_context(context), context, PublishQueue(Path(sys.argv[1])), send)
print(len(done.sent))
"""

# Each dies once: the file is taken away by the first that comes there.
FAULTS = {
    "before its commit": ("shared.client", "Client.commit_publish", "before"),
    "after its commit": ("shared.client", "Client.commit_publish", "after"),
    "while it leaves the queue": ("shutil", "rmtree", "before"),
}


def start_drain(context: Context, queue: PublishQueue, fault: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, **context.to_environment()}
    command = [sys.executable, "-c", DRAIN.format(fault=fault), str(queue.folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("when", FAULTS)
def test_a_killed_drain_goes_on_where_it_was(
    client: Client, context: Context, offline: Context, queue: PublishQueue, when: str
) -> None:
    module, name, moment = FAULTS[when]
    part = part_name()
    for comment in ("first", "second"):
        publish_offline(offline, queue, request_of(context, part, comment))
    die = "os.kill(os.getpid(), 9)"
    call = "result = original(*a, **k)"
    steps = f"{die}; {call}" if moment == "before" else f"{call}; {die}"
    owner, _, attribute = name.rpartition(".")
    place = f"{module}.{owner}" if owner else module
    fault = f"import {module}\noriginal = {place}.{attribute}\n"
    fault += f"def dying(*a, **k):\n    {steps}\n    return result\n{place}.{attribute} = dying\n"
    killed = start_drain(context, queue, fault)
    assert killed.wait(60) == -signal.SIGKILL
    done = drain(client, context, queue, send)
    assert done.reason is None and done.refused == [] and done.waiting == 0
    assert comments_of(client, part) == ["first", "second"]
    assert len([name for name in files_of(context, part) if not name.startswith(".")]) == 2


def test_several_processes_that_drain_at_once_send_each_publish_once(
    client: Client, context: Context, offline: Context, queue: PublishQueue
) -> None:
    parts = [part_name(), part_name()]
    for number in range(8):
        publish_offline(offline, queue, request_of(context, parts[number % 2], str(number)))
    processes = [start_drain(context, queue) for _ in range(3)]
    assert sum(int(process.communicate(timeout=120)[0]) for process in processes) == 8
    assert comments_of(client, parts[0]) == ["0", "2", "4", "6"]
    assert comments_of(client, parts[1]) == ["1", "3", "5", "7"]


def test_the_command_looks_after_the_queue(context: Context, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, part = write_layer(context, "work.usda"), part_name()
    monkeypatch.setenv("PM_API_URL", NOWHERE)
    assert run(layer, "--part", part, "--department", "look")[1].startswith("queued")
    with pytest.raises(ServiceError):
        run(layer, "--part", part, "--department", "look", "--no-queue")
    status, printed = run("--drain", "--json")
    answer = json.loads(printed)
    assert (status, answer["waiting"], answer["error"]["code"]) == (1, 1, "service.unavailable")
    (entry,) = json.loads(run("--queue", "--json")[1])["queue"]
    assert (entry["part"], entry["state"], entry["entity"]) == (part, "waiting", "asset:ball_bearing")
    monkeypatch.setenv("PM_API_URL", context.api_url)
    status, printed = run("--drain")
    assert (status, printed.splitlines()[-1]) == (0, "1 sent, 0 refused, 0 waiting")
    assert run("--queue") == (0, "nothing waits\n")


def test_a_command_that_knows_only_the_task_says_what_it_needs_to_wait(
    context: Context, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, part = write_layer(context, "work.usda"), part_name()
    for name in ("PM_PROJECT", "PM_ENTITY", "PM_TASK_ID", "PM_ARTIST"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PM_API_URL", NOWHERE)
    arguments = (layer, "--part", part, "--department", "look", "--task", context.task_id)
    with pytest.raises(ServiceError) as caught:
        run(*arguments)
    assert caught.value.code == "service.unavailable" and context.task_id in caught.value.message
    assert "PM_PROJECT and PM_ENTITY" in caught.value.hint and run("--queue")[1] == "nothing waits\n"
    monkeypatch.setenv("PM_PROJECT", context.project)
    monkeypatch.setenv("PM_ENTITY", str(context.entity))
    assert run(*arguments)[1].startswith("queued")
    for name in ("PM_PROJECT", "PM_ENTITY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PM_API_URL", context.api_url)
    assert run("--drain")[1].splitlines()[-1] == "1 sent, 0 refused, 0 waiting"


def test_the_command_retries_and_discards(context: Context, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    part = part_name()
    assert run(write_layer(context, "a.usda"), "--part", part, "--department", "fx")[0] == 0
    monkeypatch.setenv("PM_API_URL", NOWHERE)
    run(write_layer(context, "b.usda"), "--part", part, "--department", "look")
    monkeypatch.setenv("PM_API_URL", context.api_url)
    assert run("--drain")[0] == 1
    listed = run("--queue")[1].splitlines()
    identity = listed[0].split()[0]
    assert "refused" in listed[0] and "department" in listed[1]
    assert run("--retry", identity)[0] == 1
    assert run("--discard", identity)[0] == 0
    assert run("--queue")[1] == "nothing waits\n"


def test_a_damaged_entry_is_named(queue: PublishQueue) -> None:
    (queue.folder / "00000000000000000001-ab").mkdir(parents=True)
    (queue.folder / "00000000000000000001-ab" / "publish.json").write_text("{half")
    with pytest.raises(StorageError, match="00000000000000000001-ab"):
        queue.entries()


def test_the_queue_is_the_artists_alone(context: Context, offline: Context, queue: PublishQueue) -> None:
    publish_offline(offline, queue, request_of(context, part_name()))
    assert queue.folder.stat().st_mode & 0o077 == 0
    (entry,) = queue.entries()
    assert context.token not in (entry.folder / "publish.json").read_text()
