"""How far a conversion has come reaches whoever looks on, while a worker does it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("OCP", reason="the CAD kernel is not installed")

from dcc.cad.step_writer import StepWriter
from tests.service.studio import Json, StudioUnderTest, work
from tests.service.test_events import Reader

pytestmark = pytest.mark.usefixtures("quiet_queue")
PARTS = 40
STAGES = ["check", "read", "transfer", "mesh", "write"]


@pytest.fixture(scope="module")
def slow_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Many small rings, which take seconds to mesh finely."""
    from OCP.BRepPrimAPI import BRepPrimAPI_MakeTorus

    step = StepWriter()
    root = step.assembly("Rings")
    for number in range(PARTS):
        step.place(root, step.part(f"Ring {number}", BRepPrimAPI_MakeTorus(10.0 + number, 2.0 + number / 50).Shape()))
    place: Path = tmp_path_factory.mktemp("step") / "rings.step"
    step.write(place)
    return place.read_bytes()


def test_percents_of_each_stage_arrive_as_they_are_reached(studio: StudioUnderTest, slow_file: bytes) -> None:
    production = studio.production()
    query = {"project": production.project["name"], "asset": "gear", "filename": "rings.step"}
    cad: Json = studio.artist.upload(slow_file, **query, angular_deflection="0.15").data
    told: list[Json] = []
    asked: list[Json] = []

    def follow() -> Iterator[Json]:
        with closing(Reader(studio, f"/jobs/{cad['job_id']}/events")) as reader:
            for message in reader.messages():
                if message.event == "progress":
                    yield message.data
                elif message.event == "end":
                    return

    def look_on() -> None:
        for progress in follow():
            told.append(progress)
            asked.append(studio.artist.get(f"/cad/{cad['id']}").data["progress"])

    onlooker = threading.Thread(target=look_on, daemon=True)
    onlooker.start()
    work(studio.app)
    onlooker.join(30)
    assert not onlooker.is_alive()

    for seen in ([each["percent"] for each in told], [each["percent"] for each in asked]):
        assert seen == sorted(seen), "it never goes backwards"
        assert len({percent for percent in seen if 0 < percent < 99}) >= 2, seen
    stages = [each["stage"] for each in told if each["stage"] in STAGES]
    assert stages == sorted(stages, key=STAGES.index) and "mesh" in stages
    meshing = [each for each in told if each["stage"] == "mesh"][-1]
    assert f"{PARTS} parts" in meshing["message"] and meshing["remaining"] > 0
    assert studio.artist.get(f"/cad/{cad['id']}").data["progress"] == {"stage": "done", "percent": 100.0}
    steps = studio.artist.get(f"/jobs/{cad['job_id']}").data["document"]["steps"]
    assert [step["name"] for step in steps] == [*STAGES, "store"]
