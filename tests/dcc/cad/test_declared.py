from __future__ import annotations

import mmap
from pathlib import Path

from dcc.cad.read.declared import Declared, declared_by, declared_in
from dcc.cad.read.part21.index import index
from tests.dcc.cad.test_precheck import MINIMAL


def declared(path: Path) -> Declared:
    """What the file declares; where it can be indexed, the index says the same."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        found = index(text)
        told = declared_in(text)
        assert found is None or declared_by(found) == told
        del found
    return told


def test_declarations_are_counted_whatever_the_spacing(tmp_path: Path) -> None:
    path = tmp_path / "part.step"
    entities = (
        b"#1=PRODUCT('a','a','',(#2));\n#3 = PRODUCT ( 'b','b','',(#2));\n#9=PRODUCT_CONTEXT('',#2,'');\n"
        b"#4 = ADVANCED_FACE('',(#5),#6,.T.);\n#7=MANIFOLD_SOLID_BREP('',#8);\n"
        b"#10=NEXT_ASSEMBLY_USAGE_OCCURRENCE ('1', 'it''s','',#1,#3,$);\n"
        b"#11=DOCUMENT_FILE('wheel.stp','','',#1,'',$);\n"
    )
    path.write_bytes(MINIMAL.replace(b"DATA;\n", b"DATA;\n" + entities))
    found = declared(path)
    assert (found.products, found.occurrences, found.faces, found.solids) == (2, 1, 1, 1)
    assert found.external == ("wheel.stp",)


def test_placed_parts_are_counted_without_expanding_them(tmp_path: Path) -> None:
    path = tmp_path / "deep.step"
    pairs = [(level, level + 1) for level in range(1, 101) for _ in range(2)] + [(200, 200), (201, 202), (202, 201)]
    lines = [f"#{900 + n}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('{n}','',$,#{a},#{b},$);" for n, (a, b) in enumerate(pairs)]
    path.write_bytes(MINIMAL.replace(b"DATA;\n", b"DATA;\n" + "\n".join(lines).encode()))
    found = declared(path)
    assert found.occurrences == 203
    assert found.placed == 2**100
