"""Workflows as users meet them: stored in versions, run as jobs, seen whole and by node, cancelled and tried again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from dcc.cad.bearing import main as write_bearing
from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import MediaAsset
from service.queue import jobs
from service.tasks import frames, notifier, workflow_runs
from shared.builtin_workflows import BUILT_IN
from shared.files import TEMPORARY_PREFIX
from shared.jobs import JobDocument, JobState
from shared.workflows import parse
from tests.service.studio import Json, StudioUnderTest, work

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")

BRANCHES: Json = {
    "inputs": {"pictures": {"type": "pictures"}},
    "nodes": [{"name": name, "step": "deliver", "parameters": {"folder": name}} for name in ("a", "b", "c", "d")],
    "edges": [
        {"from": "inputs.pictures", "to": "a.files"},
        {"from": "inputs.pictures", "to": "d.files"},
        {"from": "a", "to": "b"},
        {"from": "b", "to": "c"},
    ],
}
"""Two branches of copies: a, b, c one after the other, and d beside them."""


@pytest.fixture(scope="module")
def step_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bearing that Raceway models itself."""
    place = tmp_path_factory.mktemp("step") / "bearing.step"
    assert write_bearing([str(place)]) == 0
    return place


def picture(studio: StudioUnderTest, content: str = "a picture") -> str:
    return studio.write(f"pictures/{uuid4().hex[:6]}.png", content)


def start(studio: StudioUnderTest, graph: Json, **inputs: Any) -> Json:
    answer = studio.artist.post("/workflows/runs", {"graph": graph, "inputs": inputs})
    assert answer.status == 201, answer.body
    run: Json = answer.data
    return run


def run_of(studio: StudioUnderTest, run: Json) -> Json:
    found: Json = studio.artist.get(f"/workflows/runs/{run['id']}").data
    return found


def states(run: Json) -> dict[str, str]:
    return {node["name"]: node["state"] for node in run["nodes"]}


def node(run: Json, name: str) -> Json:
    return next(node for node in run["nodes"] if node["name"] == name)


def finish(app: Flask, studio: StudioUnderTest, run: Json, capabilities: Sequence[str] = ()) -> Json:
    """Do jobs and take runs on until this one has ended."""
    for _ in range(12):
        work(app, capabilities)
        with app.app_context():
            workflow_runs.take_on()
        run = run_of(studio, run)
        if run["state"] != "running":
            return run
    raise AssertionError(f"the run does not end: {states(run)}")


def fail(app: Flask, studio: StudioUnderTest, job_id: str) -> None:
    """What a worker writes of a job that fails."""
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        job = jobs.locked(session, UUID(job_id))
        document = JobDocument.from_json(job.document)
        document.move_to(JobState.RUNNING)
        job.document, job.state = document.to_json(), document.state.value
        session.flush()
        document.move_to(JobState.FAILED)
        document.error = {"code": "storage.full", "message": "The disk is full.", "hint": "", "fields": {}}
        jobs.write_document(session, job, document)
    with app.app_context():
        workflow_runs.take_on()


