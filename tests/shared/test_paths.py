from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import paths
from shared.context import Entity
from shared.errors import InputError
from shared.versions import Version

ASSET = Entity.asset("bearing")
SHOT = Entity.shot("sq010", "sh0010")


def test_the_places_the_design_names() -> None:
    assert paths.entity_entry("demo", ASSET) == "demo/assets/bearing/usd/bearing.usd"
    assert paths.part_entry("demo", ASSET, "look") == "demo/assets/bearing/usd/look/look.usd"
    item = paths.part_item("demo", ASSET, "look", Version(1, 1))
    assert item == "demo/assets/bearing/usd/look/data/look_v001_i001.usd"
    scene = paths.scene_file("demo", ASSET, "lookdev", "bearing", Version(3, 12), ".blend")
    assert scene == "demo/assets/bearing/scenes/lookdev/bearing_v003_i012.blend"
    assert paths.part_entry("demo", SHOT, "particles01") == "demo/shots/sq010/sh0010/usd/particles01/particles01.usd"
    assert paths.store_folder("ab" * 32) == f".store/ab/{'ab' * 32}"


@pytest.mark.parametrize("part", ["../../etc", "a/b", "", "ä"])
def test_a_part_cannot_lead_out_of_its_folder(part: str) -> None:
    with pytest.raises(InputError):
        paths.part_item("demo", ASSET, part, Version(1, 1))


def test_a_windows_path_is_stored_with_forward_slashes() -> None:
    assert paths.normalise("demo\\assets\\bearing\\usd\\.\\bearing.usd") == "demo/assets/bearing/usd/bearing.usd"


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/passwd", "C:\\x", "c:/x", "\\\\server\\share", "a/../../b", "a\x00b", "..\\x"]
)
def test_what_is_not_below_the_root_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        paths.normalise(path)


@given(st.text(max_size=40))
def test_no_text_leads_out_of_the_root(text: str) -> None:
    root = Path("/storage/root")
    try:
        place = paths.absolute(root, text)
    except InputError:
        return
    assert place.is_relative_to(root)


@given(
    st.lists(st.sampled_from(["a", "b.usd", ".", "..", "...", "", "c:", "ä b", "\n", "\\"]), max_size=5).map("/".join)
)
def test_a_path_has_one_stored_form(text: str) -> None:
    try:
        path = paths.normalise(text)
    except InputError:
        forward = text.replace("\\", "/")
        parts = [part for part in forward.split("/") if part not in ("", ".")]
        assert not parts or forward.startswith("/") or parts[0] == "c:" or {"..", "\n"} & set(parts)
        return
    assert paths.normalise(path) == path == PurePosixPath(text.replace("\\", "/")).as_posix()


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "way_out").symlink_to(tmp_path)
    with pytest.raises(InputError):
        paths.absolute(root, "way_out/secret")
    assert paths.absolute(root, "in/side") == root / "in" / "side"


def test_a_place_below_the_root_and_back(tmp_path: Path) -> None:
    place = tmp_path / "demo" / "a.usd"
    assert paths.absolute(tmp_path, paths.relative(tmp_path, place)) == place
    with pytest.raises(InputError):
        paths.relative(tmp_path / "demo", tmp_path / "other")


@pytest.mark.parametrize("part", ["", "look"])
@pytest.mark.parametrize("entity", [Entity.asset("bearing"), Entity.shot("sq010", "sh010")])
def test_an_entry_is_known_by_its_path(entity: Entity, part: str) -> None:
    path = paths.part_entry("film", entity, part) if part else paths.entity_entry("film", entity)
    assert paths.parse_entry(path) == ("film", entity, part)
    item = paths.part_item("film", entity, "look", Version(1))
    for other in (item, paths.pinned_entry("film", entity, "ab" * 32), path.replace(".usd", "x.usd"), f"x/{path}", ""):
        assert paths.parse_entry(other) is None
