"""Manifests of many parts, and edited revisions of them, made without the kernel."""

from __future__ import annotations

import random
from dataclasses import replace

from shared.manifest import Fingerprint, Manifest, Occurrence, Part
from tests.shared.parts import make_manifest, make_part

WORDS = ("Bracket", "Plate", "Shaft", "Spacer", "Screw M6x12", "Cover", "Rail", "Clamp", "Guide", "Flange")


def large_model(random_: random.Random, size: int) -> dict[str, Part]:
    """Parts by their identity: numbered names, many of them shared; one in four has the shape of another."""
    parts: dict[str, Part] = {}
    shapes: list[Fingerprint] = []
    for number in range(size):
        if not shapes or random_.random() < 0.75:
            shapes.append(_shape(random_))
        shape = shapes[-1] if random_.random() < 0.75 else random_.choice(shapes)
        name = random_.choice(WORDS) if random_.random() < 0.2 else f"{random_.choice(WORDS)} {number}"
        places = tuple(_place(random_, f"Group {number % 20}/{name}") for _ in range(random_.choice((1, 1, 1, 3))))
        part = make_part(f"P{number}", name)
        parts[f"id{number}"] = replace(
            part,
            volume=shape.volume,
            area=shape.area,
            center=(0.0, 0.0, 0.0),
            fingerprint=shape,
            occurrences=places,
            occurrence_count=len(places),
        )
    return parts


def _shape(random_: random.Random) -> Fingerprint:
    shape = _block(*(random_.uniform(5, 200) for _ in range(3)))
    return replace(shape, chirality=random_.choice((0.0, 0.2)), faces=random_.randint(6, 60))


def _block(*sides: float) -> Fingerprint:
    a, b, c = sorted(sides)
    volume, area = a * b * c, 2 * (a * b + b * c + a * c)
    x, y, z = sorted(volume * (p * p + q * q) / 12 for p, q in ((a, b), (b, c), (a, c)))
    return Fingerprint(volume, area, (x, y, z), (a, b, c), 0.0, 6, 12)


def _place(random_: random.Random, path: str) -> Occurrence:
    x, y, z = (random_.uniform(0, 20_000) for _ in range(3))
    return Occurrence(path, "/Root/x", (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, z, 1))


def revised(parts: dict[str, Part], random_: random.Random) -> dict[str, Part]:
    """The next revision: some parts renamed, moved, reshaped, scaled, removed and added; all in another order."""
    result: dict[str, Part] = {}
    for identity, part in parts.items():
        fate = random_.random()
        if fate < 0.03:
            continue
        if fate < 0.08:
            part = replace(part, source_name=f"Item {random_.randrange(10**6)}")
        elif fate < 0.12:
            part = moved(part, random_)
        elif fate < 0.15:
            shape = part.fingerprint
            factor = random_.uniform(1.01, 1.1)
            changed = replace(shape, volume=shape.volume * factor, area=shape.area * factor ** (2 / 3), faces=61)
            part = replace(part, fingerprint=changed, volume=changed.volume, area=changed.area)
        result[identity] = part
    result |= {f"new-{identity}": part for identity, part in large_model(random_, max(1, len(parts) // 50)).items()}
    shuffled = random_.sample(sorted(result), len(result))
    return {identity: replace(result[identity], part_key=f"N{number}") for number, identity in enumerate(shuffled)}


def stretched(part: Part, factor: float) -> Part:
    """A block that is longer by ``factor``, and otherwise the same."""
    a, b, c = part.fingerprint.extents
    shape = replace(_block(a, b, c * factor), chirality=part.fingerprint.chirality, faces=part.fingerprint.faces)
    return replace(part, fingerprint=shape, volume=shape.volume, area=shape.area)


def moved(part: Part, random_: random.Random) -> Part:
    """A part that stands elsewhere in its assemblies."""
    return replace(part, occurrences=tuple(_place(random_, item.path) for item in part.occurrences))


def manifest_of(parts: dict[str, Part]) -> Manifest:
    return make_manifest(*parts.values())
