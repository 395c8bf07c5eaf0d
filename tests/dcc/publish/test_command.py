"""``raceway publish``: what an artist or an integration sees of it; the queue has tests of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pxr import Usd

from dcc.publish import demo
from dcc.publish.data import InvalidPublishError, Request, UsdFile
from dcc.publish.pipeline import publish
from shared.client import Client
from shared.context import Context
from shared.errors import InputError, NotFoundError, StorageError
from tests.dcc.publish.conftest import Run
from tests.dcc.publish.test_pipeline import part_name, write_layer
from tests.studio import Studio


def test_a_file_is_published(context: Context, run: Run) -> None:
    part = part_name()
    status, printed = run(write_layer(context, "work.usda"), "--part", part, "--department", "look", "--json")
    answer = json.loads(printed)
    assert status == 0 and answer["ok"] and answer["part_name"] == part and answer["queued"] is None
    assert answer["validation"]["sha256"] == answer["sha256"]
    assert {"default_prim", "asset_paths", "usd_validators"} <= set(answer["validation"]["checks"])


def test_a_file_is_published_for_a_task_that_is_named(
    context: Context, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PM_PROJECT", "PM_ENTITY", "PM_TASK_ID"):
        monkeypatch.delenv(name)
    part = part_name()
    status, printed = run(write_layer(context, "work.usda"), "--part", part, "--task", context.task_id, "--json")
    answer = json.loads(printed)
    assert status == 0 and (answer["project"], answer["entity"]) == (context.project, str(context.entity))


@pytest.mark.parametrize(("what", "arguments"), [("task", ["--task"]), ("publish", ["--pin"])])
def test_what_is_no_id_and_an_id_of_nothing_are_told_apart(
    context: Context, run: Run, what: str, arguments: list[str]
) -> None:
    command = [write_layer(context, "work.usda"), "--part", part_name(), *arguments] if what == "task" else arguments
    with pytest.raises(InputError, match=f"'123' is not the id of a {what}") as wrong:
        run(*command, "123")
    assert wrong.value.code == "input.id" and "address of its page" in wrong.value.hint
    unknown = str(uuid4())
    with pytest.raises(NotFoundError, match=f"There is no {what} {unknown}") as missing:
        run(*command, unknown)
    assert "address of its page" in missing.value.hint


def test_a_folder_is_told_as_one(context: Context, run: Run) -> None:
    folder = write_layer(context, "work.usda").parent
    with pytest.raises(InvalidPublishError) as refused:
        run(folder, "--part", part_name())
    (finding,) = refused.value.findings
    assert (finding.check, finding.message) == ("content_exists", f"{folder} is a folder.")


def test_without_a_file_it_says_what_is_missing(run: Run) -> None:
    assert run("--part", "look")[0] == 2


def test_the_checks_are_listed_with_what_their_fixes_do(run: Run) -> None:
    status, printed = run("--list-checks")
    assert status == 0 and "default_prim" in printed and "--fix names the only root prim" in printed
    checks = json.loads(run("--list-checks", "--json")[1])["checks"]
    names = [check["name"] for check in checks]
    assert len(names) == len(set(names)) >= 13 and all(check["help"].endswith(".") for check in checks)


def test_what_can_be_put_right_is_put_right_in_the_copy_only(client: Client, context: Context, run: Run) -> None:
    texture = write_layer(context, "below.usda")
    broken = write_layer(context, "broken.usda", "elsewhere", f"subLayers = [@{texture}@]")
    text = broken.read_text().replace('    upAxis = "Z"\n', "").replace('    defaultPrim = "elsewhere"\n', "")
    broken.write_text(text)
    with pytest.raises(InvalidPublishError) as refused:
        publish(client, context, Request(part_name(), UsdFile(broken), "look"))
    assert refused.value.is_fixable and "--fix" in refused.value.hint
    assert {finding.check for finding in refused.value.findings} >= {"default_prim", "stage_units"}
    part = part_name()
    status, printed = run(broken, "--part", part, "--department", "look", "--fix", "--json")
    answer = json.loads(printed)
    assert status == 0 and {"set_default_prim", "set_up_axis", "rename_root_prim"} <= set(answer["fixed"])
    stage = Usd.Stage.Open(str(context.root / answer["item_usd_path"]))
    assert stage.GetDefaultPrim().GetPath() == "/ball_bearing"
    assert broken.read_text() == text


def test_bad_references_are_findings_and_nothing_beside_them(
    client: Client, context: Context, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dcc.usd")
    broken = write_layer(context, "broken.usda", more="subLayers = [@./gone.usda@]")
    text = broken.read_text().replace(
        'over "ball_bearing"', 'over "ball_bearing" (references = @/nowhere/at/all.usda@)'
    )
    broken.write_text(text.replace('    upAxis = "Z"\n', ""))
    capfd.readouterr()
    with pytest.raises(InvalidPublishError) as refused:
        publish(client, context, Request(part_name(), UsdFile(broken), "look", fix=True))
    found = [finding.line for finding in refused.value.findings if finding.check == "asset_paths"]
    assert any("gone.usda" in line for line in found) and any("/nowhere/at/all.usda" in line for line in found)
    # Also what C++ writes, past Python's streams.
    assert "Warning" not in capfd.readouterr().err
    assert "gone.usda" in caplog.text


def test_what_nobody_can_guess_is_left_to_the_artist(client: Client, context: Context) -> None:
    layer = write_layer(context, "inches.usda")
    layer.write_text(layer.read_text().replace("metersPerUnit = 0.001", "metersPerUnit = 0.0254"))
    with pytest.raises(InvalidPublishError) as refused:
        publish(client, context, Request(part_name(), UsdFile(layer), "look", fix=True))
    assert not refused.value.is_fixable and "millimetres" in refused.value.hint


def test_the_demo_publishes_through_the_api_again_and_again(
    studio: Studio, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PM_API_TOKEN", studio.admin_token)
    monkeypatch.delenv("PM_PROJECT")
    status, printed = run("--demo")
    assert status == 0 and "made       project demo" in printed
    answer = json.loads(run("--demo", "--json")[1])
    assert (answer["version"], answer["is_latest"], answer["part_name"]) == (2, True, "model")
    stage = Usd.Stage.Open(answer["entry"])
    assert stage.GetPrimAtPath("/plate/mesh").IsA("Mesh")
    assert answer["page"] == f"{studio.url}/publishes/{answer['id']}"


def test_the_demo_finds_the_service_of_this_machine(
    studio: Studio, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PM_API_URL", "PM_API_TOKEN", "PM_ROOT", "PM_PROJECT"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("RACEWAY_DATA", str(studio.root.parents[1]))
    assert json.loads(run("--demo", "--json")[1])["ok"]
    monkeypatch.setenv("RACEWAY_DATA", str(tmp_path))
    with pytest.raises(InputError, match="raceway up"):
        run("--demo")


def test_the_demo_names_a_storage_that_is_not_there(client: Client, context: Context, tmp_path: Path) -> None:
    elsewhere = replace(context, root=tmp_path / "gone")
    with pytest.raises(StorageError, match="gone"):
        demo.run(client, elsewhere.root, print)
