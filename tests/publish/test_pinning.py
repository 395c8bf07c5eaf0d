"""A pinned entry composes in USD to exactly what the live entry composed to at that publish."""

from __future__ import annotations

from pathlib import Path

from pxr import Sdf, Usd

from dcc.publish.data import Request, UsdFile
from dcc.publish.pipeline import publish
from shared.client import Client
from shared.context import Context
from tests.publish.test_pipeline import part_name

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
        stage = Usd.Stage.Open(str(pin))
        used = {layer.realPath for layer in stage.GetUsedLayers() if layer.realPath}
        assert all("/data/" in path for path in used - {str(pin.resolve())})


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
