"""``raceway convert`` as a user meets it: what it prints, its exit status, and what it leaves on disk."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

import pytest

from dcc.cad import command
from dcc.cad.command import COMMAND
from dcc.cad.step_writer import StepWriter
from shared.cli import report_error
from shared.errors import RacewayError
from shared.manifest import read_manifest
from tests.dcc.cad.shapes import box, compound, cylinder


def run(*arguments: str) -> int:
    """What ``raceway convert`` does, without needing it to be installed."""
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    options = parser.parse_args(arguments)
    try:
        return COMMAND.run(options)
    except RacewayError as error:
        report_error(error, as_json=options.json)
        return 1


@pytest.fixture(scope="module")
def small_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of one part."""
    path = tmp_path_factory.mktemp("small") / "small.step"
    step = StepWriter()
    step.part("Ball", cylinder())
    step.write(path)
    return path


def test_it_converts_and_says_what_it_made(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(bearing_step), "-o", str(tmp_path / "out"), "--json", "--lineage", "demo") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is True
    assert (result["parts"], result["occurrences"], result["warnings"]) == (5, 12, [])
    assert json.loads(Path(result["manifest"]).read_text())["lineage"] == "demo"
    assert Path(result["usd_master"]).name == "usd_master.usdc"
    assert Path(result["glb"]).name == "geometry.glb"


