"""The peer: Kitsu's API zou, installed in an environment of its own, on PostgreSQL and Redis of the same wheels.

Set up as its documentation says (https://zou.cg-wire.com): ``zou init-db``, ``init-data``, ``create-admin``, gunicorn
with two gevent workers. Its rows are loaded by SQL, as ours are.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import requests
from psycopg2.extensions import connection
from sqlalchemy import make_url

from service.embedded import Servers
from service.embedded.access import Access
from tests.benchmarks.service.calls import Call, Work
from tests.benchmarks.service.scale import Scale

EMAIL, PASSWORD = "admin@example.com", "mysecretpassword"
_READY_SECONDS = 120


@dataclass(frozen=True)
class Zou:
    """A running zou with its rows."""

    url: str
    headers: dict[str, str]
    project: str
    assets: list[str]
    output_files: list[str]
    output_type: str
    task_type: str
    file_status: str

    def work(self) -> dict[str, Work]:
        """What is measured, by the name that our own call has."""

        def read(path: Callable[[int], str]) -> Work:
            return lambda client, number: Call("GET", path(7919 * (client + 1) + number))

        def publish(client: int, number: int) -> Call:
            body = {
                "name": f"bench{client}",
                "output_type_id": self.output_type,
                "task_type_id": self.task_type,
                "file_status_id": self.file_status,
                "representation": "usd",
                "extension": ".usd",
            }
            return Call("POST", f"/data/entities/{self.assets[client]}/output-files/new", body)

        pages = len(self.output_files) // 100
        return {
            "get one publish": read(lambda n: f"/data/output-files/{self.output_files[n % len(self.output_files)]}"),
            "page of 100 publishes": read(lambda n: f"/data/output-files?page={n % pages + 1}"),
            "publishes of an asset": read(lambda n: f"/data/entities/{self.assets[n % len(self.assets)]}/output-files"),
            "latest per part": read(
                lambda n: f"/data/entities/{self.assets[n % len(self.assets)]}/output-files/last-revisions"
            ),
            "publish": publish,
        }


@contextlib.contextmanager
def running(environment: Path, folder: Path, scale: Scale) -> Iterator[Zou]:
    """Start zou from the virtual environment ``environment`` with its data in ``folder``."""
    with Servers(folder, environ={}) as urls:
        access = Access.load(folder)
        assert access is not None
        database, redis = make_url(urls.database), make_url(urls.redis)
        admin = psycopg2.connect(
            host=database.host,
            port=database.port,
            dbname="postgres",
            user="postgres",
            password=access.superuser_password,
        )
        admin.autocommit = True
        admin.cursor().execute("CREATE DATABASE zoudb")
        variables = {
            **os.environ,
            "DB_HOST": str(database.host),
            "DB_PORT": str(database.port),
            "DB_USERNAME": "postgres",
            "DB_PASSWORD": access.superuser_password,
            "DB_DATABASE": "zoudb",
            "KV_HOST": str(redis.host),
            "KV_PORT": str(redis.port),
            "KV_PASSWORD": str(redis.password),
            "SECRET_KEY": "of the benchmark",
            "PREVIEW_FOLDER": str(folder / "previews"),
            "TMP_DIR": str(folder / "tmp"),
            "MAIL_ENABLED": "False",
        }
        for arguments in (["init-db"], ["init-data"], ["create-admin", "--password", PASSWORD, EMAIL]):
            subprocess.run([environment / "bin/zou", *arguments], env=variables, check=True, stdout=subprocess.DEVNULL)
        rows = psycopg2.connect(
            host=database.host, port=database.port, dbname="zoudb", user="postgres", password=access.superuser_password
        )
        (file_tree,) = environment.glob("lib/python*/site-packages/zou/app/file_trees/default.json")
        ids = _load(rows, scale, file_tree.read_text())
        with _gunicorn(environment, variables, folder) as url:
            login = requests.post(f"{url}/auth/login", json={"email": EMAIL, "password": PASSWORD}, timeout=30).json()
            yield Zou(url, {"Authorization": f"Bearer {login['access_token']}"}, **ids)


def _load(rows: connection, scale: Scale, file_tree: str) -> dict[str, Any]:
    cursor = rows.cursor()
    cursor.execute("SELECT id FROM project_status WHERE name = 'Open'")
    (status,) = cursor.fetchone()
    cursor.execute(
        "INSERT INTO project (id, name, project_status_id, file_tree, production_style, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'project' || p, %s, %s::jsonb, '2d3d', now(), now()"
        " FROM generate_series(1, %s) p RETURNING id",
        (status, file_tree, scale.projects),
    )
    projects = [row[0] for row in cursor.fetchall()]
    cursor.execute("SELECT id FROM entity_type WHERE name IN ('Prop', 'Props', 'Character', 'Characters') LIMIT 1")
    (entity_type,) = cursor.fetchone()
    cursor.execute(
        "INSERT INTO entity (id, name, project_id, entity_type_id, is_shared, status, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'asset' || a, p, %s, false, 'running', now(), now()"
        " FROM unnest(%s::uuid[]) p, generate_series(1, %s) a RETURNING id",
        (entity_type, projects, scale.assets),
    )
    assets = [row[0] for row in cursor.fetchall()]
    cursor.execute("INSERT INTO file_status (id, name, color) VALUES (gen_random_uuid(), 'wip', '#fff') RETURNING id")
    (file_status,) = cursor.fetchone()
    cursor.execute(
        "INSERT INTO output_type (id, name, short_name) VALUES (gen_random_uuid(), 'USD', 'usd') RETURNING id"
    )
    (output_type,) = cursor.fetchone()
    cursor.execute("SELECT id FROM task_type WHERE name = 'Modeling'")
    (task_type,) = cursor.fetchone()
    cursor.execute(
        "INSERT INTO output_file (id, name, canceled, revision, representation, nb_elements, path, file_status_id,"
        " entity_id, output_type_id, task_type_id, created_at, updated_at)"
        " SELECT gen_random_uuid(), 'part' || p, false, v, 'usd', 1, 'usd/part' || p || '_v' || v, %s, e, %s, %s,"
        " now(), now() FROM unnest(%s::uuid[]) e, generate_series(1, %s) p, generate_series(1, %s) v RETURNING id",
        (file_status, output_type, task_type, assets, scale.parts, scale.versions),
    )
    output_files = [row[0] for row in cursor.fetchall()]
    rows.commit()
    rows.autocommit = True
    cursor.execute("VACUUM ANALYZE")
    return {
        "project": projects[0],
        "assets": assets,
        "output_files": output_files[:5000],
        "output_type": output_type,
        "task_type": task_type,
        "file_status": file_status,
    }


@contextlib.contextmanager
def _gunicorn(environment: Path, variables: dict[str, str], folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [environment / "bin/gunicorn", "-w", "2", "-k", "gevent", "-b", f"127.0.0.1:{port}", "zou.app:app"]
    with (folder / "zou.log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}", timeout=30).raise_for_status()
                break
            except requests.RequestException:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError(f"zou did not start: {(folder / 'zou.log').read_text()[-2000:]}") from None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