def test_a_step_file_becomes_a_delivered_picture(app: Flask, studio: StudioUnderTest, step_file: Path) -> None:
    """The built-in workflow, with the real converter, publisher and renderer."""
    production = studio.production()
    # The look is published for a task of its own, which cannot be called so any more.
    body = {"target_type": "asset", "target_id": production.asset["id"], "name": "look", "department": "look"}
    studio.admin.post(f"/tasks/{studio.admin.post('/tasks/', body).data['id']}/archive")
    cad = studio.artist.upload(
        step_file.read_bytes(), project=production.project["name"], asset="gear", filename="bearing.step"
    ).data
    inputs = {"cad_file": cad["id"], "width": 48, "height": 27, "samples": 1, "device": "cpu"}
    run = studio.artist.post("/workflows/runs", {"workflow": "step_to_picture", "inputs": inputs}).data
    assert states(run) == {"convert": "queued", "publish": "waiting", "render": "waiting", "deliver": "waiting"}
    assert node(run, "convert")["job_id"] == cad["job_id"], "what the upload began is not begun again"
    run = finish(app, studio, run)
    assert (run["state"], run["percent"]) == ("completed", 100.0), json.dumps(run, indent=1)
    assert node(run, "convert")["outputs"]["model"] == cad["id"] and node(run, "convert")["outputs"]["parts"] > 2
    published = {p["part_name"]: p for p in studio.artist.get("/publishes/?asset=gear&latest_per_part=1").data["items"]}
    assert set(published) == {"model", "look"}
    assert node(run, "publish")["outputs"] == {"publish": published["look"]["id"]}
    render = node(run, "render")
    assert render["inputs"] == {
        "subject": [published["look"]["id"]],
        "width": [48],
        "height": [27],
        "samples": [1],
        "device": ["cpu"],
    }
    [still] = render["outputs"]["pictures"]
    assert (studio.root / still).read_bytes().startswith(b"\x89PNG")
    delivered = node(run, "deliver")["outputs"]["files"]
    folder = (studio.root / delivered[0]).parent
    manifest = json.loads((folder / "delivery.json").read_text())
    assert {item["source"] for item in manifest["files"]} == {still, published["look"]["item_usd_path"]}
    assert (manifest["project"], manifest["asset"]) == (production.project["name"], "gear")
    for item in manifest["files"]:
        content = (folder / item["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (item["size"], item["sha256"])
    assert not list(studio.root.rglob(f"{TEMPORARY_PREFIX}*"))
    with app.app_context():
        notifier.tell(app)
    told = [item["title"] for item in studio.artist.get("/notifications/").data["items"]]
    assert told == ["STEP to picture: 4 of 4 succeeded"], "one summary, and nothing of its jobs"
    # Run again, nothing is converted or published a second time.
    graph = {
        "inputs": {"cad_file": {"type": "cad_file"}},
        "nodes": [{"name": "convert", "step": "convert"}, {"name": "publish", "step": "publish"}],
        "edges": [{"from": "inputs", "to": "convert"}, {"from": "convert", "to": "publish"}],
    }
    again = finish(app, studio, start(studio, graph, cad_file=cad["id"]))
    assert again["state"] == "completed" and node(again, "publish")["outputs"] == node(run, "publish")["outputs"]
    assert node(again, "convert")["job_id"] == cad["job_id"]


EVERY_RENDER: Json = {
    "inputs": {"subject": {"type": "publish"}},
    "nodes": [
        {"name": "turn", "step": "turntable", "parameters": {"frames": 4, "chunk": 2, "lighting": "studio"}},
        {"name": "shot", "step": "frames", "parameters": {"frames": "1001-1003", "camera": "/shot/hero"}},
        {"name": "karma", "step": "husk", "parameters": {"frames": "1-2"}},
        {"name": "small", "step": "thumbnail"},
        {"name": "deliver", "step": "deliver"},
    ],
    "edges": [
        *({"from": "inputs.subject", "to": f"{name}.subject"} for name in ("turn", "shot", "karma", "small")),
        *({"from": f"{name}.pictures", "to": "deliver.files"} for name in ("shot", "karma", "small")),
        {"from": "turn.film", "to": "deliver.files"},
    ],
}


@pytest.mark.usefixtures("stand_ins")
def test_every_kind_of_render_is_a_node(app: Flask, studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for the renderers; what the steps before and after them do is real."""
    monkeypatch.setattr(frames, "HUSK", dataclasses.replace(frames.HUSK, module="tests.service.stand_in.frames"))
    published = studio.publish(studio.production())
    run = start(studio, EVERY_RENDER, subject=published["id"])
    assert set(states(run)) - {"deliver"} == {"turn", "shot", "karma", "small"}
    run = finish(app, studio, run, capabilities=["houdini"])
    assert states(run) == dict.fromkeys(("turn", "shot", "karma", "small", "deliver"), "completed"), run["error"]
    assert (studio.root / node(run, "turn")["outputs"]["film"]).read_text().splitlines() == [
        f"frame {number}" for number in range(1, 5)
    ]
    shot = studio.artist.get(f"/jobs/{node(run, 'shot')['job_id']}").data
    assert shot["request"]["camera"] == "/shot/hero" and len(node(run, "shot")["outputs"]["pictures"]) == 3
    delivered = {Path(path).suffix for path in node(run, "deliver")["outputs"]["files"]}
    assert delivered == {".mp4", ".png", ".exr", ".json"} or delivered == {".mp4", ".png", ".exr"}
    used = {each["step"] for each in EVERY_RENDER["nodes"]} | {"convert", "publish", "still"}
    assert used == {step["name"] for step in studio.artist.get("/workflows/steps").data}, "a step that no test runs"


def test_nodes_follow_one_another_and_what_one_gives_goes_into_the_next(app: Flask, studio: StudioUnderTest) -> None:
    run = start(studio, BRANCHES, pictures=picture(studio))
    assert states(run) == {"a": "queued", "b": "waiting", "c": "waiting", "d": "queued"}
    run = finish(app, studio, run)
    assert states(run) == dict.fromkeys("abcd", "completed")
    assert node(run, "b")["inputs"]["files"] == [node(run, "a")["outputs"]["files"]]
    assert all((studio.root / path).read_text() == "a picture" for path in node(run, "c")["outputs"]["files"])
    kinds = [item["kind"] for item in studio.artist.get(f"/activity?subject_id={run['id']}").data["items"]]
    assert kinds == ["workflow_run.completed", "workflow_run.started"]


def test_a_node_that_fails_blocks_what_needs_it_and_nothing_else(app: Flask, studio: StudioUnderTest) -> None:
    run = start(studio, BRANCHES, pictures=picture(studio))
    fail(app, studio, node(run, "a")["job_id"])
    run = finish(app, studio, run)
    assert run["state"] == "failed"
    assert states(run) == {"a": "failed", "b": "blocked", "c": "blocked", "d": "completed"}
    assert node(run, "a")["blocks"] == ["b", "c"] and node(run, "a")["error"]["message"] == "The disk is full."
    with app.app_context():
        notifier.tell(app)
    [told] = studio.artist.get("/notifications/").data["items"]
    assert told["title"] == "Workflow: 1 of 4 succeeded, 1 failed, 2 not begun"
    assert "a: The disk is full." in told["body"] and "Not begun because of that: b, c." in told["body"]
    assert told["link"] == f"/workflows/runs/{run['id']}"
    done = node(run, "d")["job_id"]
    run = finish(app, studio, studio.artist.post(f"/workflows/runs/{run['id']}/retry").data)
    assert run["state"] == "completed" and node(run, "d")["job_id"] == done, "what was completed is not done again"
    refused = studio.artist.post(f"/workflows/runs/{run['id']}/retry")
    assert (refused.status, refused.error["code"]) == (409, "conflict.not_failed")


def test_a_run_is_cancelled_whole_or_by_node(app: Flask, studio: StudioUnderTest) -> None:
    run = start(studio, BRANCHES, pictures=picture(studio))
    run = studio.artist.post(f"/workflows/runs/{run['id']}/nodes/a/cancel").data
    assert states(run) == {"a": "cancelled", "b": "blocked", "c": "blocked", "d": "queued"}
    run = studio.artist.post(f"/workflows/runs/{run['id']}/cancel").data
    assert (run["state"], states(run)["d"]) == ("cancelled", "cancelled")
    assert studio.artist.post(f"/workflows/runs/{run['id']}/cancel").error["code"] == "conflict.run_state"
    assert studio.artist.post(f"/workflows/runs/{run['id']}/nodes/x/retry").status == 404
    run = studio.artist.post(f"/workflows/runs/{run['id']}/nodes/a/retry").data
    assert run["state"] == "running"
    run = finish(app, studio, run)
    assert states(run) == {"a": "completed", "b": "completed", "c": "completed", "d": "cancelled"}
    assert run["state"] == "cancelled"


def test_an_input_that_is_gone_fails_its_node_with_the_reason(app: Flask, studio: StudioUnderTest) -> None:
    graph = {
        "inputs": {"publish": {"type": "publish"}},
        "nodes": [{"name": "render", "step": "still"}, {"name": "deliver", "step": "deliver"}],
        "edges": [{"from": "inputs", "to": "render"}, {"from": "render", "to": "deliver"}],
    }
    missing = studio.artist.post("/workflows/runs", {"graph": graph, "inputs": {"publish": str(uuid4())}})
    assert missing.status == 404 and "no publish" in missing.error["message"]
    run = finish(app, studio, start(studio, BRANCHES, pictures="nowhere.png"))
    assert run["state"] == "failed" and node(run, "a")["error"]["code"] == "storage.missing"


def test_two_processes_take_on_a_run_once(app: Flask, studio: StudioUnderTest) -> None:
    run = start(studio, BRANCHES, pictures=picture(studio))
    for _ in range(3):
        work(app)

        def look() -> None:
            with app.app_context():
                workflow_runs.take_on()

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    run = finish(app, studio, run)
    assert run["state"] == "completed"
    assert studio.artist.get("/jobs/?kind=deliver").data["total"] == 4


def test_a_workflow_is_stored_in_versions_and_a_run_keeps_its_own(app: Flask, studio: StudioUnderTest) -> None:
    manager = studio.api(Role.PROJECT_MANAGER)
    body = {"name": "copies", "title": "Copies", "graph": BRANCHES}
    assert studio.artist.post("/workflows/", body).status == 403
    stored = manager.post("/workflows/", body)
    assert stored.status == 201 and stored.data["version"] == 1 and stored.headers["ETag"]
    run = studio.artist.post("/workflows/runs", {"workflow": "copies", "inputs": {"pictures": picture(studio)}}).data
    smaller = {**BRANCHES, "nodes": BRANCHES["nodes"][:1], "edges": BRANCHES["edges"][:1]}
    path = f"/workflows/{stored.data['id']}"
    changed = manager.patch(path, {"graph": smaller}, headers={"If-Match": stored.headers["ETag"]})
    assert (changed.status, changed.data["version"]) == (200, 2)
    stale = manager.patch(path, {"title": "x"}, headers={"If-Match": stored.headers["ETag"]})
    assert stale.status == 412
    assert [v["version"] for v in studio.artist.get(path + "/versions").data["items"]] == [2, 1]
    assert len(run_of(studio, run)["nodes"]) == 4
    old = {"workflow_id": stored.data["id"], "version": 1, "inputs": {"pictures": picture(studio)}}
    assert len(studio.artist.post("/workflows/runs", old).data["nodes"]) == 4
    assert studio.artist.post("/workflows/runs", {**old, "version": 9}).status == 404
    assert manager.patch(path, {"graph": smaller}).data["version"] == 2, "the same graph is no new version"
    assert manager.post(path + "/archive").status == 200
    assert studio.artist.post("/workflows/runs", {**old, "version": 2}).error["code"] == "conflict.archived"
    listed = studio.artist.get("/workflows/").data["items"]
    assert [workflow["name"] for workflow in listed] == list(BUILT_IN)
    assert manager.post("/workflows/", {**body, "name": "step_to_picture"}).error["code"] == "conflict.exists"


def test_a_workflow_with_faults_is_refused_with_all_of_them(studio: StudioUnderTest) -> None:
    graph = {
        "nodes": [
            {"name": "convert", "step": "convert", "parameters": {"linear_deflection": -1}},
            {"name": "render", "step": "stil"},
        ],
        "edges": [{"from": "convert", "to": "publish"}],
    }
    for path, body in (
        ("/workflows/check", graph),
        ("/workflows/runs", {"graph": graph}),
    ):
        refused = studio.artist.post(path, body)
        assert (refused.status, refused.error["code"]) == (422, "input.workflow")
        assert set(refused.error["fields"]) == {
            "nodes.convert.linear_deflection",
            "nodes.render",
            "nodes.convert",
            "edges.0",
        }
    assert studio.artist.post("/workflows/check", BRANCHES).data["nodes"][0]["name"] == "a"
    missing = studio.artist.post("/workflows/runs", {"workflow": "step_to_picture", "inputs": {"samples": 0}})
    assert set(missing.error["fields"]) >= {"inputs.cad_file"}
    none = studio.artist.post("/workflows/runs", {})
    assert none.status == 422 and "step_to_picture" in none.error["hint"]


def test_another_tenants_runs_are_not_seen(studio: StudioUnderTest, other_studio: StudioUnderTest) -> None:
    run = start(studio, BRANCHES, pictures=picture(studio))
    assert other_studio.artist.get(f"/workflows/runs/{run['id']}").status == 404
    assert other_studio.artist.get("/workflows/runs").data["total"] == 0
    assert studio.artist.get("/workflows/runs?state=running").data["total"] == 1


def test_a_delivery_never_changes_and_says_what_stands_there(app: Flask, studio: StudioUnderTest) -> None:
    graph = {**BRANCHES, "nodes": BRANCHES["nodes"][:1], "edges": BRANCHES["edges"][:1]}
    first = finish(app, studio, start(studio, graph, pictures=picture(studio, "one")))
    second = finish(app, studio, start(studio, graph, pictures=picture(studio, "two")))
    assert (first["state"], second["state"]) == ("completed", "failed")
    assert node(second, "a")["error"]["code"] == "conflict.exists"
    [place] = node(first, "a")["outputs"]["files"]
    assert (studio.root / place).read_text() == "one"
    for folder in ("../out", "x/y", ".hidden"):
        broken = {**graph, "nodes": [{**graph["nodes"][0], "parameters": {"folder": folder}}]}
        run = finish(app, studio, start(studio, broken, pictures=picture(studio)))
        assert node(run, "a")["error"]["code"].startswith("input."), folder
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        media = session.scalars(select(MediaAsset).where(MediaAsset.asset_type == "delivery")).unique().all()
    assert [json.loads((studio.root / m.path).read_text())["files"][0]["name"] for m in media] == [Path(place).name]


def test_the_built_in_workflows_are_sound() -> None:
    for workflow in BUILT_IN.values():
        assert parse(workflow.graph).nodes and workflow.title and workflow.description.endswith(".")


def test_every_step_of_the_registry_says_what_it_needs_and_gives(studio: StudioUnderTest) -> None:
    steps = {step["name"]: step for step in studio.artist.get("/workflows/steps").data}
    assert {"convert", "publish", "still", "thumbnail", "deliver"} <= set(steps)
    samples = steps["still"]["parameters"]["properties"]["samples"]
    assert {"minimum", "maximum", "default", "description", "x-recommendation", "x-warning"} <= set(samples)
    assert steps["still"]["inputs"][0]["types"] == ["publish", "model"]
    assert steps["publish"]["outputs"][0]["name"] == "publish"
