import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.manifest import Manifest
from shared.material_aliases import Alias
from shared.material_layers import (
    LAYERS,
    MaterialLayers,
    Proposal,
    apply_layers,
    manual_layer,
    part_of,
    propose_layers,
    targets_of,
)
from shared.material_library import LIBRARY
from tests.shared.parts import make_manifest, make_part, rgba

GREEN = rgba("#00ff00")


class TestProposals:
    def test_a_step_material_of_the_library_is_the_source(self) -> None:
        layers = propose_layers(make_manifest(make_part("Ring", "Ring", material="brushed STEEL")))
        found = layers.resolve("Ring")
        assert (found.material, found.layer) == ("BrushedSteel", "source")
        assert found.reason == 'STEP material "brushed STEEL" is a library material'

    def test_material_text_beats_name_beats_colour(self) -> None:
        parts = [
            make_part("A", "rubber ball", material="CuZn37", color=GREEN),
            make_part("B", "rubber ball", material="unobtainium", color=GREEN),
            make_part("C", "thing", color=GREEN),
        ]
        layers = propose_layers(make_manifest(*parts))
        assert [layers.resolve(key).material for key in "ABC"] == ["Brass", "BlackRubber", "Color_00ff00"]
        assert all(layers.resolve(key).layer == "auto" for key in "ABC")
        assert layers.resolve("A").reason == 'STEP material "CuZn37" matches the alias "cuzn*"'
        assert layers.resolve("C").reason == "STEP colour #00ff00, which no colour alias is near"

    def test_body_name_beats_product_name(self) -> None:
        assert (
            propose_layers(make_manifest(make_part("A", "brass valve", body="seal"))).resolve("A").material
            == "BlackRubber"
        )

    def test_plastic_takes_the_parts_colour(self) -> None:
        parts = [make_part("Grey", "ABS case", color=rgba("#a6a6a6")), make_part("Bare", "ABS case")]
        layers = propose_layers(make_manifest(*parts))
        assert layers.resolve("Grey").material == "Color_a6a6a6"
        assert layers.resolve("Bare").material == "WhitePlastic"

    def test_colour_alias_names_its_distance(self) -> None:
        found = propose_layers(make_manifest(make_part("A", "plate", color=rgba("#b0b0b0")))).resolve("A")
        assert found.material == "Steel"
        assert found.reason == "STEP colour #b0b0b0 is near the alias #b3b3b3 (delta E 1.1)"

    def test_translucent_colour_is_no_opaque_substance(self) -> None:
        found = propose_layers(make_manifest(make_part("A", "plate", color=rgba("#b0b0b0", 0.5)))).resolve("A")
        assert found.material == "Color_b0b0b080"

    def test_the_file_names_its_only_part(self) -> None:
        named = make_manifest(make_part("Part", ""), file_name="m6x12-countersunk-screw.step")
        assert propose_layers(named).resolve("Part").reason == (
            'file name "m6x12-countersunk-screw" matches the alias "*screw"'
        )
        assembly = make_manifest(make_part("A"), make_part("B"), file_name="steel stand.step")
        assert propose_layers(assembly).resolve("A").layer == "fallback"

    def test_nothing_known_is_visible(self) -> None:
        found = propose_layers(make_manifest(make_part("A", "plate"))).resolve("A")
        assert (found.material, found.layer) == ("FailedMaterial", "fallback")

    def test_aliases_to_materials_that_are_gone_are_skipped(self) -> None:
        rows = [Alias("name", "ball", "Unobtainium", priority=9), Alias("name", "ball", "Brass")]
        assert propose_layers(make_manifest(make_part("A", "ball")), rows).resolve("A").material == "Brass"


class TestFacesAndOccurrences:
    part = make_part(
        "Case",
        "case",
        color=rgba("#336b87"),
        faces={"Face1": GREEN},
        occurrences={"a": None, "b": rgba("#ff0000")},
    )

    def test_colours_show_where_colour_is_all_that_is_known(self) -> None:
        effective = propose_layers(make_manifest(self.part)).effective([self.part])
        assert {target: entry.material for target, entry in effective.items()} == {
            "Case": "Color_336b87",
            "Case#00ff00": "Color_00ff00",
            "Case:b": "RedPlastic",
        }

    def test_a_name_speaks_for_the_whole_part(self) -> None:
        part = make_part("Ball", "ball", faces={"Face1": GREEN}, occurrences={"a": GREEN})
        assert {
            key: entry.material for key, entry in propose_layers(make_manifest(part)).effective([part]).items()
        } == {"Ball": "Steel"}

    def test_manual_covers_faces_and_occurrences(self) -> None:
        layers = propose_layers(make_manifest(self.part))
        layers = MaterialLayers({"Case": Proposal("Brass", "")}, layers.source, layers.auto)
        assert {key: entry.material for key, entry in layers.effective([self.part]).items()} == {"Case": "Brass"}

    def test_one_occurrence_by_hand(self) -> None:
        manual = manual_layer({"Case:a": "Chrome", "Case": "Brass"}, [self.part])
        effective = MaterialLayers(manual).effective([self.part])
        assert {key: entry.material for key, entry in effective.items()} == {"Case": "Brass", "Case:a": "Chrome"}

    def test_faces_speak_for_a_part_without_colour(self) -> None:
        part = make_part("Case", "case", faces={"Face1": GREEN})
        found = propose_layers(make_manifest(part)).effective([part])
        assert {key: entry.material for key, entry in found.items()} == {"Case": "Color_00ff00"}


