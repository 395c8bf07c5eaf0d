"""Convert a STEP file to a USD master, a GLB and a manifest.

``python -m dcc.cad.convert IN.step --out DIR`` is the tool that everything else runs in a process of its own: the
kernel may crash or hang on a damaged file. It speaks the events of :mod:`shared.events`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import mmap
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before numpy comes up: all its matrices are small here, and idle threads of its library would spin for nothing.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from dcc.cad.forking import Forked
from dcc.cad.kernel import is_kernel_error, kernel_failed, silence
from dcc.cad.mesh.meshing import mesh_parts
from dcc.cad.model import CadModel
from dcc.cad.read import precheck
from dcc.cad.read.compressed import unpacked
from dcc.cad.read.declared import Declared, declared_by, declared_in
from dcc.cad.read.external_files import located, with_external_files
from dcc.cad.read.features import Features, features_of
from dcc.cad.read.losses import REPLACED_BY, is_short, warn_of
from dcc.cad.read.part21.index import index as index_of
from dcc.cad.read.piecewise import Geometries, is_worthwhile, read_pieces
from dcc.cad.read.plain_text import plainly_written
from dcc.cad.read.step_reader import parse_step
from dcc.cad.reuse import GLB, MANIFEST, REVISION, USD_MASTER
from dcc.cad.scene import Scene, build_scene, check_occurrences
from dcc.cad.settings import Limits, Settings, tessellation
from dcc.cad.write.describe import manifest_of
from dcc.cad.write.glb import write_glb
from dcc.cad.write.usd_master import write_usd_master
from shared.errors import CadError
from shared.events import emit_progress, tool_main
from shared.files import atomic_write, make_folder, sha256_of
from shared.manifest import Count, Manifest, ModelWarning, Source
from shared.material_layers import apply_layers, propose_layers
from shared.material_sheet import MaterialSheet, apply_sheet, read_sheet

if TYPE_CHECKING:
    from dcc.cad.identity.revision import CarriedOver, Previous

_PLAUSIBLE_SIZE = 1e8
"""Millimetres, a hundred kilometres: a model larger than this has a damaged coordinate, or the wrong unit."""

Progress = Callable[[str, float, str], None]


@dataclass
class Conversion:
    """What a conversion made: the paths of its files, the manifest, and the seconds that each stage took.

    ``carried``: what became of the parts of the revision before, None where there was none.
    """

    usd_master: Path
    glb: Path
    manifest_path: Path
    manifest: Manifest
    carried: CarriedOver | None
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The result event of the tool."""
        manifest = self.manifest
        return {
            "usd_master": str(self.usd_master),
            "glb": str(self.glb),
            "manifest": str(self.manifest_path),
            "revision": self.carried.to_json() if self.carried else None,
            "source_sha256": manifest.source.sha256,
            "root_prim": manifest.root_prim,
            "parts": len(manifest.parts),
            "occurrences": sum(part.occurrence_count for part in manifest.parts),
            "triangles": sum(part.triangle_count for part in manifest.parts),
            "warnings": [{"code": w.code, "message": w.message, "part_key": w.part_key} for w in manifest.warnings],
            "seconds": {stage: round(spent, 3) for stage, spent in self.seconds.items()},
        }


def convert(
    source: Path,
    folder: Path,
    settings: Settings,
    *,
    lineage: str = "",
    source_name: str = "",
    previous: Previous | None = None,
    sheet: MaterialSheet | None = None,
    on_progress: Progress = lambda stage, percent, message: None,
) -> Conversion:
    """Convert ``source`` into a USD master, a GLB and a manifest in ``folder`` (made where missing).

    The manifest is renamed into place last: where it stands, the other files are complete. The same content, name and
    settings give the same bytes.

    ``source_name`` is what the manifest calls the file (default: its own name). ``previous`` is the revision before,
    whose parts keep their keys; what became of each of them is written to a fourth file. ``sheet`` is a spreadsheet
    that names materials of parts; rows of it that cannot be followed become warnings. ``on_progress`` is told the
    stage, how much is done (0 to 100), and a message.

    Raises CadError for everything the file is to blame for, StorageError for the disk.
    """
    clock = _Clock(on_progress)
    name = source_name or source.name
    clock.stage("check", 0, f"Checking {name}")
    read = _read(source, folder, settings, name, clock)
    clock.stage("write", 90, "Writing USD, GLB and manifest")
    scene, counts = _scene(read, settings)
    origin = Source(name, read.sha256, source.stat().st_size, read.model.units)
    manifest = manifest_of(scene, origin, settings.tessellation, lineage, counts)
    carried = None
    if previous is not None:
        # What matches revisions takes long to import, and most conversions do without.
        from dcc.cad.identity.revision import carry_over, rename_parts

        carried = carry_over(previous, manifest)
        rename_parts(scene, carried.keys)
        manifest = manifest_of(scene, origin, settings.tessellation, lineage, counts, carried.retired_keys)
    # What the file itself says about materials; a service that knows more resolves them anew.
    layers = propose_layers(manifest)
    if sheet is not None:
        layers, faults = apply_sheet(layers, sheet, manifest)
        unfollowed = tuple(ModelWarning("materials.row", f"{sheet.name}, {fault}") for fault in faults)
        manifest = replace(manifest, warnings=manifest.warnings + unfollowed)
    manifest = apply_layers(manifest, layers)
    _write(scene, manifest, carried, folder, name, at_once=read.in_pieces)
    clock.stage("done", 100, "Done")
    return Conversion(folder / USD_MASTER, folder / GLB, folder / MANIFEST, manifest, carried, clock.seconds)


