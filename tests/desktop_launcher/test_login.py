"""The login at a running service: by password, by token, with a second factor; and what is refused."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from uuid import uuid4

import pyotp
import pytest

# The reason of a skip names the library that is missing.
pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop_launcher.browser_page import BrowserPage
from desktop_launcher.settings import Settings
from desktop_launcher.window import MainWindow
from shared.client import Client
from tests.desktop_launcher.windows import Wait, settle
from tests.studio import ARTIST, PASSWORD, Studio

pytestmark = pytest.mark.skipif(os.name == "nt", reason="program files are POSIX shell scripts")


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
