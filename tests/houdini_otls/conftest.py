"""An empty Houdini scene (a fake one: see fake_hou.py) and a small published asset on a storage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")

import houdini_otls
from tests.houdini_otls.fake_hou import HOU, FakeHou
from tests.houdini_otls.sample_asset import ASSET, ENTRY

sys.modules.setdefault("hou", HOU)


@pytest.fixture
def houdini(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHou]:
    """A new scene, with our `scripts/python` on the path as Houdini puts it there."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.syspath_prepend(Path(houdini_otls.__file__).parent / "scripts/python")
    HOU._new_scene()
    yield HOU
    assert not HOU._dialogs.answers, "a dialog that the test expected did not appear"


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A storage root with the asset's entry, which PM_ROOT names."""
    entry = tmp_path / ENTRY
    entry.parent.mkdir(parents=True)
    entry.write_text(ASSET)
    monkeypatch.setenv("PM_ROOT", str(tmp_path))
    return tmp_path
