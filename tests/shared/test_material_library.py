import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.material_library import (
    FALLBACK,
    LIBRARY,
    Material,
    color_material_name,
    find_material,
    hex_from_linear,
    linear_from_hex,
    material_by_name,
)

unit = st.floats(0, 1)


def test_holds_the_promised_materials() -> None:
    assert set(LIBRARY) == {
        "Steel", "BrushedSteel", "Brass", "Bronze", "Aluminium", "Chrome", "BlackRubber", "WhitePlastic",
        "BlackPlastic", "RedPlastic", "BluePlastic", "Glass", "FailedMaterial",
    }  # fmt: skip


@pytest.mark.parametrize("material", LIBRARY.values(), ids=lambda material: material.name)
def test_is_physically_plausible(material: Material) -> None:
    assert all(0 <= channel <= 1 for channel in material.base_color)
    for share in ("metallic", "roughness", "anisotropy", "transmission", "coat", "coat_roughness", "opacity"):
        assert 0 <= getattr(material, share) <= 1, share
    assert 1.3 <= material.ior <= 1.8
    if material.metallic == 1:
        assert min(material.base_color) > 0.3, "no metal reflects less at normal incidence"
    elif not material.transmission and material is not FALLBACK:
        assert 0.02 <= max(material.base_color) <= 0.85, "no pigment is darker or brighter"


def test_the_fallback_is_unmistakably_magenta() -> None:
    red, green, blue = FALLBACK.base_color
    assert red == blue == 1 and green == 0
    assert max(FALLBACK.emission) > 0


@pytest.mark.parametrize("text", ["BrushedSteel", "brushedsteel", "Brushed steel", " BRUSHED STEEL "])
def test_found_by_name_or_label_in_any_case(text: str) -> None:
    assert find_material(text) is LIBRARY["BrushedSteel"]


def test_unknown_name_says_what_was_meant() -> None:
    with pytest.raises(InputError, match="Unknown material") as caught:
        material_by_name("Alumnium")
    assert caught.value.code == "input.unknown_material"
    assert caught.value.hint == 'Did you mean "Aluminium"?'
    with pytest.raises(InputError) as caught:
        material_by_name("xyzzy")
    assert "BlackRubber" in caught.value.hint


def test_json_round_trip() -> None:
    for material in LIBRARY.values():
        assert Material.from_json(material.to_json()) == material


@pytest.mark.parametrize("data", [{}, {"name": "A", "label": "A"}, {"name": "A", "label": "A", "base_color": [1, 2]}])
def test_incomplete_json_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not a material"):
        Material.from_json(data)


class TestDerivedColors:
    def test_by_name(self) -> None:
        material = material_by_name("Color_c81e1e")
        assert material.base_color == pytest.approx((0.5776, 0.0130, 0.0130), abs=1e-4)
        assert material.metallic == 0 and material.opacity == 1

    def test_translucent(self) -> None:
        assert material_by_name("Color_c81e1e80").opacity == pytest.approx(128 / 255)

    @pytest.mark.parametrize(
        "name", ["Color_", "Color_c81e1", "Color_c81e1g", "Color_C81E1E", "c81e1e", "Color_c81e1e8"]
    )
    def test_other_names_are_not_derived(self, name: str) -> None:
        # One spelling only: two names for one colour would make two materials.
        with pytest.raises(InputError):
            material_by_name(name)

    @given(st.integers(0, 0xFFFFFF))
    def test_every_hex_colour_round_trips(self, value: int) -> None:
        code = f"{value:06x}"
        assert hex_from_linear(linear_from_hex(code)) == code
        assert color_material_name(material_by_name(f"Color_{code}").base_color) == f"Color_{code}"

    @given(st.tuples(unit, unit, unit, unit))
    def test_every_colour_has_a_material(self, color: tuple[float, ...]) -> None:
        material = material_by_name(color_material_name(color))
        assert material.base_color == pytest.approx(color[:3], abs=0.01)
        assert material.opacity == pytest.approx(color[3], abs=0.003)

    @pytest.mark.parametrize("code", ["", "#12", "#gggggg", "red"])
    def test_not_a_colour(self, code: str) -> None:
        with pytest.raises(InputError, match="is not a colour"):
            linear_from_hex(code)
