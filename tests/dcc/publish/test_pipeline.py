"""Publishing a USD file through every step, at a real service: what comes of it, and what is left when it fails."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pxr import Sdf, Usd

from dcc.publish.data import CadModel, Request, UsdFile
from dcc.publish.integrate import integrate
from dcc.publish.pipeline import collect, publish
from shared.client import Client
from shared.context import Context
from shared.errors import ConflictError, InputError, NotFoundError, ProcessError, PublishError, ServiceError
from shared.files import TEMPORARY_PREFIX, sha256_of
from shared.processes import run_tool

LAYER = """#usda 1.0
(
    defaultPrim = "{root}"
    metersPerUnit = 0.001
    upAxis = "Z"
    {more}
)
over "{root}"
{{
}}
"""


@pytest.fixture
def layer(context: Context) -> Path:
    """A layer over the asset, on the storage."""
    return write_layer(context, "work.usda")


def write_layer(context: Context, name: str, root: str = "ball_bearing", more: str = "") -> Path:
    path = context.root / "incoming" / uuid4().hex / name
    path.parent.mkdir(parents=True)
    path.write_text(LAYER.format(root=root, more=more))
    return path


def part_name() -> str:
    return f"part_{uuid4().hex[:8]}"


def files_of(context: Context, part: str) -> list[str]:
    """Names of what stands in a part's data folder."""
    folder = context.root / "film/assets/ball_bearing/usd" / part / "data"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_becomes_the_item_that_the_entries_compose(client: Client, context: Context, layer: Path) -> None:
    steps: list[str] = []
    part = part_name()
    request = Request(part, UsdFile(layer), "look", comment="first")
    done = publish(client, context, request, lambda step, text: steps.append(step))

    assert steps == ["collect", "validate", "extract", "integrate"]
    answer = done.publish
    assert (answer["part_name"], answer["version"], answer["iteration"], answer["is_latest"]) == (part, 1, 1, True)
    assert sha256_of(context.root / answer["item_usd_path"]) == answer["sha256"]
    assert files_of(context, part) == [f"{part}_v001_i001.usd"]
    entry = Usd.Stage.Open(str(context.root / answer["entity_usd_path"]))
    assert str((context.root / answer["item_usd_path"]).resolve()) in {used.realPath for used in entry.GetUsedLayers()}


def test_relative_paths_lead_to_the_same_files_from_where_it_stands(client: Client, context: Context) -> None:
    below = write_layer(context, "below.usda")
    above = write_layer(context, "above.usda", more=f"subLayers = [@../{below.parent.name}/below.usda@]")
    done = publish(client, context, Request(part_name(), UsdFile(above), "look"))
    item = Sdf.Layer.FindOrOpen(str(context.root / done.publish["item_usd_path"]))
    assert Path(item.ComputeAbsolutePath(item.subLayerPaths[0])) == below
    assert item.subLayerPaths[0].startswith("../") and "\\" not in item.subLayerPaths[0]


def test_textures_of_many_tiles_are_found_from_where_it_stands(client: Client, context: Context) -> None:
    layer = write_layer(context, "tiled.usda")
    authored = Sdf.Layer.FindOrOpen(str(layer))
    prim = authored.GetPrimAtPath("/ball_bearing")
    Sdf.AttributeSpec(prim, "map", Sdf.ValueTypeNames.Asset).default = Sdf.AssetPath("./wood.<UDIM>.png")
    authored.Save()
    (layer.parent / "wood.1001.png").touch()
    done = publish(client, context, Request(part_name(), UsdFile(layer), "look"))
    item = Sdf.Layer.FindOrOpen(str(context.root / done.publish["item_usd_path"]))
    path = item.GetAttributeAtPath("/ball_bearing.map").default.path
    assert Path(item.ComputeAbsolutePath(path)) == layer.parent / "wood.<UDIM>.png"


@pytest.mark.parametrize("named", ["{folder}/wood.usda", "../{folder.name}/wood.usda"])
def test_what_other_machines_cannot_find_is_refused(
    client: Client, context: Context, tmp_path_factory: pytest.TempPathFactory, named: str
) -> None:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "wood.usda").write_text(LAYER.format(root="ball_bearing", more=""))
    layer = folder.parent / f"{uuid4().hex}" / "above.usda"
    layer.parent.mkdir()
    reference = named.format(folder=folder)
    layer.write_text(LAYER.format(root="ball_bearing", more=f"subLayers = [@{reference}@]"))
    part = part_name()
    with pytest.raises(PublishError) as failure:
        publish(client, context, Request(part, UsdFile(layer), "look", fix=True))
    assert str(folder / "wood.usda") in failure.value.message and "not on the shared storage" in failure.value.message
    assert files_of(context, part) == []


