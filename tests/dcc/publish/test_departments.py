"""Publishing to departments of a studio's own, through the real service: at once, and from the queue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pxr import Usd

from dcc.publish.data import InvalidPublishError, Request, UsdFile
from dcc.publish.pipeline import publish, send
from dcc.publish.queued import drain
from shared.client import Client, Json
from shared.context import Context
from shared.errors import InputError
from shared.publish_queue import PublishQueue
from tests.dcc.publish.test_pinning import ASSET, flattened, layer
from tests.dcc.publish.test_pipeline import part_name
from tests.dcc.publish.test_queue import NOWHERE, publish_offline
from tests.studio import Studio


@pytest.fixture(scope="module", autouse=True)
def own_departments(studio: Studio) -> None:
    """``grooming`` between look and animation, ``rigging`` above the model."""
    with Client(studio.api_url, studio.admin_token) as admin:
        admin.post("/departments/", {"name": "grooming", "arc": "sublayer", "below": "animation"})
        admin.post("/departments/", {"name": "rigging", "arc": "payload", "below": "look"})


@pytest.fixture
def groomer(studio: Studio, context: Context) -> Iterator[Context]:
    """The artist's context on a new task of the department ``grooming``."""
    with Client(studio.api_url, studio.admin_token) as admin:
        task = {"name": part_name(), "department": "grooming", "assignee_id": studio.artist["id"]}
        on = {"target_type": "asset", "target_id": studio.look_task["target_id"]}
        yield replace(context, task_id=admin.post("/tasks/", {**task, **on})["id"])


def said(context: Context, words: str, root: str = ASSET) -> Request:
    """A layer that says ``words``, as a new part."""
    folder, part = context.root / "incoming" / part_name(), part_name()
    return Request(part, UsdFile(layer(folder, "a.usda", f"    custom string {words}", root)))


def seen(context: Context, made: Json, name: str) -> str:
    stage = Usd.Stage.Open(str(context.root / made["entity_usd_path"]))
    stage.Reload()
    return str(stage.GetPrimAtPath(f"/{ASSET}").GetAttribute(name).Get())


def test_its_opinion_wins_over_what_is_below_and_yields_to_what_is_above(
    client: Client, context: Context, groomer: Context
) -> None:
    colour = part_name()
    published = []
    for where, department, expected in (
        (groomer, "", "grooming"),
        (context, "look", "grooming"),
        (context, "animation", "animation"),
        (groomer, "grooming", "animation"),
    ):
        request = replace(said(context, f'{colour} = "{department or "grooming"}"'), department=department)
        made = publish(client, where, request).publish
        assert made["department"] == (department or "grooming")
        assert seen(context, made, colour) == expected
        published.append((str(made["id"]), flattened(context.root / made["entity_usd_path"])))
    for publish_id, text in published:
        assert flattened(context.root / client.pinned_entry(publish_id)["usd_path"]) == text


def test_its_layers_are_checked_as_layers_and_its_geometry_as_geometry(client: Client, context: Context) -> None:
    elsewhere = said(context, 'note = "x"', root="elsewhere")
    with pytest.raises(InvalidPublishError, match="root prim is /elsewhere"):
        publish(client, context, replace(elsewhere, department="grooming"))
    made = publish(client, context, replace(elsewhere, department="rigging")).publish
    entry = context.root / made["asset_usd_path"]
    assert "prepend payload" in entry.read_text()
    stage = Usd.Stage.Open(str(entry), Usd.Stage.LoadNone)
    prim = stage.GetPrimAtPath(f"/{ASSET}")
    assert prim.HasAuthoredPayloads() and not prim.GetAttribute("note")
    prim.Load()
    assert prim.GetAttribute("note").Get() == "x"


def test_what_waited_for_the_service_is_composed_in_its_place(
    client: Client, context: Context, groomer: Context, queue: PublishQueue
) -> None:
    colour = part_name()
    with Client(NOWHERE) as nobody:
        for where, department in ((groomer, ""), (context, "grooming"), (context, "rigging"), (context, "look")):
            request = replace(said(context, f'{colour} = "{department or "own"}"'), department=department)
            assert publish(nobody, replace(where, api_url=NOWHERE), request, queue=queue).queued
    done = drain(client, context, queue, send)
    assert [each["department"] for each in done.sent] == ["grooming", "grooming", "rigging", "look"]
    text = (context.root / done.sent[-1]["entity_usd_path"]).read_text()
    own, groom, rig, look = (text.index(f"@./{each['part_name']}/") for each in done.sent)
    assert max(own, groom) < look < rig
    assert seen(context, done.sent[-1], colour) in ("own", "grooming")


def test_what_is_not_known_offline_is_found_when_it_is_sent(
    client: Client, context: Context, queue: PublishQueue
) -> None:
    offline = replace(context, api_url=NOWHERE)
    for department in ("grooming", "cooking"):
        request = said(context, 'note = "x"', root="elsewhere" if department == "grooming" else ASSET)
        assert publish_offline(offline, queue, replace(request, department=department)).queued
    done = drain(client, context, queue, send)
    assert (done.sent, done.waiting) == ([], 0)
    assert [(each.error or {})["code"] for each in done.refused] == ["publish.invalid", "input.unknown_department"]


def test_a_department_that_there_is_not_is_told_with_those_there_are(client: Client, context: Context) -> None:
    with pytest.raises(InputError) as failure:
        publish(client, context, replace(said(context, 'note = "x"'), department="cooking"))
    assert failure.value.code == "input.unknown_department"
    assert "animation, grooming, layout, look, rigging, model" in failure.value.hint
