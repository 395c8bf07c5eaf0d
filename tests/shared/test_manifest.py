from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import CadError, StorageError
from shared.manifest import (
    IDENTITY,
    Assembly,
    BoundingBox,
    Child,
    Converter,
    Count,
    EffectiveMaterial,
    FaceColor,
    Fingerprint,
    Manifest,
    ModelWarning,
    Occurrence,
    Part,
    Source,
    Tessellation,
    read_manifest,
    write_manifest,
)

NUMBERS = st.floats(-1e9, 1e9)
VECTORS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
COLORS = st.tuples(*[st.floats(0, 1)] * 4)
TRANSFORMS = st.tuples(*[NUMBERS] * 16)
KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)
MATERIALS = st.none() | st.builds(
    EffectiveMaterial, st.text(), st.sampled_from(["manual", "source", "auto", "fallback"]), st.text()
)
BOXES = st.builds(BoundingBox, VECTORS, VECTORS)
OCCURRENCES = st.builds(Occurrence, st.text(), st.text(), TRANSFORMS, st.none() | COLORS, st.booleans(), MATERIALS)
PARTS = st.builds(
    Part,
    part_key=KEYS,
    source_name=st.text(),
    prim_path=st.text(),
    kind=st.sampled_from(["solid", "surface", "curve"]),
    volume=NUMBERS,
    area=NUMBERS,
    center=VECTORS,
    bounding_box=BOXES,
    fingerprint=st.builds(
        Fingerprint, NUMBERS, NUMBERS, VECTORS, VECTORS, NUMBERS, st.integers(0, 9), st.integers(0, 9)
    ),
    triangle_count=st.integers(0, 10**9),
    occurrence_count=st.integers(0, 10**9),
    occurrences=st.lists(OCCURRENCES, max_size=2).map(tuple),
    color=st.none() | COLORS,
    face_colors=st.lists(st.builds(FaceColor, st.text(), COLORS, st.integers(1, 9)), max_size=2).map(tuple),
    step_material=st.none() | st.text(),
    layers=st.lists(st.text(), max_size=2).map(tuple),
    material=MATERIALS,
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    parts = tuple(draw(st.lists(PARTS, max_size=3, unique_by=lambda part: part.part_key)))
    children = tuple(
        Child(draw(st.text()), draw(st.text()), "part", part.part_key, draw(TRANSFORMS), draw(st.none() | COLORS))
        for part in parts
    )
    return Manifest(
        source=Source(draw(st.text()), draw(st.text()), draw(st.integers(0)), ("INCH",)),
        converter=Converter("Raceway", "1", "kernel"),
        tessellation=Tessellation(draw(st.none() | NUMBERS), 0.001, 0.25),
        root_prim="/Root",
        bounding_box=draw(BOXES),
        parts=parts,
        assemblies=(Assembly("Root", draw(st.text()), children),),
        counts={"faces": Count(3, 2)},
        warnings=(ModelWarning("cad.missing_faces", draw(st.text())),),
        lineage=draw(st.text()),
    )


@settings(max_examples=40)
@given(manifests())
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    assert Manifest.from_json(json.loads(manifest.to_text())) == manifest


def small() -> Manifest:
    box = BoundingBox((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    part = Part(
        part_key="Box",
        source_name="Box",
        prim_path="/Root/Products/Box",
        kind="solid",
        volume=1.0,
        area=6.0,
        center=(0.5, 0.5, 0.5),
        bounding_box=box,
        fingerprint=Fingerprint(1.0, 6.0, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 0.0, 6, 12),
        triangle_count=12,
        occurrence_count=1,
        occurrences=(Occurrence("Box", "/Root/Box", IDENTITY),),
    )
    return Manifest(
        source=Source("box.step", "ab" * 32, 10),
        converter=Converter("Raceway", "1", "kernel"),
        tessellation=Tessellation(None, 0.001, 0.25),
        root_prim="/Root",
        bounding_box=box,
        parts=(part,),
        assemblies=(Assembly("Root", "Root", (Child("Box", "Box", "part", "Box", IDENTITY),)),),
    )


def changed(path: str, value: Any) -> Any:
    data = small().to_json()
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target = data
    for step in parents:
        target = target[step]
    if value is KeyError:
        del target[last]
    else:
        target[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("parts.0.volume", "big", "parts[0].volume"),
        ("parts.0.volume", float("nan"), "parts[0].volume"),
        ("parts.0.volume", True, "parts[0].volume"),
        ("parts.0.part_key", "not a key", "parts[0].part_key"),
        ("parts.0.part_key", KeyError, "'part_key' is missing"),
        ("parts.0.kind", "liquid", "parts[0].kind"),
        ("parts.0.occurrences.0.transform", [1, 2, 3], "parts[0].occurrences"),
        ("parts.0.bounding_box.min", [0, 0], "parts[0].bounding_box.min"),
        ("assemblies", [], "assemblies"),
        ("assemblies.0.children.0.key", "Other", "assemblies[0]"),
        ("source", None, "source"),
        ("counts", [], "counts"),
        ("schema", "something else", "schema"),
    ],
)
def test_a_fault_is_named_with_its_place(path: str, value: Any, named: str) -> None:
    with pytest.raises(CadError) as caught:
        Manifest.from_json(changed(path, value))
    assert caught.value.code == "cad.manifest_invalid"
    assert named in caught.value.message


def test_the_same_key_twice_is_refused() -> None:
    manifest = small()
    with pytest.raises(CadError, match="twice"):
        Manifest.from_json(replace(manifest, parts=manifest.parts * 2).to_json())


@pytest.mark.parametrize(("version", "way_out"), [(99, "newer Raceway"), (0, "Convert the CAD file again")])
def test_another_schema_version_is_refused_with_a_way_out(version: int, way_out: str) -> None:
    with pytest.raises(CadError) as caught:
        Manifest.from_json(changed("schema_version", version))
    assert caught.value.code == "cad.manifest_version"
    assert way_out in caught.value.hint


def test_unknown_fields_of_a_later_minor_change_are_ignored() -> None:
    assert Manifest.from_json(changed("parts.0.weight", 3)) == small()


def test_files(tmp_path: Path) -> None:
    path = write_manifest(small(), tmp_path / "manifest.json")
    assert read_manifest(path) == small()
    path.write_text("{")
    with pytest.raises(CadError, match="not JSON"):
        read_manifest(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CadError, match="UTF-8"):
        read_manifest(path)
    with pytest.raises(StorageError):
        read_manifest(tmp_path / "none.json")


def test_parts_are_found_by_key() -> None:
    assert small().part("Box").volume == 1
    with pytest.raises(CadError) as caught:
        small().part("Bolt")
    assert caught.value.code == "cad.unknown_part"
    assert "Box" in caught.value.hint
