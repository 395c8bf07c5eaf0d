from __future__ import annotations

from pathlib import Path

import pytest

from shared.context import Context, Entity, check_file_name, check_id, check_name
from shared.errors import InputError

ENVIRONMENT = {
    "PM_API_URL": "http://127.0.0.1:5000/",
    "PM_API_TOKEN": "s3cret-token",
    "PM_PROJECT": "demo",
    "PM_ENTITY": "shot:sq010/sh0010",
    "PM_TASK_ID": "t1",
    "PM_ARTIST": "Ada",
    "PM_ROOT": "/mnt/projects",
    "PM_PYTHON": "/usr/bin/python3",
}


def test_what_the_launcher_sets_every_tool_reads_back() -> None:
    context = Context.from_environment(ENVIRONMENT)
    assert context.entity == Entity.shot("sq010", "sh0010")
    assert context.root == Path("/mnt/projects")
    assert Context.from_environment(context.to_environment()) == context


def test_missing_variables_are_all_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Context.from_environment({"PM_API_URL": "http://x"})
    assert set(caught.value.fields) == {"PM_API_TOKEN", "PM_PROJECT", "PM_ROOT"}
    assert "launcher" in caught.value.hint


def test_a_tool_that_is_told_its_task_needs_no_project() -> None:
    environment = {name: ENVIRONMENT[name] for name in ("PM_API_URL", "PM_API_TOKEN", "PM_ROOT")}
    context = Context.from_environment(environment, needs_project=False)
    with pytest.raises(InputError, match="PM_PROJECT"):
        context.require_project()


def test_the_token_is_in_no_repr() -> None:
    assert "s3cret" not in repr(Context.from_environment(ENVIRONMENT))


@pytest.mark.parametrize("text", ["asset:bearing", "shot:sq010/sh0010"])
def test_entity_text_and_back(text: str) -> None:
    assert str(Entity.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "bearing", "asset:", "asset:a/b", "shot:a", "shot:a/b/c", "shot:/b", "prop:x", "asset:../etc", "asset:ä"],
)
def test_what_names_no_entity_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Entity.parse(text)


def test_a_context_without_an_entity_says_where_to_pick_one() -> None:
    context = Context.from_environment({**ENVIRONMENT, "PM_ENTITY": ""})
    with pytest.raises(InputError) as caught:
        context.require_entity()
    assert "launcher" in caught.value.hint


def test_an_id_is_one_as_it_is_written_anywhere() -> None:
    row_id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert check_id(row_id.upper(), "task") == row_id
    for wrong in ("", "123", "look", f"{row_id}/x"):
        with pytest.raises(InputError, match="is not the id of a task"):
            check_id(wrong, "task")


@pytest.mark.parametrize("name", ["", "1part", "a b", "a/b", "a\n", "..", "x" * 101])
def test_names_that_are_no_folder_and_prim_name_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name, "asset")


@pytest.mark.parametrize("name", ["con", "AUX", "Nul", "prn", "com1", "COM9", "lpt1", "Lpt9"])
@pytest.mark.parametrize("extension", ["", ".usd", ".tar.gz", " .usd"])
def test_windows_devices_are_no_names(name: str, extension: str) -> None:
    with pytest.raises(InputError, match="Windows takes it for a device") as caught:
        check_file_name(name + extension)
    assert f"{name}_1" in caught.value.hint
    if not extension:
        with pytest.raises(InputError, match="device"):
            check_name(name, "asset")
        assert check_name(name, "material") == name  # no file is called so
        assert str(Entity.asset(name)) == f"asset:{name}"  # what has got the name already is still shown


@pytest.mark.parametrize("name", ["console", "com10", "com0", "auxiliary", "nul_1", "a.con", "lpt"])
def test_names_that_only_look_like_devices_are_names(name: str) -> None:
    assert check_file_name(name) == name


@pytest.mark.parametrize("name", ["gear.", "gear ", "gear. .", "..", " "])
def test_what_windows_leaves_out_ends_no_name(name: str) -> None:
    with pytest.raises(InputError, match="dots and spaces at the end"):
        check_file_name(name)
