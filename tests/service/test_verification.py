"""``raceway verify``: files that were lost or changed on the storage are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from service.config import Config
from service.database import tenant_session
from service.models import MediaAsset
from shared.files import is_read_only
from tests.dcc.media.films import write_film
from tests.service.studio import StudioUnderTest, overwrite
from tests.service.test_uploads import send

pytestmark = pytest.mark.usefixtures("few_tenants")
RACEWAY = [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())"]


def verified(config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **config.to_environment()}
    return subprocess.run(
        [*RACEWAY, "verify", *arguments], env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def faults(studio: StudioUnderTest, config: Config) -> dict[str, tuple[str, str, str]]:
    """Kind, state and path of what is wrong in one tenant, by the row's id."""
    told = json.loads(verified(config, "--json").stdout)["faults"]
    found = (fault for fault in told if fault["tenant"] == studio.root.name)
    return {fault["row_id"]: (fault["kind"], fault["state"], fault["path"]) for fault in found}


def test_what_was_lost_or_changed_is_told(studio: StudioUnderTest, config: Config) -> None:
    production = studio.production()
    kept, changed, lost = (studio.publish(production, part) for part in ("body", "lid", "seal"))
    assert not faults(studio, config)
    overwrite(studio.root / changed["item_usd_path"], "#usda 1.0\n")
    (studio.root / lost["item_usd_path"]).unlink()
    studio.admin.post(f"/publishes/{kept['id']}/archive")
    assert faults(studio, config) == {
        changed["id"]: ("publish", "changed", changed["item_usd_path"]),
        lost["id"]: ("publish", "missing", lost["item_usd_path"]),
    }
    text = verified(config)
    assert f"missing: {studio.root.name}/{lost['item_usd_path']}" in text.stdout and text.returncode == 1
    assert "are as they were recorded" in text.stdout and "backup" in text.stdout and not text.stderr


def test_the_small_pictures_of_films_are_looked_at(studio: StudioUnderTest, config: Config, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    medium = send(studio, write_film(tmp_path / "a.mp4", codec="libx264").read_bytes(), "a.mp4").data
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        path = str(current.get_one(MediaAsset, (studio.tenant_id, UUID(medium["id"]))).poster_path)
    assert not faults(studio, config)
    (studio.root / path).write_bytes(b"another picture")
    assert faults(studio, config) == {medium["id"]: ("poster", "changed", path)}
    (studio.root / path).unlink()
    assert faults(studio, config) == {medium["id"]: ("poster", "missing", path)}


def test_published_items_are_made_read_only_on_demand(studio: StudioUnderTest, config: Config) -> None:
    """Those that were published by an earlier version, or while the storage kept no modes."""
    item = studio.root / studio.publish(studio.production())["item_usd_path"]
    item.chmod(0o644)
    before = json.loads(verified(config, "--json").stdout)["writable_items"]
    assert before >= 1 and not is_read_only(item)
    assert "--protect" in verified(config).stdout
    assert json.loads(verified(config, "--json", "--protect").stdout)["writable_items"] == 0
    assert is_read_only(item) and "--protect" not in verified(config).stdout
