"""Deliberately damaged STEP files: a coded error or a complete result, in bounded time, with nothing half-written."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dcc.cad.command import run_conversion
from dcc.cad.step_writer import StepWriter
from shared.errors import RacewayError
from shared.manifest import read_manifest
from shared.warm_tool import WarmTool
from tests.dcc.cad.shapes import at, box, cylinder, handed

TIMEOUT = 20.0
END = b"ENDSEC;\nEND-ISO-10303-21;\n"
Damage = Callable[[bytes, random.Random], bytes]


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(200, len(data))]


def truncate_and_close(data: bytes, chance: random.Random) -> bytes:
    """Cut off, but with a proper end: only the kernel can notice."""
    return data[: chance.randrange(2000, len(data))] + b";\n" + END


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(20):
        damaged[chance.randrange(600, len(data) - 60)] ^= 1 << chance.randrange(7)
    return bytes(damaged)


def change_digits(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    digits = [place for place in range(600, len(data) - 60) if 48 <= data[place] <= 57]
    for place in chance.sample(digits, 30):
        damaged[place] = chance.randrange(48, 58)
    return bytes(damaged)


def splice(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    first, second = sorted(chance.sample(range(20, len(lines) - 5), 2))
    return b"\n".join(lines[:first] + lines[second:])


def huge_numbers(data: bytes, chance: random.Random) -> bytes:
    points = list(re.finditer(rb"CARTESIAN_POINT\s*\(\s*'[^']*'\s*,\s*\(\s*([-+.\dEe]+)", data))
    place = chance.choice(points)
    return data[: place.start(1)] + chance.choice([b"1E+999999", b"1.E30", b"-1.E300"]) + data[place.end(1) :]


DAMAGES: tuple[Damage, ...] = (truncate, truncate_and_close, flip_bits, change_digits, splice, huge_numbers)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    step = StepWriter()
    root, arm = step.assembly("Root"), step.assembly("Arm")
    pin = step.part("Pin", cylinder(), color="ff0000")
    step.place(arm, step.part("Hook", handed(), material="Steel"))
    step.place(arm, pin, at(30))
    step.place(root, arm)
    step.place(root, arm, at(0, 50))
    step.place(root, step.part("Box", box()), at(100))
    path = tmp_path_factory.mktemp("sound") / "sound.step"
    step.write(path)
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_files_never_do_worse_than_a_coded_error(
    damage: Damage, seed: int, sound: bytes, tmp_path: Path, warm_converter: WarmTool
) -> None:
    damaged = damage(sound, random.Random(f"{damage.__name__} {seed}"))
    (tmp_path / "damaged.step").write_bytes(damaged)
    out = tmp_path / "out"
    try:
        run_conversion(tmp_path / "damaged.step", out, timeout=TIMEOUT, memory_limit=2 << 30, converter=warm_converter)
    except RacewayError as error:
        assert re.fullmatch(r"cad\.[a-z_]+", error.code), (error.code, error.message)
        assert error.hint
        assert not out.exists() or not list(out.iterdir())
    else:
        assert sorted(path.name for path in out.iterdir()) == ["geometry.glb", "manifest.json", "usd_master.usdc"]
        manifest = read_manifest(out / "manifest.json")
        whole = [part.occurrence_count for part in manifest.parts] == [1, 2, 2]
        assert whole or manifest.warnings, "parts are missing and nobody was told"


def test_a_crash_of_the_kernel_is_one_clear_error(sound: bytes, tmp_path: Path) -> None:
    """Which damage crashes depends on the kernel's version; of these six, most do."""
    codes = []
    for seed in range(100, 106):
        (tmp_path / "damaged.step").write_bytes(change_digits(sound, random.Random(f"change_digits {seed}")))
        try:
            run_conversion(tmp_path / "damaged.step", tmp_path / "out", timeout=TIMEOUT)
        except RacewayError as error:
            codes.append(error.code)
            assert not list(tmp_path.glob("out/*"))
        if "cad.crashed" in codes:
            return
    pytest.fail(f"none of the damaged files crashed the kernel: {codes}")
