"""The launcher's parts that need no service: background work, models, settings, programs, words and start-up errors."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

# The reason of a skip names the library that is missing.
pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)

from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QApplication

from desktop_launcher.app import qt_error
from desktop_launcher.background import Background
from desktop_launcher.catalogue import Page
from desktop_launcher.delegates import due_text
from desktop_launcher.launch import Work
from desktop_launcher.models import Column, ItemListModel, TableModel
from desktop_launcher.programs import Programs
from desktop_launcher.settings import RECENT_SCENES, Settings, check_root
from desktop_launcher.settings_dialog import SettingsDialog
from desktop_launcher.software import Machine
from desktop_launcher.style import initials
from shared.cli import EXIT_FAILED, main
from shared.errors import InputError, RacewayError, StorageError
from shared.storage_mark import mark_storage

Wait = Callable[[Callable[[], object]], None]


# -- background work


def test_answers_come_on_the_main_thread(background: Background, wait_until: Wait) -> None:
    seen: list[tuple[object, bool]] = []

    def work() -> int:
        assert threading.current_thread() is not threading.main_thread()
        return 42

    background.run("a", work, lambda result: seen.append((result, _on_main_thread())), pytest.fail)
    wait_until(lambda: seen)
    assert seen == [(42, True)]
    assert not background.busy


def test_of_calls_with_one_key_the_newest_answers(background: Background, wait_until: Wait) -> None:
    answers: list[str] = []
    release = threading.Event()

    def slow() -> str:
        release.wait(10)
        return "old"

    background.run("list", slow, answers.append, pytest.fail)
    background.run("list", lambda: "new", answers.append, pytest.fail)
    wait_until(lambda: answers)
    release.set()
    wait_until(lambda: not background.busy)
    assert answers == ["new"]


@pytest.mark.parametrize(
    ("raised", "code"),
    [(InputError("no", code="input.x"), "input.x"), (ZeroDivisionError("division"), "launcher.unexpected")],
)
def test_errors_reach_the_page(background: Background, wait_until: Wait, raised: Exception, code: str) -> None:
    errors: list[RacewayError] = []

    def work() -> None:
        raise raised

    background.run("a", work, pytest.fail, errors.append)
    wait_until(lambda: errors)
    assert errors[0].code == code


def test_after_the_end_nothing_answers(wait_until: Wait) -> None:
    background = Background()
    background.run("a", lambda: 1, pytest.fail, pytest.fail)
    assert background.shut_down(10_000)
    wait_until(lambda: not background.busy)


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


# -- models


def pages_of(count: int, size: int) -> tuple[ItemListModel[int], list[int]]:
    asked: list[int] = []

    def fetch(page: int, done: Callable[[Page[int]], None]) -> None:
        asked.append(page)
        done(Page(list(range(count))[(page - 1) * size : page * size], count))

    return ItemListModel(str, fetch), asked


def test_a_list_grows_page_by_page() -> None:
    model, asked = pages_of(5, 2)
    model.reload()
    assert model.items == [0, 1]
    while model.canFetchMore(QModelIndex()):
        model.fetchMore(QModelIndex())
    assert model.items == [0, 1, 2, 3, 4]
    assert asked == [1, 2, 3]


def test_a_list_that_shrinks_meanwhile_ends() -> None:
    answers = iter([Page([1, 2], 5), Page([], 2)])
    model: ItemListModel[int] = ItemListModel(str, lambda page, done: done(next(answers)))
    model.reload()
    model.fetchMore(QModelIndex())
    assert model.items == [1, 2]
    assert not model.canFetchMore(QModelIndex())


def test_a_page_is_not_asked_twice_at_once() -> None:
    waiting: list[Callable[[Page[int]], None]] = []
    model: ItemListModel[int] = ItemListModel(str, lambda page, done: waiting.append(done))
    model.reload()
    model.fetchMore(QModelIndex())
    assert len(waiting) == 1
    model.fetch_failed()
    model.fetchMore(QModelIndex())
    assert len(waiting) == 2


def test_a_table_with_a_row_of_its_own() -> None:
    model: TableModel[int] = TableModel([Column("Number", str), Column("Double", lambda number: str(2 * number))])
    model.set_items([7], first_row="New")
    texts = [[model.data(model.index(row, column)) for column in range(2)] for row in range(model.rowCount())]
    assert texts == [["New", ""], ["7", "14"]]
    assert [model.item(row) for row in range(3)] == [None, 7, None]


# -- settings


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_token_is_private_and_belongs_to_one_service(settings: Settings) -> None:
    settings.api_url = "http://studio:5000"
    settings.keep_token(settings.api_url, "secret")
    file = settings.folder / "token.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings.token("http://studio:5000") == "secret"
    assert settings.token("http://elsewhere:5000") == ""
    settings.sync()
    assert "secret" not in (settings.folder / "launcher.ini").read_text()
    settings.forget_token()
    assert settings.token("http://studio:5000") == ""
    settings.forget_token()


@pytest.mark.parametrize("content", ["", "[]", "null", '{"token": 1}', "\x00"])
def test_a_damaged_token_file_is_no_token(settings: Settings, content: str) -> None:
    (settings.folder / "token.json").write_text(content)
    assert settings.token("http://studio:5000") == ""


def test_choices_outlive_the_launcher(settings: Settings) -> None:
    work = Work("demo", "asset:bearing", "t1", "look", "demo/a_v001_i001.blend")
    settings.api_url, settings.root = "http://studio:5000", "/mnt/raceway"
    settings.choose("project", "demo")
    settings.add_recent_scene(work)
    settings.set_programs_by_hand("blender", [Path("/opt/my blender/blender"), Path("/b"), Path("/b")])
    settings.sync()
    again = Settings(settings.folder)
    assert (again.api_url, again.root, again.choice("project")) == ("http://studio:5000", "/mnt/raceway", "demo")
    assert again.recent_scenes == [work]
    assert again.programs_by_hand("blender") == [Path("/opt/my blender/blender"), Path("/b")]


def test_recent_scenes_are_few_and_each_once(settings: Settings) -> None:
    works = [Work("demo", "asset:a", "t", "look", f"a_v001_i{number:03d}.blend") for number in range(1, 20)]
    for work in [*works, works[17]]:
        settings.add_recent_scene(work)
    assert settings.recent_scenes[:2] == [works[17], works[18]]
    assert len(settings.recent_scenes) == RECENT_SCENES


def test_a_settings_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Settings(tmp_path / "file" / "raceway")


def test_the_storage_folder_must_be_there(tmp_path: Path) -> None:
    assert check_root(str(tmp_path)) == tmp_path
    for root in ("", "  ", str(tmp_path / "gone")):
        with pytest.raises(StorageError, match="storage folder"):
            check_root(root)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="is a file"):
        check_root(str(tmp_path / "file"))


def test_the_storage_folder_must_be_the_studios(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the service never wrote to it"):
        check_root(str(tmp_path), "ours")
    mark_storage(tmp_path, "theirs")
    with pytest.raises(StorageError, match="another studio's storage"):
        check_root(str(tmp_path), "ours")
    assert check_root(str(tmp_path), "theirs") == tmp_path


@pytest.mark.parametrize("folder", ["", "gone"])
def test_settings_take_no_folder_that_is_not_there(
    application: QApplication, settings: Settings, background: Background, tmp_path: Path, folder: str
) -> None:
    settings.root = str(tmp_path)
    dialog = SettingsDialog(settings, Programs(settings, background, Machine()), "")
    dialog.storage.line.setText(folder and str(tmp_path / folder))
    dialog.accept()
    told = dialog.message.text()
    assert (str(tmp_path / "gone") if folder else "No storage folder") in told and "hoose" in told
    assert settings.root == str(tmp_path)


def test_the_command_takes_no_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["launcher", "--root", str(tmp_path / "gone")]) == EXIT_FAILED
    assert f"{tmp_path / 'gone'} is not there" in capsys.readouterr().err


# -- programs


@pytest.mark.skipif(os.name == "nt", reason="program files are POSIX shell scripts")
def test_programs_are_found_and_the_last_choice_is_preferred(
    settings: Settings, background: Background, wait_until: Wait, tmp_path: Path, make_program: Callable[..., Path]
) -> None:
    old = make_program("root/opt/blender-4.5.3/blender", "echo Blender 4.5.3")
    new = make_program("root/opt/blender-5.0.1/blender", "echo Blender 5.0.1")
    by_hand = make_program("mine/blender", "echo Blender 5.1.0")
    machine = Machine("linux", {"PATH": ""}, tmp_path / "home", str(tmp_path / "root"))
    programs = Programs(settings, background, machine)
    assert not programs.searched("blender")
    programs.search()
    wait_until(lambda: programs.searched("blender") and programs.searched("houdini"))
    found = [(one.executable, one.version) for one in programs.installations("blender")]
    assert found == [(new, "5.0.1"), (old, "4.5.3")]
    assert programs.preferred("houdini") is None

    programs.prefer(programs.installations("blender")[1])
    again = Programs(settings, background, machine)
    again.search()
    wait_until(lambda: again.searched("blender"))
    preferred = again.preferred("blender")
    assert preferred is not None and preferred.executable == old

    again.add_by_hand("blender", by_hand)
    wait_until(lambda: len(again.installations("blender")) == 3)
    preferred = again.preferred("blender")
    assert preferred is not None and (preferred.executable, preferred.by_hand) == (by_hand, True)
    again.forget(preferred)
    wait_until(lambda: len(again.installations("blender")) == 2)
    preferred = again.preferred("blender")
    assert preferred is not None and preferred.executable == new


# -- words


@pytest.mark.parametrize(
    ("days", "is_done", "text"),
    [
        (0, False, "due today"),
        (1, False, "due tomorrow"),
        (-1, False, "1 day late"),
        (-9, False, "9 days late"),
        (20, False, "due 11 Dec"),
        (-9, True, "12 Nov"),
    ],
)
def test_due_dates_in_words(days: int, is_done: bool, text: str) -> None:
    today = date(2026, 11, 21)
    assert due_text(today + timedelta(days), is_done, today)[0] == text


def test_initials() -> None:
    assert [initials(name) for name in ("ball_bearing", "pin", "a-b-c", "")] == ["BB", "P", "AB", ""]


# -- starting up


def test_a_missing_library_is_named_with_its_packages() -> None:
    error = qt_error(ImportError("libEGL.so.1: cannot open shared object file: No such file or directory"))
    assert "libEGL.so.1" in error.message
    assert "apt install libegl1." in error.hint and "dnf install 'libEGL.so.1()(64bit)'" in error.hint
    assert qt_error(ImportError("No module named 'PySide6'")).code == "launcher.qt_missing"
    broken = qt_error(ImportError("QtGui.abi3.so: undefined symbol: _Zcheese"))
    assert broken.code == "launcher.qt_broken" and "_Zcheese" in broken.message


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only X11 and Wayland can be absent")
def test_without_a_screen_the_command_says_so() -> None:
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environ = {key: value for key, value in os.environ.items() if key not in screens}
    code = (
        "import argparse, sys; from desktop_launcher.command import COMMAND; from shared.cli import report_error\n"
        "from shared.errors import RacewayError\n"
        "parser = argparse.ArgumentParser(); COMMAND.configure(parser)\n"
        "try: COMMAND.run(parser.parse_args([]))\n"
        "except RacewayError as error: report_error(error); sys.exit(1)\n"
    )
    arguments = [sys.executable, "-c", code]
    done = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "error [launcher.no_display]" in done.stderr and "hint:" in done.stderr
    assert "Traceback" not in done.stderr
