"""A render for another farm: the bundle is checked and run by Open Job Description's own tools."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("openjd.cli", reason="openjd-cli is not installed")

from dcc.render.openjd_task import lines_of
from shared.cli import main as raceway
from shared.process_tree import descendants
from tests.dcc.render.bearing_master import write_bearing_master, write_look

ROOT = Path(__file__).parents[3]
SMALL = ("--width", "48", "--height", "28", "--samples", "1", "--device", "cpu", "--no-denoise")
needs_bpy = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A USD file that refers to a look in another folder, which refers to a master."""
    folder = tmp_path_factory.mktemp("usd")
    (folder / "model").mkdir()
    master = write_bearing_master(folder / "model" / "bearing.usda")
    write_look(folder / "model" / "look.usda", master, {"outer_ring": "Brass"}, {})
    entry = folder / "entry.usda"
    entry.write_text('#usda 1.0\n(\n    defaultPrim = "Bearing"\n    subLayers = [@./model/look.usda@]\n)\n')
    return entry


def openjd(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "openjd", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=240)


def export(folder: Path, usd: Path, *arguments: str) -> dict[str, Any]:
    assert raceway(["render", str(usd), *arguments, *SMALL, "--export", "openjd", str(folder)]) == 0
    template: dict[str, Any] = json.loads((folder / "template.json").read_text())
    return template


def parameters(template: dict[str, Any]) -> dict[str, Any]:
    return {parameter["name"]: parameter["default"] for parameter in template["parameterDefinitions"]}


