"""The command line that the tools for stills and for frames share, and the settings it says."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from dcc.render.face_sets import face_set_target
from dcc.render.presets import DEVICES, ENGINES, HDRI, LIGHTINGS, PRESETS, RenderSettings
from dcc.render.stage_camera import AUTO, FRAMED
from shared.manifest import read_manifest
from shared.material_layers import effective_of

SETTINGS = ("width", "height", "samples", "engine", "device", "background", "lighting", "denoise", "shadow")
"""Options that replace a value of the preset."""


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything that says how a picture looks; not where it goes."""
    parser.add_argument(
        "--manifest",
        type=Path,
        help="materials for parts that the USD leaves unbound (of a converted model: manifest.json beside it)",
    )
    parser.add_argument("--preset", choices=PRESETS, default="preview", help="what is not given below (%(default)s)")
    parser.add_argument("--width", type=int, help="pixels")
    parser.add_argument("--height", type=int, help="pixels")
    parser.add_argument("--samples", type=int, help="samples a pixel, at most")
    parser.add_argument("--engine", metavar="|".join(ENGINES), help="eevee needs a machine with OpenGL (EGL)")
    parser.add_argument("--device", metavar="|".join(DEVICES), help="what computes (auto)")
    parser.add_argument(
        "--background",
        metavar=f"auto|studio|transparent|{HDRI}PATH",
        help="a seamless studio, nothing, or a panorama (.hdr, .exr) that lights the subject too "
        "(auto: the studio, except where the stage lights itself)",
    )
    parser.add_argument(
        "--lighting",
        metavar="|".join(LIGHTINGS),
        help="the lights of the stage (UsdLux), or those of the studio (auto: the stage's where it has any)",
    )
    parser.add_argument("--denoise", action=argparse.BooleanOptionalAction, help="clean the noise of few samples")
    parser.add_argument(
        "--shadow",
        action=argparse.BooleanOptionalAction,
        help="let the subject stand on a shadow catcher over a transparent or HDRI background",
    )
    parser.add_argument(
        "--camera",
        default=AUTO,
        metavar=f"{AUTO}|{FRAMED}|PRIM",
        help="the stage's own camera where it has one (auto), one placed for the subject, or the path of a camera prim",
    )


def settings_of(options: argparse.Namespace) -> RenderSettings:
    """The preset with what the command line gives in its place; raises InputError for values out of range."""
    values = asdict(PRESETS[options.preset])
    return RenderSettings(**{**values, **given_settings(options, SETTINGS)})


def given_settings(options: argparse.Namespace, names: Iterable[str]) -> dict[str, object]:
    """The options of these names that the command line sets."""
    return {name: value for name in names if (value := getattr(options, name, None)) is not None}


def materials_of(manifest: Path | None) -> dict[str, str]:
    """Material name by target (partKey, ``<partKey>:<path>``, ``<partKey>#<subset>``) in a scene manifest."""
    if manifest is None:
        return {}
    document = read_manifest(manifest)
    faces = {
        face_set_target(part.part_key, face.subset): face.material.material
        for part in document.parts
        for face in part.face_colors
        if face.material
    }
    return {target: chosen.material for target, chosen in effective_of(document).items()} | faces
