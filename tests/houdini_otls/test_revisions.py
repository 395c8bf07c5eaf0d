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


def select(panel: Any, text: str) -> list[str]:
    """Select the first row that names ``text`` and answer it."""
    number, row = next((number, row) for number, row in enumerate(rows_of(panel)) if text in row[1])
    panel.table.selectRow(number)
    return row


def test_uncertain_parts_are_confirmed_or_new_or_answered_together(
    revised: tuple[Client, Json, dict[str, str]], panel: Any, houdini: FakeHou
) -> None:
    client, cad_file, _ = revised
    group, *questions = rows_of(panel)
    assert group[:3] == ["machine r2", "2 parts for one reason", "each its likeliest"] and group[4]
    assert len({part for _, part, *_ in questions}) == cad_file["open_questions"] == 4
    assert all(asset == "machine r2" and sure.endswith("%") and why for asset, _, _, sure, why in questions)
    together = {part: old_key for _, part, old_key, _, why in questions if why == group[4]}
    confirmed, others = sorted({part for _, part, *_ in questions} - together.keys())

    press(panel, "It is this part")
    assert "No part is selected" in houdini._dialogs.messages[-1]
    _, _, old_key, *_ = select(panel, confirmed)
    press(panel, "Take back")
    assert "This row is not an answer" in houdini._dialogs.messages[-1]
    press(panel, "It is this part")
    assert f"machine: {confirmed} is {old_key}. The model is converted again" in houdini._dialogs.messages[-1]

    # Somebody else is quicker: nothing is overruled, and the list shows what they said.
    client.decide_parts(cad_file["id"], {others: None})
    select(panel, "2 parts for one reason")
    press(panel, "It is new")
    assert "your answer was not taken" in houdini._dialogs.messages[-1]
    assert any(row[1].startswith(f"{others} is a new part, said") for row in rows_of(panel))

    select(panel, "2 parts for one reason")
    press(panel, "It is this part")
    assert "2 parts are earlier ones" in houdini._dialogs.messages[-1]
    left = rows_of(panel)
    assert len(left) == 3 and all("said" in row[1] for row in left), "nothing is open, but answers can be taken back"
    answer = select(panel, "2 parts are earlier ones")
    press(panel, "It is new")
    assert "does not offer that answer" in houdini._dialogs.messages[-1] and answer[4] == "answered"
    press(panel, "Take back")
    assert {row[1] for row in rows_of(panel)} >= {"2 parts for one reason", *together}

    select(panel, "2 parts for one reason")
    press(panel, "It is this part")
    client.wait_for_job(client.revision_report(cad_file["id"])["job_id"], timeout=120)
    report = client.revision_report(cad_file["id"])
    decided = {confirmed: old_key, others: None, **together}
    assert {each["new_key"]: each["old_key"] for each in report["decisions"]} == decided
    assert {report["keys"][part] for part in together} == set(together.values())
