"""What ISO 10303-21 allows for and the kernel's parser does not know is read like any other file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dcc.cad.convert import convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.shapes import at, box, cylinder

NOTHING = "#18446744073709551615"
"""An entity's number that stands for none."""
PAPERS = (
    f"#900001=PERSON_AND_ORGANIZATION ( {NOTHING}, {NOTHING} ) ;\n"
    "#900002=PERSON_AND_ORGANIZATION_ROLE ( 'creator' ) ;\n"
    "#900003=CC_DESIGN_PERSON_AND_ORGANIZATION_ASSIGNMENT ( #900001, #900002, ( #5 ) ) ;\n"
)
SECTIONS = (
    "/* 'not a string; */\nANCHOR;\n<origin>=#1;\n<note>='ENDSEC is a word; so is DATA;';\nENDSEC;\n"
    "REFERENCE;\n#900000=<https://example.org/parts#bolt>;\nENDSEC ;\n"
)
BY_THE_BOOK: dict[str, Callable[[str], str]] = {
    "byte order mark": lambda text: "\ufeff" + text,
    "anchors and references": lambda text: text.replace("DATA;", SECTIONS + "DATA;", 1),
    "a data section with parameters": lambda text: text.replace("DATA;", "DATA ( 'it''s; one' , ('AP214') );", 1),
    "all of it": lambda text: "\ufeff" + text.replace("DATA;", SECTIONS + "DATA('one',('AP214'));", 1),
    "references to nothing, by SolidWorks": lambda text: re.sub(
        r"'Open CASCADE STEP processor[^']*'", "'SwSTEP 2.0'", text
    ).replace("ENDSEC;\nEND-ISO", f"{PAPERS}ENDSEC;\nEND-ISO"),
    "entities with numbers beyond 31 bits": lambda text: re.sub(r"#(\d+)", lambda n: f"#{int(n[1]) + 2**33}", text),
    "several data sections": lambda text: text.replace(
        "\n#50 =", "\nENDSEC;\nDATA('two',('AP214'));\n#50 =", 1
    ).replace("\n#90 =", "\nENDSEC ;\n\nDATA /* three */;\n#90 =", 1),
    "blanks and comments before semicolons": lambda text: text.replace("DATA;", "DATA /* begins */ ;", 1).replace(
        "END-ISO-10303-21;", "END-ISO-10303-21 /* over */ ;"
    ),
}


@pytest.mark.parametrize("written", BY_THE_BOOK)
@pytest.mark.parametrize("apart", [False, True], ids=["as a whole", "piece by piece"])
def test_it_is_the_same_model(written: str, apart: bool, tmp_path: Path) -> None:
    step = StepWriter()
    root = step.assembly("Root")
    step.place(root, step.part("Box", box(), color="ff0000"), at(50))
    step.place(root, step.part("Räder", cylinder()))
    path = tmp_path / "model.step"
    step.write(path)
    settings = Settings(processes=2, piecewise_bytes=0 if apart else 1 << 30)
    plain = convert(path, tmp_path / "plain", settings).manifest
    path.write_text(BY_THE_BOOK[written](path.read_text(encoding="utf-8")), encoding="utf-8")
    manifest = convert(path, tmp_path / "written", settings).manifest
    assert manifest.parts == plain.parts
    assert manifest.warnings == plain.warnings == ()
