"""The window at a running service: browse, start a program; and what it does when the service is away."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

# The reason of a skip names the library that is missing.
pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from desktop_launcher.background import Background
from desktop_launcher.browser_page import BrowserPage
from desktop_launcher.catalogue import Catalogue, TaskItem
from desktop_launcher.models import ItemRole
from desktop_launcher.programs import Programs
from desktop_launcher.settings import Settings
from desktop_launcher.software import Machine
from desktop_launcher.window import MainWindow
from shared.client import Client
from shared.context import Context
from shared.storage_mark import mark_storage
from tests.desktop_launcher.windows import Wait, settle
from tests.studio import Studio

pytestmark = pytest.mark.skipif(os.name == "nt", reason="program files are POSIX shell scripts")


def rows(browser: BrowserPage, tab: str) -> list[str]:
    return [item.entity.name for item in browser.navigator.panes[tab].model.items]


def choose(browser: BrowserPage, window: MainWindow, wait_until: Wait, tab: str, name: str) -> None:
    """Bring a tab to the front and click the row of that name."""
    browser.navigator.tabs.setCurrentIndex(list(browser.navigator.panes).index(tab))
    settle(window, wait_until)
    pane = browser.navigator.panes[tab]
    row = rows(browser, tab).index(name)
    rectangle = pane.view.visualRect(pane.model.index(row))
    QTest.mouseClick(pane.view.viewport(), Qt.MouseButton.LeftButton, pos=rectangle.center())
    settle(window, wait_until)


# -- browsing


def test_my_tasks_are_mine(browser: BrowserPage) -> None:
    tasks: list[TaskItem] = browser.navigator.panes["tasks"].model.items
    assert {(task.entity.name, task.name) for task in tasks} == {("ball_bearing", "lookdev"), ("sh010", "lighting")}
    (lookdev,) = (task for task in tasks if task.name == "lookdev")
    assert (lookdev.project, lookdev.department, lookdev.due) == ("film", "Look", date.today() + timedelta(days=1))


def test_assets_and_shots_of_the_project(browser: BrowserPage, window: MainWindow, wait_until: Wait) -> None:
    choose(browser, window, wait_until, "assets", "housing")
    assert rows(browser, "assets") == ["ball_bearing", "housing"]
    assert browser.entity_page.tasks.items == []
    choose(browser, window, wait_until, "shots", "sh010")
    assert [task.name for task in browser.entity_page.tasks.items] == ["lighting"]


def test_what_is_to_be_known_of_a_shot_stands_at_its_head(
    browser: BrowserPage, window: MainWindow, wait_until: Wait, studio: Studio
) -> None:
    page = browser.entity_page
    with Client(studio.api_url, studio.admin_token) as admin:
        for body in (
            {"name": "lens", "title": "Lens", "type": "number"},
            {"name": "weather", "type": "tags"},
            {"name": "mood", "type": "text"},
        ):
            admin.post("/custom-fields/", {"target_type": "shot", **body})
        (shot,) = admin.shots("film", q="sh010")
        admin.patch(
            f"/shots/{shot['id']}", {"fields": {"lens": 35, "weather": ["fog", "<b>rain</b>"], "mood": "dark\n" * 50}}
        )
    choose(browser, window, wait_until, "shots", "sh010")
    head = page._fields.text()
    assert head.startswith("Lens 35  ·  weather fog, <b>rain</b>  ·  mood dark dark") and len(head) < 120
    assert page._fields.isVisible()
    choose(browser, window, wait_until, "assets", "housing")
    assert not page._fields.isVisible()


def test_no_label_takes_a_name_for_markup(browser: BrowserPage, window: MainWindow) -> None:
    written = [each for each in window.findChildren(QLabel) if each.text()]
    assert browser.entity_page._title in written
    assert {each.textFormat() for each in written} == {Qt.TextFormat.PlainText}


def test_an_asset_without_a_picture_has_none(browser: BrowserPage, tmp_path: Path) -> None:
    task = browser.navigator.panes["tasks"].model.item(0)
    assert browser._session.catalogue.thumbnail(task.target_id, "ball_bearing", tmp_path) is None


def test_search_narrows_the_list(browser: BrowserPage, window: MainWindow, wait_until: Wait) -> None:
    choose(browser, window, wait_until, "assets", "housing")
    QTest.keyClicks(browser.navigator.search, "bearing")
    wait_until(lambda: rows(browser, "assets") == ["ball_bearing"])
    browser.navigator.search.setText("no such thing")
    wait_until(lambda: rows(browser, "assets") == [])
    assert "no such thing" in browser.navigator.panes["assets"].view.empty_text


def test_scenes_and_publishes_of_a_task(browser: BrowserPage, window: MainWindow, wait_until: Wait) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    page = browser.entity_page
    assert [scene.file_name for scene in page.scenes.items] == [
        "ball_bearing_v002_i001.blend",
        "ball_bearing_v001_i002.blend",
        "ball_bearing_v001_i001.blend",
    ]
    assert page.scene is not None and str(page.scene.version) == "v002_i001", "the latest is chosen"
    assert [(item.part, str(item.version), item.is_latest) for item in page.publishes.items] == [
        ("look", "v001_i001", True)
    ]


def test_the_last_choice_is_remembered(
    browser: BrowserPage, window: MainWindow, settings: Settings, wait_until: Wait, tmp_path: Path
) -> None:
    choose(browser, window, wait_until, "assets", "housing")
    window.close()
    background = Background()
    again = MainWindow(Settings(settings.folder), Programs(settings, background, Machine("linux", {})), background)
    again.begin()
    wait_until(lambda: again.browser is not None)
    settle(again, wait_until)
    assert again.browser is not None
    current = again.browser.navigator.panes["assets"].view.currentIndex()
    assert current.data(ItemRole).entity.name == "housing"
    again.close()
    assert background.shut_down(10_000)


def test_a_service_that_goes_away_and_comes_back(
    browser: BrowserPage, window: MainWindow, token: str, wait_until: Wait
) -> None:
    there = browser._session.catalogue
    browser._session.catalogue = Catalogue("http://127.0.0.1:9", token)
    browser.reload()
    wait_until(lambda: window.banner.text)
    assert "cannot be reached" in window.banner.text
    assert window.browser is browser, "the artist keeps what she sees"
    browser._session.catalogue = there
    window.banner._action.click()
    settle(window, wait_until)
    assert window.banner.text == ""
    assert browser.projects.currentData() == "film"


def test_projects_of_the_artists_team_come_first(
    browser: BrowserPage, window: MainWindow, studio: Studio, wait_until: Wait
) -> None:
    with Client(studio.api_url, studio.admin_token) as admin:
        mine = admin.post("/projects/", {"name": "zebra", "title": "Zebra"})
        admin.post(f"/projects/{mine['id']}/team", {"user_ids": [studio.artist["id"]]})
        try:
            browser.reload()
            settle(window, wait_until)
            listed = [browser.projects.itemData(row) for row in range(browser.projects.count())]
            # Between them and the others stands a line, which is no project.
            assert listed[:2] == ["zebra", None] and "film" in listed[2:]
            assert browser.projects.currentData() == "film", "the project that was chosen stays"
        finally:
            admin.post(f"/projects/{mine['id']}/archive")


# -- starting programs


def started(blender: Path, wait_until: Wait) -> tuple[Context, str]:
    """The context that the stand-in for Blender was started in, and its arguments."""
    file = blender.with_name("started")
    wait_until(file.exists)
    *environment, arguments = file.read_text().splitlines()
    return Context.from_environment(dict(line.split("=", 1) for line in environment)), arguments


def test_a_scene_is_opened_in_its_context(
    browser: BrowserPage, window: MainWindow, studio: Studio, settings: Settings, blender: Path, wait_until: Wait
) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    button = browser.entity_page.buttons.buttons["blender"]
    assert button.text() == "Open v002_i001 in Blender 5.0.1"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    context, arguments = started(blender, wait_until)
    assert arguments.endswith("film/assets/ball_bearing/scenes/lookdev/ball_bearing_v002_i001.blend")
    assert (str(context.entity), context.project, context.root) == ("asset:ball_bearing", "film", studio.root)
    with Client.from_context(context) as client:
        assert client.task(context.task_id)["name"] == "lookdev", "the program can speak to the service"
    settle(window, wait_until)
    assert "starting" in window.banner.text
    (recent,) = settings.recent_scenes
    assert recent.scene.endswith("ball_bearing_v002_i001.blend")


def test_a_new_scene_is_started_without_a_file(
    browser: BrowserPage, window: MainWindow, settings: Settings, blender: Path, wait_until: Wait
) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    browser.entity_page.scene_view.selectRow(0)
    button = browser.entity_page.buttons.buttons["blender"]
    assert button.text() == "New scene in Blender 5.0.1"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    _, arguments = started(blender, wait_until)
    assert ".blend" not in arguments
    assert settings.recent_scenes == []
    settle(window, wait_until)


def test_enter_opens_the_scene_under_the_cursor(
    browser: BrowserPage, window: MainWindow, blender: Path, wait_until: Wait
) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    view = browser.entity_page.scene_view
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Return)
    _, arguments = started(blender, wait_until)
    assert arguments.endswith("ball_bearing_v001_i002.blend")
    settle(window, wait_until)


def test_without_houdini_its_button_says_so(browser: BrowserPage) -> None:
    assert browser.entity_page.buttons.buttons["houdini"].text() == "Houdini not found"


def test_a_storage_that_is_not_there_is_told(
    browser: BrowserPage, window: MainWindow, settings: Settings, wait_until: Wait
) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    settings.root = "/no/such/folder"
    QTest.mouseClick(browser.entity_page.buttons.buttons["blender"], Qt.MouseButton.LeftButton)
    wait_until(lambda: window.banner.text)
    assert "/no/such/folder is not there" in window.banner.text
    assert window.banner.action == "Settings…"


@pytest.mark.parametrize("whose", ["", "another"])
def test_nothing_starts_with_the_storage_of_nobody_or_of_another_studio(
    browser: BrowserPage,
    window: MainWindow,
    settings: Settings,
    blender: Path,
    wait_until: Wait,
    tmp_path: Path,
    whose: str,
) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    browser.entity_page.scene_view.selectRow(0)
    folder = tmp_path / "drive"
    folder.mkdir()
    if whose:
        mark_storage(folder, str(uuid4()))
    settings.root = str(folder)
    QTest.mouseClick(browser.entity_page.buttons.buttons["blender"], Qt.MouseButton.LeftButton)
    wait_until(lambda: window.banner.text)
    assert str(folder) in window.banner.text and "studio" in window.banner.text
    assert not (blender.parent / "started").exists()


def test_whoever_comes_in_again_is_told_that_the_storage_is_gone(
    window: MainWindow, settings: Settings, studio: Studio, token: str, wait_until: Wait
) -> None:
    settings.api_url, settings.root = studio.url, "/no/such/folder"
    settings.keep_token(studio.url, token)
    window.begin()
    wait_until(lambda: window.banner.text)
    assert "/no/such/folder is not there" in window.banner.text
    assert window.banner.action == "Settings…"
    settle(window, wait_until)


def test_a_program_that_fails_at_once_is_told(
    browser: BrowserPage, window: MainWindow, blender: Path, wait_until: Wait
) -> None:
    choose(browser, window, wait_until, "assets", "ball_bearing")
    blender.write_text("#!/bin/sh\necho 'no graphics card' >&2\nexit 3\n")
    QTest.mouseClick(browser.entity_page.buttons.buttons["blender"], Qt.MouseButton.LeftButton)
    wait_until(lambda: "no graphics card" in window.banner.text)
    assert "ended with status 3" in window.banner.text


def test_logging_out_forgets_the_token(
    browser: BrowserPage, window: MainWindow, settings: Settings, studio: Studio
) -> None:
    browser.logged_out.emit()
    assert window.browser is None
    assert settings.token(studio.url) == ""
