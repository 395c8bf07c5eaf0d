"""The HTTP client of the service, for every tool outside it: a method a call, by resource.

What they answer and raise is that of :class:`shared.connection.Connection`; what can be no id is an InputError before
anything is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from shared.connection import Connection, Json, present
from shared.context import Entity, check_id
from shared.errors import ProcessError, RacewayError
from shared.files import sha256_of, storage_error
from shared.jobs import FINAL_STATES, JobState

__all__ = ["Client", "Json"]

POLL_SECONDS = 0.25
_KINDS = {
    "cad": "CAD file",
    "jobs": "job",
    "playlists": "playlist",
    "projects": "project",
    "publishes": "publish",
    "scenes": "scene",
    "tasks": "task",
    "workers": "worker",
}
"""What a row is, by the resource in its path."""


class Client(Connection):
    """A logged-in connection to the service. Not shared between threads: make one for each."""

    # -- production

    def follow_production_sheet(self, project_id: str, sheet: bytes, *, filename: str, check: bool = False) -> Json:
        """Add and change assets, shots and tasks as a CSV or TSV file says; with ``check``, only tell what it means."""
        path, headers = _row("projects", project_id, "/sheet"), {"Content-Type": "text/csv"}
        asked = {"filename": filename, "check": str(check).lower()}
        return self._object(self._call("POST", path, params=asked, data=sheet, headers=headers))

    def projects(self, **filters: Any) -> list[Json]:
        return list(self.pages("/projects/", **filters))

    def assets(self, project: str, **filters: Any) -> list[Json]:
        return list(self.pages("/assets/", project=project, **filters))

    def sequences(self, project: str, **filters: Any) -> list[Json]:
        return list(self.pages("/sequences/", project=project, **filters))

    def shots(self, project: str, **filters: Any) -> list[Json]:
        return list(self.pages("/shots/", project=project, **filters))

    def tasks(self, **filters: Any) -> list[Json]:
        """Tasks; filters are ``project``, ``asset``, ``shot``, ``assignee`` (an id, or ``me``)."""
        return list(self.pages("/tasks/", **filters))

    def task(self, task_id: str) -> Json:
        return self._object(self.get(_row("tasks", task_id)))

    def departments(self) -> list[Json]:
        """The studio's departments, the strongest first; archived ones too, which tasks and parts may still have."""
        return list(self.pages("/departments/", archived="true"))

    def task_statuses(self) -> list[Json]:
        """What tasks can be, in the studio's order; archived ones too, which tasks may still have."""
        return list(self.pages("/task-statuses/", archived="true"))

    def custom_fields(self, **filters: Any) -> list[Json]:
        """What the ``fields`` of rows mean; filters are ``target_type`` (asset, shot, ...) and ``project``.

        Lists of rows take ``**{"field.NAME": value}``; ``patch("/assets/ID", {"fields": {NAME: value}})`` fills one.
        """
        return list(self.pages("/custom-fields/", **filters))

    # -- CAD

    def upload_cad(
        self,
        file: Path,
        *,
        project: str,
        asset: str = "",
        lineage: str = "",
        on_progress: Callable[[float], None] | None = None,
        **settings: Any,
    ) -> Json:
        """Upload a STEP file and answer its CAD file; the conversion runs in the background.

        Content that the service has already is not sent again. ``on_progress`` gets the share sent, 0 to 1.
        ``settings`` are conversion settings such as ``linear_deflection``. Raises StorageError where the file cannot
        be read.
        """
        parameters = present(
            {"project": project, "asset": asset or None, "lineage": lineage or None, "filename": file.name, **settings}
        )
        try:
            if known := self._known_cad({**parameters, "sha256": sha256_of(file)}):
                return known
            with file.open("rb") as stream:
                body = _ReportingReader(stream, file.stat().st_size, on_progress)
                return self._object(
                    self._call(
                        "POST",
                        "/cad/",
                        params=parameters,
                        data=body,
                        headers={"Content-Type": "application/octet-stream"},
                    )
                )
        except RacewayError:
            raise
        except OSError as error:
            raise storage_error(error, file, "read") from error

    def _known_cad(self, parameters: Json) -> Json | None:
        """The CAD file made of content that was uploaded before; None where it was not."""
        try:
            return self._object(self._call("POST", "/cad/", params=parameters, data=b""))
        except RacewayError as error:
            if error.code != "cad.unknown_content":
                raise
            return None

    def convert_cad_again(self, cad_file_id: str, **settings: Any) -> Json:
        """Try a failed conversion again, with other settings or limits (``seconds``, ``memory_mb``, ``triangles``)."""
        return self._object(self._call("POST", _row("cad", cad_file_id, "/convert"), params=present(settings)))

    def restore_cad(self, cad_file_id: str) -> Json:
        """Make the content of an earlier revision the newest one; answers the CAD file that is added for it."""
        return self._object(self._call("POST", f"/cad/{quote(cad_file_id)}/restore"))

    def cad_file(self, cad_file_id: str) -> Json:
        return self._object(self.get(_row("cad", cad_file_id)))

    def scene_manifest(self, cad_file_id: str) -> Json:
        """The scene manifest with each part's effective material."""
        return self._object(self.get(_row("cad", cad_file_id, "/scene-manifest")))

    def revision_report(self, cad_file_id: str) -> Json:
        """What became of the parts of the revision before: ``matches``, ``uncertain``, ``new``, ``removed``."""
        return self._object(self.get(_row("cad", cad_file_id, "/revision-report")))

    def decide_revision(self, cad_file_id: str, decisions: Mapping[str, str | None], *, etag: str = "") -> Json:
        """Let ``decisions`` be all that people decided about the parts; answers the report.

        They name the partKey of the revision before, or None for a new part, by the key that the new file itself
        gives (``new_key`` of the report). With ``etag`` of the report the service refuses (``conflict.stale``) where
        somebody decided meanwhile.
        """
        headers = {"If-Match": etag} if etag else {}
        path = _row("cad", cad_file_id, "/revision-decisions")
        return self._object(self.put(path, {"decisions": dict(decisions)}, headers=headers))

    def decide_parts(self, cad_file_id: str, decisions: Mapping[str, str | None], *, etag: str = "") -> Json:
        """Decide about some parts, as :meth:`decide_revision` does about all: what was decided about others stays."""
        headers = {"If-Match": etag} if etag else {}
        path = _row("cad", cad_file_id, "/revision-decisions")
        return self._object(self.patch(path, {"decisions": dict(decisions)}, headers=headers))

    def set_source_materials(self, cad_file_id: str, sheet: bytes, *, filename: str) -> Json:
        """Say with a CSV or TSV file what the parts are made of; answers which rows could not be followed."""
        path, headers = _row("cad", cad_file_id, "/source-materials"), {"Content-Type": "text/csv"}
        return self._object(self._call("PUT", path, params={"filename": filename}, data=sheet, headers=headers))

    def material_overrides(self, cad_file_id: str) -> Json:
        """The artist's own assignments; pass ``etag`` of the answer back to :meth:`set_material_overrides`."""
        return self._object(self.get(_row("cad", cad_file_id, "/manual-material-overrides")))

    def set_material_overrides(
        self,
        cad_file_id: str,
        overrides: Mapping[str, str | None],
        occurrence_overrides: Mapping[str, str | None] | None = None,
        *,
        etag: str = "",
    ) -> Json:
        """Assign materials by partKey (and by occurrence).

        With ``etag`` the service refuses (``conflict.stale``) where somebody changed them since.
        """
        body = {"overrides": dict(overrides), "occurrence_overrides": dict(occurrence_overrides or {})}
        headers = {"If-Match": etag} if etag else {}
        return self._object(self.put(_row("cad", cad_file_id, "/manual-material-overrides"), body, headers=headers))

    def materials(self) -> list[Json]:
        return list(self.pages("/materials/"))

    # -- scenes and publishes

    def reserve_scene(self, task_id: str, name: str, *, software: str, suffix: str, bump: str = "iteration") -> Json:
        """Reserve the next version of a scene: ``id``, ``version``, ``iteration`` and ``path``."""
        body = {"task_id": task_id, "name": name, "software": software, "suffix": suffix, "bump": bump}
        return self._object(self.post("/scenes/reserve", body))

    def commit_scene(self, scene_id: str, *, sha256: str, size: int) -> Json:
        return self._object(self.post(_row("scenes", scene_id, "/commit"), {"sha256": sha256, "size": size}))

    def scenes(self, task_id: str) -> list[Json]:
        return list(self.pages("/scenes/", task_id=task_id))

    def reserve_publish(self, **fields: Any) -> Json:
        """Reserve the next version of a part (design: Publishing)."""
        return self._object(self.post("/publishes/reserve", present(fields)))

    def commit_publish(self, idempotency_key: str, **fields: Any) -> Json:
        """Commit a publish whose item stands on the storage; the same key again answers the same publish."""
        return self._object(self.post("/publishes/", present(fields), headers={"Idempotency-Key": idempotency_key}))

    def publishes(self, **filters: Any) -> list[Json]:
        return list(self.pages("/publishes/", **filters))

    def outdated(self, references: Sequence[Mapping[str, Any]]) -> list[Json]:
        """What of up to 1000 ``references`` is not the newest, in their order.

        Each names one ``item_usd_path``, ``publish_id``, ``cad_file_id``, or ``part_usd_path`` with its ``version``.
        """
        answer: list[Json] = self.post("/publishes/outdated", {"references": [dict(one) for one in references]})
        return answer

    def pinned_entry(self, publish_id: str) -> Json:
        """The asset or shot as it was composed when that publish was committed: ``usd_path``, ``text``, ``parts``."""
        return self._object(self.get(_row("publishes", publish_id, "/pinned-entry")))

    def pinned_at(self, project: str, entity: Entity, moment: str) -> Json:
        """An asset or shot as it was composed at a moment (ISO 8601, with its time zone)."""
        wanted = {entity.kind: str(entity).partition(":")[2]}
        return self._object(self.get("/publishes/pinned-entry", project=project, at=moment, **wanted))

    # -- jobs and media

    def submit_job(self, kind: str, **settings: Any) -> Json:
        return self._object(self.post("/jobs/", {"kind": kind, **present(settings)}))

    def job(self, job_id: str) -> Json:
        return self._object(self.get(_row("jobs", job_id)))

    def cancel_job(self, job_id: str) -> Json:
        return self._object(self.post(_row("jobs", job_id, "/cancel")))

    def change_job(self, job_id: str, action: str) -> Json:
        """``action``: ``pause``, ``resume``, ``retry`` (what failed of it) or ``skip`` (a task)."""
        return self._object(self.post(_row("jobs", job_id, f"/{quote(action)}")))

    def set_priority(self, job_id: str, priority: int) -> Json:
        """0 to 100; the highest of a tenant's jobs comes first."""
        return self._object(self.patch(_row("jobs", job_id), {"priority": priority}))

    def job_tasks(self, job_id: str) -> list[Json]:
        """The tasks of a job, in their order."""
        return list(self.pages(_row("jobs", job_id, "/tasks")))

    def job_frames(self, job_id: str) -> list[Json]:
        """The frames of a job: which stand, and where."""
        return list(self.pages(_row("jobs", job_id, "/frames")))

    def job_log(self, job_id: str, target: Path) -> Path:
        """Fetch the log of a job or task to ``target``."""
        return self.download(_row("jobs", job_id, "/log"), target)

    def workers(self) -> list[Json]:
        return list(self.pages("/workers/"))

    def change_worker(self, worker_id: str, wanted: str) -> Json:
        """``wanted``: ``work``, ``rest`` (claim nothing) or ``drain`` (finish and leave)."""
        return self._object(self.patch(_row("workers", worker_id), {"wanted": wanted}))

    def wait_for_job(
        self,
        job_id: str,
        *,
        timeout: float,
        on_progress: Callable[[Json], None] | None = None,
    ) -> Json:
        """Wait until a job has ended and answer it.

        ``on_progress`` gets the job's progress at each look. Raises the job's own error where it failed, and
        ProcessError where it was cancelled or did not end within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            job = self.job(job_id)
            state = JobState(job["state"])
            if on_progress:
                on_progress(job["progress"])
            if state is JobState.COMPLETED:
                return job
            if state is JobState.FAILED:
                raise RacewayError.from_json(job["document"].get("error") or {"message": f"Job {job_id} failed."})
            if state in FINAL_STATES:
                raise ProcessError(f"Job {job_id} was cancelled.", code="process.cancelled")
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"Job {job_id} did not end within {timeout:g} s (it is {state}).",
                    code="process.timeout",
                    hint="See the queue page; is a worker running (`raceway worker`)?",
                )
            time.sleep(POLL_SECONDS)

    def media(self, **filters: Any) -> list[Json]:
        return list(self.pages("/media/assets", **filters))

    def playlists(self, **filters: Any) -> list[Json]:
        """Playlists without their items; :meth:`playlist` has them."""
        return list(self.pages("/playlists/", **filters))

    def playlist(self, playlist_id: str) -> Json:
        return self._object(self.get(_row("playlists", playlist_id)))

    def create_playlist(
        self, project_id: str, name: str, media_ids: Sequence[str] = (), *, for_client: bool = False
    ) -> Json:
        """Make a playlist of pictures and films, in this order."""
        body = {"project_id": project_id, "name": name, "media_ids": list(media_ids), "for_client": for_client}
        return self._object(self.post("/playlists/", body))

    def add_to_playlist(self, playlist_id: str, media_ids: Sequence[str]) -> Json:
        """Put pictures and films at the end; what is on it already stays where it is."""
        return self._object(self.post(_row("playlists", playlist_id, "/items"), {"media_ids": list(media_ids)}))

    def set_playlist(self, playlist_id: str, media_ids: Sequence[str], *, etag: str = "*") -> Json:
        """Replace what a playlist shows; ``etag`` (default: whatever stands there) says what is replaced."""
        path, headers = _row("playlists", playlist_id, "/items"), {"If-Match": etag}
        return self._object(self.put(path, {"media_ids": list(media_ids)}, headers=headers))

    def take_newer(self, playlist_id: str, media_ids: Sequence[str] | None = None) -> Json:
        """Show the newest pictures and films instead of those of ``media_ids``, default all, in the same places."""
        body = {} if media_ids is None else {"media_ids": list(media_ids)}
        return self._object(self.post(_row("playlists", playlist_id, "/take-newer"), body))

    def comment(self, target_type: str, target_id: str, text: str, **fields: Any) -> Json:
        """Say something about a ``task``, ``publish`` or ``medium``; ``fields`` as in ``POST /api/comments/``."""
        body = {"target_type": target_type, "target_id": target_id, "text": text, **fields}
        return self._object(self.post("/comments/", body))


def _row(resource: str, row_id: str, call: str = "") -> str:
    """Path of a row, or of a call below it; raises InputError for what can be no id."""
    return f"/{resource}/{check_id(row_id, _KINDS[resource])}{call}"


class _ReportingReader:
    """A file as a request body that tells how much of it has been sent."""

    def __init__(self, stream: IO[bytes], size: int, on_progress: Callable[[float], None] | None) -> None:
        self._stream, self._size, self._on_progress, self._sent = stream, size, on_progress, 0

    def __len__(self) -> int:
        return self._size

    def read(self, amount: int = -1) -> bytes:
        chunk = self._stream.read(amount)
        self._sent += len(chunk)
        if self._on_progress:
            self._on_progress(self._sent / self._size if self._size else 1.0)
        return chunk
