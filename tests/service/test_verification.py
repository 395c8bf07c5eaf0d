"""``raceway verify``: files that were lost or changed on the storage are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from service.config import Config
from tests.service.studio import StudioUnderTest

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
    (studio.root / changed["item_usd_path"]).write_text("#usda 1.0\n")
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
