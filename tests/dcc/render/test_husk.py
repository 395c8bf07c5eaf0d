"""Karma's command lines, as SideFX documents husk, and the tool around them with a stand-in for husk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcc.render.husk import HuskRequest, husk_commands, hython_command, parse_progress, runs
from shared.errors import InputError, RenderError
from shared.processes import Event, python_tool, run_tool
from tests.dcc.render.programs import write_program

REQUEST = HuskRequest(
    usd=Path("shot.usd"),
    output=Path("out/shot.####.exr"),
    frames="1001-1009x2",
    width=1920,
    height=1080,
    samples=64,
    device="cpu",
    camera="/cameras/hero",
)
# Writes every frame that it is asked for, and says how far it is, as husk does.
STAND_IN = """
import sys
from pathlib import Path
given = dict(zip(sys.argv[1:], sys.argv[2:]))
first, count, step = (int(given[name]) for name in ("--frame", "--frame-count", "--frame-inc"))
for done in range(count):
    if "--camera" in given:
        print("no such camera")
        sys.exit(3)
    if "--pixel-samples" in given and given["--pixel-samples"] == "13" and done == count - 1:
        Path(given["--output"].replace("$F4", f"{first + done * step:04d}")).write_text("half")
        sys.exit(4)
    Path(given["--output"].replace("$F4", f"{first + done * step:04d}")).write_text("pixels")
    print(f"ALF_PROGRESS {100 * (done + 1) // count}%", flush=True)
"""


def test_the_command_line_is_as_documented() -> None:
    (command,) = husk_commands(REQUEST, Path("/opt/hfs21"))
    assert command == [
        "/opt/hfs21/bin/husk",
        *("--renderer", "BRAY_HdKarma", "--engine", "cpu", "--make-output-path"),
        *("--frame", "1001", "--frame-count", "5", "--frame-inc", "2"),
        *("--res", "1920", "1080", "--pixel-samples", "64", "--camera", "/cameras/hero"),
        *("--verbose", "2a", "--output", "out/shot.$F4.exr", "shot.usd"),
    ]


def test_hython_runs_the_same_request() -> None:
    program, *arguments = hython_command(REQUEST, Path("/opt/hfs21"))
    assert program == "/opt/hfs21/bin/hython"
    printed = run_tool([sys.executable, *arguments, "--print"], timeout=30)
    assert printed["commands"] == husk_commands(REQUEST, Path("/opt/hfs21"))


@given(st.sets(st.integers(-50, 200), min_size=1, max_size=40))
def test_runs_are_all_frames_once(frames: set[int]) -> None:
    ordered = sorted(frames)
    assert [first + step * at for first, count, step in runs(ordered) for at in range(count)] == ordered


def test_the_stages_own_camera_needs_no_flag() -> None:
    request = HuskRequest(Path("a.usd"), Path("a.##.exr"), "1,2,7")
    commands = husk_commands(request)
    assert [command[0] for command in commands] == ["husk", "husk"]
    assert not any("--camera" in command for command in commands)
    assert "a.$F2.exr" in commands[0]


@pytest.mark.parametrize(
    "wrong", [{"camera": "hero"}, {"output": Path("a.exr")}, {"frames": "9-1"}, {"output": Path("##.####.exr")}]
)
def test_what_husk_cannot_do_is_said(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        HuskRequest(**{"usd": Path("a.usd"), "output": Path("a.####.exr"), "frames": "1", **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "percent"), [("ALF_PROGRESS 42%", 42.0), ("[1:2] ALF_PROGRESS 130%", 100.0), ("Saved image", None)]
)
def test_progress(line: str, percent: float | None) -> None:
    assert parse_progress(line) == percent


@pytest.fixture
def houdini(tmp_path: Path) -> Path:
    program = tmp_path / "hfs" / "bin" / "husk"
    program.parent.mkdir(parents=True)
    write_program(program, STAND_IN)
    (tmp_path / "shot.usda").write_text("#usda 1.0\n")
    return tmp_path / "hfs"


def husk(folder: Path, *arguments: str) -> list[str]:
    places = ("--usd", str(folder / "shot.usda"), "--output", str(folder / "shot.####.exr"))
    return python_tool("dcc.render.husk", *places, *arguments)


def test_frames_and_progress_are_reported(houdini: Path) -> None:
    events: list[Event] = []
    command = husk(houdini.parent, "--frames", "1-3,10", "--houdini", str(houdini))
    result = run_tool(command, timeout=30, on_event=events.append)
    assert [item["frame"] for item in result["frames"]] == [1, 2, 3, 10]
    assert all(Path(path).is_file() for path in result["outputs"])
    assert result["device"]["used"] == "karma xpu"
    assert [event["frame"] for event in events if event["event"] == "frame"] == [1, 2, 3, 10]
    percents = [event["percent"] for event in events if event["event"] == "progress"]
    assert percents == sorted(percents) and percents[-1] == 100


def test_a_husk_that_fails_is_a_failure(houdini: Path) -> None:
    with pytest.raises(RenderError, match="status 3") as failure:
        run_tool(husk(houdini.parent, "--camera", "/hero", "--houdini", str(houdini)), timeout=30)
    assert "no such camera" in failure.value.hint


def test_only_whole_frames_get_their_names(houdini: Path) -> None:
    """husk dies while it writes the last of three frames."""
    events: list[Event] = []
    command = husk(houdini.parent, "--frames", "1-3", "--samples", "13", "--houdini", str(houdini))
    with pytest.raises(RenderError, match="status 4"):
        run_tool(command, timeout=30, on_event=events.append)
    pictures = {path.name: path.read_text() for path in houdini.parent.iterdir() if path.suffix == ".exr"}
    assert pictures == {"shot.0001.exr": "pixels", "shot.0002.exr": "pixels"}
    assert [event["frame"] for event in events if event["event"] == "frame"] == [1, 2]


def test_a_machine_without_houdini_says_so(tmp_path: Path) -> None:
    (tmp_path / "shot.usda").write_text("#usda 1.0\n")
    with pytest.raises(RenderError) as failure:
        run_tool(husk(tmp_path, "--houdini", str(tmp_path / "nowhere")), timeout=30)
    assert failure.value.code == "render.no_houdini"
