"""CAD files, what their conversion made, and materials."""

from __future__ import annotations

from tests.service.recipes.registry import ANY, RECIPES, Call, Recipe, recipe, row_recipes
from tests.service.studio import Json
from tests.service.world import STEP, World, unique, upload

row_recipes("/cad/", "cad_file_id", World.cad_file, None)
row_recipes("/materials/", "material_id", World.material, {"roughness": 0.25})
row_recipes("/materials/aliases/", "alias_id", World.alias, {"material": "Brass"})


@recipe("POST /cad/")
def _(world: World) -> Call:
    production = world.production()
    query = {"project": production.project["name"], "asset": "gear", "filename": "a.step"}
    return Call("/cad/", options=upload(STEP + unique().encode(), **query))


# -- what is about converted CAD


def _cad(path: str = "", body: Json | None = None) -> Recipe:
    return lambda world: Call(f"/cad/{world.converted()['id']}{path}", body)


def _first_revision(path: str, body: Json | None = None) -> Recipe:
    """A first revision has nothing to decide, which is said only to who may see it."""
    return lambda world: Call(f"/cad/{world.converted()['id']}/{path}", body, ANY, refuses=True)


_CAD = "/cad/<uuid:cad_file_id>"
RECIPES[f"POST {_CAD}/convert"] = lambda world: Call(f"/cad/{world.failed()['id']}/convert", {})
RECIPES[f"POST {_CAD}/restore"] = lambda world: Call(f"/cad/{world.superseded()['id']}/restore", {})
RECIPES[f"GET {_CAD}/files/<any(usd_master,gltf_geometry,scene_manifest):name>"] = _cad("/files/scene_manifest")
RECIPES[f"GET {_CAD}/scene-manifest"] = _cad("/scene-manifest")
RECIPES[f"GET {_CAD}/effective-materials"] = _cad("/effective-materials")
RECIPES[f"GET {_CAD}/manual-material-overrides"] = _cad("/manual-material-overrides")
RECIPES[f"PUT {_CAD}/manual-material-overrides"] = _cad("/manual-material-overrides", {"overrides": {"Ring": "Brass"}})
RECIPES[f"GET {_CAD}/revision-report"] = _first_revision("revision-report")
RECIPES[f"PUT {_CAD}/revision-decisions"] = _first_revision("revision-decisions", {"decisions": {}})
RECIPES[f"PATCH {_CAD}/revision-decisions"] = _first_revision("revision-decisions", {"decisions": {}})
RECIPES[f"PUT {_CAD}/revision-decisions/<new_key>"] = _first_revision("revision-decisions/Ring", {"old_key": None})
RECIPES[f"DELETE {_CAD}/revision-decisions/<new_key>"] = _first_revision("revision-decisions/Ring")


def _sheet(world: World) -> Call:
    options = {"data": b"part,material\nRing,Brass\n", "headers": {"Content-Type": "text/csv"}}
    query = {"query_string": {"filename": "parts.csv"}}
    return Call(f"/cad/{world.converted()['id']}/source-materials", options={**options, **query})


RECIPES[f"PUT {_CAD}/source-materials"] = _sheet
RECIPES[f"GET {_CAD}/source-materials"] = _cad("/source-materials")


@recipe(f"DELETE {_CAD}/source-materials")
def _(world: World) -> Call:
    sheet = _sheet(world)
    world.admin.call("PUT", sheet.path, **sheet.options)
    return Call(sheet.path)


# -- materials


@recipe("POST /materials/")
def _(world: World) -> Call:
    return Call("/materials/", {"name": unique(), "label": "Paint", "base_color": [0, 0, 1]}, alone=True)


@recipe("POST /materials/aliases/")
def _(world: World) -> Call:
    return Call("/materials/aliases/", {"kind": "word", "pattern": unique(), "material": "Steel"}, alone=True)
