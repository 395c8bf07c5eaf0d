"""What tools are started with: nothing of the service's secrets."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask

from service.config import Config
from service.tasks.logs import log_path
from tests.service.conftest import Submit
from tests.service.studio import StudioUnderTest, work

pytestmark = pytest.mark.usefixtures("quiet_queue", "stand_ins")


def test_no_secret_of_the_service_reaches_a_renderer_that_prints_its_environment(
    app: Flask, studio: StudioUnderTest, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: Config = app.extensions["raceway"]
    for name, value in config.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RACEWAY_SMTP_URL", "smtp://raceway:mail-secret@mail.studio.example")
    monkeypatch.setenv("PGPASSWORD", "driver-secret")
    monkeypatch.setenv("PM_API_TOKEN", "somebodys-token")
    monkeypatch.setenv("STAND_IN_ENVIRONMENT", "1")
    job = submit(frames="1", chunk=1)
    work(app)
    [task] = studio.artist.get(f"/jobs/{job['id']}/tasks").data["items"]
    printed = log_path(studio.root, UUID(task["id"])).read_text()
    assert f"RACEWAY_ROOT={config.root}" in printed
    secrets = [config.database_url, config.database_owner_url, config.redis_url, config.secret_key]
    secrets += ["mail-secret", "driver-secret", "somebodys-token"]
    assert not [secret for secret in secrets if secret in printed]
