"""What a render costs over bare Blender doing the same frame: ``python -m tests.benchmarks.render [--usd FILE]``

Bare Blender is a script of a few lines that imports the same USD file, opens the scene that we made of it (saved
before, so that dressing, framing and lighting cost it nothing) and renders it to a PNG. Both are whole processes, from
start to exit, and take turns; what counts is the ratio of their medians. At most 1.10 is asked for. Beside wall time
there is processor time, which tells a slow renderer from a busy machine.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from shared.processes import python_tool, run_tool
from tests.dcc.render.bearing_master import write_bearing_master, write_look

LIMIT = 1.10
MATERIALS = {"outer_ring": "BrushedSteel", "inner_ring": "BluePlastic", "ball": "Chrome"}


class Taken(NamedTuple):
    """Seconds on the clock, and on the processors."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.processor:.2f} s of processor)"


_PREPARE = """
import sys
from pathlib import Path
from dcc.render.arguments import materials_of
from dcc.render.blender import leave
from dcc.render.prepare import prepare
from dcc.render.presets import RenderSettings
usd, manifest, blend, width, height, samples = sys.argv[1:]
settings = RenderSettings(int(width), int(height), int(samples))
prepared = prepare(Path(usd), settings, materials=materials_of(Path(manifest) if manifest else None))
from dcc.render.output import set_up_output
import bpy
set_up_output(prepared.scene, "png")
bpy.ops.wm.save_as_mainfile(filepath=blend)
leave(0)
"""
_BARE = """
import os, sys
from dcc.display_libraries import import_bpy
import_bpy()
import bpy
usd, blend, picture = sys.argv[1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.usd_import(filepath=usd)
bpy.ops.wm.open_mainfile(filepath=blend)
bpy.context.scene.render.filepath = picture
bpy.ops.render.render(write_still=True)
os._exit(0)
"""


def main() -> int:
    """Print every round and the ratio; the exit status is 1 where the limit is broken."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        usd = options.usd or _bearing(folder)
        blend = folder / "scene.blend"
        size = [str(number) for number in (options.width, options.height, options.samples)]
        manifest = str(options.manifest or "")
        _script(_PREPARE, str(usd), manifest, str(blend), *size)
        ours = _ours(usd, options, folder / "ours.png")
        taken: dict[str, list[Taken]] = {"raceway": [], "bare": []}
        for turn in range(options.rounds):
            taken["raceway"].append(_timed(lambda: run_tool(ours)))
            taken["bare"].append(_timed(lambda: _script(_BARE, str(usd), str(blend), str(folder / "bare.png"))))
            print(f"round {turn + 1}: " + ", ".join(f"{name} {rounds[-1]}" for name, rounds in taken.items()))
        same = (folder / "ours.png").read_bytes()[-4096:] == (folder / "bare.png").read_bytes()[-4096:]
    ratios = {}
    for measure in Taken._fields:
        ours_median, bare_median = (statistics.median(getattr(one, measure) for one in taken[name]) for name in taken)
        ratios[measure] = ours_median / bare_median
        print(f"{measure}: raceway {ours_median:.2f} s, bare {bare_median:.2f} s, ratio {ratios[measure]:.3f}")
    print(f"the same picture: {'yes' if same else 'no'}")
    return 0 if ratios["wall"] <= LIMIT else 1


def _timed(work: Callable[[], object]) -> Taken:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Taken(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _ours(usd: Path, options: argparse.Namespace, picture: Path) -> list[str]:
    size = ("--width", str(options.width), "--height", str(options.height), "--samples", str(options.samples))
    manifest = ("--manifest", str(options.manifest)) if options.manifest else ()
    return python_tool("dcc.render.still", "--usd", str(usd), "--output", str(picture), *size, *manifest)


def _bearing(folder: Path) -> Path:
    master = write_bearing_master(folder / "bearing.usda", segments=128)
    return write_look(folder / "look.usda", master, MATERIALS, {})


def _script(text: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-c", text, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What a render costs over bare Blender doing the same frame.")
    parser.add_argument("--usd", type=Path, help="an asset or USD master (a bearing that is made for this)")
    parser.add_argument("--manifest", type=Path, help="its scene manifest")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--height", type=int, default=270)
    parser.add_argument("--samples", type=int, default=24)
    return parser


if __name__ == "__main__":
    sys.exit(main())