@needs_bpy
def test_a_turntable_is_rendered_in_chunks_and_encoded_by_openjd_run(tmp_path: Path, asset: Path) -> None:
    bundle = tmp_path / "bundle"
    template = export(bundle, asset, "-o", "turn.mp4", "--motion", "turntable", "--turn-frames", "3")
    assert [step["name"] for step in template["steps"]] == ["Render", "Encode"]
    assert template["steps"][1]["dependencies"] == [{"dependsOn": "Render"}]
    # It needs nothing of where it was made.
    moved = bundle.rename(tmp_path / "elsewhere")
    copied = sorted(place.relative_to(moved).as_posix() for place in (moved / "scene").rglob("*.usda"))
    assert copied == ["scene/entry.usda", "scene/model/bearing.usda", "scene/model/look.usda"]
    checked = openjd("check", "template.json", cwd=moved)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    run = openjd(
        *("run", "template.json", "--step", "Encode", "--run-dependencies"),
        *("-p", f"Python={sys.executable}", "-p", "FramesPerTask=2"),
        cwd=moved,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    output = moved / "output"
    assert sorted(place.name for place in output.iterdir()) == [
        "turn.0001.png",
        "turn.0002.png",
        "turn.0003.png",
        "turn.mp4",
    ]
    assert b"ftyp" in (output / "turn.mp4").read_bytes()[:12]
    assert "openjd_progress: 100.0" in run.stdout and "openjd_status: render, frame 3" in run.stdout
    assert "Chunks run: 3" in run.stdout, "two chunks of frames, and the film"


def test_every_kind_of_render_is_a_template_that_passes_the_check(tmp_path: Path, asset: Path) -> None:
    panorama = tmp_path / "studio.hdr"
    panorama.write_bytes(b"#?RADIANCE\n")
    kinds: dict[str, tuple[str, ...]] = {
        "still": ("-o", "bearing.exr", "--camera", "/World/cam"),
        "frames": ("-o", "shot.####.png", "--frames", "1-9x2,20", "--background", f"hdri:{panorama}"),
        "film": ("-o", "shot.####.png", "--frames", "10-20x5", "--film", "s.mp4", "--fps", "25"),
    }
    made = {name: export(tmp_path / name, asset, *arguments) for name, arguments in kinds.items()}
    for name, template in made.items():
        checked = openjd("check", "template.json", cwd=tmp_path / name)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        values = json.loads((tmp_path / name / "parameter_values.json").read_text())["parameterValues"]
        assert {value["name"]: value["value"] for value in values} == parameters(template)
        assert "openjd run" in (tmp_path / name / "README.md").read_text()
    assert parameters(made["still"])["Width"] == 48 and "extensions" not in made["still"]
    assert parameters(made["frames"])["Frames"] == "1-9:2,20"
    assert (tmp_path / "frames" / "scene" / "studio.hdr").is_file()
    film = parameters(made["film"])
    assert (film["FirstFrame"], film["LastFrame"], film["FrameStep"]) == (10, 20, 5)
    arguments = made["film"]["steps"][1]["script"]["actions"]["onRun"]["args"]
    assert arguments[arguments.index("--fps") + 1] == "25"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "a.####.png", "--frames", "1,2,9", "--film", "a.mp4"), "even distances"),
        (("-o", "a.png", "--film", "a.mp4"), "needs frames"),
        (("-o", "a.tif"), "not written as 'tif'"),
        (("-o", "a.####.png", "--frames", "9-1"), "9-1"),
    ],
)
def test_what_cannot_be_a_job_is_refused_before_anything_is_written(
    tmp_path: Path, asset: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    folder = tmp_path / "bundle"
    assert raceway(["render", str(asset), *arguments, "--export", "openjd", str(folder)]) == 1
    assert words in capsys.readouterr().err and not folder.exists()


def test_a_folder_in_use_and_a_missing_reference_are_refused(
    tmp_path: Path, asset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(tmp_path / "bundle", asset, "-o", "a.png")
    assert raceway(["render", str(asset), "-o", "a.png", "--export", "openjd", str(tmp_path / "bundle")]) == 1
    assert "is not empty" in capsys.readouterr().err
    broken = tmp_path / "broken.usda"
    broken.write_text("#usda 1.0\n(subLayers = [@./gone.usda@])\n")
    assert raceway(["render", str(broken), "-o", "a.png", "--export", "openjd", str(tmp_path / "b")]) == 1
    assert "gone.usda" in capsys.readouterr().err
    assert raceway(["render", str(asset), "--export", "tractor", str(tmp_path / "c")]) == 1


def test_events_become_the_lines_that_sessions_look_for() -> None:
    event = {"event": "progress", "stage": "render", "percent": 42.04, "message": "frame 7", "remaining": 63.2}
    assert lines_of(json.dumps(event)) == [
        "openjd_progress: 42.0",
        "openjd_status: render, frame 7, about 63 s left",
    ]
    error = {"event": "error", "code": "render.failed", "message": "No\nlight.", "hint": "Add one."}
    assert lines_of(json.dumps(error)) == ["openjd_fail: [render.failed] No light. Add one."]
    assert (
        lines_of("Fra:1 Mem:8M\n") == ["Fra:1 Mem:8M"]
        and lines_of('{"a": 1}\n') == ['{"a": 1}']
        and lines_of("3") == ["3"]
    )


def test_a_task_that_fails_says_why_and_fails(tmp_path: Path) -> None:
    missing = tmp_path / "gone.usd"
    command = [sys.executable, "-m", "dcc.render.openjd_task", "dcc.render.still", "--usd", str(missing)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "a.png"), *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1 and "openjd_fail: [" in done.stdout and "gone.usd" in done.stdout


@needs_bpy
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_cancelled_task_leaves_no_process_and_no_file(tmp_path: Path, asset: Path) -> None:
    picture = tmp_path / "a.png"
    command = [sys.executable, "-m", "dcc.render.openjd_task", "dcc.render.still", "--usd", str(asset)]
    slow = ["--output", str(picture), "--width", "4000", "--height", "4000", "--samples", "4096", "--device", "cpu"]
    task = subprocess.Popen([*command, *slow], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert task.stdout is not None
    for line in task.stdout:
        if line.startswith("openjd_status: render"):
            break
    tree = descendants(task.pid)
    began = time.monotonic()
    task.send_signal(signal.SIGTERM)
    assert task.wait(timeout=20) == 1 and tree
    assert time.monotonic() - began < 10
    assert not [pid for pid in tree if Path(f"/proc/{pid}").exists()]
    assert list(tmp_path.iterdir()) == []
