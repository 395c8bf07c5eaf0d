"""Names in the order in which people count and spell."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.natural_order import natural_order


def test_numbers_count_and_accents_and_capitals_do_not() -> None:
    ordered = ["Abel", "Älfrun", "Anna 2", "anna 10", "bolt", "bolt2", "Bolt10", "bolt10a", "Øl", "Straße", "Strasse1"]
    shuffled = random.Random(1).sample(ordered, len(ordered))
    assert sorted(shuffled, key=natural_order) == ordered


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1))
def test_numbers_sort_by_their_value(one: int, other: int) -> None:
    assert (natural_order(f"v{one}") < natural_order(f"v{other}")) == (one < other)
