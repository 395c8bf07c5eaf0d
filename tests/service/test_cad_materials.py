"""What parts wear: artists' choices, spreadsheets, aliases; told again only when something changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from flask import Flask

from service.accounts.permissions import Role
from service.models import Asset, CadFile, Conversion, Project
from shared.manifest import write_manifest
from shared.material_layers import face_target
from tests.service.exhibits import add_rows
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_statements import counting
from tests.shared.parts import make_manifest, make_part, rgba

RED = rgba("c81e1e")


@dataclasses.dataclass
class Model:
    """A converted CAD file of ``studio``."""

    studio: StudioUnderTest
    id: UUID
    asset_id: UUID

    @property
    def overrides(self) -> str:
        return f"/cad/{self.id}/manual-material-overrides"

    @property
    def sheet(self) -> str:
        return f"/cad/{self.id}/source-materials"

    def put(self, overrides: Json, places: Json | None = None, **options: Json) -> Json:
        answer = self.studio.artist.put(
            self.overrides, {"overrides": overrides, "occurrence_overrides": places or {}}, **options
        )
        assert answer.status == 200, answer.body
        data: Json = answer.data
        return data

    def put_sheet(self, text: str, **options: Json) -> Json:
        headers = {"Content-Type": "text/csv"}
        answer = self.studio.artist.call("PUT", self.sheet, data=text.encode(), headers=headers, **options)
        assert answer.status == 200, answer.body
        data: Json = answer.data
        return data

    def worn(self) -> dict[str, tuple[str, str]]:
        """Material and layer by target."""
        targets = self.studio.artist.get(f"/cad/{self.id}/effective-materials").data["targets"]
        return {target: (each["material"], each["layer"]) for target, each in targets.items()}


def make_model(studio: StudioUnderTest, parts: int = 0) -> Model:
    """A CAD file with four parts, or with so many alike."""
    places = dict.fromkeys(("row/ball_1", "row/ball_2"))
    manifest = make_manifest(
        make_part("Ring", "Ring", material="Steel", faces={"red": RED}),
        make_part("Ball", "Ball", color=RED, occurrences=places),
        make_part("Seal", "Seal"),
        make_part("XJ_47", "XJ-47"),
        *(make_part(f"Screw_{number}", f"Screw {number}", color=RED) for number in range(parts)),
    )
    project = Project(id=uuid4(), name=f"p{uuid4().hex[:8]}")
    asset = Asset(id=uuid4(), project_id=project.id, name="gear")
    name = f"{uuid4().hex}.json"
    conversion = Conversion(
        id=uuid4(), sha256="ab" * 32, settings_key=name, settings={}, source_path="x", state="ready",
        derivatives={"scene_manifest": name},
    )  # fmt: skip
    cad = CadFile(
        id=uuid4(), asset_id=asset.id, conversion_id=conversion.id, filename="gear.step", size=1, lineage="gear",
        revision=1,
    )  # fmt: skip
    write_manifest(manifest, studio.root / name)
    add_rows(studio, project, asset, conversion, cad)
    return Model(studio, cad.id, asset.id)


@pytest.fixture
def model(studio: StudioUnderTest) -> Model:
    return make_model(studio)


# -- choices by hand


def test_a_choice_tells_who_made_it_and_when_also_for_faces_and_places(model: Model) -> None:
    before = model.studio.artist.get(model.overrides).data
    faces, place = face_target("Ring", RED), "Ball:row/ball_2"
    data = model.put({"Seal": "Black rubber", faces: "Brass"}, {place: "Chrome"})
    assert data["overrides"] == {"Seal": "BlackRubber", faces: "Brass"}
    assert data["occurrence_overrides"] == {place: "Chrome"}
    assert {choice["by"] for choice in data["choices"].values()} == {"artist"}
    assert data["updated_at"] > before["updated_at"] and data["etag"] != before["etag"]
    worn = model.worn()
    assert worn["Seal"] == ("BlackRubber", "manual") and worn[place] == ("Chrome", "manual")
    assert worn[faces] == ("Brass", "manual") and worn["Ball"][1] == "auto"
    # Somebody else's later choice leaves the first one its author and time.
    admin = model.studio.admin.put(model.overrides, {"overrides": {**data["overrides"], "XJ_47": "Glass"}}).data
    assert admin["choices"]["Seal"] == data["choices"]["Seal"]
    assert admin["choices"]["XJ_47"]["by"] == "tenant_admin"


@pytest.mark.parametrize("nobody", ["Bal", "Ball:row/ball_9", "Ring#00ff00"])
@pytest.mark.parametrize("material", ["Brass", None])
def test_what_the_model_does_not_have_is_refused_by_name(model: Model, nobody: str, material: str | None) -> None:
    model.put({"Seal": "Steel"})
    kind = "occurrence_overrides" if ":" in nobody else "overrides"
    answer = model.studio.artist.put(model.overrides, {kind: {nobody: material}})
    assert (answer.status, answer.error["code"]) == (422, "input.material_overrides")
    assert nobody in answer.error["fields"] and nobody in answer.error["message"]
    assert model.studio.artist.get(model.overrides).data["overrides"] == {"Seal": "Steel"}


def test_a_client_may_choose_nothing_and_another_tenant_sees_nothing(
    model: Model, other_studio: StudioUnderTest
) -> None:
    assert model.studio.api(Role.CLIENT).put(model.overrides, {}).status == 403
    for path in (model.overrides, model.sheet, f"/cad/{model.id}/effective-materials"):
        assert other_studio.artist.get(path).status == 404


# -- spreadsheets


SHEET = "Part name;Material\nseal;Black rubber\nXJ*;Brass\nBall;Unobtainium\nNobody;Steel\n"


def test_a_spreadsheet_is_followed_and_its_faults_are_told_by_line(model: Model) -> None:
    data = model.put_sheet(SHEET, query_string={"filename": "parts.csv"})
    assert [fault["line"] for fault in data["faults"]] == [4, 5]
    assert "Unobtainium" in data["faults"][0]["message"] and "Nobody" in data["faults"][1]["message"]
    assert model.worn()["Seal"] == ("BlackRubber", "source") and model.worn()["XJ_47"] == ("Brass", "source")
    manifest = model.studio.artist.get(f"/cad/{model.id}/scene-manifest").data
    (seal,) = [part for part in manifest["parts"] if part["part_key"] == "Seal"]
    assert "line 2 of parts.csv" in seal["material"]["reason"]
    model.put({"Seal": "Chrome"})
    assert model.worn()["Seal"] == ("Chrome", "manual"), "a choice by hand is stronger"
    assert model.studio.artist.get(model.sheet).data["by"] == "artist"
    assert model.studio.artist.delete(model.sheet).data["rows"] == 0
    assert model.worn()["XJ_47"][1] == "fallback"


def test_what_is_no_spreadsheet_changes_nothing(model: Model) -> None:
    model.put_sheet(SHEET)
    answer = model.studio.artist.call("PUT", model.sheet, data=b"just words", headers={"Content-Type": "text/csv"})
    assert (answer.status, answer.error["code"]) == (422, "input.material_sheet")
    assert model.worn()["XJ_47"] == ("Brass", "source")


# -- aliases and the fallback


def test_the_tenants_aliases_and_fallback_count_at_once(model: Model) -> None:
    admin = model.studio.admin
    assert model.worn()["XJ_47"] == ("FailedMaterial", "fallback")
    assert admin.patch("/settings/", {"fallback_material": "RedPlastic"}).status == 200
    assert model.worn()["XJ_47"] == ("RedPlastic", "fallback")
    assert admin.post("/materials/aliases/", {"kind": "word", "pattern": "xj", "material": "Glass"}).status == 201
    assert model.worn()["XJ_47"] == ("Glass", "auto")


# -- told again only when something changed


@pytest.mark.parametrize("path", ["scene-manifest", "effective-materials"])
def test_what_did_not_change_is_not_sent_again(model: Model, path: str) -> None:
    artist, address = model.studio.artist, f"/cad/{model.id}/{path}"

    def status(tag: str) -> int:
        headers = {"Authorization": f"Bearer {artist.token}", "If-None-Match": tag}
        return model.studio.app.test_client().get("/api" + address, headers=headers).status_code

    tags = [artist.get(address).headers["ETag"]]
    changes: list[Callable[[], object]] = [
        lambda: model.put({"Seal": "Brass"}),
        lambda: model.put_sheet(SHEET),
        lambda: model.studio.admin.post("/materials/aliases/", {"kind": "word", "pattern": "xj", "material": "Glass"}),
        lambda: model.studio.admin.post("/materials/", {"name": "Gold", "label": "Gold", "base_color": [1, 0.8, 0.3]}),
    ]
    for change in changes:
        assert status(tags[-1]) == 304
        change()
        assert status(tags[-1]) == 200
        tags.append(artist.get(address).headers["ETag"])
    assert len(set(tags)) == len(tags)


def test_a_large_model_costs_as_few_statements_as_a_small_one(app: Flask, studio: StudioUnderTest) -> None:
    small, large = make_model(studio), make_model(studio, parts=3000)
    chosen = {f"Screw_{number}": "Brass" for number in range(3000)}
    costs: list[list[int]] = []
    for model, wanted in ((small, {"Seal": "Brass"}), (large, chosen)):
        cost = []
        for call in (
            lambda: model.put(wanted),  # noqa: B023
            lambda: studio.artist.get(model.overrides).data,  # noqa: B023
            lambda: studio.artist.get(f"/cad/{model.id}/scene-manifest").data,  # noqa: B023
            lambda: studio.artist.get(f"/cad/{model.id}/scene-manifest").data,  # noqa: B023
        ):
            with counting(app) as statements:
                call()
            cost.append(len(statements))
        costs.append(cost)
    assert all(many <= few for few, many in zip(*costs, strict=True)) and max(costs[1]) <= 12
    assert large.worn()["Screw_2999"] == ("Brass", "manual")