class TestManual:
    part = make_part("Ball", "ball", faces={"Face1": GREEN}, occurrences={"a/Ball": None})

    def test_accepts_names_and_labels(self) -> None:
        layer = manual_layer(
            {"Ball": "brushed steel", "Ball:a/Ball": "Color_c81e1e", "Ball#00ff00": "Glass"}, [self.part]
        )
        assert {key: entry.material for key, entry in layer.items()} == {
            "Ball": "BrushedSteel", "Ball:a/Ball": "Color_c81e1e", "Ball#00ff00": "Glass",
        }  # fmt: skip

    def test_names_everything_unknown_in_one_error(self) -> None:
        wrong = {"Bal": "Steel", "Ball:b/Ball": "Steel", "Ball#ff00ff": "Steel", "Ball": "Stel", "Ball:a/Ball": "Steel"}
        with pytest.raises(InputError) as caught:
            manual_layer(wrong, [self.part])
        assert caught.value.code == "input.material_overrides"
        assert caught.value.fields == {
            "Bal": 'unknown part. Did you mean "Ball"?',
            "Ball:b/Ball": 'unknown occurrence. Did you mean "Ball:a/Ball"?',
            "Ball#ff00ff": 'unknown face colour. Did you mean "Ball#00ff00"?',
            "Ball": 'unknown material "Stel". Did you mean "Steel"?',
        }


def test_apply_layers_to_a_manifest() -> None:
    manifest = make_manifest(make_part("Ball", "ball", occurrences={"a": None, "b": None}))
    layers = propose_layers(manifest)
    layers = MaterialLayers(manual_layer({"Ball:b": "Brass"}, manifest.parts), layers.source, layers.auto)
    applied = apply_layers(manifest, layers)
    ball = applied.parts[0]
    assert ball.material and ball.material.material == "Steel"
    assert [item.material and item.material.material for item in ball.occurrences] == [None, "Brass"]
    assert Manifest.from_json(json.loads(applied.to_text())) == applied


TARGETS = ("P", "P:a", "P:b", "P#00ff00", "Q", "Q:a")
proposals = st.builds(Proposal, st.sampled_from(sorted(LIBRARY)), st.text(max_size=5))
layer = st.dictionaries(st.sampled_from(TARGETS), proposals)
layers_strategy = st.builds(MaterialLayers, layer, layer, layer)
PARTS = [
    make_part("P", faces={"F": GREEN}, occurrences={"a": None, "b": None}),
    make_part("Q", occurrences={"a": None}),
]


class TestLaws:
    @given(layers_strategy, st.sampled_from(TARGETS))
    def test_the_strongest_layer_that_speaks_wins(self, layers: MaterialLayers, target: str) -> None:
        found = layers.resolve(target)
        for name in LAYERS[: LAYERS.index(found.layer)]:
            assert target not in getattr(layers, name) and part_of(target) not in getattr(layers, name)
        if found.layer == "fallback":
            assert found.material == "FailedMaterial"
        else:
            spoken = getattr(layers, found.layer)
            assert spoken.get(target, spoken.get(part_of(target))) == Proposal(found.material, found.reason)

    @given(layers_strategy, st.sampled_from(TARGETS), proposals)
    def test_manual_always_gets_its_way(self, layers: MaterialLayers, target: str, choice: Proposal) -> None:
        chosen = MaterialLayers({**layers.manual, target: choice}, layers.source, layers.auto)
        assert chosen.resolve(target).material == choice.material
        assert chosen.resolve(target).layer == "manual"

    @given(layers_strategy, st.sampled_from(("P", "Q")), proposals)
    def test_a_choice_touches_no_other_part(self, layers: MaterialLayers, part: str, choice: Proposal) -> None:
        chosen = MaterialLayers({**layers.manual, part: choice}, layers.source, layers.auto)
        for target in TARGETS:
            if part_of(target) != part:
                assert chosen.resolve(target) == layers.resolve(target)

    @given(layers_strategy)
    def test_weaker_layers_never_change_what_stronger_ones_decided(self, layers: MaterialLayers) -> None:
        alone = MaterialLayers(layers.manual)
        for target in TARGETS:
            if alone.resolve(target).layer == "manual":
                assert layers.resolve(target) == alone.resolve(target)

    @given(layers_strategy)
    def test_effective_says_all_there_is_to_say(self, layers: MaterialLayers) -> None:
        effective = layers.effective(PARTS)
        for part in PARTS:
            for target in targets_of(part):
                worn = effective.get(target, effective[part.part_key])
                assert worn.material == layers.resolve(target).material

    @given(layers_strategy)
    def test_json_round_trip(self, layers: MaterialLayers) -> None:
        assert MaterialLayers.from_json(json.loads(json.dumps(layers.to_json()))) == layers


def test_broken_json_is_refused() -> None:
    with pytest.raises(InputError, match="not a material proposal"):
        MaterialLayers.from_json({"manual": {"Ball": {"reason": "?"}}})
