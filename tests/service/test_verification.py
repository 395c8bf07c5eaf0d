"""``raceway verify``: files that were lost or changed on the storage are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from service.config import Config
from shared.files import is_read_only
from tests.service.studio import StudioUnderTest, overwrite

pytestmark = pytest.mark.usefixtures("few_tenants")
RACEWAY = [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())"]


def verified(config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **config.to_environment()}
    return subprocess.run(
        [*RACEWAY, "verify", *arguments], env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def test_what_was_lost_or_changed_is_told(studio: StudioUnderTest, config: Config) -> None:
    production = studio.production()
    kept, changed, lost = (studio.publish(production, part) for part in ("body", "lid", "seal"))

    def faults() -> tuple[int, list[dict[str, Any]]]:
        run = verified(config, "--json")
        told = json.loads(run.stdout)["faults"]
        return run.returncode, [fault for fault in told if fault["tenant"] == studio.root.name]

    assert faults()[1] == []
    overwrite(studio.root / changed["item_usd_path"], "#usda 1.0\n")
    (studio.root / lost["item_usd_path"]).unlink()
    studio.admin.post(f"/publishes/{kept['id']}/archive")
    code, told = faults()
    assert code == 1 and all(fault["kind"] == "publish" for fault in told)
    assert {fault["row_id"]: (fault["state"], fault["path"]) for fault in told} == {
        changed["id"]: ("changed", changed["item_usd_path"]),
        lost["id"]: ("missing", lost["item_usd_path"]),
    }
    text = verified(config)
    assert f"missing: {studio.root.name}/{lost['item_usd_path']}" in text.stdout and text.returncode == 1
    assert "are as they were recorded" in text.stdout and "backup" in text.stdout and not text.stderr


def test_published_items_are_made_read_only_on_demand(studio: StudioUnderTest, config: Config) -> None:
    """Those that were published by an earlier version, or while the storage kept no modes."""
    item = studio.root / studio.publish(studio.production())["item_usd_path"]
    item.chmod(0o644)
    before = json.loads(verified(config, "--json").stdout)["writable_items"]
    assert before >= 1 and not is_read_only(item)
    assert "--protect" in verified(config).stdout
    assert json.loads(verified(config, "--json", "--protect").stdout)["writable_items"] == 0
    assert is_read_only(item) and "--protect" not in verified(config).stdout
