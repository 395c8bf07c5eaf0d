"""The systemd units: what is written is what systemd accepts, and says how workers are started, drained and scaled."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.commands.worker import COMMAND
from service.config import Config
from service.deploy import ENVIRONMENT, UNITS, write_units
from shared.cli import main as raceway


def test_the_units_are_written_for_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert raceway([COMMAND.name, "--systemd", str(tmp_path / "units")]) == 0
    guide = capsys.readouterr().out
    assert all(word in guide for word in ("raceway-worker@2", "SIGUSR1", "daemon-reload", str(tmp_path / "units")))
    written = {place.name: place.read_text() for place in (tmp_path / "units").iterdir()}
    assert set(written) == {*UNITS, ENVIRONMENT}
    assert not re.search(r"@[A-Z]+@", "".join(written.values()))
    assert f"ExecStart={sys.executable} -m service.commands.worker" in written["raceway-worker@.service"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    write_units(tmp_path, python=sys.executable, user="root", settings=tmp_path)
    units = [str(tmp_path / name.replace("@.", "@1.")) for name in UNITS]
    (tmp_path / "raceway-worker@1.service").write_text((tmp_path / "raceway-worker@.service").read_text())
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=60
    )
    complaints = [line for line in checked.stderr.splitlines() if "raceway" in line]
    assert checked.returncode == 0 and complaints == [], checked.stderr


def test_the_example_environment_is_a_configuration(tmp_path: Path) -> None:
    write_units(tmp_path, python=sys.executable)
    lines = [line for line in (tmp_path / ENVIRONMENT).read_text().splitlines() if line and not line.startswith("#")]
    config = Config.from_environment(dict(line.split("=", 1) for line in lines))
    assert str(config.root) == "/mnt/raceway" and config.public_url.startswith("https://")
