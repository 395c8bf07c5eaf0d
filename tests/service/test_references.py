"""One call tells a scene what is newer than what it uses, at the same cost for one reference and for five hundred."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from flask import Flask

from service.models import CadFile, Conversion
from tests.service.exhibits import add_rows
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_statements import counting


def ask(studio: StudioUnderTest, *references: Json) -> list[Json]:
    answer: list[Json] = studio.artist.post("/publishes/outdated", {"references": list(references)}).data
    return answer


def test_items_publishes_and_entries_are_compared_with_what_is_composed_now(studio: StudioUnderTest) -> None:
    production = studio.production()
    body = [studio.publish(production) for _ in range(3)]
    lid = studio.publish(production, "lid")
    entry = body[0]["part_usd_path"]
    answers = ask(
        studio,
        {"item_usd_path": body[1]["item_usd_path"]},
        {"item_usd_path": body[1]["item_usd_path"].replace("/", "\\")},
        {"publish_id": body[0]["id"]},
        {"publish_id": body[2]["id"]},
        {"item_usd_path": lid["item_usd_path"]},
        {"part_usd_path": entry, "version": "v002_i001"},
        {"part_usd_path": entry, "version": "v003_i001"},
        {"part_usd_path": entry},
        {"item_usd_path": "film/unknown.usd"},
        {"publish_id": str(uuid4())},
        {"part_usd_path": entry.replace("body", "wheel")},
    )
    assert [one["outdated"] for one in answers] == [True] * 3 + [False] * 2 + [True, False, True] + [False] * 3
    assert [one["known"] for one in answers] == [True] * 8 + [False] * 3
    for one in answers[:4]:
        assert (one["latest_version"], one["latest_publish_id"]) == ("v003_i001", body[2]["id"])
        assert one["latest_item_usd_path"] == body[2]["item_usd_path"]
    assert answers[0]["version"] == "v002_i001" and answers[0]["name"] == "body"


def test_an_item_that_was_published_again_is_its_newest_version(studio: StudioUnderTest) -> None:
    production = studio.production()
    item = studio.write(f"{production.project['name']}/assets/gear/usd/body/data/body.usd")
    first, second = (studio.artist.post("/publishes/", production.publish_body(item)).data for _ in range(2))
    (answer,) = ask(studio, {"item_usd_path": item})
    assert (answer["version"], answer["outdated"]) == ("v002_i001", False)
    studio.admin.post(f"/publishes/{first['id']}/compose")
    (answer,) = ask(studio, {"item_usd_path": item})
    assert (answer["version"], answer["outdated"], answer["latest_publish_id"]) == ("v002_i001", True, first["id"])
    assert second["version"] == 2


def test_a_rolled_back_part_is_newer_and_a_withdrawn_one_is_told(studio: StudioUnderTest) -> None:
    production = studio.production()
    first, second = studio.publish(production), studio.publish(production)
    used = {"publish_id": second["id"]}
    studio.admin.post(f"/publishes/{first['id']}/compose")
    assert [(one["outdated"], one["latest_version"]) for one in ask(studio, used)] == [(True, "v001_i001")]
    studio.admin.post(f"/publishes/{first['id']}/withdraw")
    assert [(one["outdated"], one["withdrawn"]) for one in ask(studio, used)] == [(False, True)]


def test_a_cad_file_is_compared_with_the_converted_revisions_of_its_lineage(studio: StudioUnderTest) -> None:
    asset_id = UUID(studio.production().asset["id"])
    revisions = [
        revision(studio, asset_id, "gear", number, state)
        for number, state in enumerate(("ready", "ready", "failed"), 1)
    ]
    other = revision(studio, asset_id, "housing", 1, "ready")
    answers = ask(studio, *({"cad_file_id": str(one)} for one in (*revisions[:2], other)))
    assert [(one["outdated"], one["version"], one["latest_version"]) for one in answers] == [
        (True, "1", "2"),
        (False, "2", "2"),
        (False, "1", "1"),
    ]
    assert (answers[0]["latest_cad_file_id"], answers[0]["latest_name"]) == (str(revisions[1]), "gear_2.step")


def test_who_may_not_read_cad_files_learns_nothing_of_them(studio: StudioUnderTest) -> None:
    production = studio.production()
    published = studio.publish(production)
    cad_file = revision(studio, UUID(production.asset["id"]), "gear", 1, "ready")
    asked = [{"cad_file_id": str(cad_file)}, {"publish_id": published["id"]}, {"cad_file_id": str(uuid4())}]
    client = studio.let_client_in(production.project["id"], clients_see="all")
    hidden, publish, unknown = client.post("/publishes/outdated", {"references": asked}).data
    assert (publish["known"], hidden["known"]) == (True, False)
    assert hidden == {**unknown, "cad_file_id": str(cad_file)}
    assert unknown == ask(studio, asked[2])[0], "just as what does not exist"


def revision(studio: StudioUnderTest, asset_id: UUID, lineage: str, number: int, state: str) -> UUID:
    """A CAD file as if it had been uploaded and converted."""
    conversion = Conversion(
        id=uuid4(), sha256=uuid4().hex * 2, settings_key="k", settings={}, source_path="x.step", state=state
    )
    add_rows(studio, conversion)
    cad_file = CadFile(
        id=uuid4(),
        asset_id=asset_id,
        conversion_id=conversion.id,
        filename=f"{lineage}_{number}.step",
        size=1,
        lineage=lineage,
        revision=number,
    )
    add_rows(studio, cad_file)
    return cad_file.id


def test_a_reference_names_one_thing(studio: StudioUnderTest) -> None:
    both = {"publish_id": str(uuid4()), "item_usd_path": "a/b.usd"}
    for wrong in ({}, both, {"part_usd_path": "C:\\film\\body.usd"}, {"part_usd_path": "a", "version": "newest"}):
        assert studio.artist.post("/publishes/outdated", {"references": [wrong]}).status == 422


@pytest.mark.parametrize("number", [1, 500])
def test_the_number_of_statements_does_not_grow(app: Flask, studio: StudioUnderTest, number: int) -> None:
    production = studio.production()
    published = studio.publish(production)
    references = [
        {"item_usd_path": published["item_usd_path"]},
        {"publish_id": published["id"]},
        {"part_usd_path": published["part_usd_path"], "version": "v001_i001"},
        {"cad_file_id": str(uuid4())},
    ] * number
    with counting(app) as statements:
        assert len(ask(studio, *references[:1000])) == min(len(references), 1000)
    # Token, tenant, items and publishes, entries, CAD files.
    assert len(statements) <= 5
