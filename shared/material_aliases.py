"""The alias table: which words in a STEP material or part name, and which STEP colours, mean which library material.

The table is data. ``DEFAULT_ALIASES`` is what a new installation starts with; the service keeps it in its database,
where a studio adds its own, and hands the rows back to the functions here.

How text matches. A text is cut into words at everything that is not a letter or digit, at ``camelCase`` humps and
between letters and digits; accents and case do not count. A pattern matches a run of whole words that, written
together, equal it: ``o-ring`` matches "O-Ring", "oring", "ORing" and "O RING", but not "boring". ``steel*`` matches
words that begin so, ``*schraube`` words that end so, ``*钢*`` words that contain it (languages without spaces).

How colours match. By CIE 1976 distance (delta E*ab under D65; about 2.3 is just noticeable) up to the ``tolerance``.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from shared.errors import InputError
from shared.material_library import Color, linear_from_hex

Kind = Literal["material", "name", "word", "color"]
"""What a pattern is compared with: STEP material texts, part names, both, or STEP colours (``#rrggbb``)."""

PART_COLOR = "Color"
"""Instead of a material: plastic or paint in the part's own STEP colour. Applies only where the part has one."""


@dataclass(frozen=True)
class Alias:
    """One row of the table. Where several match, the highest ``priority`` wins, then the longest pattern, then the
    word that stands last: in most languages of part names the last noun says what the thing is.

    Raises InputError where the pattern or kind cannot work.
    """

    kind: Kind
    pattern: str
    material: str
    priority: int = 0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(
                f'"{self.kind}" is not a kind of alias.', hint=f"Choose one of {', '.join(get_args(Kind))}."
            )
        if self.kind == "color":
            linear_from_hex(self.pattern)
        elif not _compile(self.pattern).text:
            raise InputError(
                f'The alias pattern "{self.pattern}" has no letter or digit.', hint="Write a word, e.g. steel*."
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alias:
        """Rebuild a row; raises InputError where one of kind, pattern, material is missing or wrong."""
        try:
            return cls(
                kind=data["kind"],
                pattern=str(data["pattern"]),
                material=str(data["material"]),
                priority=int(data.get("priority", 0)),
                tolerance=float(data.get("tolerance", 0.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"This is not an alias: {data!r}.", hint="An alias needs kind, pattern and material."
            ) from error


def matching_aliases(text: str, kinds: Iterable[Kind], aliases: Iterable[Alias]) -> list[Alias]:
    """The text aliases of those ``kinds`` that match ``text``, best first."""
    words = split_words(text)
    wanted = set(kinds) - {"color"}
    ranked = []
    for alias in aliases:
        if alias.kind in wanted:
            pattern = _compile(alias.pattern)
            position = pattern.find(words)
            if position >= 0:
                ranked.append((-alias.priority, -len(pattern.text), -position, alias.pattern, alias.material, alias))
    return [row[-1] for row in sorted(ranked, key=lambda row: row[:-1])]


def nearest_color_alias(color: Color, aliases: Iterable[Alias]) -> tuple[Alias, float] | None:
    """The colour alias nearest to a linear colour within its tolerance, and the delta E*ab between them."""
    here = _lab(color)
    best: tuple[Alias, float] | None = None
    for alias in aliases:
        if alias.kind != "color":
            continue
        distance = math.dist(here, _lab(linear_from_hex(alias.pattern)))
        if distance <= alias.tolerance and (best is None or distance < best[1]):
            best = (alias, distance)
    return best


def split_words(text: str) -> list[str]:
    """The words of a name or material text: folded, without accents, cut at humps and between letters and digits."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    words: list[str] = []
    word = ""
    for at, letter in enumerate(plain):
        if not letter.isalnum():
            words.append(word)
            word = ""
            continue
        following = plain[at + 1 : at + 2]
        last = word[-1:]
        hump = letter.isupper() and (last.islower() or (last.isupper() and following.islower()))
        if word and (hump or letter.isdigit() != last.isdigit()):
            words.append(word)
            word = ""
        word += letter
    words.append(word)
    return [word.casefold() for word in words if word]


@dataclass(frozen=True)
class _Pattern:
    text: str
    open_start: bool
    open_end: bool

    def find(self, words: list[str]) -> int:
        """Index of the last word at which the pattern matches, or -1."""
        for start in range(len(words) - 1, -1, -1):
            if self._matches(words, start):
                return start
        return -1

    def _matches(self, words: list[str], start: int) -> bool:
        if self.open_start:
            word = words[start]
            return self.text in word if self.open_end else word.endswith(self.text)
        run = ""
        for word in words[start:]:
            run += word
            if len(run) >= len(self.text):
                break
        return run.startswith(self.text) if self.open_end else run == self.text


@functools.lru_cache(maxsize=4096)
def _compile(pattern: str) -> _Pattern:
    return _Pattern("".join(split_words(pattern)), pattern.startswith("*"), pattern.endswith("*"))


@functools.lru_cache(maxsize=4096)
def _lab(color: Color) -> tuple[float, float, float]:
    """CIE 1976 L*a*b* of a linear Rec.709 colour, white point D65."""
    red, green, blue = (min(max(channel, 0.0), 1.0) for channel in color)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (
        value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29 for value in (x, y, z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _rows(kind: Kind, material: str, priority: int, patterns: str) -> tuple[Alias, ...]:
    return tuple(Alias(kind, pattern.strip(), material, priority) for pattern in patterns.split(","))


_SUBSTANCE, _FUNCTION, _FORM = 20, 10, 0
"""Priorities: "rubber washer" is rubber, a "seal ring" seals, a plain "ring" is steel."""

DEFAULT_ALIASES: tuple[Alias, ...] = (
    # Substances, in STEP materials and in part names. Plastics take the part's colour where it has one.
    *_rows(
        "word", "Steel", _SUBSTANCE,
        "steel*, stahl*, *stahl, acier*, acciaio, acero, aço, staal, stål, stal, ocel, teräs, сталь*, *钢*, 鋼*, 鉄,"
        " 100cr6, gcr15, suj2, 52100, chrome steel, chromoly, cast iron, gusseisen, fonte, iron, eisen, zinc plated,"
        " galvani*, verzinkt",
    ),
    *_rows(
        "material", "Steel", _SUBSTANCE,
        "st37*, st52*, s235*, s275*, s355*, c45*, 42crmo4, 16mncr5, 11smn30*, 1.0037, 1.0038, 1.0503, 1.3505, 1.7225,"
        " aisi 10*, aisi 41*, aisi 52*, a36, ck45, q235*, q345*, ss400, sk*, ggg*, en gjl*, en gjs*",
    ),
    *_rows(
        "word", "BrushedSteel", _SUBSTANCE,
        "stainless*, brushed steel, edelstahl*, inox*, nirosta, rostfri*, rvs, нержав*, *不锈钢*, ステンレス*,"
        " aisi 304*, aisi 316*, aisi 420, aisi 430, aisi 440*, sus 304, sus 316, sus 440*, ss 304, ss 316, 18 8 steel",
    ),
    *_rows(
        "material", "BrushedSteel", _SUBSTANCE,
        "1.4301, 1.4305, 1.4307, 1.4401, 1.4404, 1.4571, 1.4034, 1.4112, 1.4125, x5crni*, x2crni*, x6crni*, x105cr*,"
        " a2 70, a4 80, 17 4 ph",
    ),
    *_rows(
        "word", "Brass", _SUBSTANCE,
        "brass*, messing*, *messing, laiton, ottone, latón, latão, mässing, mosiądz, mosaz, латун*, *黄铜*, 真鍮*,"
        " cuzn*, ms58, ms63, cw614n, c360",
    ),
    *_rows(
        "word", "Bronze", _SUBSTANCE,
        "bronz*, *bronze, brons, бронз*, *青铜*, cusn*, cual*, rg7, gunmetal, rotguss, copper, kupfer*, cuivre, rame,"
        " cobre, koper, медь, *紫铜*",
    ),
    *_rows(
        "word", "Aluminium", _SUBSTANCE,
        "alumin*, alumin*, alu, alloy, *aluminium, allumin*, alluminio, алюмин*, *铝*, アルミ*, almg*, alsi*, alzn*,"
        " alcu*, en aw*, al 6061, al 6082, al 7075, 6061 t6, 6082 t6, 7075 t6, dural*",
    ),
    *_rows("material", "Aluminium", _SUBSTANCE, "al, 5052*, 5083*, 6060*, 6061*, 6063*, 6082*, 7075*, 2024*, adc12"),
    *_rows(
        "word", "Chrome", _SUBSTANCE,
        "chrome, chromed, chromium, chrome plated, chrom, verchromt, chromé, cromo, cromato, cromado, хром*, *镀铬*",
    ),
    *_rows(
        "word", "BlackRubber", _SUBSTANCE,
        "rubber*, gummi*, *gummi, caoutchouc, gomma, goma, caucho, borracha, rubber, guma, резин*, *橡胶*, ゴム*,"
        " nbr*, hnbr, epdm*, fkm*, viton*, fpm, silicone*, silikon*, neoprene*, elastomer*, tpu, buna*, perbunan",
    ),
    *_rows(
        "word", "Glass", _SUBSTANCE,
        "glass*, glas, *glas, verre, vetro, vidrio, vidro, szkło, sklo, стекл*, *玻璃*, ガラス*, acryl*, plexiglas*,"
        " pmma, quartz, sapphire, borosilicate, transparent*",
    ),
    *_rows(
        "word", PART_COLOR, _SUBSTANCE + 1,
        "plastic*, kunststoff*, plastique, plastica, plástico, пластик*, *塑料*, abs, petg, nylon*, polyamid*, pa6, pa66,"
        " pa12, pom*, delrin, peek, pvc*, hdpe, ldpe, uhmw*, polypropyl*, polyethyl*, polycarbonat*, ptfe, teflon*,"
        " painted, lackiert, peint*, verniciat*, pulverbeschichtet, powder coat*",
    ),
    *_rows("word", "RedPlastic", _SUBSTANCE + 2, "red plastic, plastic red, roter kunststoff, plastique rouge"),
    *_rows("word", "BluePlastic", _SUBSTANCE + 2, "blue plastic, plastic blue, blauer kunststoff, plastique bleu"),
    *_rows("word", "WhitePlastic", _SUBSTANCE + 2, "white plastic, plastic white, weisser kunststoff, plastique blanc"),
    *_rows("word", "BlackPlastic", _SUBSTANCE + 2, "black plastic, plastic black, schwarzer kunststoff, plastique noir"),
    *_rows("word", "WhitePlastic", _SUBSTANCE, "nylon*, polyamid*, pom*, delrin, ptfe, teflon*, hdpe, uhmw*"),
    *_rows(
        "word", "BlackPlastic", _SUBSTANCE,
        "plastic*, kunststoff*, plastique, plastica, plástico, пластик*, *塑料*, abs, petg, polycarbonat*, pvc*",
    ),
    # What a part is for.
    *_rows(
        "name", "BlackRubber", _FUNCTION,
        "seal*, gasket*, o-ring*, grommet*, bellows, tire, tyre, bumper, dichtung*, *dichtung, dichtring*, *dichtring,"
        " dichtscheibe, simmerring*, joint torique, joint d étanchéité, étanchéité, guarnizione, junta tórica, pakking,"
        " uszczelka, těsnění, уплотн*, прокладк*, *密封*, シール*, oリング",
    ),
    *_rows("name", "Brass", _FUNCTION, "cage*, käfig*, *käfig, retainer*, gabbia, jaula, сепаратор, *保持架*, hose barb"),
    *_rows("name", "Bronze", _FUNCTION, "bushing*, bush, bushes, buchse*, *buchse, gleitlager*, plain bearing, boccola, casquillo"),
    *_rows("name", "Aluminium", _FUNCTION, "heatsink*, heat sink*, kühlkörper*, kuehlkoerper*, dissipateur, extrusion"),
    *_rows("name", "Glass", _FUNCTION, "lens*, linse*, *linse, lentille, window*, sight glass, fenster*"),
    # What shape a part has: the weakest hint. Words that say little (plate, bracket, housing) are left to the colour.
    *_rows(
        "name", "Steel", _FORM,
        "ball, balls, roller, rollers, needle roller*, ring, rings, race, raceway, bearing*, screw*, setscrew*, *screw,"
        " bolt*, *bolt, nut, nuts, locknut*, washer*, *washer, rivet*, pin, pins, dowel*, shaft*, axle*, spindle, rod,"
        " spring*, gear*, pinion*, sprocket*, circlip*, retaining ring*, snap ring*, stud, studs, chain, clip,"
        " threaded rod, hinge pin, din 125, din 127, din 471, din 472, din 603, din 912, din 913, din 931, din 933,"
        " din 934, din 7991, iso 4014, iso 4017, iso 4032, iso 4762, iso 7045, iso 7089, iso 7380, iso 10642",
    ),
    *_rows(
        "name", "Steel", _FORM,
        "kugel*, *kugel, kugeln, kugellager, wälzlager*, rolle, *ring, innenring, aussenring, schraub*, *schraube,"
        " *schrauben, mutter, *mutter, muttern, unterlegscheibe*, *scheibe, niet*, stift, *stift, bolzen, *bolzen, welle,"
        " *welle, achse, feder, *feder, zahnrad*, ritzel, kette, bille, billes, bague, roulement*, vis, écrou*, boulon*,"
        " rondelle*, goupille*, arbre, ressort*, engrenage*, sfera, sfere, cuscinetto, vite, viti, dado, dadi, rondella,"
        " molla, albero, bola, bolas, rodamiento*, tornillo*, tuerca*, arandela*, muelle*, eje, parafuso*, porca, arruela,"
        " mola, bout, moer, kogel*, skruv*, bricka, śruba*, nakrętka*, podkładka*, šroub*, matice, ložisko,"
        " болт*, винт*, гайк*, шайб*, шарик*, кольц*, подшипник*, вал, пружин*, *螺栓*, *螺钉*, *螺母*, *垫圈*, *轴承*,"
        " *弹簧*, *齿轮*, ボルト*, ナット*, ねじ*, ベアリング*",
    ),
    # Colours that CAD users mean a substance by. Neutral greys are the "plain metal" of every CAD program.
    *(Alias("color", grey, "Steel", tolerance=5.0) for grey in ("#808080", "#8c8c8c", "#999999", "#a6a6a6", "#b3b3b3", "#c0c0c0")),
    Alias("color", "#b5a642", "Brass", tolerance=12.0),
    Alias("color", "#d4af37", "Brass", tolerance=12.0),
    Alias("color", "#cd7f32", "Bronze", tolerance=12.0),
    Alias("color", "#ffffff", "WhitePlastic", tolerance=8.0),
    Alias("color", "#f0f0f0", "WhitePlastic", tolerance=5.0),
    Alias("color", "#000000", "BlackPlastic", tolerance=8.0),
    Alias("color", "#1e1e1e", "BlackPlastic", tolerance=8.0),
    Alias("color", "#ff0000", "RedPlastic", tolerance=15.0),
    Alias("color", "#c80f0f", "RedPlastic", tolerance=12.0),
    Alias("color", "#0000ff", "BluePlastic", tolerance=15.0),
    Alias("color", "#1446c8", "BluePlastic", tolerance=12.0),
)
