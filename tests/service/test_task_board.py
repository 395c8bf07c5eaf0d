"""Boards and tables of tasks, in a real browser: cards are moved, many tasks are changed, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import uuid4

import pytest
from flask import Flask

from service.accounts.permissions import Role
from service.pages.board import MOST_CARDS
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.test_statements import counting
from tests.service.world import World


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


@dataclass
class Board:
    """The board of a project, opened by a project manager."""

    studio: StudioUnderTest
    production: Production
    browser: Browser
    address: str

    @property
    def page(self) -> str:
        return f"/projects/{self.production.project['id']}/board"

    def task(self, name: str, **more: object) -> Json:
        on = {"target_type": "asset", "target_id": self.production.asset["id"], "name": name, "department": "look"}
        answer: Json = self.studio.admin.post("/tasks/", {**on, **more}).data
        return answer

    def now(self, task: Json) -> Json:
        answer: Json = self.studio.admin.get(f"/tasks/{task['id']}").data
        return answer

    def open(self, query: str = "", role: Role = Role.PROJECT_MANAGER) -> None:
        self.browser.open(f"{self.address}/?token={self.studio.tokens[role]}")
        self.browser.open(f"{self.address}{self.page}{query}")

    def column(self, status: str) -> str:
        return self.browser.text(f'.column[data-status="{status}"]')

    def is_in(self, task: Json, status: str) -> bool:
        card = f'.column[data-status="{status}"] [data-task="{task["id"]}"]'
        return bool(self.browser.run("return !!document.querySelector(arguments[0])", card))

    def is_shown(self, task: Json, revision: int) -> bool:
        card = f"[data-task='{task['id']}'][data-version='{revision}']"
        return bool(self.browser.run("return !!document.querySelector(arguments[0])", card))

    def drop(self, task: Json, status: str) -> None:
        """Drag a card onto a column, as a browser tells of it."""
        self.browser.run(
            """
            const [card, column] = [...arguments].map((each) => document.querySelector(each));
            const dataTransfer = new DataTransfer();
            const fire = (name, on) => on.dispatchEvent(
              new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }));
            fire("dragstart", card); fire("dragover", column); fire("drop", column); fire("dragend", card);
            """,
            f'[data-task="{task["id"]}"]',
            f'.column[data-status="{status}"]',
        )


@pytest.fixture
def board(studio: StudioUnderTest, production: Production, window: Browser, address: str) -> Board:
    window.resize(1400, 900)
    return Board(studio, production, window, address)


def test_a_card_is_moved_by_dragging_and_by_its_button(board: Board) -> None:
    task = board.production.task
    board.open()
    assert board.is_in(task, "todo") and "To do" in board.column("todo")
    board.drop(task, "in_progress")
    board.browser.until(lambda: board.now(task)["status"] == "in_progress" and board.is_in(task, "in_progress"))
    board.browser.until(lambda: board.is_shown(task, 2))
    # By keyboard: the button opens a menu, in which a status is chosen.
    board.browser.run(f"document.querySelector('[data-task=\"{task['id']}\"] [data-move]').focus()")
    board.browser.press("\ue007")
    board.browser.until(lambda: board.browser.run("return !!document.querySelector('#move-task:popover-open')"))
    board.browser.run("document.querySelector('#move-task [value=review]').focus()")
    board.browser.press("\ue007")
    board.browser.until(lambda: board.now(task)["status"] == "review" and board.is_in(task, "review"))
    board.browser.until(lambda: board.browser.run("return document.activeElement.matches('[data-move]')"))


def test_a_card_that_somebody_else_changed_is_not_moved_and_the_board_says_why(board: Board) -> None:
    task = board.production.task
    board.open()
    board.studio.admin.patch(f"/tasks/{task['id']}", {"status": "retake", "due": "2027-01-31"})
    board.browser.run("document.querySelector('#board').removeAttribute('data-refresh')")
    board.drop(task, "done")
    board.browser.until(lambda: "Somebody else changed the task" in board.browser.text("main > .note.bad"))
    assert "retake" in board.browser.text("main > .note.bad")
    assert board.now(task)["status"] == "retake" and board.is_in(task, "retake")
    # What is shown now can be moved.
    board.drop(task, "done")
    board.browser.until(lambda: board.now(task)["status"] == "done")


def test_a_card_that_is_moved_after_the_session_ended_leads_to_the_login(board: Board) -> None:
    task = board.production.task
    board.open()
    # As in another tab.
    assert board.browser.run("return fetch('/logout', { method: 'POST' }).then((answer) => answer.ok)")
    board.browser.run("document.querySelector('#board').removeAttribute('data-refresh')")
    board.drop(task, "done")
    board.browser.until(lambda: board.browser.text("main").startswith("Log in"))
    assert board.now(task)["status"] == "todo"


def test_a_card_goes_back_where_it_was_while_the_service_is_away(board: Board) -> None:
    first, second = board.production.task, board.task("look")
    board.open()
    board.browser.cut_off()
    try:
        board.drop(first, "done")
        board.browser.until(lambda: "does not answer" in board.browser.text("main > .note.bad"))
        assert board.is_in(first, "todo") and board.is_in(second, "todo")
    finally:
        board.browser.cut_off(False)
    board.drop(first, "done")
    board.browser.until(lambda: board.now(first)["status"] == "done" and board.is_in(first, "done"))
    board.browser.until(lambda: not board.browser.text("main > .note"))


def test_a_board_shows_what_others_do_and_keeps_what_was_chosen(board: Board) -> None:
    other = board.task("look")
    board.open()
    board.browser.click(f'[data-task="{other["id"]}"] input')
    assert board.browser.text("[data-chosen]") == "1 chosen"
    board.browser.run("document.activeElement.blur()")
    board.studio.admin.patch(f"/tasks/{board.production.task['id']}", {"status": "on_hold"})
    board.browser.until(lambda: board.is_in(board.production.task, "on_hold"))
    assert board.browser.text("[data-chosen]") == "1 chosen"
    board.browser.run("document.querySelector('#change-tasks [name=status]').value = 'approved'")
    board.browser.click("[data-change-chosen]")
    board.browser.until(lambda: "Changed 1 task." in board.browser.text("main > .note"))
    assert (board.now(other)["status"], board.now(board.production.task)["status"]) == ("approved", "on_hold")


def test_a_refused_change_of_many_tasks_keeps_what_was_chosen(board: Board) -> None:
    first, second, third = board.production.task, board.task("look"), board.task("light")
    board.open()
    board.browser.run("document.querySelector('#board').removeAttribute('data-refresh')")
    for task in (first, second):
        board.browser.click(f'[data-task="{task["id"]}"] input')
    board.browser.click("[data-change-chosen]")
    board.browser.until(lambda: "Choose a status, a due day, or who" in board.browser.text("main > .note.bad"))
    board.browser.until(lambda: board.browser.text("[data-chosen]") == "2 chosen")
    # What somebody else changed meanwhile is to be looked at again.
    board.browser.run("document.querySelector('#board').removeAttribute('data-refresh')")
    board.browser.click(f'[data-task="{third["id"]}"] input')
    board.studio.admin.patch(f"/tasks/{second['id']}", {"status": "review"})
    board.browser.run("document.querySelector('#change-tasks [name=status]').value = 'on_hold'")
    board.browser.click("[data-change-chosen]")
    board.browser.until(lambda: "changed" in board.browser.text("main > .note.bad"))
    board.browser.until(lambda: board.browser.text("[data-chosen]") == "2 chosen")
    board.browser.click("[data-change-chosen]")
    board.browser.until(lambda: "Changed 2 tasks." in board.browser.text("main > .note"))
    assert [board.now(task)["status"] for task in (first, second, third)] == ["on_hold", "review", "on_hold"]


def test_the_only_task_that_somebody_else_changed_is_chosen_again(board: Board) -> None:
    task = board.production.task

    def change() -> None:
        board.browser.run("document.querySelector('#board').removeAttribute('data-refresh')")
        board.browser.click(f'[data-task="{task["id"]}"] input')
        board.browser.run("document.querySelector('#change-tasks [name=status]').value = 'on_hold'")
        board.browser.click("[data-change-chosen]")

    board.open()
    board.browser.run("document.querySelector('#board').removeAttribute('data-refresh')")
    board.studio.admin.patch(f"/tasks/{task['id']}", {"status": "review"})
    change()
    board.browser.until(lambda: "changed" in board.browser.text("main > .note.bad"))
    board.browser.until(lambda: board.browser.text("[data-chosen]") == "Choose all")
    change()
    board.browser.until(lambda: board.now(task)["status"] == "on_hold")


def test_an_artist_chooses_all_in_the_table_and_changes_their_status_only(board: Board) -> None:
    late = (date.today() - timedelta(days=9)).isoformat()
    tasks = [board.production.task, board.task("look", due=late), board.task("light", start="2027-01-01")]
    board.open(role=Role.ARTIST)
    board.browser.open(f"{board.address}/projects/{board.production.project['id']}/tasks")
    assert not board.browser.run("return !!document.querySelector('#change-tasks [name=people]')")
    board.browser.click("[data-choose-all]")
    assert board.browser.text("[data-chosen]") == "3 chosen"
    board.browser.run("document.querySelector('#change-tasks [name=status]').value = 'review'")
    board.browser.click("[data-change-chosen]")
    board.browser.until(lambda: "Changed 3 tasks." in board.browser.text("main > .note"))
    assert {board.now(task)["status"] for task in tasks} == {"review"}


def test_a_board_is_narrowed_and_says_what_it_does_not_show(board: Board) -> None:
    studio, project = board.studio, board.production.project
    table = "asset,task,department\n" + "".join(f"gear{number},model,model\n" for number in range(MOST_CARDS + 4))
    options = {"data": table.encode(), "content_type": "text/csv"}
    assert studio.admin.call("POST", f"/projects/{project['id']}/sheet", **options).status == 200
    browser = studio.browser()
    page = browser.get(board.page)
    assert f"To do {MOST_CARDS + 5}" in Page(page).text and "5 more" in Page(page).text
    assert page.text.count('class="card"') == MOST_CARDS
    assert "gear modelling Model · nobody" in Page(page).text
    assert "gear1 model nobody Move" in Page(page).text, "what is called like its department"
    assert f"/projects/{project['id']}/tasks?status=todo" in page.text.replace("&amp;", "&")
    for query, number in (("q=gear7", 1), ("department=look", 0), ("assignee=me", 0), ("assignee=nobody&q=gear", 50)):
        found = browser.get(f"{board.page}?{query}").text.count('class="card"')
        assert found == number, query
    assert browser.get(f"{board.page}?assignee=anna").status_code == 422
    assert (
        browser.get(f"/projects/{project['id']}/tasks?status=todo&page=1").text.count('name="task"') == MOST_CARDS + 5
    )


def test_choosing_all_says_that_it_means_the_cards_that_are_shown(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.pages.board.MOST_CARDS", 2)
    board.task("look"), board.task("light", status="review")
    board.open()
    assert board.browser.text("[data-chosen]") == "Choose all"
    board.task("detail")
    board.open()
    board.browser.until(lambda: board.browser.text("[data-chosen]") == "Choose all 3 shown")
    board.browser.click("[data-choose-all]")
    assert board.browser.text("[data-chosen]") == "3 chosen"


def test_the_more_of_a_board_that_is_narrowed_leads_to_the_rest(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.pages.board.MOST_CARDS", 1)
    board.task("look")
    browser = board.studio.browser()
    answer = browser.get(f"{board.page}?status=todo&asset_type=product")
    assert answer.status_code == 200 and "1 more" in Page(answer).text
    [rest] = [link for link in Page(answer).links if "/tasks?" in link]
    assert browser.get(rest).text.count('name="task"') == 2


def test_the_status_of_my_tasks_is_seen_in_a_narrow_window(board: Board) -> None:
    me = board.studio.artist.get("/auth/me").data["user"]["id"]
    board.task("a_task_with_quite_a_long_name", assignee_ids=[me], due="2027-01-31", status="in_progress")
    board.browser.resize(500, 900)
    board.open(role=Role.ARTIST)
    board.browser.open(f"{board.address}/my-tasks")
    for what in (".task-status", ".my-tasks .number", ".my-tasks input"):
        seen = "const box = document.querySelector(arguments[0]).getBoundingClientRect(); return [box.left, box.right]"
        left, right = board.browser.run(seen, what)
        assert 0 <= left < right <= 500, what


def test_of_a_full_board_every_column_is_within_reach(board: Board) -> None:
    """The names of the columns stay in sight, and each reaches down to the card that is dragged."""
    table = "asset,task\n" + "".join(f"gear{number},model\n" for number in range(30))
    options = {"data": table.encode(), "content_type": "text/csv"}
    board.studio.admin.call("POST", f"/projects/{board.production.project['id']}/sheet", **options)
    board.browser.resize(1360, 900)
    board.open()
    board.browser.run("document.querySelector('.card:last-child').scrollIntoView({ block: 'end' })")
    reached = board.browser.run(
        """
        const { top } = document.querySelector(".card:last-child").getBoundingClientRect();
        return [...document.querySelectorAll(".column")].map((column) => {
          const { x, width } = column.getBoundingClientRect();
          const name = column.querySelector("h2").getBoundingClientRect();
          const at = (y) => document.elementFromPoint(x + width / 2, y)?.closest(".column") === column;
          return at(top) && at(name.y + name.height / 2);
        });
        """
    )
    assert len(reached) == 7 and all(reached)


def test_my_tasks_are_ordered_by_the_day_when_they_are_due(board: Board) -> None:
    studio = board.studio
    me = studio.artist.get("/auth/me").data["user"]["id"]
    today = date.today()
    for name, days, status in (
        ("late", -3, "todo"),
        ("soon", 2, "review"),
        ("past", -9, "done"),
        ("some_day", None, "todo"),
    ):
        due = None if days is None else (today + timedelta(days=days)).isoformat()
        board.task(name, assignee_ids=[me], due=due, status=status)
    browser = studio.browser()
    text = Page(browser.get("/my-tasks")).text
    assert text.index(" late ") < text.index(" soon ") < text.index(" some_day ") and " past " not in text
    assert " past " in Page(browser.get("/my-tasks?all=1")).text
    assert "Nothing to do" in studio.browser(Role.TENANT_ADMIN).get("/my-tasks").text


def test_tasks_of_one_day_stand_in_the_order_of_what_they_are_on(
    studio: StudioUnderTest, production: Production
) -> None:
    me = studio.artist.get("/auth/me").data["user"]["id"]
    project = {"project_id": production.project["id"]}
    sequence = studio.admin.post("/sequences/", {**project, "name": "sq010"}).data
    for name in ("sh30", "sh2", "sh10"):
        shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": name}).data
        comp = {"target_type": "shot", "target_id": shot["id"], "name": "comp", "department": "lighting"}
        assert studio.admin.post("/tasks/", {**comp, "assignee_ids": [me]}).status == 201
    address = f"/projects/{production.project['id']}"
    for page in (
        "/my-tasks",
        "/time",
        f"{address}/board",
        f"{address}/tasks",
        f"{address}/tasks?sort=status",
    ):
        text = Page(studio.browser().get(page)).text
        assert text.index("sh2 ") < text.index("sh10 ") < text.index("sh30 "), page


def test_an_empty_board_says_where_tasks_come_from(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": f"p{uuid4().hex[:8]}"}).data
    manager, address = studio.browser(Role.PROJECT_MANAGER), f"/projects/{project['id']}"
    assert "No task yet. Tasks are made on the pages" in Page(manager.get(f"{address}/board")).text
    assert "No task yet" not in Page(manager.get(f"{address}/board?q=nothing")).text
    assert "with a task template; or many with a spreadsheet" in Page(manager.get(f"{address}/tasks")).text


def test_a_task_is_taken_by_an_artist_and_edited_by_a_manager(board: Board) -> None:
    studio, task = board.studio, board.production.task
    artist, manager = studio.browser(), studio.browser(Role.PROJECT_MANAGER)
    page = f"/tasks/{task['id']}"
    me = studio.artist.get("/auth/me").data["user"]["id"]
    chief = studio.api(Role.PROJECT_MANAGER).get("/auth/me").data["user"]["id"]
    sent = {"headers": {"Sec-Fetch-Site": "same-origin", "Referer": f"http://localhost{page}"}}
    assert "Take this task" in artist.get(page).text and "Edit task" not in artist.get(page).text
    assert artist.post(f"{page}/take", **sent).status_code == 303
    assert board.now(task)["assignee_id"] == me and "Take this task" not in artist.get(page).text
    form = {
        "version": "2",
        "department": "look",
        "assignee_ids": [chief, me],
        "start": "2027-01-11",
        "estimate_days": "2.5",
    }
    assert manager.post(f"{page}/edit", data={**form, "due": "2027-01-10"}, **sent).status_code == 303
    assert "before it starts" in Page(manager.get(page)).text and board.now(task)["revision"] == 2
    manager.post(f"{page}/edit", data={**form, "due": "2027-01-15"}, **sent)
    now = board.now(task)
    assert [each["id"] for each in now["assignees"]] == [me, chief]
    assert (now["department"], now["start"], now["due"], now["estimate_days"]) == (
        "look",
        "2027-01-11",
        "2027-01-15",
        2.5,
    )
    manager.post(f"{page}/edit", data={**form, "due": "2027-01-16"}, **sent)
    assert "Somebody else changed the task" in Page(manager.get(page)).text
    assert artist.post(f"{page}/edit", data=form, **sent).status_code == 403


def test_a_fuller_board_costs_no_more_statements(app: Flask, board: Board) -> None:
    world, browser = World(board.studio), board.studio.browser()
    me = board.studio.artist.get("/auth/me").data["user"]["id"]

    def cost() -> int:
        browser.get(board.page)
        with counting(app) as statements:
            assert browser.get(board.page).status_code == 200
        return len(statements)

    def fill(number: int) -> None:
        board.task(f"task{number}", assignee_ids=[me, world.user()["id"]], status="review")
        world.picture(board.production.asset)

    fill(0)
    few = cost()
    for number in range(1, 6):
        fill(number)
    assert cost() == few
