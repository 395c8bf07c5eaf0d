"""The demonstration's steps, each timed: bring up, prepare, model, convert, artist's session, render."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.demo.production import Production, asset_name_of, prepare_production
from service.stack import Stack
from shared import paths
from shared.client import Client, Json
from shared.errors import CadError, StorageError
from shared.files import atomic_path, make_folder, storage_error
from shared.processes import Event, python_tool, run_tool
from shared.step_files import check_step

CONVERT_SECONDS = 900
SESSION_SECONDS = 600
RENDER_SECONDS = 1800
BEARING = "bearing.step"
_MIN_FREE_BYTES = 200 * 2**20

Report = Callable[[str, float, str], None]
"""Gets the stage, the percent done (0 to 100) and a message."""


@dataclass
class DemoResult:
    """What the demonstration made. Paths are absolute on this machine."""

    values: Json = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> Json:
        return {"ok": True, **self.values, "timings": self.timings}


@dataclass
class Demo:
    """One run of the demonstration on a running stack."""

    stack: Stack
    step: Path | None
    render_settings: Json
    report: Report
    announce: Callable[[str, float], None]
    result: DemoResult = field(default_factory=DemoResult)
    production: Production | None = None

    def run(self) -> DemoResult:
        """Do every step; raises the coded error of the one that failed."""
        values = self.result.values
        with Client(self.stack.api_url, self.stack.admin_token) as admin:
            with self._timed("model"):
                step = self._step_file()
                self._say(f"CAD file: {step}")
            with self._timed("production"):
                production = self.production = prepare_production(admin, asset_name_of(step))
                self._say(
                    f"Asset {production.asset['name']} of project {production.project['name']}, "
                    f"task {production.task['name']}"
                )
            with Client(self.stack.api_url, production.token["token"]) as artist:
                cad = self._convert(artist, step, production)
                session = self._artist_session(production, cad)
                job = self._render(artist, production)
            values["page"] = f"{self.stack.url}/assets/{production.asset['id']}"
            self._collect(production, cad, session, job)
        self.result.timings["total"] = round(sum(self.result.timings.values()), 2)
        return self.result

    def page_link(self) -> str:
        """Address of the asset's page that logs the artist in; good until :meth:`close`."""
        assert self.production is not None
        return f"{self.result.values['page']}?token={self.production.token['token']}"

    def close(self) -> None:
        """Revoke the artist's token."""
        if self.production is not None:
            with Client(self.stack.api_url, self.production.token["token"]) as artist:
                artist.delete(f"/tokens/{self.production.token['id']}")

    # -- the steps

    def _step_file(self) -> Path:
        if self.step is not None:
            return check_step_file(self.step)
        bearing = make_folder(self.stack.root / ".demo") / BEARING
        if not bearing.exists():
            with atomic_path(bearing) as temporary:
                run_tool(
                    python_tool("dcc.cad.bearing", str(temporary)),
                    timeout=CONVERT_SECONDS,
                    on_event=self._forward,
                )
        return bearing

    def _convert(self, artist: Client, step: Path, production: Production) -> Json:
        with self._timed("convert"):
            asset = production.asset["name"]
            cad = artist.upload_cad(
                step,
                project=production.project["name"],
                asset=asset,
                on_progress=lambda share: self.report("upload", 10 * share, step.name),
            )
            if cad["state"] != "ready":
                if cad["state"] in ("failed", "uploaded"):
                    cad = artist.post(f"/cad/{cad['id']}/convert")
                artist.wait_for_job(
                    cad["job_id"],
                    timeout=CONVERT_SECONDS,
                    on_progress=lambda progress: self.report(
                        progress["stage"] or "waiting", 10 + 0.9 * progress["percent"], progress.get("message") or ""
                    ),
                )
                cad = {**artist.cad_file(cad["id"]), "reused": False}
            manifest = artist.scene_manifest(cad["id"])
            parts = manifest["parts"]
            occurrences = sum(len(part["occurrences"]) for part in parts)
            how = "reused an earlier conversion" if cad.get("reused") else "converted"
            self._say(f"CAD to USD, GLB and manifest: {how}, {len(parts)} parts in {occurrences} places")
            return cad

    def _artist_session(self, production: Production, cad: Json) -> Json:
        with self._timed("blender"):
            context = production.context(self.stack.api_url, self.stack.root)
            session = run_tool(
                python_tool("blender_addon.headless"),
                stdin={"cad_file_id": cad["id"], "scene_name": production.asset["name"], "part": "look"},
                env={**os.environ, **context.to_environment()},
                timeout=SESSION_SECONDS,
                on_event=self._forward,
                log=self.stack.data_dir / "logs" / "blender-session.log",
            )
            unresolved = len(session.get("unresolved", ()))
            note = f", {unresolved} without a material" if unresolved else ""
            self._say(
                f"Blender: {len(session['assigned'])} materials assigned{note}, "
                f"saved {Path(session['scene']).name}, published"
            )
            return session

    def _render(self, artist: Client, production: Production) -> Json:
        with self._timed("render"):
            job = artist.submit_job(
                "still",
                project=production.project["name"],
                asset=production.asset["name"],
                **self.render_settings,
            )
            job = artist.wait_for_job(
                job["id"],
                timeout=RENDER_SECONDS,
                on_progress=lambda progress: self.report(
                    progress["stage"] or "waiting", progress["percent"], progress.get("message") or ""
                ),
            )
            self._say("Rendered with Cycles")
            return job

    def _collect(self, production: Production, cad: Json, session: Json, job: Json) -> None:
        root = self.stack.root
        published = {publish["part_name"]: publish for publish in session["publishes"]}
        model = published["model"]
        derivatives = {name: str(root / path) for name, path in cad["derivatives"].items()}
        pictures = {medium["asset_type"]: str(root / medium["path"]) for medium in job["media"]}
        self.result.values |= {
            "project": production.project["name"],
            "asset": production.asset["name"],
            "asset_id": production.asset["id"],
            "task_id": production.task["id"],
            "artist": production.artist["name"],
            "cad_file_id": cad["id"],
            "conversion_reused": bool(cad.get("reused")),
            "usd_master": derivatives["usd_master"],
            "glb": derivatives["gltf_geometry"],
            "manifest": derivatives["scene_manifest"],
            "scene": str(paths.absolute(root, session["scene"])),
            "publish_id": model["publish_id"],
            "item_usd_path": str(root / model["item_usd_path"]),
            "asset_usd_path": str(root / model["entity_usd_path"]),
            "publishes": session["publishes"],
            "materials": session["assigned"],
            "unresolved": session.get("unresolved", []),
            "render": pictures["still"],
            "thumbnail": pictures.get("thumbnail"),
            "job_id": job["id"],
            "job_document": job["document"],
        }

    # -- reporting

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        self._started = time.monotonic()
        yield
        self.result.timings[name] = round(time.monotonic() - self._started, 2)

    def _say(self, text: str) -> None:
        self.announce(text, time.monotonic() - self._started)

    def _forward(self, event: Event) -> None:
        self.report(str(event.get("stage", "")), float(event.get("percent", 0)), str(event.get("message", "")))


def check_step_file(step: Path) -> Path:
    """Refuse what cannot be a STEP file before anything is started.

    Raises CadError or StorageError naming the file and the remedy.
    """
    try:
        if not step.stat().st_size:
            raise CadError(f"{step} is empty.", hint="Export the STEP file again.", code="cad.empty_file")
        with step.open("rb") as stream:
            check_step(stream, str(step))
    except OSError as error:
        raise storage_error(error, step, "read") from error
    return step.resolve()


def check_free_space(folder: Path) -> None:
    """Raises StorageError where ``folder`` has no room for a demonstration (200 MiB)."""
    free = shutil.disk_usage(make_folder(folder)).free
    if free < _MIN_FREE_BYTES:
        raise StorageError(
            f"Only {free / 2**20:.0f} MiB are free in {folder}; "
            f"the demonstration needs {_MIN_FREE_BYTES / 2**20:.0f} MiB.",
            hint="Free some space, or choose another folder with --data.",
            code="storage.full",
        )
