"""The doctor on broken workplaces: each fault is made, found by its code, and explained."""

from __future__ import annotations

import http.server
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from shared import __version__
from tests.doctor import examine

BIN = str(Path(sys.executable).parent)
CONTEXT = {
    "PM_API_URL": "http://127.0.0.1:1/api",
    "PM_API_TOKEN": "none",
    "PM_PROJECT": "demo",
    "PM_ROOT": "/",
}


def test_a_healthy_machine_has_no_fault() -> None:
    report = examine("machine", {"PATH": BIN + os.pathsep + os.environ["PATH"]})
    assert not {found["code"] for found in report.findings if found["severity"] == "error"}
    assert report.status == 0


def test_an_unknown_area_is_refused_with_those_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shared.cli", "doctor", "--area", "kitchen"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "machine, workplace" in done.stderr


def test_file_names_that_are_not_utf8() -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    report = examine("machine", ascii_only)
    assert "LC_ALL=C.UTF-8" in report.finding("encoding")["hint"]
    assert report.status == 1


def test_few_open_files() -> None:
    report = examine("machine", {}, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    assert "only 200 files" in report.finding("open_files")["message"]


def test_packages_of_other_versions_than_the_tested_ones(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("requests==0.0.1\nnot-installed-at-all==1\n")
    report = examine("machine", {"RACEWAY_CONSTRAINTS": str(constraints)})
    message = report.finding("package_drift")["message"]
    assert "requests" in message and "tested: 0.0.1" in message and "not-installed" not in message


def test_code_of_another_version_than_the_installed(tmp_path: Path) -> None:
    metadata = tmp_path / "raceway-0.0.9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: raceway\nVersion: 0.0.9\n")
    commands = "[raceway.commands]\ndoctor = shared.doctor.command:COMMAND\n"
    checks = "[raceway.checks]\n1-machine = shared.doctor.machine:CHECKS\n"
    (metadata.parent / "entry_points.txt").write_text(commands + checks)
    repository = str(Path(__file__).parents[2])
    report = examine("machine", {"PYTHONPATH": os.pathsep.join((str(tmp_path), repository))}, folder=tmp_path)
    assert "0.0.9" in report.finding("version_drift")["message"]


def test_another_raceway_on_path(tmp_path: Path) -> None:
    other = tmp_path / "raceway"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    assert str(other) in examine("machine", {"PATH": str(tmp_path)}).finding("another_raceway")["message"]
    other.unlink()
    assert BIN in examine("machine", {"PATH": str(tmp_path)}).finding("not_on_path")["hint"]


def test_folders_that_are_missing_or_read_only(tmp_path: Path) -> None:
    report = examine("machine", {"TMPDIR": str(tmp_path / "gone"), "HOME": "/proc"})
    assert str(tmp_path / "gone") in report.finding("temporary_missing")["message"]
    assert "/proc" in report.finding("home_denied")["message"]


def test_little_room_on_the_disk(tmp_path: Path) -> None:
    report = examine("machine", {"TMPDIR": str(tmp_path)}, "--free-gb", "1e9")
    assert "GiB left" in report.finding("temporary_low")["message"]
    assert report.status == 0


@pytest.mark.skipif(
    not shutil.which("unshare") or bool(subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode),
    reason="needs a mount namespace of its own, to fill a small disk",
)
def test_a_full_disk(tmp_path: Path) -> None:
    fill = f"mount -t tmpfs -o size=64k none {tmp_path}; head -c 70000 /dev/zero > {tmp_path}/x 2>/dev/null"
    wrapper = ("unshare", "-Urm", "sh", "-c", f'{fill}; exec "$@"', "sh")
    report = examine("machine", {"TMPDIR": str(tmp_path)}, wrapper=wrapper)
    assert "the disk is full" in report.finding("temporary_full")["message"]


def test_a_workplace_without_a_task_is_no_fault() -> None:
    report = examine("workplace", {})
    assert report.status == 0 and not report.codes


def test_a_tool_of_the_command_line_needs_no_project(tmp_path: Path) -> None:
    environment = {name: value for name, value in CONTEXT.items() if name != "PM_PROJECT"}
    report = examine("workplace", environment)
    assert not {code for code in report.codes if code.startswith("context_")}
    assert any("no task is chosen" in found["message"] for found in report.findings)
    # Who chose a task has chosen its project, too.
    of_task = {**environment, "PM_ENTITY": "asset:gear"}
    assert "PM_PROJECT not set" in examine("workplace", of_task).finding("context_missing")["message"]


def test_an_environment_that_is_half_set_or_wrong() -> None:
    report = examine(
        "workplace",
        {
            "PM_API_URL": "ftp://somewhere",
            "PM_PROJECT": "no such name!",
            "PM_ENTITY": "asset/bearing",
            "PM_TASK_ID": "17",
            "PM_PYTHON": "/no/python",
        },
    )
    wrong = {"context_missing", "context_project", "context_entity", "context_task", "context_python", "service_url"}
    assert wrong <= report.codes
    assert "PM_API_TOKEN, PM_ROOT" in report.finding("context_missing")["message"]


def test_a_service_that_is_away() -> None:
    report = examine("workplace", CONTEXT)
    assert "raceway up" in report.finding("service_unreachable")["hint"]


def test_storage_that_is_not_there(tmp_path: Path) -> None:
    assert "root_missing" in examine("workplace", {**CONTEXT, "PM_ROOT": str(tmp_path / "gone")}).codes
    assert "root_relative" in examine("workplace", {**CONTEXT, "PM_ROOT": "storage"}).codes
    windows = examine("workplace", {**CONTEXT, "PM_ROOT": r"P:\projects"}).finding("root_relative")
    assert "Windows" in windows["hint"]
    assert "root_denied" in examine("workplace", {**CONTEXT, "PM_ROOT": "/proc"}).codes


def test_a_proxy_between_us_and_the_service() -> None:
    proxies = {"http_proxy": "http://user:secret@proxy.example:3128", "no_proxy": ""}
    found = examine("workplace", {**CONTEXT, **proxies, "PM_API_URL": "http://raceway.example/api"}).finding("proxy")
    assert "proxy.example:3128" in found["message"] and "secret" not in found["message"]


class _Answers(http.server.BaseHTTPRequestHandler):
    """Something that listens where the service should: ``answer`` is its body, ``date`` its clock."""

    answer: bytes = b"<html>It works!</html>"
    date = 0.0

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", formatdate(type(self).date or time(), usegmt=True))
        self.end_headers()
        self.wfile.write(type(self).answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[tuple[str, type[_Answers]]]:
    """A web server that is not the service, and its answers."""
    answers = type("Answers", (_Answers,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api", answers
    server.shutdown()
    server.server_close()


def test_something_else_answers(stranger: tuple[str, type[_Answers]]) -> None:
    url, _ = stranger
    assert "PM_API_URL" in examine("workplace", {**CONTEXT, "PM_API_URL": url}).finding("service_foreign")["hint"]


def test_a_service_of_another_version_and_clock(stranger: tuple[str, type[_Answers]]) -> None:
    url, answers = stranger
    answers.answer = json.dumps({"ok": True, "data": {"status": "ok", "version": "99.0"}}).encode()
    answers.date = time() - 3600
    report = examine("workplace", {**CONTEXT, "PM_API_URL": url})
    assert {"service_version", "clock"} <= report.codes
    assert __version__ in report.finding("service_version")["message"]
    assert " s apart" in report.finding("clock")["message"]
