"""The window at a running service: log in, browse, start a program; and what it does when the service is away."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pyotp
import pytest

# The reason of a skip names the library that is missing.
pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

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
from tests.studio import ARTIST, PASSWORD, Studio

pytestmark = pytest.mark.skipif(os.name == "nt", reason="program files are POSIX shell scripts")

Wait = Callable[[Callable[[], object]], None]
BLENDER_SCRIPT = (
    'if [ "$2" = --version ]; then echo Blender 5.0.1; exit; fi',
    'env | grep ^PM_ | sort > "$(dirname "$0")/started.tmp"',
    'echo "$@" >> "$(dirname "$0")/started.tmp"',
    'mv "$(dirname "$0")/started.tmp" "$(dirname "$0")/started"',
)


@pytest.fixture
def blender(make_program: Callable[..., Path]) -> Path:
    """A stand-in for Blender that notes its environment and arguments in the file ``started`` beside it."""
    return make_program("root/opt/blender-5.0.1/blender", *BLENDER_SCRIPT)


@pytest.fixture
def window(
    application: QApplication, settings: Settings, background: Background, tmp_path: Path, blender: Path
) -> Iterator[MainWindow]:
    machine = Machine("linux", {"PATH": ""}, tmp_path / "home", str(tmp_path / "root"))
    window = MainWindow(settings, Programs(settings, background, machine), background)
    window.show()
    yield window
    window.close()


@pytest.fixture
def token(studio: Studio) -> Iterator[str]:
    with studio.token() as token:
        yield token


@pytest.fixture
def browser(window: MainWindow, settings: Settings, studio: Studio, token: str, wait_until: Wait) -> BrowserPage:
    """The browser of the logged-in artist, everything loaded."""
    settings.api_url, settings.root = studio.url, str(studio.root)
    settings.keep_token(studio.url, token)
    window.begin()
    wait_until(lambda: window.browser is not None)
    assert window.browser is not None
    settle(window, wait_until)
    return window.browser


def settle(window: MainWindow, wait_until: Wait) -> None:
    """Wait until nothing is under way; an answer may start the next call, so look again after it."""
    for _ in range(3):
        QApplication.processEvents()
        wait_until(lambda: not window._background.busy)


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


# -- logging in


def test_log_in_by_keyboard(
    window: MainWindow, settings: Settings, studio: Studio, wait_until: Wait, application: QApplication
) -> None:
    window.begin()
    login = window.login
    login.address.setText(studio.url.removeprefix("http://"))
    for line, text in ((login.email, ARTIST), (login.password, PASSWORD)):
        line.setFocus()
        QTest.keyClicks(line, text)
    QTest.keyClick(login.password, Qt.Key.Key_Return)
    wait_until(lambda: window.browser is not None)
    settle(window, wait_until)
    assert settings.token(settings.api_url)
    assert settings.email == ARTIST
    assert login.password.text() == "", "a password does not stay in the window"


@pytest.mark.parametrize("with_token", [True, False])
def test_a_wrong_password_or_token_is_told(
    window: MainWindow, settings: Settings, studio: Studio, wait_until: Wait, with_token: bool
) -> None:
    login = window.login
    login.use_token(with_token)
    login.address.setText(studio.url)
    login.email.setText(ARTIST)
    login.password.setText("wrong")
    login.token.setText("wrong")
    login.log_in()
    wait_until(lambda: login.message.text())
    assert window.browser is None
    assert login.submit.isEnabled()
    assert not settings.token(studio.url)


@contextlib.contextmanager
def new_person(studio: Studio, role: str = "artist") -> Iterator[tuple[str, Client]]:
    """The address of somebody new, and what they do at the service with a session of their own."""
    email = f"n{uuid4().hex[:10]}@studio.example"
    with Client(studio.api_url, studio.admin_token) as admin, Client(studio.api_url) as own:
        made = admin.post("/artists/", {"name": "Ines", "email": email, "role": role, "password": PASSWORD})
        own.login(email, PASSWORD)
        yield email, own
        admin.post(f"/artists/{made['id']}/archive")


def switch_on_two_factor(own: Client) -> tuple[pyotp.TOTP, list[str]]:
    """The authenticator app, which has been used once, and the recovery codes."""
    app = pyotp.TOTP(own.post("/auth/two-factor", {"current_password": PASSWORD})["secret"])
    return app, own.post("/auth/two-factor/confirm", {"code": app.now()})["recovery_codes"]


def test_a_code_is_asked_for_where_the_login_needs_one(
    window: MainWindow, settings: Settings, studio: Studio, wait_until: Wait
) -> None:
    login = window.login
    login.address.setText(studio.url)
    with new_person(studio) as (email, own):
        app, recovery_codes = switch_on_two_factor(own)
        QTest.keyClicks(login.email, email)
        QTest.keyClicks(login.password, PASSWORD)
        assert not login.code.isVisible()
        QTest.keyClick(login.password, Qt.Key.Key_Return)
        wait_until(login.code.isVisible)
        assert login.code.hasFocus() and login.message.text() == "" and login.password.text() == PASSWORD
        QTest.keyClicks(login.code, "000000")
        QTest.keyClick(login.code, Qt.Key.Key_Return)
        wait_until(lambda: "code is wrong" in login.message.text())
        assert login.code.hasFocus() and login.code.selectedText() == "000000", "the next one replaces it"
        # That of the step to come: this one was used to set it up.
        QTest.keyClicks(login.code, app.at(int(time.time()) + 30))
        QTest.keyClick(login.code, Qt.Key.Key_Return)
        wait_until(lambda: window.browser is not None)
        settle(window, wait_until)
        assert settings.token(settings.api_url)
        assert login.code.text() == "" and not login.code.isVisibleTo(login)
        window.log_out()
        login.password.setText(PASSWORD)
        login.log_in()
        wait_until(login.code.isVisible)
        login.code.setText(recovery_codes[0])
        login.log_in()
        wait_until(lambda: window.browser is not None)
        settle(window, wait_until)


def test_another_account_is_not_asked_for_the_code_of_the_one_before(
    window: MainWindow, studio: Studio, wait_until: Wait
) -> None:
    login = window.login
    login.address.setText(studio.url)
    with new_person(studio) as (email, own):
        switch_on_two_factor(own)
        login.email.setText(email)
        login.password.setText(PASSWORD)
        login.log_in()
        wait_until(login.code.isVisible)
        login.log_in()
        assert "and the code" in login.message.text() and not window._background.busy
        login.email.selectAll()
        QTest.keyClicks(login.email, ARTIST)
        assert not login.code.isVisible()
        login.log_in()
        wait_until(lambda: window.browser is not None)
        settle(window, wait_until)


def test_who_has_to_set_up_a_second_factor_first_is_told_where(
    window: MainWindow, settings: Settings, studio: Studio, wait_until: Wait
) -> None:
    login = window.login
    login.address.setText(studio.url)
    with new_person(studio, "tenant_admin") as (_, boss), new_person(studio) as (email, _own):
        switch_on_two_factor(boss)
        boss.patch("/settings/", {"require_two_factor": True})
        try:
            login.email.setText(email)
            login.password.setText(PASSWORD)
            login.log_in()
            wait_until(lambda: login.message.text())
            settle(window, wait_until)
        finally:
            boss.patch("/settings/", {"require_two_factor": False})
        assert window.browser is None and "/account/two-factor" in login.message.text()
        assert not settings.token(studio.url)


def test_empty_fields_are_told_without_asking_anybody(window: MainWindow) -> None:
    window.login.log_in()
    assert "Fill in" in window.login.message.text()
    assert not window._background.busy


def test_a_service_that_is_down_is_told(window: MainWindow, wait_until: Wait) -> None:
    login = window.login
    login.use_token(True)
    login.address.setText("http://127.0.0.1:9")
    login.token.setText("token")
    began = time.monotonic()
    login.log_in()
    assert time.monotonic() - began < 0.5, "the window must not wait"
    wait_until(lambda: login.message.text())
    assert "cannot be reached" in login.message.text()


def test_a_token_that_is_no_longer_good_leads_back_to_the_login(
    browser: BrowserPage, window: MainWindow, settings: Settings, studio: Studio, token: str, wait_until: Wait
) -> None:
    studio.revoke(token)
    browser.reload()
    wait_until(lambda: window.browser is None)
    assert window.login.message.text()
    assert not settings.token(studio.url)


# -- browsing


def test_my_tasks_are_mine(browser: BrowserPage) -> None:
    tasks: list[TaskItem] = browser.navigator.panes["tasks"].model.items
    assert {(task.entity.name, task.name) for task in tasks} == {("ball_bearing", "lookdev"), ("sh010", "lighting")}
    (lookdev,) = (task for task in tasks if task.name == "lookdev")
    assert (lookdev.project, lookdev.department, lookdev.due) == ("film", "look", date.today() + timedelta(days=1))


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


def test_the_login_takes_no_folder_that_is_not_there(
    window: MainWindow, settings: Settings, studio: Studio, wait_until: Wait
) -> None:
    login = window.login
    login.address.setText(studio.url)
    login.email.setText(ARTIST)
    login.password.setText(PASSWORD)
    login.storage.line.setText("/no/such/folder")
    login.log_in()
    wait_until(lambda: login.message.text())
    assert "/no/such/folder is not there" in login.message.text()
    assert window.browser is None and settings.root == ""
    login.storage.line.setText(str(studio.root))
    login.log_in()
    wait_until(lambda: window.browser is not None)
    settle(window, wait_until)
    assert settings.root == str(studio.root) and not window.banner.text


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
