"""An artist decides in Houdini about the uncertain parts of a new revision. The Houdini scene is fake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("OCP", reason="the CAD kernel is not installed")

from shared.client import Client, Json
from tests.houdini_otls.fake_hou import FakeHou
from tests.revised_model import upload_revised
from tests.studio import PROJECT


@pytest.fixture(scope="module")
def revised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Json, dict[str, str]]]:
    """A service with a CAD file that has open questions, and the launcher's environment."""
    from service.stack import running
    from tests.studio import make_studio

    with running(tmp_path_factory.mktemp("raceway"), workers=1) as stack:
        made = make_studio(stack.url, stack.api_url, stack.root, stack.admin_token)
        with made.token() as token, Client(made.api_url, token) as client:
            cad_file = upload_revised(Client(made.api_url, stack.admin_token), PROJECT, tmp_path_factory.mktemp("cad"))
            yield client, cad_file, made.context(token).to_environment()


@pytest.fixture
def panel(
    revised: tuple[Client, Json, dict[str, str]], houdini: FakeHou, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    widgets = pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)
    application = widgets.QApplication.instance() or widgets.QApplication([])
    for name, value in revised[2].items():
        monkeypatch.setenv(name, value)
    from houdini_otls import panel

    tabs = panel.create()
    yield tabs.widget(1)
    application.processEvents()


def press(panel: Any, text: str) -> None:
    from PySide6.QtWidgets import QPushButton

    (button,) = [each for each in panel.findChildren(QPushButton) if each.text() == text]
    button.click()


def rows_of(panel: Any) -> list[list[str]]:
    table = panel.table
    return [[table.item(row, column).text() for column in range(5)] for row in range(table.rowCount())]


def test_uncertain_parts_are_confirmed_or_new(
    revised: tuple[Client, Json, dict[str, str]], panel: Any, houdini: FakeHou
) -> None:
    client, cad_file, _ = revised
    before = rows_of(panel)
    assert len({part for _, part, *_ in before}) == cad_file["open_questions"] >= 2
    assert all(asset == "machine r2" and sure.endswith("%") and why for asset, _, _, sure, why in before)

    press(panel, "It is this part")
    assert "No part is selected" in houdini._dialogs.messages[-1]
    panel.table.selectRow(0)
    _, confirmed, old_key, *_ = before[0]
    press(panel, "It is this part")
    assert f"{confirmed} of machine is {old_key}." in houdini._dialogs.messages[-1]
    left = rows_of(panel)
    assert confirmed not in {part for _, part, *_ in left}

    panel.table.selectRow(0)
    press(panel, "It is new")
    new = left[0][1]
    assert f"{new} of machine is a new part." in houdini._dialogs.messages[-1]

    client.wait_for_job(client.revision_report(cad_file["id"])["job_id"], timeout=120)
    report = client.revision_report(cad_file["id"])
    assert {each["new_key"]: each["old_key"] for each in report["decisions"]} == {confirmed: old_key, new: None}
    assert report["keys"][confirmed] == old_key
