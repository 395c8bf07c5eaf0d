"""What refusals advise on pages: what one does there, not calls of the API."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import service
import shared
from service.accounts.permissions import Role
from service.pages.hints import on_page
from tests.service.studio import StudioUnderTest
from tests.service.test_making_pages import Office

METHODS = ("GET ", "POST ", "PUT ", "PATCH ", "DELETE ")


def hints() -> Iterator[str]:
    """Every hint that stands in the code, what is filled in being left as it is."""
    for package in (service, shared):
        for file in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "hint":
                    yield from (text for each in ast.walk(node.value) if (text := _text_of(each)))


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(each) or "{}" for each in node.values)
    return ""


def test_no_hint_names_a_call_of_the_api_on_a_page() -> None:
    found = [hint for hint in hints() if any(method in hint for method in METHODS)]
    assert len(found) > 20
    for hint in found:
        shown = on_page(hint)
        assert not any(method in shown for method in METHODS) and "/api/" not in shown, hint
        assert not shown or shown[-1] == ".", hint


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("Choose another name.", "Choose another name."),
        (
            "Restore it first, on its page, or by POST to its address with /restore; its id is 7.",
            "Restore it first, on its page.",
        ),
        ("There is todo. Declare one under Statuses, or by POST /api/x.", "There is todo. Declare one under Statuses."),
        ("Make another the default instead: PATCH it with is_default true.", "Make another the default instead."),
        ("List them: GET /api/assets/.", ""),
        ("GET /api/webhooks/kinds lists them.", ""),
    ],
)
def test_what_a_hint_says_to_people_stays(hint: str, shown: str) -> None:
    assert on_page(hint) == shown


def test_a_status_that_tasks_have_is_refused_on_its_page_with_what_to_do_there(studio: StudioUnderTest) -> None:
    manager, production = Office(studio), studio.production()
    status = studio.admin.post("/task-statuses/", {"name": "waiting", "kind": "on_hold"}).data
    studio.admin.patch(f"/tasks/{production.task['id']}", {"status": "waiting"})
    told = manager.told(f"/task-statuses/{status['id']}/archive", "/task-statuses")
    assert "1 task has the status waiting. Choose which other they get, on the page Task statuses." in told
    assert "POST" not in told
    refused = studio.api(Role.PROJECT_MANAGER).post(f"/task-statuses/{status['id']}/archive")
    assert "POST /api/task-statuses/" in refused.error["hint"]
