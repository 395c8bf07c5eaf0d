"""A pinned entry composes in USD to exactly what the live entry composed to at that publish."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pxr import Sdf, Usd

from dcc.publish.data import Request, UsdFile
from dcc.publish.pipeline import publish
from dcc.usd.pinned import pin_publish
from shared import paths
from shared.client import Client
from shared.context import Context, Entity
from tests.dcc.publish.test_pipeline import part_name

ASSET = "ball_bearing"


def layer(folder: Path, name: str, text: str, root: str = ASSET, specifier: str = "over") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(
        f'#usda 1.0\n(\n    defaultPrim = "{root}"\n    metersPerUnit = 0.001\n    upAxis = "Z"\n)\n'
        f'{specifier} "{root}"\n{{\n{text}\n}}\n'
    )
    return path


def flattened(path: Path) -> str:
    """What a stage composes to, with the names of files left out."""
    stage = Usd.Stage.Open(str(path))
    stage.Reload()
    flat = stage.Flatten(addSourceFileComment=False)
    root = flat.GetPrimAtPath(f"/{ASSET}")
    assert isinstance(root, Sdf.PrimSpec)
    return str(flat.ExportToString())


def live_entries(context: Context, path: Path) -> list[str]:
    """Entries that a stage composes, which are other layers tomorrow."""
    stage = Usd.Stage.Open(str(path))
    root = context.root.resolve()
    used = [Path(layer.realPath) for layer in stage.GetUsedLayers() if layer.realPath]
    stored = [one.relative_to(root).as_posix() for one in used if one.is_relative_to(root)]
    return [path for path in stored if paths.parse_entry(path)]


def test_every_publish_recomposes_exactly_after_all_that_came_later(client: Client, context: Context) -> None:
    folder = context.root / "incoming" / part_name()
    geometry, look, light = part_name(), part_name(), part_name()

    def published(part: str, department: str, path: Path) -> dict[str, object]:
        return publish(client, context, Request(part, UsdFile(path), department)).publish

    steps = [
        (
            geometry,
            "model",
            layer(folder, "m1.usda", '    def Scope "geo"\n    {\n        int size = 1\n    }', specifier="def Xform"),
        ),
        (look, "look", layer(folder, "l1.usda", '    custom string colour = "red"')),
        (light, "lighting", layer(folder, "i1.usda", '    custom string colour = "dark red"')),
        (
            geometry,
            "model",
            layer(folder, "m2.usda", '    def Scope "geo"\n    {\n        int size = 2\n    }', specifier="def Xform"),
        ),
        (look, "look", layer(folder, "l2.usda", '    custom string gloss = "high"')),
    ]
    seen = []
    for part, department, path in steps:
        made = published(part, department, path)
        seen.append((str(made["id"]), flattened(context.root / str(made["entity_usd_path"]))))
    assert len({text for _, text in seen}) == len(steps)
    for publish_id, text in seen:
        pin = context.root / client.pinned_entry(publish_id)["usd_path"]
        assert flattened(pin) == text
        assert live_entries(context, pin) == []


def test_a_shot_is_pinned_with_the_assets_it_refers_to(client: Client, context: Context) -> None:
    folder = context.root / "incoming" / part_name()
    asset_part = part_name()

    def colour(name: str) -> None:
        path = layer(folder, f"{name}.usda", f'    custom string {asset_part} = "{name}"')
        publish(client, context, Request(asset_part, UsdFile(path), "look"))

    colour("red")
    (shot_task,) = client.tasks(project="film", shot="sh010")
    shot = replace(context, entity=Entity.parse(shot_task["entity"]), task_id=shot_task["id"])
    entry = context.root / "film/assets/ball_bearing/usd"
    for part, target in (("whole", entry / "ball_bearing.usd"), ("piece", entry / asset_part / f"{asset_part}.usd")):
        prim = f'    def Xform "{part}" (\n        references = @{target}@\n    )\n    {{\n    }}'
        path = layer(folder, f"{part}.usda", prim, root="sh010")
        made = publish(client, shot, Request(f"{part}_{asset_part}", UsdFile(path), "lighting", fix=True)).publish
    live = context.root / str(made["entity_usd_path"])

    def seen(path: Path) -> list[str]:
        stage = Usd.Stage.Open(str(path))
        stage.Reload()
        return [stage.GetPrimAtPath(f"/sh010/{part}").GetAttribute(asset_part).Get() for part in ("whole", "piece")]

    assert seen(live) == ["red", "red"]
    colour("blue")
    assert seen(live) == ["blue", "blue"]
    pin = pin_publish(client, context.root, str(made["id"]))
    assert seen(pin) == ["red", "red"]
    assert pin_publish(client, context.root, str(made["id"])) == pin
    assert live_entries(context, pin) == []


def test_a_pin_moves_with_its_asset(client: Client, context: Context, tmp_path: Path) -> None:
    folder = context.root / "incoming" / part_name()
    path = layer(folder, "look.usda", '    custom string colour = "blue"')
    made = publish(client, context, Request(part_name(), UsdFile(path), "look")).publish
    pin = context.root / client.pinned_entry(made["id"])["usd_path"]
    text = flattened(pin)
    moved = tmp_path / "another machine"
    usd = context.root / "film/assets" / ASSET / "usd"
    for file in usd.rglob("*.usd"):
        target = moved / file.relative_to(usd)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    assert flattened(moved / pin.relative_to(usd)).replace(str(moved), str(usd)) == text.replace(
        str(usd.resolve()), str(usd)
    )
