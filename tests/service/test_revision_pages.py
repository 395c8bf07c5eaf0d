"""The page of a revision: forms that work without JavaScript confirm and correct matches, and answer open questions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from service.cad import choices, revisions
from service.cad.conversions import PREVIOUS
from service.database import tenant_session
from service.models import Asset, CadFile, Conversion, Project
from shared.manifest import write_manifest
from tests.service.exhibits import EVIL, add_rows
from tests.service.studio import Json, StudioUnderTest
from tests.shared.parts import make_manifest, make_part

OURS = {"Origin": "http://localhost"}
REPORT: Json = {
    "matches": [
        {"old_key": "Ring", "new_key": "Ring", "confidence": 0.99, "reason": "same shape", "relation": "same"},
    ],
    "uncertain": [
        {"new_key": "Bolt_1", "candidates": [{"old_key": "Bolt", "confidence": 0.6, "reason": "other name"}]}
    ],
    "new": ["Cap"],
    "removed": ["Bolt"],
    "keys": {"Ring": "Ring", "Bolt_1": "Bolt_1", "Cap": "Cap"},
}


@dataclass
class Revised:
    """Two revisions, the second with an uncertain part and a part that wears one of two choices."""

    studio: StudioUnderTest
    asset_id: UUID
    cad_id: UUID

    @property
    def report(self) -> Json:
        found: Json = self.studio.artist.get(f"/cad/{self.cad_id}/revision-report").data
        return found

    def send(self, action: str, role: Role = Role.ARTIST, **fields: Any) -> TestResponse:
        """Press a button of the page: a form with the version that the page shows."""
        browser = self.studio.browser(role)
        versions = re.findall(
            r'name="version" value="(\d+)"><input type="hidden" name="new_key"',
            browser.get(f"/cad/{self.cad_id}/revision").text,
        )
        form = {"version": versions[0] if versions else "0", **fields}
        return browser.post(f"/cad/{self.cad_id}/{action}", data=form, headers=OURS)


@pytest.fixture
def revised(studio: StudioUnderTest) -> Revised:
    return make_revised(studio)


def make_revised(studio: StudioUnderTest) -> Revised:
    """An asset with a second revision, about two parts of which a person must decide."""
    project = Project(id=uuid4(), name=f"p{uuid4().hex[:8]}")
    asset = Asset(id=uuid4(), project_id=project.id, name="gear")
    manifests = (
        make_manifest(make_part("Ring", "Ring"), make_part("Bolt", "Bolt")),
        make_manifest(make_part("Ring", "Ring"), make_part("Bolt_1", EVIL), make_part("Cap", "Cap")),
    )
    rows: list[Conversion | CadFile] = []
    for revision, manifest in enumerate(manifests, 1):
        name = f"{revision}.json"
        write_manifest(manifest, studio.root / name)
        derivatives = {"scene_manifest": name, **({"revision_report": "report.json"} if revision == 2 else {})}
        conversion = Conversion(
            id=uuid4(), sha256=f"{revision}" * 64, settings_key=name, source_path="x", state="ready",
            settings={PREVIOUS: "1.json"} if revision == 2 else {},
            derivatives=derivatives, summary={"uncertain": ["Bolt_1"]} if revision == 2 else {},
        )  # fmt: skip
        cad = CadFile(
            id=uuid4(), asset_id=asset.id, conversion_id=conversion.id, filename=f"gear{revision}.step", size=1,
            lineage="gear", revision=revision, previous_id=rows[-1].id if rows else None,
            overrides={"Bolt": "Brass"} if revision == 1 else {},
            material_questions={"Cap": {"Cap_a": "Brass", "Cap_b": "Chrome"}} if revision == 2 else {},
        )  # fmt: skip
        rows += [conversion, cad]
    (studio.root / "report.json").write_text(json.dumps(REPORT))
    add_rows(studio, project, asset, *rows)
    return Revised(studio, asset.id, rows[-1].id)


def test_the_asset_says_that_something_is_open_and_leads_there(revised: Revised) -> None:
    text = revised.studio.browser().get(f"/assets/{revised.asset_id}").text
    assert "2 parts of this revision wait" in text and f"/cad/{revised.cad_id}/revision" in text


@pytest.mark.parametrize(
    ("known", "asked", "new", "removed", "another"),
    [
        (0, 0, 1, 1, True),
        (0, 1, 0, 1, False),  # one part that may be the one before
        (1, 0, 9, 9, True),
        (2, 0, 9, 9, False),
        (5, 0, 95, 0, False),  # much was added to it
        (5, 0, 0, 95, False),  # much was taken out
    ],
)
def test_a_revision_of_which_hardly_a_part_is_known_may_be_another_product(
    known: int, asked: int, new: int, removed: int, *, another: bool
) -> None:
    keys = [f"part{number}" for number in range(known + asked + new)]
    report = {
        "matches": [{"old_key": key, "new_key": key} for key in keys[:known]],
        "uncertain": [{"new_key": key, "candidates": []} for key in keys[known : known + asked]],
        "new": keys[known + asked :],
        "removed": [f"old{number}" for number in range(removed)],
        "keys": dict(zip(keys, keys, strict=True)),
    }
    assert revisions.may_be_another_product(report) is another


def test_uncertain_parts_are_shown_with_their_candidates_and_choices(revised: Revised) -> None:
    answer = revised.studio.browser().get(f"/cad/{revised.cad_id}/revision")
    text = unescape(answer.text)
    assert answer.status_code == 200 and EVIL not in answer.text and EVIL in text
    assert "60 %" in text and "other name" in text and ">Brass<" in text
    assert "It is this part" in text and "It is a new part" in text
    assert "as <code>Cap_b</code> had" in text
    assert "unless it is one of the uncertain parts" in text


def test_what_waits_for_an_occurrence_that_is_gone_is_shown(revised: Revised) -> None:
    path = f"/cad/{revised.cad_id}/revision"
    assert "Removed places" not in revised.studio.browser().get(path).text
    studio = revised.studio
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        cad = current.scalars(select(CadFile).where(CadFile.id == revised.cad_id)).one()
        choices.store(cad, {"Ring:gone": choices.Choice("Brass", "Ada", None, 1, (1.0, 2.0, 3.0))}, {})
    text = studio.browser().get(path).text
    assert "Removed places" in text and ">Ring:gone</code>" in text


def test_a_button_confirms_a_candidate_and_another_takes_that_back(revised: Revised) -> None:
    answer = revised.send("decide", new_key="Bolt_1", old_key="Bolt")
    assert answer.status_code == 303 and answer.location.endswith(f"/cad/{revised.cad_id}/revision")
    report = revised.report
    assert report["state"] == "applying" and report["decisions"][0]["old_key"] == "Bolt"
    page = revised.studio.browser().get(f"/cad/{revised.cad_id}/revision").text
    assert "Decisions are being applied" in page and "Decided by people" in page and "Uncertain parts" not in page
    assert revised.send("decide", new_key="Bolt_1", undo="1").status_code == 303
    assert revised.report["decisions"] == [] and revised.report["state"] == "current"


def test_a_part_that_is_new_and_a_match_that_is_right_need_no_conversion(revised: Revised) -> None:
    assert revised.send("decide", new_key="Cap", is_new="1").status_code == 303
    assert revised.send("decide", new_key="Ring", old_key="Ring").status_code == 303
    report = revised.report
    assert report["state"] == "current" and [each["new_key"] for each in report["decisions"]] == ["Cap", "Ring"]
    assert report["matches"][0]["decided"]["by"] == "artist"


def test_a_material_is_chosen_where_two_were(revised: Revised) -> None:
    browser = revised.studio.browser()
    version = re.search(
        r'name="version" value="(\d+)"><input type="hidden" name="part_key" value="Cap"',
        browser.get(f"/cad/{revised.cad_id}/revision").text,
    )
    assert version
    form = {"version": version[1], "part_key": "Cap", "material": "Chrome"}
    for status in (303, 412):
        assert browser.post(f"/cad/{revised.cad_id}/choose", data=form, headers=OURS).status_code == status
    overrides = revised.studio.artist.get(f"/cad/{revised.cad_id}/manual-material-overrides").data
    assert overrides["overrides"]["Cap"] == "Chrome" and overrides["questions"] == {}


def test_parts_that_are_asked_about_for_one_reason_are_confirmed_with_one_button(revised: Revised) -> None:
    asked = [
        {"new_key": new, "candidates": [{"old_key": old, "confidence": 0.6, "reason": f"changed by {share}%"}]}
        for new, old, share in (("Bolt_1", "Bolt", 2.1), ("Cap", "Lid", 0.4))
    ]
    report = {**REPORT, "uncertain": asked, "new": [], "removed": ["Bolt", "Lid"]}
    (revised.studio.root / "report.json").write_text(json.dumps(report))
    (group,) = revised.report["groups"]
    assert group["decisions"] == {"Bolt_1": "Bolt", "Cap": "Lid"}
    page = revised.studio.browser().get(f"/cad/{revised.cad_id}/revision").text
    assert "2 parts for one reason" in page and "Each is its likeliest part" in page
    pairs = {"new_key": ["Bolt_1", "Cap"], "old_key": ["Bolt", "Lid"]}
    assert revised.send("decide", **pairs).status_code == 303
    decided = {each["new_key"]: each["old_key"] for each in revised.report["decisions"]}
    assert decided == group["decisions"] and revised.report["groups"] == []
    assert revised.send("decide", **pairs, is_new="1").status_code == 303
    assert [each["old_key"] for each in revised.report["decisions"]] == [None, None]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"new_key": "Nobody", "old_key": "Bolt"}, 422),
        ({"new_key": "Bolt_1", "old_key": "Nothing"}, 422),
        ({"new_key": "Bolt_1", "old_key": ""}, 422),
        ({"new_key": ["Bolt_1", "Cap"], "old_key": "Bolt"}, 422),
        ({"new_key": "Bolt_1", "old_key": "Bolt", "version": "99"}, 412),
    ],
)
def test_wrong_forms_change_nothing_and_say_why(revised: Revised, fields: dict[str, str], status: int) -> None:
    answer = revised.send("decide", **fields)
    assert answer.status_code == status and answer.mimetype == "text/html"
    assert revised.report["decisions"] == []


def test_only_who_may_assign_materials_decides(revised: Revised) -> None:
    assert revised.send("decide", Role.CLIENT, new_key="Bolt_1", old_key="Bolt").status_code == 403
    other_site = {"Origin": "https://elsewhere.example"}
    form = {"version": "1", "new_key": "Bolt_1", "old_key": "Bolt"}
    answer = revised.studio.browser().post(f"/cad/{revised.cad_id}/decide", data=form, headers=other_site)
    assert answer.status_code == 403
    assert revised.report["decisions"] == []


def test_an_earlier_revision_says_so_and_is_made_the_newest_from_its_page(revised: Revised) -> None:
    browser = revised.studio.browser(Role.PROJECT_MANAGER)
    first = revised.studio.artist.get(f"/cad/{revised.cad_id}").data["previous_id"]
    assert "Make it the newest" not in browser.get(f"/assets/{revised.asset_id}").text
    assert "This is revision 1; the newest is" in browser.get(f"/assets/{revised.asset_id}?cad={first}").text
    answer = browser.post(f"/cad/{first}/restore", headers=OURS)
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert "Make it the newest" not in page and "revision 3 of" in page


def test_a_failed_conversion_is_tried_again_from_the_page(revised: Revised) -> None:
    error = {"code": "cad.timeout", "message": "Too long.", "hint": "Try a coarser setting.", "fields": {}}
    conversion = Conversion(
        id=uuid4(), sha256="f" * 64, settings_key="f", settings={}, source_path="x", state="failed", error=error
    )
    cad = CadFile(
        id=uuid4(), asset_id=revised.asset_id, conversion_id=conversion.id, filename="f.step", size=1, lineage="f",
        revision=1,
    )  # fmt: skip
    add_rows(revised.studio, conversion, cad)
    browser = revised.studio.browser(Role.PROJECT_MANAGER)
    page = browser.get(f"/assets/{revised.asset_id}?cad={cad.id}").text
    assert "Try a coarser setting." in page and "cad.timeout" in page and "Try again" in page
    form = {"relative_deflection": "0.02", "seconds": "7200", "memory_mb": "", "triangles": ""}
    answer = browser.post(f"/cad/{cad.id}/convert", data=form, headers=OURS)
    assert answer.status_code == 303
    assert "is being converted" in browser.get(answer.location).text
    found = revised.studio.artist.get(f"/cad/{cad.id}").data
    assert found["state"] == "queued"
    request = revised.studio.artist.get(f"/jobs/{found['job_id']}").data["request"]
    assert request["limits"] == {"seconds": 7200}
