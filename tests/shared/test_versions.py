from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.versions import Version, split_versioned_name, versioned_name

numbers = st.integers(min_value=1, max_value=99_999)


@given(numbers, numbers)
def test_text_and_back(version: int, iteration: int) -> None:
    both = Version(version, iteration)
    assert Version.parse(str(both)) == both


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,30}", fullmatch=True), numbers, numbers)
def test_file_name_and_back_even_where_the_name_looks_like_a_version(name: str, version: int, iteration: int) -> None:
    both = Version(version, iteration)
    assert split_versioned_name(versioned_name(name, both, ".blend")) == (name, both, ".blend")
    assert split_versioned_name(versioned_name(f"{name}_v001_i001", both, ".usd"))[1] == both


def test_a_new_version_starts_at_iteration_1() -> None:
    assert str(Version(3, 12)) == "v003_i012"
    assert Version(3, 12).next_version() == Version(4, 1)
    assert Version(3, 12).next_iteration() == Version(3, 13)
    assert Version(2, 9) < Version(3, 1)


@pytest.mark.parametrize(
    "text", ["", "v1_i1", "v001", "v000_i001", "v001_i000", "V001_I001", "v001_i001 ", "v-01_i001"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Version.parse(text)
    assert caught.value.code == "input.version"


@pytest.mark.parametrize("name", ["bearing.blend", "bearing_v001.blend", "_v001_i001", "bearing_v001_i001"])
def test_an_unversioned_file_name_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        split_versioned_name(name)
