"""Names and titles are one line that people can read; a new one cannot be forgotten."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from service.api import ENDPOINTS
from tests.service.studio import StudioUnderTest
from tests.service.world import World

NAMES = {"name", "title", "label", "filename", "admin_name", "category_key"}
ACCEPTED = (
    "Zoë Müller-Łukasz",
    "陈静",
    "नीना",
    "آریا می\u200cخواهد",
    "شیرین \u200f(2)",
    "Dailies 🎬 👩\u200d🎨",
    "a\u00a0b",
)
REFUSED = {
    "nothing to see": ("\u200b", "\u200b \u2060", "\u00ad", "\u3164", "\u2800"),
    "another direction": ("gear\u202egnp.exe", "\u2066Anna\u2069", "Anna\u202c"),
    "several lines": ("Anna\nBerg", "Anna\u2028Berg", "Anna\u0085Berg", "a\tb", "a\x00b", "a\x1b[31mb"),
}


def _models() -> dict[str, type[BaseModel]]:
    models = {model for each in ENDPOINTS for model in (each.body, each.query if each.method == "POST" else None)}
    return {model.__name__: model for model in models if isinstance(model, type) and issubclass(model, BaseModel)}


MODELS = _models()
NAMED = sorted(
    (model, name)
    for model, found in MODELS.items()
    for name in NAMES & set(found.model_fields)
    if model != "SheetQuery"
)
"""The name of a spreadsheet that is read is not kept."""


def _refused(model: str, name: str, text: str) -> bool:
    try:
        MODELS[model].model_validate({name: text})
    except ValidationError as error:
        return any(each["loc"][:1] == (name,) for each in error.errors())
    return False


@pytest.mark.parametrize(("model", "name"), NAMED, ids=lambda each: str(each))
def test_names_that_people_cannot_read_are_refused(model: str, name: str) -> None:
    assert [text for texts in REFUSED.values() for text in texts if not _refused(model, name, text)] == []


def test_names_of_all_the_world_are_accepted(studio: StudioUnderTest) -> None:
    assert {"NewUser", "NewPlaylist", "NewProject", "NewToken", "NewWebhook"} <= {model for model, _ in NAMED}
    for text in ACCEPTED:
        for model in ("NewUser", "NewPlaylist", "NewOrder", "NewProject"):
            assert not _refused(model, "title" if model in ("NewOrder", "NewProject") else "name", text), (model, text)
    for number, name in enumerate(ACCEPTED):
        body = {"name": name, "email": f"{number}@{studio.name}.example"}
        assert studio.admin.post("/artists/", body).data["name"] == name


def test_the_error_says_which_name_and_why(studio: StudioUnderTest) -> None:
    project = World(studio).project()
    for path, body in (
        ("/artists/", {"email": f"anna@{studio.name}.example"}),
        ("/playlists/", {"project_id": project["id"], "media_ids": []}),
    ):
        for reason, word in (("nothing to see", "seen"), ("another direction", "direction"), ("several lines", "line")):
            for name in REFUSED[reason]:
                if "\x00" in name:
                    continue  # is refused wherever it is
                refused = studio.admin.post(path, {**body, "name": name})
                assert refused.status == 422 and word in refused.error["fields"]["name"], (path, reason, name)
