"""``raceway render`` as a person types it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from dcc.render.blender import APPLICATION
from shared.cli import main
from tests.dcc.render.bearing_master import write_bearing_master
from tests.dcc.render.pictures import read_png
from tests.dcc.render.programs import write_program

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

SMALL = ("--width", "64", "--height", "36", "--samples", "2", "--no-denoise")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bearing_master(tmp_path_factory.mktemp("usd") / "bearing.usda", segments=16)


def test_a_turntable_film_in_one_line(master: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "turn.mp4"
    options = ("--motion", "turntable", "--turn-frames", "3", "--fps", "12", "--json")
    assert main(["render", str(master), "-o", str(film), *options, *SMALL]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["outputs"] == [str(film)]
    assert answer["film"] == {
        "path": str(film),
        "codec": "h264",
        "fps": 12.0,
        "duration": 0.25,
        "width": 64,
        "height": 36,
    }
    # The frames were the film's only.
    assert list(tmp_path.iterdir()) == [film]


def test_frames_and_their_film(master: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, film = tmp_path / "f.##.exr", tmp_path / "f.mp4"
    options = ("--frames", "1-3x2", "--motion", "turntable", "--film", str(film))
    assert main(["render", str(master), "-o", str(output), *options, *SMALL]) == 0
    printed = capsys.readouterr().out
    names = ["f.01.exr", "f.03.exr", "f.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert all(str(tmp_path / name) in printed for name in names)
    assert "s on " in printed and "magenta: ball" in printed


def test_a_picture(master: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, small = tmp_path / "a.png", tmp_path / "small.png"
    assert main(["render", str(master), "-o", str(picture), "--thumbnail", str(small), *SMALL]) == 0
    assert read_png(picture).shape == (36, 64, 3)
    assert capsys.readouterr().out.splitlines()[:2] == [str(picture), str(small)]


def test_a_converted_model_wears_what_its_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("OCP", reason="the CAD kernel is not installed")
    from dcc.cad.step_writer import StepWriter
    from tests.dcc.cad.shapes import box

    step = StepWriter()
    step.part("Plate", box(), color="2040c0")
    step.write(tmp_path / "plate.step")
    assert main(["convert", str(tmp_path / "plate.step"), "-o", str(tmp_path / "out")]) == 0
    master = tmp_path / "out" / "usd_master.usdc"
    assert main(["render", str(master), "-o", str(tmp_path / "a.png"), *SMALL]) == 0
    assert "magenta" not in capsys.readouterr().out
    red, green, blue = read_png(tmp_path / "a.png")[18, 32].tolist()
    assert blue > 1.3 * red and blue > 1.3 * green


KILLED = """
import os, signal, socket
from pathlib import Path
Path(f".tmp-{socket.gethostname()}-{os.getpid()}-half.png").write_text("half")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_renderer_that_is_killed_leaves_nothing_of_its_own(
    master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    application = write_program(tmp_path / "blender", KILLED)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / ".tmp-elsewhere-1-half.png").write_text("of somebody else")
    monkeypatch.chdir(pictures)
    monkeypatch.setenv(APPLICATION, str(application))
    assert main(["render", str(master), "-o", "a.png"]) == 1
    assert "error [process.crashed]" in capsys.readouterr().err
    assert [path.name for path in pictures.iterdir()] == [".tmp-elsewhere-1-half.png"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-o", "a.gif"), "input.output"),
        (("-o", "a.png", "--frames", "1-4"), "input.output"),
        (
            (
                "-o",
                "a.####.png",
            ),
            "input.frames",
        ),
        (("-o", "a.mp4", "--frames", "1-4,9"), "input.frames"),
        (("-o", "a.####.png", "--frames", "1-4", "--thumbnail", "t.png"), "input.invalid"),
        (("-o", "a.png", "--engine", "luxury"), "input.render"),
        (("-o", "a.png", "--samples", "0"), "input.render"),
        (
            (
                "-o",
                "file/a.png",
            ),
            "storage.denied",
        ),
        (("-o", "a.png", "--camera", "/nowhere"), "render.camera"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    master: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    assert main(["render", str(master), *arguments]) == 1
    printed = capsys.readouterr().err
    assert f"error [{code}]" in printed and "hint: " in printed
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