@dataclass(frozen=True)
class _Read:
    """A STEP file as it was read: its model and the geometry of each part, and what its text declares to hold.

    ``in_pieces``: it was read piece by piece, as large files are.
    """

    model: CadModel
    geometries: Geometries
    declared: Declared
    sha256: str
    in_pieces: bool


def _read(source: Path, folder: Path, settings: Settings, name: str, clock: _Clock) -> _Read:
    """Read and mesh ``source``, of which nothing but the result is left; ``folder`` is made once the file looks sound.

    Large files are read piece by piece on all cores where that is possible, all others as a whole.
    """
    with contextlib.ExitStack() as opened:
        step, parts_folder = opened.enter_context(unpacked(source, name, settings.limits.unpacked_bytes))
        precheck.check(step, name)
        make_folder(folder)
        silence()
        plain = opened.enter_context(plainly_written(step))
        with plain.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
            # The thread has ended when this block has: none may be left when processes are forked.
            with ThreadPoolExecutor(1) as thread:
                hashing = thread.submit(sha256_of, source)
                index = index_of(text) if is_worthwhile(len(text), settings) else None
                declared = declared_by(index) if index else declared_in(text)
                features = features_of(text)
            sha256 = hashing.result()
            # Before the kernel sees them: it takes time and memory for each.
            check_occurrences(declared.placed, settings.limits)
            missing = _missing_files(parts_folder, declared)
            body_names = declared.multi_body and declared.placed <= settings.limits.body_names
            clock.stage("read", 2, "Reading the STEP file")
            found = None
            if index and not features.external_files:
                found = read_pieces(
                    index,
                    settings,
                    name=name,
                    body_names=body_names,
                    features=features,
                    on_progress=lambda share: clock.stage("mesh", 5 + 85 * share, f"{share:.0%} of the parts"),
                )
            # Not needed any more, and as large as the text.
            del index
        in_pieces = found is not None
        if found is None:
            whole = plain
            if features.external_files:
                whole = opened.enter_context(with_external_files(plain, parts_folder))
            try:
                found = _read_whole(whole, features, declared, settings, name, body_names, clock)
            except CadError as error:
                raise _explained(error, name, missing) from error
    model, geometries = found
    if missing:
        model.warnings.append(
            ModelWarning("cad.missing_files", f"Parts of the model are in files that are not beside it: {missing}.")
        )
    return _Read(model, geometries, declared, sha256, in_pieces)


def _read_whole(
    source: Path,
    features: Features,
    declared: Declared,
    settings: Settings,
    name: str,
    body_names: bool,
    clock: _Clock,
) -> tuple[CadModel, Geometries]:
    """The model in ``source`` as the kernel reads it, and the geometry of its parts."""
    parsed = parse_step(source, name=name, body_names=body_names, features=features)
    clock.stage("transfer", 15, "Building shapes")
    built = parsed.build()
    model = built.model()
    parts = model.parts()
    clock.stage("mesh", 55, f"Meshing {len(parts)} parts")
    meshed = mesh_parts(
        parts,
        settings,
        name=name,
        on_done=lambda done: clock.stage("mesh", 55 + 35 * done / len(parts), f"{done} of {len(parts)} parts"),
    )
    losses = built.losses(short=is_short(declared.faces, declared.solids, parts, meshed))
    model.warnings += warn_of(losses, dict(zip(parts, meshed, strict=True)))
    return model, {id(part): geometry for part, geometry in zip(parts, meshed, strict=True)}


def _scene(read: _Read, settings: Settings) -> tuple[Scene, dict[str, Count]]:
    """Everything there is to write, and how much of what the file declares was read."""
    model, declared = read.model, read.declared
    counts = {
        "faces": Count(declared.faces, sum(g.properties.fingerprint.faces for g in read.geometries.values())),
        "solids": Count(declared.solids, sum(part.kind == "solid" for part in model.parts())),
        "placements": Count(declared.occurrences, model.components),
    }
    scene = build_scene(model, read.geometries, settings.limits)
    given = {warning.code for warning in scene.warnings}
    scene.warnings += [warning for warning in _differences(counts) if not given & REPLACED_BY.get(warning.code, set())]
    extents = [high - low for low, high in zip(scene.bounding_box.min, scene.bounding_box.max, strict=True)]
    if max(extents) > _PLAUSIBLE_SIZE:
        scene.warnings.append(
            ModelWarning(
                "cad.huge", f"The model is {max(extents) / 1e6:,.0f} km large; a coordinate in it may be damaged."
            )
        )
    return scene, counts


