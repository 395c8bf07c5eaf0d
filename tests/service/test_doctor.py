"""The doctor on broken services: real PostgreSQL, real Redis, and something wrong with them."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from sqlalchemy import Connection, create_engine, func, make_url, text
from werkzeug.serving import make_server

from service import schema
from service.accounts.permissions import Role
from service.app import create_app
from service.config import Config, driver_url
from service.database import db
from service.database_role import check_database
from service.embedded.access import FILE_NAME, Access
from service.models import Worker
from service.queue import queueing
from shared.errors import InputError
from shared.storage_mark import mark_storage
from tests.doctor import examine
from tests.service.phone import Phone
from tests.service.saml_provider import metadata
from tests.service.studio import PASSWORD, Api, StudioUnderTest


@pytest.fixture
def healthy(config: Config, tmp_path: Path) -> dict[str, str]:
    """The environment of a service that lacks nothing."""
    return {
        **config.to_environment(),
        "RACEWAY_SECRET_KEY": "long enough to be a secret",
        "RACEWAY_DATA": str(tmp_path),
    }


@pytest.fixture
def owner(config: Config) -> Iterator[Connection]:
    """The tables' owner, each statement committed at once."""
    engine = create_engine(driver_url(config.database_owner_url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def superuser(config: Config) -> str:
    """URL of the embedded server's superuser, whom row-level security does not bind."""
    access = Access.load(config.root.parent / "data")
    assert access is not None
    url = make_url(config.database_url).set(username="postgres", password=access.superuser_password)
    return url.render_as_string(hide_password=False)


@pytest.fixture
def workers(app: Flask, owner: Connection) -> Iterator[None]:
    """A worker that serves every queue, and beats."""
    owner.execute(text("DELETE FROM workers"))
    queues = list(queueing.QUEUES)
    with app.app_context():
        db.session.add(Worker(name="w", host="here", pid=1, queues=queues, state="up", last_seen=func.now()))
        db.session.commit()
    yield
    owner.execute(text("DELETE FROM workers"))


@pytest.fixture
def live_url(app: Flask) -> Iterator[str]:
    """Address of the API behind a real web server."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()


def test_a_healthy_service_has_no_fault(healthy: dict[str, str], workers: None) -> None:
    report = examine("service", healthy)
    assert not {found["message"] for found in report.findings if found["severity"] == "error"}
    assert report.status == 0


def test_a_configuration_with_holes_and_a_weak_secret(healthy: dict[str, str]) -> None:
    wrong = examine("service", {**healthy, "RACEWAY_MAX_UPLOAD_MB": "lots", "REDIS_URL": ""})
    messages = [found["message"] for found in wrong.findings if found["code"] == "doctor.config"]
    assert any("RACEWAY_MAX_UPLOAD_MB" in message for message in messages)
    assert any("REDIS_URL" in message for message in messages)
    weak = examine("service", {**healthy, "RACEWAY_SECRET_KEY": "short", "DATABASE_OWNER_URL": ""})
    assert {"secret_key", "owner_url"} <= weak.codes
    assert "short" not in str(weak.findings)


def test_an_identity_provider_that_says_nothing(healthy: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "provider.xml"
    environment = {**healthy, "RACEWAY_SAML_METADATA": str(place), "RACEWAY_PUBLIC_URL": "https://raceway.example"}
    assert "No such file" in examine("service", environment).finding("single_sign_on")["message"]
    place.write_text(metadata("https://login.example", "https://login.example/saml"))
    assert any("https://login.example says" in found["message"] for found in examine("service", environment).findings)
    holed = examine("service", {**environment, "RACEWAY_PUBLIC_URL": ""})
    assert any("RACEWAY_PUBLIC_URL" in found["message"] for found in holed.findings if found["code"] == "input.config")
    names = ("RACEWAY_OIDC_ISSUER", "RACEWAY_OIDC_CLIENT_ID", "RACEWAY_OIDC_CLIENT_SECRET")
    away = examine("service", {**healthy, **dict.fromkeys(names, "http://127.0.0.1:9")})
    assert "RACEWAY_OIDC_ISSUER" in away.finding("single_sign_on")["hint"]


def test_servers_that_are_down(healthy: dict[str, str]) -> None:
    dead = {
        "DATABASE_URL": "postgresql://raceway_app:hush@127.0.0.1:1/raceway",
        "REDIS_URL": "redis://:hush@127.0.0.1:1",
    }
    report = examine("service", {**healthy, **dead})
    assert {"database_down", "redis_down"} <= report.codes
    assert "hush" not in str(report.findings)


@pytest.mark.parametrize("url", ["nonsense", "mysql://a@b/c"])
def test_what_is_no_url_of_a_database_is_said_once(healthy: dict[str, str], url: str) -> None:
    report = examine("service", {**healthy, "DATABASE_URL": url})
    assert not {"database_down", "check_failed"} & report.codes
    assert "DATABASE_URL" in report.finding("config")["message"]


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = examine("service", {"RACEWAY_DATA": str(tmp_path / "file" / "data")}).finding("data_missing")
    assert str(tmp_path / "file") in found["message"]


def test_a_wrong_password_is_told_as_such(healthy: dict[str, str], config: Config) -> None:
    url = make_url(config.database_url).set(password="wrong-one").render_as_string(hide_password=False)
    found = examine("service", {**healthy, "DATABASE_URL": url}).finding("database_down")
    assert "password authentication failed" in found["message"] and "wrong-one" not in found["message"]


def test_a_role_that_row_level_security_does_not_bind(healthy: dict[str, str], superuser: str) -> None:
    assert "postgres" in examine("service", {**healthy, "DATABASE_URL": superuser}).finding("database_role")["message"]


def test_a_member_of_the_owner_is_refused_as_the_owner_is(
    healthy: dict[str, str], superuser: str, config: Config
) -> None:
    owner = make_url(config.database_owner_url).username
    engine = create_engine(driver_url(superuser), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE member LOGIN PASSWORD 'member' IN ROLE {owner}"))
        try:
            url = make_url(config.database_url).set(username="member", password="member")
            member = url.render_as_string(hide_password=False)
            found = examine("service", {**healthy, "DATABASE_URL": member}).finding("database_role")
            assert "'member'" in found["message"]
            with pytest.raises(InputError, match="row-level security"):
                check_database(create_app(replace(config, database_url=member)))
        finally:
            connection.execute(text("DROP ROLE member"))
    engine.dispose()


def test_row_level_security_switched_off_by_hand(healthy: dict[str, str], owner: Connection) -> None:
    owner.execute(text("ALTER TABLE scenes DISABLE ROW LEVEL SECURITY"))
    try:
        assert "scenes" in examine("service", healthy).finding("row_security")["message"]
    finally:
        owner.execute(text("ALTER TABLE scenes ENABLE ROW LEVEL SECURITY"))


def test_a_schema_behind_or_ahead_of_the_code(healthy: dict[str, str], owner: Connection) -> None:
    try:
        owner.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        assert "raceway db upgrade" in examine("service", healthy).finding("schema")["hint"]
        owner.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert "Update Raceway" in examine("service", healthy).finding("schema")["hint"]
    finally:
        owner.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": schema.head_revision()})


def test_a_redis_that_forgets(healthy: dict[str, str], config: Config) -> None:
    redis = queueing.connect(config.redis_url)
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("appendonly", "no")
    try:
        report = examine("service", healthy)
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("appendonly", "yes")
        redis.close()
    assert "allkeys-lru" in report.finding("redis_eviction")["message"]
    assert "redis_persistence" in report.codes


def test_storage_that_is_missing_or_a_file(healthy: dict[str, str], tmp_path: Path) -> None:
    assert "storage_missing" in examine("service", {**healthy, "RACEWAY_ROOT": str(tmp_path / "gone")}).codes
    file = tmp_path / "file"
    file.touch()
    assert (
        "is a file" in examine("service", {**healthy, "RACEWAY_ROOT": str(file)}).finding("storage_missing")["message"]
    )


def test_a_port_that_is_taken(healthy: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        found = examine("service", healthy, "--port", port).finding("port_taken")
    assert port in found["message"] and "--port" in found["hint"]


def test_the_port_of_a_raceway_is_fine_only_if_it_is_the_one_that_is_meant(
    healthy: dict[str, str], config: Config, live_url: str, tmp_path: Path
) -> None:
    port = ("--port", str(urlsplit(live_url).port))
    ours = examine("service", {**healthy, "RACEWAY_SECRET_KEY": config.secret_key}, *port)
    assert f"The service answers at port {port[1]}" in [found["message"] for found in ours.findings]
    assert "Another Raceway" in examine("service", healthy, *port).finding("port_other")["message"]
    folder = {name: value for name, value in healthy.items() if name != "RACEWAY_SECRET_KEY"}
    assert str(tmp_path) in examine("service", folder, *port).finding("port_unknown")["message"]
    (tmp_path / "secret.key").write_text("the key of another data folder")
    assert str(tmp_path) in examine("service", folder, *port).finding("port_other")["message"]
    (tmp_path / "secret.key").write_text(config.secret_key)
    assert not {"port_other", "port_unknown", "port_taken"} & examine("service", folder, *port).codes


def test_health_tells_no_secret_and_no_path(config: Config, live_url: str) -> None:
    answer = requests.get(f"{live_url}/health", timeout=10)
    assert set(answer.json()["data"]) == {"status", "version", "service"}
    assert config.secret_key not in answer.text and str(config.root) not in answer.text


def test_a_data_folder_that_is_damaged_or_open_to_all(healthy: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    assert "data_damaged" in examine("service", healthy, "--data", str(data)).codes
    Access.generate().save(data)
    (data / FILE_NAME).chmod(0o644)
    assert "chmod 600" in examine("service", healthy, "--data", str(data)).finding("secret_readable")["hint"]


def test_queues_that_nobody_serves_and_workers_that_are_silent(
    healthy: dict[str, str], workers: None, owner: Connection
) -> None:
    owner.execute(text("UPDATE workers SET last_seen = now() - interval '5 minutes'"))
    report = examine("service", healthy)
    assert "render" in report.finding("no_worker")["message"]
    assert "w on here" in report.finding("worker_silent")["message"]


def test_jobs_that_wait_too_long(studio: StudioUnderTest, healthy: dict[str, str], owner: Connection) -> None:
    waiting = uuid.uuid4()
    owner.execute(text("SELECT set_config('app.current_tenant', :tenant, false)"), {"tenant": str(studio.tenant_id)})
    owner.execute(
        text(
            "INSERT INTO jobs (id, tenant_id, kind, queue, state, document, request, created_at) VALUES"
            " (:id, :tenant, 'still', 'render', 'queued', '{\"state\": \"queued\"}', '{}', now() - interval '1 day')"
        ),
        {"id": waiting, "tenant": studio.tenant_id},
    )
    try:
        assert "have waited" in examine("service", healthy).finding("jobs_wait")["message"]
    finally:
        owner.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": waiting})


def test_the_storage_of_another_studio_or_of_none(
    studio: StudioUnderTest, other_studio: StudioUnderTest, live_url: str, tmp_path: Path
) -> None:
    environment = {"PM_API_URL": live_url, "PM_PROJECT": "demo", "PM_ROOT": str(tmp_path)}
    token = {"PM_API_TOKEN": studio.tokens[Role.ARTIST]}
    assert "root_wrong" in examine("workplace", {**environment, **token}).codes
    mark_storage(tmp_path, str(other_studio.tenant_id))
    assert "root_foreign" in examine("workplace", {**environment, **token}).codes
    mark_storage(tmp_path, str(studio.tenant_id))
    assert examine("workplace", {**environment, **token}).status == 0
    assert "token" in examine("workplace", {**environment, "PM_API_TOKEN": "expired"}).codes


def test_a_session_that_opens_nothing_before_a_second_factor(studio: StudioUnderTest, live_url: str) -> None:
    login = {"email": studio.email(Role.ARTIST), "password": PASSWORD}
    session = Api(studio.app, Api(studio.app).post("/auth/login", login).data["token"])
    environment = {"PM_API_URL": live_url, "PM_PROJECT": "demo", "PM_ROOT": "/", "PM_API_TOKEN": session.token}
    assert "token_two_factor" not in examine("workplace", environment).codes
    Phone(studio.admin).switch_on()
    studio.admin.patch("/settings/", {"require_two_factor": True})
    assert "/account/two-factor" in examine("workplace", environment).finding("token_two_factor")["hint"]
