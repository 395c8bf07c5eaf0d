"""What is newer than what a scene uses."""

from __future__ import annotations

from shared.client import Client
from shared.context import Context
from shared.versions import Version


def newer_than(client: Client, context: Context, cad_file_id: str, look_version: str = "") -> list[str]:
    """Names of what has a newer version than the scene: a later revision of its CAD file, a later look.

    ``look_version`` is the version of the look that the scene published or used last, "" for none.
    """
    asset = context.require_entity().name
    used = client.cad_file(cad_file_id)
    newer = []
    files = [
        item
        for item in client.pages("/cad/", project=context.project, asset=asset)
        if item["state"] == "ready" and item["lineage"] == used["lineage"]
    ]
    latest = max(files, key=lambda item: int(item["revision"]), default=used)
    if int(latest["revision"]) > int(used["revision"]):
        newer.append(f"model: revision {latest['revision']} of {latest['filename']}")
    for published in client.publishes(project=context.project, asset=asset, part="look", latest_per_part=1):
        version = Version(published["version"], published["iteration"])
        if not look_version or version > Version.parse(look_version):
            newer.append(f"look: {version}")
    return newer