def _write(
    scene: Scene, manifest: Manifest, carried: CarriedOver | None, folder: Path, name: str, *, at_once: bool
) -> None:
    """Write all files, the manifest last; ``at_once``: the GLB in a second process beside the USD master."""

    def write_glb_and_describe(_: None) -> str:
        write_glb(scene, folder / GLB)
        return manifest.to_text()

    def write_master() -> None:
        write_usd_master(scene, folder / USD_MASTER, {"name": scene.name, "version": manifest.source.sha256[:12]})

    if at_once:
        with Forked(write_glb_and_describe, [None], 1, name=name) as other_process:
            write_master()
            [(_, text)] = other_process
    else:
        write_master()
        text = write_glb_and_describe(None)
    if carried is not None:
        atomic_write(folder / REVISION, json.dumps(carried.to_json(), ensure_ascii=False, indent=1) + "\n")
    atomic_write(folder / MANIFEST, text)
    if carried is None:
        # Of an earlier conversion into this folder. Its parts' keys were others, perhaps.
        (folder / REVISION).unlink(missing_ok=True)


def _missing_files(folder: Path, declared: Declared) -> str:
    """Those files, by name, that hold parts of the model and are not in ``folder``; empty where all are there."""
    names = [name for name in declared.external if located(name, folder, folder) is None]
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _explained(error: CadError, name: str, missing: str) -> CadError:
    if error.code != "cad.empty" or not missing:
        return error
    return CadError(
        f"{name} holds no shape of its own: its parts are in other files, which are missing ({missing}).",
        code="cad.missing_files",
        hint="Put those files beside it, or export the assembly with its parts in one file.",
    )


def _differences(counts: dict[str, Count]) -> list[ModelWarning]:
    """What the file declares and the kernel did not deliver."""
    return [
        ModelWarning(
            f"cad.missing_{name}",
            f"The file declares {count.declared:,} {name}; {count.read:,} were read. Something is missing.",
        )
        for name, count in counts.items()
        # The kernel gives a body and a shared placement a component of its own, never the other way round.
        if count.read < count.declared
    ]


class _Clock:
    """Reports the stages of a conversion as they begin, and keeps how long each took (``seconds``)."""

    def __init__(self, on_progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._on_progress = on_progress
        self._stage = ""
        self._percent = 0.0
        self._since = time.perf_counter()

    def stage(self, stage: str, percent: float, message: str) -> None:
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now
        # What could not be read piece by piece is begun anew as a whole; nobody is told that it went backwards.
        self._percent = max(self._percent, percent)
        self._on_progress(stage, self._percent, message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m dcc.cad.convert", description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN.step")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--linear-deflection", type=float, metavar="MM")
    parser.add_argument("--relative-deflection", type=float, metavar="SHARE")
    parser.add_argument("--angular-deflection", type=float, metavar="RADIANS")
    parser.add_argument("--lineage", default="")
    parser.add_argument("--source-name", default="", help="the file's name as its owner knows it")
    parser.add_argument("--previous", type=Path, metavar="MANIFEST", help="the revision before, whose keys are kept")
    parser.add_argument("--decisions", type=Path, metavar="FILE", help="a person's decisions about uncertain parts")
    parser.add_argument("--materials", type=Path, metavar="FILE", help="CSV or TSV: which part is made of what")
    parser.add_argument(
        "--max-triangles", type=int, default=Limits.triangles, metavar="N", help="stop beyond so many triangles"
    )
    parser.add_argument("--processes", type=int, default=0, help="processes that mesh at once (default: one per core)")
    options = parser.parse_args(arguments)
    # A process that lives for one conversion has nothing to collect, but very many objects to look through.
    gc.disable()
    return tool_main(lambda: _run(options))


def _run(options: argparse.Namespace) -> dict[str, Any]:
    settings = Settings(
        tessellation(options.linear_deflection, options.relative_deflection, options.angular_deflection),
        Limits(triangles=options.max_triangles),
        processes=options.processes,
    )
    name = options.source_name or options.source.name
    previous = None
    if options.previous:
        from dcc.cad.identity.revision import read_previous

        previous = read_previous(options.previous, options.decisions)
    sheet = read_sheet(options.materials) if options.materials else None
    try:
        conversion = convert(
            options.source,
            options.out,
            settings,
            lineage=options.lineage,
            source_name=options.source_name,
            previous=previous,
            sheet=sheet,
            on_progress=emit_progress,
        )
    except RecursionError as error:
        raise CadError(
            f"The assemblies of {name} are nested too deeply.",
            code="cad.too_deep",
            hint="Export a sub-assembly, or a flattened version of the model.",
        ) from error
    except Exception as error:
        if not is_kernel_error(error):
            raise
        raise kernel_failed(name, error) from error
    return conversion.to_json()


if __name__ == "__main__":
    sys.exit(main())
