"""The alias table a new installation starts with: CAD users' words for materials, in the languages we meet most.

One row of ``_TABLE`` is (kind, material, priority, patterns); ``shared.material_aliases`` says how they match.
"""

from __future__ import annotations

from shared.material_aliases import PART_COLOR, Alias, Kind

_FORM = 0
"""What shape a part has, the weakest hint: a ring is steel unless something better is known."""
_FUNCTION = 10
"""What a part is for: a "seal ring" seals."""
_SUBSTANCE = 20
"""What a part is made of: a "rubber washer" is rubber."""
_SPECIFIC = 21
"""More is said than a substance: "acier inox" is more than steel, "glass-filled nylon" is nylon."""
_COLORED_PLASTIC = 22

_TABLE: tuple[tuple[Kind, str, int, str], ...] = (
    # --- substances -------------------------------------------------------------------------------------------
    ("word", "Steel", _SUBSTANCE, """
        steel*, chrome steel, chromoly, cast iron, iron, zinc plated, galvani*,
        stahl*, *stahl, gusseisen, eisen, verzinkt, acier*, fonte, acciaio, acero, aço, staal, stål, ocel, teräs,
        сталь*, *钢*, 鋼*, 鉄, 100cr6, gcr15, suj2, 52100"""),
    ("material", "Steel", _SUBSTANCE, """
        st37*, st52*, s235*, s275*, s355*, c45*, ck45, 42crmo4, 16mncr5, 11smn30*, 1.0037, 1.0038, 1.0503, 1.3505,
        1.7225, aisi 10*, aisi 41*, aisi 52*, a36, q235*, q345*, ss400, ggg*, en gjl*, en gjs*"""),
    ("word", "BrushedSteel", _SPECIFIC, """
        stainless*, brushed steel, edelstahl*, inox*, nirosta, rostfri*, rvs, нержав*, *不锈钢*, ステンレス*,
        aisi 304*, aisi 316*, aisi 420, aisi 430, aisi 440*, sus 304, sus 316, sus 440*, ss 304, ss 316, 18 8 steel"""),
    ("material", "BrushedSteel", _SPECIFIC, """
        1.4301, 1.4305, 1.4307, 1.4401, 1.4404, 1.4571, 1.4034, 1.4112, 1.4125, x5crni*, x2crni*, x6crni*, x105cr*,
        a2 70, a4 80, 17 4 ph"""),
    ("word", "Brass", _SUBSTANCE, """
        brass*, messing*, *messing, laiton, ottone, latón, latão, mässing, mosiądz, mosaz, латун*, *黄铜*, 真鍮*,
        cuzn*, ms58, ms63, cw614n, c360"""),
    ("word", "Bronze", _SUBSTANCE, """
        bronz*, *bronze, brons, gunmetal, rotguss, бронз*, *青铜*, cusn*, cual*, rg7"""),
    ("word", "Aluminium", _SUBSTANCE, """
        alumin*, alu, *aluminium, allumin*, алюмин*, *铝*, アルミ*, almg*, alsi*, alzn*, alcu*, dural*, en aw*,
        al 6061, al 6082, al 7075, 6061 t6, 6082 t6, 7075 t6"""),
    ("material", "Aluminium", _SUBSTANCE, "al, 5052*, 5083*, 6060*, 6061*, 6063*, 6082*, 7075*, 2024*, adc12"),
    ("word", "Chrome", _SUBSTANCE, """
        chrome, chromed, chromium, chrome plated, chrom, verchromt, cromo, cromato, cromado, хром*, *镀铬*"""),
    ("word", "BlackRubber", _SUBSTANCE, """
        rubber*, silicone*, neoprene*, elastomer*, gummi*, *gummi, silikon*, caoutchouc, gomma, goma, caucho, borracha,
        guma, резин*, *橡胶*, ゴム*, nbr*, hnbr, epdm*, fkm*, fpm, viton*, buna*, perbunan, tpu"""),
    ("word", "Glass", _SUBSTANCE, """
        glass, glasses, glas, *glas, glasscheibe*, verre, vetro, vidrio, vidro, szkło, sklo, стекл*, *玻璃*, ガラス*,
        acryl*, plexiglas*, pmma, quartz, sapphire, borosilicate, transparent*"""),
    ("word", PART_COLOR, _SPECIFIC, """
        plastic*, kunststoff*, plastique, plastica, plástico, пластик*, *塑料*, abs, petg, peek, polycarbonat*, pvc*,
        polypropyl*, polyethyl*, nylon*, polyamid*, pa6, pa66, pa12, pom, pom c, pom h, delrin, ptfe, teflon*, hdpe,
        ldpe, uhmw*, painted, powder coat*, lackiert, pulverbeschichtet, peint*, verniciat*"""),
    ("word", "RedPlastic", _COLORED_PLASTIC, "red plastic, plastic red, roter kunststoff, plastique rouge"),
    ("word", "BluePlastic", _COLORED_PLASTIC, "blue plastic, plastic blue, blauer kunststoff, plastique bleu"),
    ("word", "WhitePlastic", _COLORED_PLASTIC, "white plastic, plastic white, weisser kunststoff, plastique blanc"),
    ("word", "BlackPlastic", _COLORED_PLASTIC, "black plastic, plastic black, schwarzer kunststoff, plastique noir"),
    # --- what a part is for -----------------------------------------------------------------------------------
    ("name", "BlackRubber", _FUNCTION, """
        seal, seals, sealing, gasket*, o-ring*, grommet*, bellows, tire, tyre, bumper,
        dichtung*, *dichtung, dichtring*, *dichtring, dichtscheibe, simmerring*, joint torique, joint d étanchéité,
        étanchéité, guarnizione, junta tórica, pakking, uszczelka, těsnění, уплотн*, прокладк*, *密封*, シール*"""),
    ("name", "Brass", _FUNCTION, "cage, cages, käfig*, *käfig, retainer*, gabbia, jaula, сепаратор, *保持架*"),
    ("name", "Bronze", _FUNCTION, """
        bushing*, bush, bushes, plain bearing, buchse*, *buchse, gleitlager*, boccola, casquillo"""),
    ("name", "Aluminium", _FUNCTION, """
        heat sink*, extrusion, kühlkörper*, kuehlkoerper*, dissipateur"""),
    ("name", "Glass", _FUNCTION, "lens, lenses, window*, sight glass, linse*, *linse, lentille, fenster*"),
    # --- what shape it has. Words that say little (plate, bracket, housing) are left out: the colour decides. ----
    ("name", "Steel", _FORM, """
        ball, balls, roller, rollers, ring, rings, race, raceway, bearing*, screw*, *screw, bolt*, *bolt, nut, nuts,
        locknut*, washer*, *washer, rivet*, pin, pins, dowel*, shaft*, axle*, spindle, rod, spring*, gear, gears,
        gearwheel*, pinion*, sprocket*, circlip*, retaining ring*, snap ring*, stud, studs, chain,
        din 125, din 127, din 471, din 472, din 603, din 912, din 913, din 931, din 933, din 934, din 7991,
        iso 4014, iso 4017, iso 4032, iso 4762, iso 7045, iso 7089, iso 7380, iso 10642"""),
    ("name", "Steel", _FORM, """
        kugel*, *kugel, *kugeln, *lager, innenring, aussenring, laufring, sprengring, sicherungsring, schraub*,
        *schraube, *schrauben, mutter, *mutter, muttern, *scheibe, niet*, stift, *stift, bolzen, *bolzen, welle, *welle,
        achse, feder, *feder, zahnrad*, ritzel, kette, bille, billes, bague, roulement*, vis, écrou*, boulon*,
        rondelle*, goupille*, arbre, ressort*, engrenage*"""),
    ("name", "Steel", _FORM, """
        sfera, sfere, cuscinetto, vite, viti, dado, dadi, rondella, molla, albero, bola, bolas, rodamiento*, tornillo*,
        tuerca*, arandela*, muelle*, eje, parafuso*, porca, arruela, mola, bout, moer, kogel*, skruv*, bricka, śruba*,
        nakrętka*, podkładka*, šroub*, matice, ložisko"""),
    ("name", "Steel", _FORM, """
        болт*, винт*, гайк*, шайб*, шарик*, кольц*, подшипник*, вал, пружин*, *螺栓*, *螺钉*, *螺母*, *垫圈*, *轴承*,
        *弹簧*, *齿轮*, ボルト*, ナット*, ねじ*, ベアリング*"""),
)  # fmt: skip

_COLORS: tuple[tuple[str, str, float], ...] = (
    # Neutral greys are the "plain metal" of every CAD program.
    *((grey, "Steel", 5.0) for grey in ("#808080", "#8c8c8c", "#999999", "#a6a6a6", "#b3b3b3", "#c0c0c0")),
    ("#b5a642", "Brass", 12.0),
    ("#d4af37", "Brass", 12.0),
    ("#cd7f32", "Bronze", 12.0),
    ("#ffffff", "WhitePlastic", 8.0),
    ("#f0f0f0", "WhitePlastic", 5.0),
    ("#000000", "BlackPlastic", 8.0),
    ("#1e1e1e", "BlackPlastic", 8.0),
    ("#ff0000", "RedPlastic", 15.0),
    ("#c80f0f", "RedPlastic", 12.0),
    ("#0000ff", "BluePlastic", 15.0),
    ("#1446c8", "BluePlastic", 12.0),
)

DEFAULT_ALIASES: tuple[Alias, ...] = (
    *(
        Alias(kind, pattern.strip(), material, priority)
        for kind, material, priority, patterns in _TABLE
        for pattern in patterns.split(",")
    ),
    *(Alias("color", code, material, tolerance=tolerance) for code, material, tolerance in _COLORS),
)
