"""Custom fields in a production's spreadsheet: columns of their own, out and in again."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.studio import Json, StudioUnderTest
from tests.service.test_production_sheet import export, send
from tests.service.world import unique

FIELDS = [
    *(("asset", "part_number", "text"), ("asset", "weight", "number"), ("asset", "risk", "choice")),
    *(("sequence", "mood", "text"), ("shot", "lens", "number"), ("shot", "weather", "tags")),
    *(("task", "approved_on", "date"), ("task", "hero", "checkbox")),
]
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_TAG = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0,;\r\n"), max_size=9)
_VALUES = {
    "text": _TEXT | st.sampled_from(["=1+1", "'=1", "''-2", '"', "two\nlines", "-5", "yes"]),
    "number": st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15),
    "choice": st.sampled_from(["low", "=high", "a, b"]),
    "tags": st.lists(_TAG.filter(lambda tag: tag.strip()), max_size=4),
    "date": st.dates().map(str),
    "checkbox": st.booleans(),
}


@pytest.fixture
def project(studio: StudioUnderTest) -> Json:
    """With fields of every kind of row."""
    made: Json = studio.admin.post("/projects/", {"name": "film"}).data
    for target_type, name, type_ in FIELDS:
        body = {"target_type": target_type, "name": name, "title": name.replace("_", " ").capitalize(), "type": type_}
        choices = {"choices": ["low", "=high", "a, b"]} if type_ == "choice" else {}
        assert studio.admin.post("/custom-fields/", {**body, **choices}).status == 201
    return made


def fields(studio: StudioUnderTest, kind: str, project: str = "film") -> list[Json]:
    return [each["fields"] for each in studio.admin.get(f"/{kind}s/?project={project}&sort=name").data["items"]]


def test_a_table_fills_fields_and_tells_what_it_changed(studio: StudioUnderTest, project: Json) -> None:
    table = """asset,sequence,shot,task,Part number,asset.weight,Risk,Sequence mood,LENS,shot weather,approved on,hero