@pytest.mark.parametrize(
    ("root", "more", "said"),
    [
        ("elsewhere", "", "its root prim is /elsewhere"),
        ("ball_bearing", "subLayers = [@./missing.usd@]", "missing.usd"),
    ],
)
def test_a_faulty_file_is_refused_and_leaves_nothing(
    client: Client, context: Context, root: str, more: str, said: str
) -> None:
    part, before = part_name(), len(client.publishes(project="film", asset="ball_bearing"))
    with pytest.raises(PublishError) as failure:
        publish(client, context, Request(part, UsdFile(write_layer(context, "bad.usda", root, more)), "look"))
    assert failure.value.code == "publish.invalid"
    assert said in failure.value.message
    assert failure.value.hint
    assert files_of(context, part) == []
    assert len(client.publishes(project="film", asset="ball_bearing")) == before


def test_a_wrong_storage_is_called_so(client: Client, context: Context, tmp_path: Path) -> None:
    elsewhere = replace(context, root=tmp_path)
    with pytest.raises(PublishError) as failure:
        publish(client, elsewhere, Request(part_name(), UsdFile(write_layer(elsewhere, "work.usda")), "look"))
    assert failure.value.code == "publish.item_missing"
    assert str(tmp_path) in failure.value.hint and "PM_ROOT" in failure.value.hint
    assert [path for path in tmp_path.rglob("*") if path.is_file() and "incoming" not in path.parts] == []


def test_a_missing_file_is_named(client: Client, context: Context, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"nothing\.usd"):
        publish(client, context, Request(part_name(), UsdFile(tmp_path / "nothing.usd"), "look"))


def test_an_unknown_cad_file_is_named(client: Client, context: Context) -> None:
    with pytest.raises(NotFoundError):
        publish(client, context, Request("model", CadModel(str(uuid4()))))


def test_a_part_belongs_to_one_department(client: Client, context: Context, layer: Path) -> None:
    part = part_name()
    publish(client, context, Request(part, UsdFile(layer), "look"))
    with pytest.raises(ConflictError) as failure:
        publish(client, context, Request(part, UsdFile(layer), "fx"))
    assert failure.value.code == "conflict.department"
    assert files_of(context, part) == [f"{part}_v001_i001.usd"]


def test_a_bad_name_and_a_missing_task_are_refused(client: Client, context: Context, layer: Path) -> None:
    with pytest.raises(InputError):
        publish(client, context, Request("not a name", UsdFile(layer), "look"))
    with pytest.raises(InputError, match="No task"):
        publish(client, replace(context, task_id=""), Request(part_name(), UsdFile(layer), "look"))


def test_without_a_service_nothing_is_written(context: Context, layer: Path) -> None:
    part = part_name()
    with Client("http://127.0.0.1:9", context.token) as nobody, pytest.raises(ServiceError):
        publish(nobody, context, Request(part, UsdFile(layer), "look"))
    assert files_of(context, part) == []


def test_a_refused_commit_takes_the_item_away_again(client: Client, context: Context, layer: Path) -> None:
    part = part_name()
    collected = collect(client, context, Request(part, UsdFile(layer), "look"))
    # A scene version that no service accepts.
    refused = replace(collected, request=replace(collected.request, software="x" * 5000))
    with pytest.raises(InputError):
        integrate(client, refused, layer)
    assert files_of(context, part) == []


def test_a_publisher_that_dies_leaves_no_publish(client: Client, context: Context, layer: Path) -> None:
    part = part_name()
    script = f"""
import os, signal
from dcc.publish.data import Request, UsdFile
from dcc.publish.pipeline import publish
from pathlib import Path
from shared.client import Client
from shared.context import Context
Client.commit_publish = lambda *args, **fields: os.kill(os.getpid(), signal.SIGKILL)
context = Context.from_environment(os.environ)
publish(Client.from_context(context), context, Request({part!r}, UsdFile(Path({str(layer)!r})), "look"))
"""
    command = [sys.executable, "-c", script]
    with pytest.raises(ProcessError, match="SIGKILL"):
        run_tool(command, env={**os.environ, **context.to_environment()}, timeout=60)
    assert client.publishes(project="film", asset="ball_bearing", part=part) == []
    # And the next one is not in its way.
    done = publish(client, context, Request(part, UsdFile(layer), "look"))
    assert done.publish["is_latest"]
    # What the dead one was writing bears the name that the sweeper looks for.
    items = [name for name in files_of(context, part) if not name.startswith(TEMPORARY_PREFIX)]
    assert items == [f"{part}_v001_i001.usd", f"{part}_v002_i001.usd"]
