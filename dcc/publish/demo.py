"""``raceway publish --demo``: a publish through the public API alone, with no DCC and no USD library.

It is what an integration has to do, step by step: find or make project, asset and task, reserve a version, write the
item, commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from shared import paths
from shared.client import Client, Json
from shared.context import Context
from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.errors import InputError, StorageError
from shared.files import atomic_write, sha256_of

PROJECT, ASSET, TASK = "demo", "plate", "modelling"
PART = DEPARTMENT = "model"

# What `raceway up` has in its data folder while it runs.
_URL_FILE = "service.url"
_ADMINISTRATOR = "admin@studio.example"
_PASSWORD_FILE = "admin.password"
_STORAGE = "storage/studio"

_LAYER = f"""#usda 1.0
(
    defaultPrim = "{ASSET}"
    metersPerUnit = {METERS_PER_UNIT:g}
    upAxis = "{UP_AXIS}"
)

def Xform "{ASSET}" (
    kind = "component"
)
{{
    def Mesh "mesh"
    {{
        float3[] extent = [(0, 0, 0), (80, 50, 0)]
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (80, 0, 0), (80, 50, 0), (0, 50, 0)]
        uniform token subdivisionScheme = "none"
    }}
}}
"""


@dataclass(frozen=True)
class Demo:
    """What was published, and where the asset's entry is on this machine."""

    publish: Json
    entry: Path
    page: str


def context_of(environ: Mapping[str, str]) -> Context:
    """Where to publish: as the ``PM_*`` environment says, else at the ``raceway up`` of this machine.

    Raises InputError where there is neither, AuthError where the administrator has another password by now.
    """
    if environ.get("PM_API_TOKEN"):
        return Context.from_environment({"PM_PROJECT": PROJECT, **environ})
    data = Path(environ.get("RACEWAY_DATA") or "raceway-data").expanduser().absolute()
    try:
        url = environ.get("PM_API_URL") or f"{(data / _URL_FILE).read_text(encoding='ascii').strip()}/api"
        password = (data / _PASSWORD_FILE).read_text(encoding="ascii").strip()
    except OSError:
        raise InputError(
            f"Nothing says where to publish: PM_API_TOKEN is not set, and no `raceway up` runs with the data folder "
            f"{data}.",
            hint="Start `raceway up` here, name its data folder in RACEWAY_DATA, or set PM_API_URL, PM_API_TOKEN "
            "and PM_ROOT.",
            code="input.context",
        ) from None
    with Client(url) as client:
        client.login(_ADMINISTRATOR, password)
        root = Path(environ.get("PM_ROOT") or data / _STORAGE)
        return Context(client.api_url, client.token, PROJECT, root=root)


def run(client: Client, root: Path, announce: Callable[[str], None]) -> Demo:
    """Publish the plate once more. ``root`` is the storage as this machine sees it.

    Raises StorageError where that is not the service's storage, and what the service says.
    """
    if not root.is_dir():
        raise StorageError(
            f"There is no storage {root} on this machine.",
            hint="Set PM_ROOT to where this machine sees the service's storage.",
            code="storage.missing",
        )
    project = _find_or_make(client, announce, "projects", PROJECT, {"title": "Demo"})
    body = {"project_id": project["id"], "title": "A plate"}
    asset = _find_or_make(client, announce, "assets", ASSET, body, project=PROJECT)
    target = {"target_type": "asset", "target_id": asset["id"]}
    task = _find_or_make(
        client, announce, "tasks", TASK, {**target, "department": DEPARTMENT}, project=PROJECT, asset=ASSET
    )
    address = {"task_id": task["id"], **target}
    key = uuid4().hex
    reserved = client.reserve_publish(**address, part_name=PART, department=DEPARTMENT, idempotency_key=key)
    announce(f"reserved   {PART} v{reserved['version']:03d}_i{reserved['iteration']:03d}")
    item = atomic_write(paths.absolute(root, reserved["item_usd_path"]), _LAYER, overwrite=False)
    announce(f"wrote      {item}")
    publish = client.commit_publish(
        key,
        **address,
        software="raceway",
        item_usd_path=reserved["item_usd_path"],
        asset_usd_path=reserved["part_usd_path"],
        status="published",
        metadata={"asset_name": ASSET, "part_name": PART, "comment": "made by raceway publish --demo"},
        reservation_id=reserved["reservation_id"],
        sha256=sha256_of(item),
    )
    page = f"{client.api_url.removesuffix('/api')}/publishes/{publish['id']}"
    return Demo(publish, paths.absolute(root, publish["entity_usd_path"]), page)


def _find_or_make(
    client: Client, announce: Callable[[str], None], kind: str, name: str, body: Json, **filters: str
) -> Json:
    for found in client.pages(f"/{kind}/", **filters):
        if found["name"] == name:
            return found
    announce(f"made       {kind.removesuffix('s')} {name}")
    return dict(client.post(f"/{kind}/", {**body, "name": name}))
