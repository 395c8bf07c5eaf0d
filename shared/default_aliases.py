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
        steel, steels, steelwork*, steelplate*, steelsheet*, chrome steel, chromoly, cast iron, iron, zinc plated,
        galvani*, stahl*, *stahl, gusseisen, eisen, verzinkt, acier, aciers, fonte, acciaio, acciai, ghisa, acero,
        aceros, aço, aços, staal, stål, ocel, ocelový, ocelová, litina, teräs, stalowy, stalowa, acél, oțel, çelik,
        čelik, jeklo, χάλυβας, сталь*, стальн*, чугун*, *钢*, *鋼*, *铸铁*, *鋳鉄*, 鉄, スチール, 강철, 스틸, thép,
        100cr6, gcr15, suj2, 52100"""),
    ("material", "Steel", _SUBSTANCE, """
        st37*, st52*, s185*, s235*, s275*, s355*, s420*, s460*, s690*, s700*, dc01*, dc03*, dc04*, dx51*, c15, c22,
        c35, c45*, c60, ck15, ck45, ck60, 42crmo*, 25crmo4, 34crmo4, 34crnimo6, 30crnimo8, 51crv4, 90mncrv8, 16mncr5,
        20mncr5, 18crnimo7*, x153crmov12, x38crmov5*, 9smn*, 11smn30*, 11smnpb*, 1.0037, 1.0038, 1.0044, 1.0045,
        1.0330, 1.0401, 1.0501, 1.0503, 1.0570, 1.0577, 1.0715, 1.0718, 1.1191, 1.1730, 1.2312, 1.2343, 1.2379,
        1.2842, 1.3505, 1.6582, 1.7131, 1.7225, 1.8159, aisi 10*, aisi 41*, aisi 43*, aisi 52*, sae 10*, sae 41*, a36,
        a572*, a992, 1045, 4130, 4140, 4340, 8620, 12l14, q195*, q235*, q345*, 40cr, 65mn, 20crmnti, ss400, s45c,
        s50c, scm435, scm440, skd11, skd61, spcc, secc, sgcc, ст 3, ст 20, ст 45, gg 20, gg 25, ggg*, gjl*, gjs*,
        en gjl*, en gjs*"""),
    # Metals that look like it; the library has none of their own.
    ("word", "Steel", _SUBSTANCE, """
        titanium, titanio, titane, титан, титанов*, *钛合金*, チタン*, inconel*, monel*, hastelloy*, incoloy*,
        nimonic*, waspaloy, stellite, tungsten carbide, hartmetall*, zamak*"""),
    ("material", "Steel", _SUBSTANCE, """
        titan, ti, ti6al4v, ti 6 4, ti grade*, tial6v4, 3.7035, 3.7164, 3.7165, nickel, níquel, nichel, nikl, никель,
        invar*, kovar, tungsten, wolfram, zinc, zink, zinco, zinek, 钛*, 镍*, 锌*"""),
    ("word", "BrushedSteel", _SPECIFIC, """
        stainless*, brushed steel, edelstahl*, inox, inoxid*, inoxyd*, inossidabil*, nirosta, niro, rostfri*,
        rostfrei*, nichtrostend*, rvs, roestvrij*, rustfri*, rustfast, ruostumaton, nerez*, nehrdzavej*, nierdzewn*,
        rozsdamentes, paslanmaz, нержав*, *不锈钢*, *不鏽鋼*, ステンレス*, *ステンレス鋼*, 스테인리스*, greek ascoloy,
        aisi 301*, aisi 303*, aisi 304*, aisi 316*, aisi 410*, aisi 420, aisi 430, aisi 440*, sus 301*, sus 303,
        sus 304, sus 316, sus 410, sus 420*, sus 430, sus 440*, sus 630, ss 303, ss 304, ss 316, ss 430,
        18 8 steel"""),
    ("material", "BrushedSteel", _SPECIFIC, """
        1.4006, 1.4016, 1.4021, 1.4028, 1.4034, 1.4057, 1.4104, 1.4112, 1.4122, 1.4125, 1.4301, 1.4303, 1.4305,
        1.4306, 1.4307, 1.4310, 1.4401, 1.4404, 1.4435, 1.4462, 1.4539, 1.4541, 1.4542, 1.4568, 1.4571, x2crni*,
        x5crni*, x6crni*, x8crni*, x10crni*, x17crni*, x20cr*, x30cr*, x46cr*, x105cr*, 12х18н10т, 20х13, 40х13,
        1cr18ni9*, 06cr19ni10, 303, 304, 304l, 316, 316l, 316ti, 430, 440c, a2, a4, a2 70, a4 80, 17 4, 17 4 ph,
        15 5 ph"""),
    ("word", "Brass", _SUBSTANCE, """
        brass, messing*, *messing, laiton, laitons, ottone, ottoni, latón, latão, mässing, messinki, mosiądz,
        mosiężny, mosaz, mosazný, mesing, medenina, sárgaréz, alamă, pirinç, ορείχαλκος, латун*, *黄铜*, *黃銅*,
        *黄銅*, 真鍮*, 황동, cuzn*, ms58, ms63, cw614n, c360"""),
    ("material", "Brass", _SUBSTANCE, """
        ms60, cw508l, cw602n, cw612n, cw617n, 2.0321, 2.0380, 2.0401, 2.0402, c26000, c27200, c36000, c2680, c2801,
        c3604, h59*, h62*, hpb59*, лс 59*, л 63"""),
    ("word", "Bronze", _SUBSTANCE, """
        bronze, bronzes, bronzed, bronzo, bronce, bronz, bronza, brąz, *bronze, brons, pronssi, tunç, gunmetal,
        rotguss, μπρούντζος, бронз*, *青铜*, *青銅*, 청동, cusn*, cual*, rg7"""),
    ("material", "Bronze", _SUBSTANCE, "2.1020, 2.1030, 2.1052, 2.1090, c93200, c95400, sae 660, cc483k, cc493k, rg5"),
    # The nearest in the library to its colour.
    ("word", "Bronze", _SUBSTANCE, """
        copper, kupfer*, cuivre, cobre, koper, koppar, kobber, kupari, měď, měděný, miedź, bakır, медь, медн*, *紫铜*,
        *纯铜*, *純銅*, 구리"""),
    ("material", "Bronze", _SUBSTANCE, """
        rame, cu, cu etp, cu of, cu ofe, e cu, sf cu, cw004a, cw008a, cw024a, 2.0060, 2.0065, 2.0090, c10100, c11000,
        c1020, c1100, *铜*, *銅*"""),
    ("word", "Aluminium", _SUBSTANCE, """
        alumin*, alu, *aluminium, allumin*, alumiini*, hliník*, αλουμίνιο, алюмин*, дюрал*, *铝*, *鋁*, アルミ*,
        ジュラルミン, 알루미늄, nhôm, almg*, alsi*, alzn*, alcu*, dural*, en aw*, en ac*, al 6061, al 6082, al 7075,
        6061 t6, 6082 t6, 7075 t6"""),
    ("material", "Aluminium", _SUBSTANCE, """
        al, 1050*, 1060*, 1100*, 2014*, 2024*, 5052*, 5083*, 5754*, 6060*, 6061*, 6063*, 6082*, 6262*, 7020*, 7050*,
        7075*, 3.1325, 3.1355, 3.1645, 3.2315, 3.3206, 3.3535, 3.3547, 3.4365, aw 20*, aw 30*, aw 50*, aw 60*, aw 70*,
        a356*, a380*, adc10, adc12, ac4c*, д16*, амг*, 硬铝"""),
    ("word", "Aluminium", _SUBSTANCE, "magnesium, magnesio, магний, *镁合金*"),
    ("material", "Aluminium", _SUBSTANCE, "mg, az31*, az91*, am60*, 镁*"),
    ("word", "Chrome", _SUBSTANCE, """
        chrome, chromed, chromium, chrome plated, chrom, verchromt, cromo, cromato, cromado, хром*, *镀铬*"""),
    ("word", "BlackRubber", _SUBSTANCE, """
        rubber, rubbers, rubberi*, silicone*, neopren*, elastomer*, gummi*, *gummi, silikon*, kautschuk*, *kautschuk,
        caoutchouc, caoutchoucs, gomma, elastomero, goma, caucho, hule, borracha, guma, gumi, pryž*, kumi, kauçuk,
        καουτσούκ, резин*, каучук*, *橡胶*, *橡膠*, *硅胶*, *矽膠*, *ゴム*, シリコーン*, 고무, cao su, nbr*, hnbr,
        epdm*, fkm*, fpm, viton*, buna*, perbunan, tpu"""),
    ("material", "BlackRubber", _SUBSTANCE, """
        sbr, iir, ffkm, vmq, mvq, fvmq, acm, tpe, tpv, santoprene, hypalon, vulkollan*"""),
    ("word", "Glass", _SUBSTANCE, """
        glass, glasses, glas, glasscheibe*, schauglas, sichtglas, sicherheitsglas, schutzglas, verbundglas,
        isolierglas, floatglas, quarzglas, mineralglas, saphirglas, milchglas, acrylglas, panzerglas, deckglas,
        uhrenglas, lampenglas, weinglas, trinkglas, messglas, verre, verres, vetro, vetri, vidrio, vidro, szkło,
        szklany, sklo, skleněný, lasi, üveg, sticlă, γυαλί, стекл*, *玻璃*, *ガラス*, 硝子, 유리, acryl*, acrilic*,
        metacrilato, plexiglas*, pmma, plexi, perspex, оргстекло, акрил*, *亚克力*, *壓克力*, アクリル*, 아크릴,
        quartz, sapphire, borosilicate, bk7, fused silica, transparent*"""),
    ("word", PART_COLOR, _SPECIFIC, """
        plastic, plastics, kunststoff*, *kunststoff, kunststof, plastik, plast, plastique, plastiques, plastica,
        materie plastiche, plástico, plásticos, tworzywo, műanyag, muovi, πλαστικό, пластик*, пластмасс*, *塑料*,
        *塑膠*, *树脂*, プラスチック*, 樹脂*, 플라스틱, nhựa, abs, petg, peek, polycarbonat*, policarbonat*, pvc*,
        polypropyl*, polipropilen*, polyethyl*, polietilen*, polystyr*, nylon*, polyamid*, poliammide, poliamid*, pa6,
        pa66, pa12, pom, pom c, pom h, polyoxymethylen*, acetal, delrin, ptfe, teflon*, hdpe, ldpe, uhmw*, bakelit*,
        fiberglass, fibreglass, glass fiber*, glass fibre*, glass filled, glasfaser*, gfk, painted, powder coat*,
        lackiert, pulverbeschichtet, peint*, verniciat*"""),
    ("material", PART_COLOR, _SPECIFIC, """
        pla, pet, pe, pp, ps, pc, pc abs, abs pc, asa, hips, pbt, pps, pei, pes, pvdf, pfa, fep, pa, pa11, pa46, ppa,
        ultem, lexan, makrolon, zytel, ultramid, hostaform, ertalon, ertacetal, celcon, iglidur*, fr4, epoxy*,
        phenolic*, melamin*"""),
    ("word", "BlackPlastic", _SPECIFIC, """
        carbon fiber*, carbon fibre*, kohlefaser*, kohlenstofffaser*, cfk, cfrp, fibre de carbone, fibra di carbonio,
        fibra de carbono, углепластик*, *碳纤维*, *碳纖維*"""),
    ("word", "RedPlastic", _COLORED_PLASTIC, "red plastic, plastic red, roter kunststoff, plastique rouge"),
    ("word", "BluePlastic", _COLORED_PLASTIC, "blue plastic, plastic blue, blauer kunststoff, plastique bleu"),
    ("word", "WhitePlastic", _COLORED_PLASTIC, "white plastic, plastic white, weisser kunststoff, plastique blanc"),
    ("word", "BlackPlastic", _COLORED_PLASTIC, "black plastic, plastic black, schwarzer kunststoff, plastique noir"),
    # --- what a part is for -----------------------------------------------------------------------------------
    ("name", "BlackRubber", _FUNCTION, """
        seal, seals, sealing, gasket*, o-ring*, grommet*, bellows, tire, tyre, bumper, dichtung*, *dichtung,
        dichtring*, *dichtring, dichtscheibe, simmerring*, joint torique, joint d étanchéité, étanchéité, guarnizione,
        junta tórica, pakking, uszczelka, těsnění, уплотн*, прокладк*, *密封*, シール*"""),
    ("name", "Brass", _FUNCTION, "cage, cages, käfig*, *käfig, retainer*, gabbia, jaula, сепаратор, *保持架*"),
    ("name", "Bronze", _FUNCTION, """
        bushing*, bush, bushes, plain bearing, buchse*, *buchse, gleitlager*, boccola, casquillo"""),
    ("name", "Aluminium", _FUNCTION, """
        heat sink*, extrusion, kühlkörper*, kuehlkoerper*, dissipateur"""),
    ("name", "Glass", _FUNCTION, "lens, lenses, window, windows, sight glass, linse*, *linse, lentille, fenster*"),
    # --- what shape it has. Words that say little (plate, bracket, housing) are left out: the colour decides. ----
    ("name", "Steel", _FORM, """
        ball, balls, roller, rollers, ring, rings, race, raceway, bearing*, screw, screws, *screw, bolt, bolts, *bolt,
        nut, nuts, locknut*, washer, washers, lockwasher*, flatwasher*, springwasher*, rivet, rivets, pin, pins,
        dowel, dowels, dowelpin*, shaft, shafts, crankshaft*, camshaft*, axle*, spindle, rod, spring, springs, gear,
        gears, gearwheel*, pinion*, sprocket*, circlip*, retaining ring*, snap ring*, stud, studs, chain, din 125,
        din 127, din 471, din 472, din 603, din 912, din 913, din 931, din 933, din 934, din 7991, iso 4014, iso 4017,
        iso 4032, iso 4762, iso 7045, iso 7089, iso 7380, iso 10642"""),
    ("name", "Steel", _FORM, """
        kugel*, *kugel, *kugeln, lager, *kugellager, *rollenlager, *nadellager, *wälzlager, *waelzlager, *drucklager,
        *axiallager, *radiallager, *radlager, *wellenlager, *pendellager, *festlager, *loslager, innenring,
        aussenring, laufring, sprengring, sicherungsring, schraub*, *schraube, *schrauben, mutter, *mutter, muttern,
        *scheibe, niet, niete, nieten, *blindniet, stift, *stift, bolzen, *bolzen, welle, *welle, achse, feder,
        *feder, zahnrad*, ritzel, kette, bille, billes, bague, roulement*, vis, écrou*, boulon*, rondelle*, goupille*,
        arbre, ressort*, engrenage*"""),
    ("name", "Steel", _FORM, """
        sfera, sfere, cuscinetto, vite, viti, dado, dadi, rondella, molla, albero, bola, bolas, rodamiento*,
        tornillo*, tuerca*, arandela*, muelle*, eje, parafuso*, porca, arruela, mola, bout, moer, kogel*, skruv*,
        bricka, śruba*, nakrętka*, podkładka*, šroub*, matice, ložisko"""),
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
        Alias(kind, " ".join(pattern.split()), material, priority)
        for kind, material, priority, patterns in _TABLE
        for pattern in patterns.split(",")
    ),
    *(Alias("color", code, material, tolerance=tolerance) for code, material, tolerance in _COLORS),
)
