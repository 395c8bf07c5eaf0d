"""Export of a render as an Open Job Description bundle, for Deadline Cloud and every other farm that reads it.

The bundle is a folder that can be moved: ``template.json`` (https://github.com/OpenJobDescription/openjd-specifications,
version 2023-09), ``parameter_values.json`` (as ``deadline bundle submit`` reads it), ``scene/`` with the USD file and
everything it refers to, and ``README.md``, which says what a worker host needs. Frames are one step, in chunks; a film
is a second step that depends on it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dcc.render.arguments import SETTINGS, given_settings, settings_of
from dcc.render.presets import FORMATS, HDRI
from dcc.render.stage_time import DEFAULT_FPS
from shared.cli import print_json
from shared.errors import InputError, UsdError
from shared.files import atomic_path, make_folder, storage_error
from shared.frame_ranges import parse_frames
from shared.steps import step

FORMAT = "openjd"
FILM = ".mp4"
TEMPLATE = "template.json"
SCENE = "scene"
MANIFEST = "manifest.json"
_ADAPTOR = "dcc.render.openjd_task"
_FLAGS = {
    "width": "Width", "height": "Height", "samples": "Samples",
    "engine": "Engine", "device": "Device", "lighting": "Lighting",
}  # fmt: skip
"""Settings that can be changed when the job is submitted, and the names of their job parameters."""
_NOTIFY_SECONDS = 10
_CHUNK = 5


@dataclass(frozen=True)
class Render:
    """What is rendered. ``frames`` is empty for a still; ``settings`` are those of the process step."""

    usd: Path
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "preview"
    camera: str = "auto"
    format: str = "png"
    manifest: Path | None = None
    frames: str = ""
    motion: str = "none"
    turn_frames: int | None = None
    film: bool = False
    fps: float = DEFAULT_FPS


def add_export_option(parser: argparse.ArgumentParser) -> None:
    """``--export openjd DIR`` of ``raceway render``."""
    parser.add_argument(
        "--export",
        nargs=2,
        metavar=("openjd", "DIR"),
        help="write the job for another farm into a folder instead: an Open Job Description bundle",
    )


def export(options: argparse.Namespace) -> int:
    """What ``raceway render --export openjd DIR`` does; returns the exit status."""
    kind, folder = options.export
    if kind != FORMAT:
        raise InputError(
            f"There is no export {kind!r}.", hint=f"Write --export {FORMAT} DIR.", fields={"export": FORMAT}
        )
    template = export_bundle(Path(folder), _render_of(options))
    if options.json:
        print_json({"ok": True, "folder": folder, "template": str(Path(folder) / TEMPLATE)})
    else:
        print(Path(folder) / TEMPLATE)
        print(
            f"run it here: openjd run {Path(folder) / TEMPLATE} --step {template['steps'][-1]['name']} "
            f"--run-dependencies -p Python={sys.executable}"
        )
    return 0


def _render_of(options: argparse.Namespace) -> Render:
    """The job that the command line of ``raceway render`` says."""
    output: Path = options.output or Path(f"{options.usd.stem}.png")
    is_film = output.suffix.lower() == FILM
    frames = options.frames or (f"1-{options.turn_frames}" if options.motion == "turntable" else "")
    whole = asdict(settings_of(options))
    settings = {**{name: whole[name] for name in _FLAGS}, **given_settings(options, SETTINGS)}
    return Render(
        options.usd,
        output.name.split(".")[0],
        settings,
        preset=options.preset,
        camera=options.camera,
        format="png" if is_film else output.suffix.lower().removeprefix("."),
        manifest=options.manifest,
        frames=frames,
        motion=options.motion,
        turn_frames=options.turn_frames if options.motion == "turntable" else None,
        film=is_film or options.film is not None,
        fps=options.fps or DEFAULT_FPS,
    )


def export_bundle(folder: Path, render: Render) -> dict[str, Any]:
    """Write the bundle for ``render`` into ``folder`` and return its template.

    Raises InputError where the folder holds something already, or for settings that no render has; UsdError where the
    USD file or something it refers to cannot be found; StorageError.
    """
    _check(render)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty.",
            hint="Choose a new folder, so that no two jobs mix.",
            fields={"export": "is taken"},
        )
    entry = _copy_scene(render.usd, make_folder(folder / SCENE))
    if panorama := _panorama(render):
        _copy(panorama, folder / SCENE / panorama.name)
    if render.manifest is not None:
        _copy(render.manifest, folder / SCENE / MANIFEST)
    template = template_of(render, entry)
    _write(folder / TEMPLATE, json.dumps(template, indent=2))
    values = [
        {"name": parameter["name"], "value": parameter["default"]} for parameter in template["parameterDefinitions"]
    ]
    _write(folder / "parameter_values.json", json.dumps({"parameterValues": values}, indent=2))
    _write(folder / "README.md", _readme(render, template))
    return template


def _check(render: Render) -> None:
    """Raises InputError for what the process step, or a film, cannot have."""
    still = step("still")
    own = {name: value for name, value in render.settings.items() if value is not None and still.parameter(name)}
    still.check({name: value for name, value in own.items() if name != "background" or not _panorama(render)})
    if render.format not in FORMATS:
        raise InputError(
            f"Pictures are not written as {render.format!r}.",
            hint=f"End the output in {' or '.join(f'.{name}' for name in FORMATS)}, or {FILM} for a film.",
            code="input.output",
            fields={"output": f"must end in {', '.join(FORMATS)}"},
        )
    if render.film and not render.frames:
        raise InputError("A film needs frames.", hint="Give --frames, such as 1-96.", fields={"frames": "is missing"})
    frames = parse_frames(render.frames) if render.frames else []
    if render.film:
        _step_of(frames)


def template_of(render: Render, entry: str) -> dict[str, Any]:
    """The job template; ``entry`` is the USD file below the folder ``scene``."""
    steps = [_render_step(render)]
    if render.film:
        steps.append(_encode_step(render))
    return {
        "specificationVersion": "jobtemplate-2023-09",
        **({"extensions": ["TASK_CHUNKING"]} if render.frames else {}),
        "name": render.name,
        "description": f"Rendered by Raceway from {render.usd.name}.",
        "parameterDefinitions": _parameters(render, entry),
        "steps": steps,
    }


def _parameters(render: Render, entry: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": "Scene",
            "type": "PATH",
            "objectType": "DIRECTORY",
            "dataFlow": "IN",
            "default": SCENE,
            "description": "The USD file and everything it refers to.",
        },
        {"name": "Entry", "type": "STRING", "default": entry, "description": "The USD file in that folder."},
        {
            "name": "OutputDir",
            "type": "PATH",
            "objectType": "DIRECTORY",
            "dataFlow": "OUT",
            "default": "output",
            "description": "Where the pictures go.",
        },
        {
            "name": "Python",
            "type": "STRING",
            "default": "python",
            "description": "The Python of the worker host that has Raceway installed with its extra `blender`.",
        },
    ]
    if render.frames:
        frames = parse_frames(render.frames)
        found += _frame_parameters(render, frames)
        found += [
            {
                "name": "FramesPerTask",
                "type": "INT",
                "default": min(_CHUNK, len(frames)),
                "minValue": 1,
                "description": "Frames that one task renders; the scene is loaded once for them.",
            },
        ]
    known = {parameter.name: parameter for parameter in step("still").parameters}
    for name, title in _FLAGS.items():
        value = render.settings.get(name)
        if value is None or name not in known:
            continue
        parameter = known[name]
        limits = {"minValue": parameter.minimum, "maxValue": parameter.maximum}
        found.append(
            {
                "name": title,
                "type": "INT" if parameter.type == "integer" else "STRING",
                "default": value,
                "description": parameter.help,
                **({"allowedValues": list(parameter.choices)} if parameter.choices else {}),
                **{limit: int(number) for limit, number in limits.items() if number is not None},
            }
        )
    return found


def _frame_parameters(render: Render, frames: list[int]) -> list[dict[str, Any]]:
    if not render.film:
        text = render.frames.replace("x", ":")
        return [{"name": "Frames", "type": "STRING", "default": text, "description": "Such as 1-24, or 1-24:2."}]
    # The film has to know them too.
    return [
        {"name": "FirstFrame", "type": "INT", "default": frames[0]},
        {"name": "LastFrame", "type": "INT", "default": frames[-1]},
        {"name": "FrameStep", "type": "INT", "default": _step_of(frames), "minValue": 1},
    ]


def _step_of(frames: list[int]) -> int:
    """The distance between the frames of a film. Raises InputError where it is not always the same."""
    distances = {later - earlier for earlier, later in itertools.pairwise(frames)} or {1}
    if len(distances) > 1:
        raise InputError(
            "A film needs frames at even distances.",
            hint="Write them as one range, such as 1-96 or 1-96x2, or leave the film out.",
            code="input.frames",
            fields={"frames": "must be one range"},
        )
    return distances.pop()


def _render_step(render: Render) -> dict[str, Any]:
    output = f"{{{{Param.OutputDir}}}}/{_output_name(render)}"
    arguments = ["--usd", "{{Param.Scene}}/{{Param.Entry}}", "--output", output, "--preset", render.preset]
    for name, value in render.settings.items():
        if name in _FLAGS and value is not None:
            arguments += [f"--{name}", f"{{{{Param.{_FLAGS[name]}}}}}"]
        elif isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
        elif name == "background" and (panorama := _panorama(render)):
            arguments += [f"--{name}", f"{HDRI}{{{{Param.Scene}}}}/{panorama.name}"]
        elif value is not None:
            arguments += [f"--{name}", str(value)]
    if render.manifest is not None:
        arguments += ["--manifest", f"{{{{Param.Scene}}}}/{MANIFEST}"]
    if render.camera != "auto":
        arguments += ["--camera", render.camera]
    if not render.frames:
        return {"name": "Render", **_requirements(render), "script": _script("dcc.render.still", arguments)}
    arguments += ["--frames", "{{Task.Param.Frame}}", "--motion", render.motion]
    if render.turn_frames is not None:
        arguments += ["--turn-frames", str(render.turn_frames)]
    frame = {
        "name": "Frame",
        "type": "CHUNK[INT]",
        "range": "{{Param.FirstFrame}}-{{Param.LastFrame}}:{{Param.FrameStep}}" if render.film else "{{Param.Frames}}",
        # The tool takes any frames; what is done already may leave gaps.
        "chunks": {"defaultTaskCount": "{{Param.FramesPerTask}}", "rangeConstraint": "NONCONTIGUOUS"},
    }
    return {
        "name": "Render",
        "parameterSpace": {"taskParameterDefinitions": [frame]},
        **_requirements(render),
        "script": _script("dcc.render.frames", arguments),
    }


def _encode_step(render: Render) -> dict[str, Any]:
    pattern = f"{{{{Param.OutputDir}}}}/{_output_name(render)}"
    film = f"{{{{Param.OutputDir}}}}/{render.name}.mp4"
    arguments = ["--frames", pattern, "--output", film, "--fps", f"{render.fps:g}"]
    for name, title in (("first", "FirstFrame"), ("last", "LastFrame"), ("step", "FrameStep")):
        arguments += [f"--{name}", f"{{{{Param.{title}}}}}"]
    return {
        "name": "Encode",
        "dependencies": [{"dependsOn": "Render"}],
        "script": _script("dcc.render.encode", arguments),
    }


def _script(module: str, arguments: list[str]) -> dict[str, Any]:
    return {
        "actions": {
            "onRun": {
                "command": "{{Param.Python}}",
                "args": ["-m", _ADAPTOR, module, *arguments],
                "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTIFY_SECONDS},
            }
        }
    }


def _requirements(render: Render) -> dict[str, Any]:
    """A machine with a GPU where one is asked for by name; ``auto`` runs on any."""
    if render.settings.get("device") != "gpu":
        return {}
    return {"hostRequirements": {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}}


def _panorama(render: Render) -> Path | None:
    background = str(render.settings.get("background") or "")
    return Path(background.removeprefix(HDRI)) if background.startswith(HDRI) else None


def _output_name(render: Render) -> str:
    return f"{render.name}.####.{render.format}" if render.frames else f"{render.name}.{render.format}"


def _copy_scene(usd: Path, folder: Path) -> str:
    """Copy a USD file and everything it refers to, as they stand to each other; answers the file's place there.

    Relative paths inside them hold as they are.
    """
    from pxr import UsdUtils

    if not usd.is_file():
        raise UsdError(f"There is no file {usd}.", hint="Give the entry of a published asset, or a USD master.")
    layers, assets, missing = UsdUtils.ComputeAllDependencies(str(usd.resolve()))
    if missing:
        raise UsdError(
            f"{usd.name} refers to {missing[0]}, which is not there.",
            hint="Publish it again, or restore the file.",
            code="usd.missing_reference",
        )
    files = {Path(layer.realPath).resolve() for layer in layers} | {Path(asset).resolve() for asset in assets}
    files.add(usd.resolve())
    base = Path(*_common(list(files)))
    for file in sorted(files):
        _copy(file, folder / file.relative_to(base))
    return usd.resolve().relative_to(base).as_posix()


def _common(files: list[Path]) -> tuple[str, ...]:
    """The parts of the folder that all files have in common."""
    first, *rest = [file.parent.parts for file in files]
    length = next(
        (index for index, part in enumerate(first) if any(len(p) <= index or p[index] != part for p in rest)),
        len(first),
    )
    return first[:length]


def _copy(source: Path, target: Path) -> None:
    make_folder(target.parent)
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise storage_error(error, target, "copy to") from error


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _readme(render: Render, template: Mapping[str, Any]) -> str:
    steps = " and ".join(each["name"] for each in template["steps"])
    last = template["steps"][-1]["name"]
    return f"""# {render.name}: an Open Job Description bundle

Steps: {steps}. Check it with `openjd check {TEMPLATE}`.

Run it on this machine:

    openjd run {TEMPLATE} --step {last} --run-dependencies -p Python=/path/to/python

Send it to AWS Deadline Cloud: `deadline bundle submit .`; other farms read `{TEMPLATE}` in their own way.

A worker host needs Python 3.11 with Raceway installed (`pip install 'raceway[blender]'`); the parameter `Python` names
that interpreter. With RACEWAY_BLENDER set to a Blender 5 application, the pictures are rendered in it. Nothing else is
needed: `{SCENE}/` holds the USD file and all it refers to, and no service is asked."""
