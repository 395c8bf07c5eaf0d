"""``raceway production``: out of the service into a file, and back, as a project manager does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from service.accounts.permissions import Role
from service.config import Config
from shared.cli import main
from tests.service.studio import make_studio
from tests.service.web_server import serving


def test_a_file_that_was_exported_before_keeps_what_was_done_since(
    app: Flask, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    studio = make_studio(app)
    made = studio.production()
    file = tmp_path / "plan.csv"
    monkeypatch.setenv("PM_API_TOKEN", studio.tokens[Role.PROJECT_MANAGER])
    monkeypatch.setenv("PM_ROOT", str(tmp_path))
    with serving(config, tmp_path) as server:
        monkeypatch.setenv("PM_API_URL", f"{server.url}/api")
        assert main(["production", "export", made.project["name"], str(file)]) == 0
        assert studio.admin.patch(f"/tasks/{made.task['id']}", {"status": "done"}).status == 200
        text = file.read_text(encoding="utf-8-sig").replace("task revision", "task revision,colour")
        file.write_text(text.replace("modelling,model,todo,,,", "modelling,model,todo,,,31.12.2027"))
        capsys.readouterr()
        assert main(["production", "import", made.project["name"], str(file)]) == 0
        told = capsys.readouterr()
        assert "kept      task modelling of asset gear: task status 'done', newer than 'todo' in the file" in told.out
        assert "changed   task modelling of asset gear: due None to '2027-12-31'" in told.out
        assert "The column “colour” was passed over" in told.err
        file.write_text(text.replace("modelling,model,todo,", "modelling,model,in_progress,"))
        assert main(["production", "import", made.project["name"], str(file)]) == 1
        assert "line 2" in (refused := capsys.readouterr().err) and "export it again" in refused
    task = studio.admin.get(f"/tasks/{made.task['id']}").data
    assert (task["status"], task["due"]) == ("done", "2027-12-31")
