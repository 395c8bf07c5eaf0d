"""Checks of the CAD kernel, USD and Blender as Python modules.

Each is tried in a process of its own, ``python -m dcc.doctor NAME``: what cannot be loaded may take its process along.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from dcc.render.blender import APPLICATION, run_in_blender
from shared.doctor.report import Check, Finding, Setup, fault, fine, skipped, warning
from shared.errors import ProcessError, RacewayError
from shared.events import tool_main
from shared.processes import python_tool, run_tool

_SECONDS = 120
_BLENDER = (5, 0)


def _try_kernel() -> dict[str, Any]:
    """Make a box and mesh it."""
    import dcc.cad  # noqa: F401  (stands in for missing display libraries)
    from dcc.cad.kernel import KERNEL

    from OCP.BRepMesh import BRepMesh_IncrementalMesh  # isort: skip
    from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox  # isort: skip

    mesher = BRepMesh_IncrementalMesh(BRepPrimAPI_MakeBox(1.0, 2.0, 3.0).Shape(), 0.1)
    return {"version": KERNEL, "done": mesher.IsDone()}


def _try_usd() -> dict[str, Any]:
    from pxr import Usd

    stage = Usd.Stage.CreateInMemory()
    stage.DefinePrim("/Check", "Xform")
    return {"version": f"USD {'.'.join(map(str, Usd.GetVersion()))}", "done": bool(stage.GetPrimAtPath("/Check"))}


def _try_blender() -> dict[str, Any]:
    from dcc.display_libraries import import_bpy

    import_bpy()
    import bpy

    from dcc.render.device import choose_device

    bpy.ops.preferences.addon_enable(module="cycles")
    choice = choose_device(bpy.context.scene)
    return {
        "version": f"Blender {bpy.app.version_string}",
        "number": list(bpy.app.version[:2]),
        "device": choice.used,
        "why": choice.why,
        "done": True,
    }


def _try_films() -> dict[str, Any]:
    import av

    return {"version": f"PyAV {av.__version__}", "done": "h264" in av.codecs_available}


_TRIALS: dict[str, Callable[[], dict[str, Any]]] = {
    "OCP": _try_kernel,
    "pxr": _try_usd,
    "bpy": _try_blender,
    "av": _try_films,
}


def _library(module: str, what: str, extra: str) -> Callable[[Setup], Iterator[Finding]]:
    def look(setup: Setup) -> Iterator[Finding]:
        if find_spec(module) is None:
            yield skipped(f"{what} is not installed here (pip install 'raceway[{extra}]').")
            return
        answer = _tried(setup, module, what, extra)
        yield answer if isinstance(answer, Finding) else fine(f"{answer['version']} loads and works")

    return look


def _blender(setup: Setup) -> Iterator[Finding]:
    """What renders here: the application that RACEWAY_BLENDER names, else Blender's Python module."""
    what = setup.get(APPLICATION) or "Blender's Python module (bpy)"
    if not setup.get(APPLICATION) and find_spec("bpy") is None:
        yield warning(
            "no_renderer",
            "There is no Blender to render with on this machine.",
            f"Where it shall render: pip install 'raceway[blender]', or name a Blender 5 application in {APPLICATION}.",
        )
        return
    answer = _tried(setup, "bpy", what, "blender")
    if isinstance(answer, Finding):
        yield answer
        return
    yield fine(f"{answer['version']} loads and works")
    yield from _blender_findings(answer)


def _tried(setup: Setup, module: str, what: str, extra: str) -> dict[str, Any] | Finding:
    hint = f"Install it again: pip install --force-reinstall --constraint constraints.txt 'raceway[{extra}]'."
    try:
        answer = run_tool(python_tool("dcc.doctor", module), timeout=_SECONDS, env=setup.environ)
    except RacewayError as error:
        # What a crashed process usually is told, that its input is damaged, is beside the point: there was none.
        own = "" if isinstance(error, ProcessError) else error.hint
        return fault(f"{module.lower()}_broken", f"{what} cannot be used: {error.message}", own or hint)
    if not answer["done"]:
        return fault(f"{module.lower()}_broken", f"{what} loads, but does not work.", hint)
    return answer


def _blender_findings(answer: dict[str, Any]) -> Iterator[Finding]:
    if tuple(answer["number"]) < _BLENDER:
        yield fault("blender_version", f"{answer['version']} is too old.", "Install bpy 5.0.1.")
    if answer["device"] == "CPU":
        yield warning(
            "no_gpu",
            f"Renders use the CPU: {answer['why']}.",
            "Nothing to do where there is no GPU. Else update its driver, and see that this user may open /dev/dri or "
            "/dev/nvidia*.",
        )
    else:
        yield fine(f"Renders use {answer['device']}")


CHECKS = [
    Check("libraries", "CAD kernel", _library("OCP", "The CAD kernel (OCP)", "cad")),
    Check("libraries", "USD", _library("pxr", "USD (usd-core)", "cad")),
    Check("libraries", "Blender", _blender),
    Check("libraries", "Films", _library("av", "What reads uploaded films (PyAV)", "service")),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the module that ``arguments`` name; returns the tool's exit status."""
    (name,) = sys.argv[1:] if arguments is None else arguments
    if name == "bpy":
        return run_in_blender("dcc.doctor", [name], _TRIALS[name])
    return tool_main(_TRIALS[name])


if __name__ == "__main__":
    sys.exit(main())