gear,,,model,AX-4711,2.5,LOW,,,,2027-01-31,yes
,sq010,,,,,,dark,,,,
,sq010,sh010,look,,,,,35.0,"fog, Rain",,no
"""
    assert len(send(studio, project, table).data["added"]) == 5
    assert fields(studio, "asset") == [{"part_number": "AX-4711", "weight": 2.5, "risk": "low"}]
    assert fields(studio, "sequence") == [{"mood": "dark"}]
    assert fields(studio, "shot") == [{"lens": 35, "weather": ["fog", "Rain"]}]
    assert fields(studio, "task") == [{"approved_on": None, "hero": False}, {"approved_on": "2027-01-31", "hero": True}]
    done = send(studio, project, "sequence,shot,lens,mood\nsq010,sh010,50,\n").data
    assert (done["added"], done["unchanged"]) == ([], 1)
    assert done["changed"] == [{"what": "shot sq010/sh010", "field": "fields.lens", "before": 35, "after": 50}]
    assert fields(studio, "shot") == [{"lens": 50, "weather": ["fog", "Rain"]}]
    assert send(studio, project, "sequence,shot,lens\nsq010,sh010,50.0\n").data["changed"] == []
    logged = studio.admin.get("/audit/?table_name=shots&action=change").data["items"]
    assert [each["after"] for each in logged] == [{"fields.lens": 50}]


def test_columns_are_written_in_the_fields_order_and_read_by_their_names(
    studio: StudioUnderTest, project: Json
) -> None:
    assert send(studio, project, "asset,sequence,shot\ngear,,\n,sq010,sh010\n").status == 200
    header, *_ = csv.reader(io.StringIO(export(studio, project).decode("utf-8-sig")))
    assert header[15:-2] == [f"{target_type}.{name}" for target_type, name, _ in FIELDS]
    # What two fields are called means neither; a column of everybody's stays what it is.
    for body in ({"target_type": "asset", "name": "lens"}, {"target_type": "task", "name": "status", "title": "Due"}):
        assert studio.admin.post("/custom-fields/", {**body, "type": "number"}).status == 201
    done = send(
        studio,
        project,
        "asset,sequence,shot,lens,asset.lens,task status,task,department\ngear,,,7,8,review,a,look\n",
    )
    assert [each["field"] for each in done.data["changed"]] == ["fields.lens"]
    assert fields(studio, "asset")[0]["lens"] == 8 and fields(studio, "shot")[0]["lens"] is None
    task = studio.admin.get("/tasks/?project=film").data["items"][0]
    assert (task["status"], task["fields"]["status"]) == ("review", None)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("gear,,,,heavy,,", "asset.weight: must be a number"),
        ("gear,,,,,medium,", "asset.risk: must be one of low"),
        (",sq010,sh010,,,low,", "asset.risk needs asset in the same row"),
        ("gear,,,,,,2027-01-31", "task.approved_on needs task in the same row"),
        ("gear,,,model,,,1/31/2027", None),
        ("gear,,,model,,,1/2/2027", "task.approved_on: “1/2/2027” may be 2027-01-02 or 2027-02-01"),
        ("lamp,,,,3,,", "asset.weight: another line says “2” of the asset lamp"),
    ],
)
def test_a_cell_that_cannot_be_is_told_by_its_line_and_nothing_is_done(
    studio: StudioUnderTest, project: Json, row: str, told: str | None
) -> None:
    table = f"asset,sequence,shot,task,weight,risk,approved on\nlamp,,,,2,,\n{row}\n"
    answer = send(studio, project, table)
    if told is None:
        assert answer.status == 200
        return
    assert (answer.status, answer.error["code"]) == (422, "input.production_sheet")
    assert told in answer.error["fields"]["line 3"]
    assert fields(studio, "asset") == []


def test_a_choice_that_is_offered_no_more_comes_back_as_it_was(studio: StudioUnderTest, project: Json) -> None:
    send(studio, project, "asset,risk\ngear,low\n")
    field = studio.admin.get("/custom-fields/?q=risk").data["items"][0]
    studio.admin.patch(f"/custom-fields/{field['id']}", {"choices": ["some"]})
    again = send(studio, project, export(studio, project).decode("utf-8-sig"))
    assert (again.status, again.data["changed"]) == (200, [])
    assert "must be one of some" in send(studio, project, "asset,risk\nlamp,low\n").error["fields"]["line 2"]
    studio.admin.post(f"/custom-fields/{field['id']}/archive")
    assert b"asset.risk" not in export(studio, project)
    done = send(studio, project, "asset,risk\ngear,anything\n").data
    assert done["changed"] == []
    assert done["warnings"] == ["The column “risk” was passed over: the custom field is archived."]


def test_a_title_that_two_fields_have_is_told(studio: StudioUnderTest, project: Json) -> None:
    body = {"target_type": "asset", "name": "lens", "type": "number"}
    assert studio.admin.post("/custom-fields/", body).status == 201
    done = send(studio, project, "asset,lens\ngear,3\n").data
    assert done["warnings"] == ["The column “lens” was passed over: it may mean asset.lens or shot.lens."]
    body = {"target_type": "task", "name": "status", "type": "text"}
    assert studio.admin.post("/custom-fields/", body).status == 201
    done = send(studio, project, "asset,task,department,task status,task.status\ngear,model,model,review,own\n").data
    assert done["warnings"] == []
    task = studio.admin.get("/tasks/?project=film").data["items"][0]
    assert (task["status"], task["fields"]["status"]) == ("review", "own")


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(values=st.fixed_dictionaries({}, optional={(kind, name): _VALUES[type_] for kind, name, type_ in FIELDS}))
def test_what_is_exported_comes_back_as_it_was(
    studio: StudioUnderTest, project: Json, values: dict[tuple[str, str], Any]
) -> None:
    send(studio, project, "asset,sequence,shot,task\ngear,,,model\ngear,,,look\n,sq010,sh010,look\n")
    for kind in dict.fromkeys(kind for kind, *_ in FIELDS):
        said = {name: values.get((owner, name)) for owner, name, _ in FIELDS if owner == kind}
        for each in studio.admin.get(f"/{kind}s/?project=film").data["items"]:
            changed = studio.admin.patch(f"/{kind}s/{each['id']}", {"fields": said})
            assert changed.status == 200, changed.body
    exported = export(studio, project).decode("utf-8-sig")
    assert send(studio, project, exported).data["changed"] == []
    copy = studio.admin.post("/projects/", {"name": unique()}).data
    assert send(studio, copy, exported).status == 200
    for kind in dict.fromkeys(kind for kind, *_ in FIELDS):
        assert fields(studio, kind, copy["name"]) == fields(studio, kind), kind