def test_a_file_called_like_an_option(small_step: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "--force.step").write_bytes(small_step.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert run("-o", "out", "--", "--force.step") == 0
    assert read_manifest(tmp_path / "out" / "manifest.json").source.name == "--force.step"


def fails_with(code: str, captured: str) -> bool:
    errors = [line for line in captured.splitlines() if line.startswith("error")]
    return len(errors) == 1 and errors[0].startswith(f"error [{code}]: ") and "Traceback" not in captured


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "none.step"), "-o", str(tmp_path / "out")) == 1
    assert fails_with("cad.not_found", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_file_without_solids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = StepWriter()
    step.place(step.assembly("Root"), step.part("Nothing", compound()))
    step.write(tmp_path / "empty.step")
    assert run(str(tmp_path / "empty.step"), "-o", str(tmp_path / "out")) == 1
    error = capsys.readouterr().err
    assert fails_with("cad.empty", error)
    assert "no solids" in error
    assert list((tmp_path / "out").iterdir()) == []


def test_a_parent_of_the_output_folder_is_a_file(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(str(bearing_step), "-o", str(tmp_path / "file" / "out")) == 1
    assert fails_with("storage.denied", capsys.readouterr().err)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_read_only_output_folder(bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o555)
    assert run(str(bearing_step), "-o", str(folder)) == 1
    assert fails_with("storage.denied", capsys.readouterr().err)


def test_a_full_disk(bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        assert run(str(bearing_step), "-o", str(disk / "out")) == 1
        assert fails_with("storage.full", capsys.readouterr().err)
        assert list((disk / "out").iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_time_out_and_too_little_memory(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(bearing_step), "-o", str(tmp_path / "out"), "--timeout", "0.2") == 1
    assert fails_with("cad.timeout", capsys.readouterr().err)
    assert run(str(bearing_step), "-o", str(tmp_path / "out"), "--memory", "20") == 1
    assert fails_with("cad.memory", capsys.readouterr().err)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("option", ["--linear-deflection=0", "--angular-deflection=nan", "--relative-deflection=2"])
def test_settings_out_of_range(
    option: str, small_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(small_step), "-o", str(tmp_path), option) == 1
    assert fails_with("cad.deflection", capsys.readouterr().err)


def test_an_earlier_result_survives_a_failure(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = StepWriter()
    step.part("Box", box())
    step.write(tmp_path / "box.step")
    assert run(str(tmp_path / "box.step"), "-o", str(tmp_path / "out")) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "box.step").write_bytes((tmp_path / "box.step").read_bytes()[:900])
    assert run(str(tmp_path / "box.step"), "-o", str(tmp_path / "out")) == 1
    assert fails_with("cad.truncated", capsys.readouterr().err)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_spreadsheet_says_what_parts_are_made_of(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "bom.csv"
    sheet.write_text("part name;material\nBall;Brass\n*ring;Brushed steel\nBoll;Brass\nCage;Unobtainium\n")
    arguments = [str(bearing_step), "-o", str(tmp_path / "out"), "--materials", str(sheet)]
    assert run(*arguments) == 0
    printed = capsys.readouterr().err
    assert 'bom.csv, line 4: no part has the name "Boll"' in printed
    assert 'bom.csv, line 5: unknown material "Unobtainium"' in printed
    manifest = read_manifest(tmp_path / "out" / "manifest.json")
    worn = {part.part_key: part.material for part in manifest.parts}
    assert {key: (item.material, item.layer) for key, item in worn.items() if item and item.layer == "source"} == {
        "Ball": ("Brass", "source"),
        "Inner_ring": ("BrushedSteel", "source"),
        "Outer_ring": ("BrushedSteel", "source"),
    }
    sheet.write_text("nothing;here\n")
    assert run(*arguments) == 1
    assert fails_with("input.material_sheet", capsys.readouterr().err)


def test_what_was_converted_before_is_known_again(
    small_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def convert(*more: str) -> dict[str, object]:
        assert run(str(small_step), "-o", str(tmp_path), "--json", *more) == 0
        answer: dict[str, object] = json.loads(capsys.readouterr().out)
        return answer

    first = convert()
    again = convert()
    assert again.pop("reused") is True
    assert {**again, "seconds": {}} == {**first, "seconds": {}}
    assert "reused" not in convert("--force")
    assert "reused" not in convert("--relative-deflection", "0.01")
    (tmp_path / "geometry.glb").write_bytes(b"something else")
    assert "reused" not in convert("--relative-deflection", "0.01")
    assert "reused" in convert("--relative-deflection", "0.01")
    sheet = tmp_path / "bom.csv"
    sheet.write_text("part name;material\nBall;Brass\n")
    assert "reused" not in convert("--relative-deflection", "0.01", "--materials", str(sheet))
    assert "reused" not in convert("--relative-deflection", "0.01")


def test_keys_of_a_revision_before_do_not_outlast_its_mention(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Old", "New"):
        step = StepWriter()
        step.part(name, box())
        step.write(tmp_path / f"{name}.step")
    out = tmp_path / "out"
    arguments = [str(tmp_path / "New.step"), "-o", str(out)]
    assert run(str(tmp_path / "Old.step"), "-o", str(tmp_path / "old")) == 0
    assert run(*arguments, "--previous", str(tmp_path / "old" / "manifest.json")) == 0
    assert [part.part_key for part in read_manifest(out / "manifest.json").parts] == ["Old"]
    assert (out / "revision.json").is_file()
    assert run(*arguments) == 0
    assert [part.part_key for part in read_manifest(out / "manifest.json").parts] == ["New"]
    assert not (out / "revision.json").exists()


def test_decisions_without_a_revision_before_are_refused(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(bearing_step), "-o", str(tmp_path / "out"), "--decisions", "decisions.json") == 1
    assert "--previous" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "limit"), [("400000000\n", 300_000_000), ("max\n", None), (None, None), ("9223372036854771712\n", None)]
)
def test_a_container_may_use_less_memory_than_its_machine_has(
    content: str | None, limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "memory.max").write_text(content)
    monkeypatch.setattr(command, "_CONTAINER_LIMITS", ())
    alone = command.default_memory_limit()
    monkeypatch.setattr(command, "_CONTAINER_LIMITS", (tmp_path / "memory.max",))
    assert command.default_memory_limit() == (limit or alone)


@pytest.mark.parametrize("option", ["--memory=nan", "--memory=-5", "--timeout=0", "--timeout=nan", "--timeout=inf"])
def test_limits_that_are_none_are_bad_usage(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("model.step", "-o", "out", option)
    assert caught.value.code == 2
    assert "is not a number above 0" in capsys.readouterr().err


def test_many_files_through_one_warm_converter(
    bearing_step: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.step"
    broken.write_bytes(b"ISO-10303-21;\nHEADER;\n")
    other = tmp_path / "other.step"
    other.write_bytes(bearing_step.read_bytes())
    assert run(str(bearing_step), str(broken), str(other), "-o", str(tmp_path / "out"), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert [conversion["ok"] for conversion in answer["conversions"]] == [True, False, True]
    assert answer["conversions"][1]["error"]["code"] == "cad.truncated"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {bearing_step.stem, "other"}
    assert (tmp_path / "out/other/geometry.glb").is_file()


@pytest.mark.parametrize("other", ["model.step", "Model.stp"])
def test_files_of_one_name_are_refused(other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a/model.step", f"b/{other}", "-o", str(tmp_path)) == 1
    assert "called model" in capsys.readouterr().err
