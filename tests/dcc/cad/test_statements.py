from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from dcc.cad.read.part21.statements import statements


def test_statements_are_found_however_they_are_written() -> None:
    text = b"""#1=STYLED_ITEM('it''s; (so)',(#2),#3);
#4 = STYLED_ITEM ( '', ( #2 ), #5 ) ;
#6=STYLED_ITEMS('',#7); #8=COLOUR_RGB('',0.,(1.),0.5);#9=(STYLED_ITEM('',#2));
#10=STYLED_ITEM('unfinished',(#2;
"""
    assert statements(text, ["STYLED_ITEM", "COLOUR_RGB"]) == {
        1: ("STYLED_ITEM", "'it''s; (so)',(#2),#3"),
        4: ("STYLED_ITEM", " '', ( #2 ), #5 "),
        8: ("COLOUR_RGB", "'',0.,(1.),0.5"),
    }


@given(st.text("a'(;)", max_size=12))
def test_a_damaged_statement_is_given_up_at_once(damage: str) -> None:
    text = b"#1=STYLED_ITEM(" + damage.encode() + b"a" * 5000 + b"'" + b"''" * 2000
    began = time.process_time()
    statements(text, ["STYLED_ITEM"])
    # Read in every possible way it would take longer than the world is old.
    assert time.process_time() - began < 5
