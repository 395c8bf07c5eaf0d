"""Runs in ``bpy``: every operator of the add-on in an artist's order; reports what the scene looks like in between."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from blender_addon.headless import ADDON, run_operator, start_blender
from shared.errors import RacewayError
from shared.events import tool_main


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as resources:
        start_blender(Path(resources))
        return artist_session()


def artist_session() -> dict[str, Any]:
    import bpy

    from dcc.render.looks import worn_materials

    session = importlib.import_module(f"{ADDON}.session")
    state = session.scene_state
    seen: dict[str, Any] = {"refused": []}

    def refused(name: str, **options: Any) -> None:
        try:
            run_operator(name, **options)
        except RacewayError as error:
            seen["refused"].append([name, error.code, state().status])

    def place_of(item: Any) -> list[float]:
        bpy.context.view_layer.update()
        return [round(value, 6) for value in item.matrix_world.translation]

    def worn() -> dict[str, list[str]]:
        meshes = [item for item in bpy.context.scene.objects if item.type == "MESH" and item.get("raceway:partKey")]
        return {item["raceway:occurrence"]: worn_materials(item) for item in meshes}

    refused("assign_materials")
    run_operator("import_cad")
    seen["imported"] = worn()
    seen["shared_meshes"] = len(bpy.data.meshes)
    refused("set_material", material="Brass", scope="PART")
    run_operator("assign_materials")
    seen["assigned"] = worn()
    seen["layers"] = {item.part_key: item.layer for item in state().parts}

    meshes = [item for item in bpy.context.scene.objects if item.type == "MESH"]
    balls = [item for item in meshes if item.get("raceway:partKey") == "Ball"]
    balls[0].select_set(True)
    seen["chosen"] = balls[0]["raceway:occurrence"]
    run_operator("set_material", material="RedPlastic", scope="OCCURRENCE")
    seen["one_red"] = worn()
    run_operator("set_material", material="Brass", scope="PART")
    seen["all_brass"] = worn()
    seen["layers_by_hand"] = {item.part_key: item.layer for item in state().parts}
    run_operator("set_material", material="AUTOMATIC", scope="PART")
    run_operator("set_material", material="AUTOMATIC", scope="OCCURRENCE")
    seen["automatic"] = worn()

    # What hangs on an object survives importing again; so does a light of the artist's.
    balls[1].modifiers.new("Round", "BEVEL")
    light = bpy.data.objects.new("My light", bpy.data.lights.new("My light", "POINT"))
    bpy.context.scene.collection.objects.link(light)
    before = {item.name: place_of(item) for item in balls}
    run_operator("import_cad")
    seen["imported_again"] = worn()
    seen["kept"] = [balls[1].modifiers[0].name, "My light" in bpy.context.scene.objects]
    seen["moved"] = [item.name for item in balls if place_of(item) != before[item.name]]

    run_operator("save_scene", bump="iteration")
    run_operator("save_scene", bump="iteration")
    first = bpy.data.filepath
    run_operator("save_scene", bump="version")
    seen["files"] = [Path(first).name, Path(bpy.data.filepath).name]
    refused("publish", kind="look")
    run_operator("publish", kind="model")
    run_operator("publish", kind="look")
    seen["published"] = [state().status, state().look_version]
    run_operator("publish", kind="model")
    seen["published_again"] = state().status
    run_operator("check_outdated")
    seen["up_to_date"] = state().status

    os.environ["PM_TASK_ID"] = ""
    run_operator("open_scene", path=Path(first).relative_to(os.environ["PM_ROOT"]).as_posix())
    seen["opened"] = [Path(bpy.data.filepath).name, state().task_id, state().version, state().iteration, worn()]
    return seen


if __name__ == "__main__":
    status = tool_main(main)
    sys.stderr.flush()
    os._exit(status)
