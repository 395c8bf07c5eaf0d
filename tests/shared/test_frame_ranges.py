"""Ranges of frames as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.frame_ranges import format_frames, parse_frames


@given(st.sets(st.integers(-50, 400), min_size=1, max_size=40))
def test_ranges_of_frames_are_written_so_that_they_are_read_again(numbers: set[int]) -> None:
    assert parse_frames(format_frames(sorted(numbers))) == sorted(numbers)


@pytest.mark.parametrize("text", ["", "a", "5-1", "1-9x0", "1-", "1--", "1-999999", "1,,2"])
def test_what_is_no_range_of_frames_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_frames(text)
    assert caught.value.code == "input.frames" and caught.value.hint
