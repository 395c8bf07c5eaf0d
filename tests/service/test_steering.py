"""Workers and jobs as people steer them: a worker rests and leaves when told, and a page shows what a job does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.tasks.logs import SHOWN_LINES
from shared.client import Json
from tests.service.browser import Browser
from tests.service.farm import Farm, farm, until


@pytest.fixture(scope="module")
def shared_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with farm(tmp_path_factory.mktemp("farm")) as started:
        yield started


@pytest.fixture
def quiet_farm(shared_farm: Farm) -> Iterator[Farm]:
    """The farm without workers and without jobs that wait."""
    yield shared_farm
    shared_farm.stop_workers()
    for job in shared_farm.client.get("/jobs/")["items"]:
        if job["state"] in ("pending", "queued", "running"):
            shared_farm.client.cancel_job(job["id"])


def states(farm: Farm, job: Json) -> list[str]:
    return [task["state"] for task in farm.client.get(f"/jobs/{job['id']}/tasks")["items"]]


def the_worker(farm: Farm) -> Json:
    """The only worker, once it has said that it is there."""
    until(lambda: farm.client.get("/workers/")["items"])
    (found,) = farm.client.get("/workers/")["items"]
    return dict(found)


def test_a_worker_rests_works_again_and_leaves_when_it_is_told(quiet_farm: Farm) -> None:
    process = quiet_farm.start_worker(STAND_IN_SECONDS="0.4")
    job = quiet_farm.submit("frames", frames="1-32", chunk=8)
    until(lambda: states(quiet_farm, job)[0] == "running")
    worker = the_worker(quiet_farm)
    quiet_farm.client.patch(f"/workers/{worker['id']}", {"wanted": "rest"})
    # It hears of that within 2 s, which its task outlasts.
    until(lambda: states(quiet_farm, job)[0] == "completed")
    until(lambda: the_worker(quiet_farm)["state"] == "disabled")
    assert states(quiet_farm, job) == ["completed", "queued", "queued", "queued"]
    assert quiet_farm.client.job(job["id"])["waiting"] == "Every worker that could do it rests or leaves."
    quiet_farm.client.patch(f"/workers/{worker['id']}", {"wanted": "work"})
    until(lambda: states(quiet_farm, job)[1] == "running")
    quiet_farm.client.patch(f"/workers/{worker['id']}", {"wanted": "drain"})
    assert process.wait(timeout=30) == 0
    tasks = quiet_farm.client.get(f"/jobs/{job['id']}/tasks")["items"]
    assert [(task["state"], task["attempt"]) for task in tasks[1:]] == [("completed", 1), ("queued", 0), ("queued", 0)]
    assert quiet_farm.client.get("/workers/")["items"] == []


def test_a_worker_told_to_drain_from_the_start_does_what_waits_and_leaves(quiet_farm: Farm) -> None:
    jobs = [quiet_farm.submit("frames", frames="1-60", chunk=30), quiet_farm.submit("still")]
    assert quiet_farm.start_worker("--drain").wait(timeout=60) == 0
    told, still = (quiet_farm.client.job(job["id"]) for job in jobs)
    assert (told["state"], still["state"]) == ("completed", "completed")
    # A job tells the end of its log, of its newest task; lists do not.
    assert len(told["log"]) == SHOWN_LINES and told["log"][-1].endswith("frame 60 stands")
    task = quiet_farm.client.get(f"/jobs/{told['id']}/tasks")["items"][0]
    assert quiet_farm.client.job(task["id"])["log"][-1].endswith("frame 30 stands") and task["log"] == []
    listed = next(each for each in quiet_farm.client.get("/jobs/")["items"] if each["id"] == told["id"])
    assert (listed["log"], listed["waiting"]) == ([], "")


def test_the_page_of_a_running_job_keeps_up_with_it(quiet_farm: Farm, browser: Browser) -> None:
    job = quiet_farm.submit("turntable", frames=24, chunk=12)
    browser.open(f"{quiet_farm.stack.url}/jobs/{job['id']}?token={quiet_farm.stack.admin_token}")
    assert "No worker serves the queue render" in browser.text("#job .note")
    quiet_farm.start_worker(STAND_IN_SECONDS="0.25")
    seen: set[str] = set()

    def follows() -> bool:
        seen.add(browser.text("[data-job=percent]"))
        return "frame 20 stands" in browser.text("[data-job=log]")

    browser.until(follows)
    assert len(seen) > 5 and "left" in browser.text("[data-job=remaining]")
    assert browser.text("#job .actions").split("\n")[:2] == ["Pause", "Cancel"]
    browser.until(lambda: "completed" in browser.text("#job h1"))
    assert "Cancel" not in browser.text("#job .actions") and browser.text("[data-job=percent]") == "100 %"
    assert browser.run("return document.querySelectorAll('.frames .state-completed').length") == 24


def test_the_queue_page_steers_jobs_queues_and_workers(quiet_farm: Farm, browser: Browser) -> None:
    job = quiet_farm.submit("frames", frames="1-4", chunk=4, needs=["gpu"])
    quiet_farm.start_worker()
    worker = the_worker(quiet_farm)
    browser.open(f"{quiet_farm.stack.url}/jobs?state=open&token={quiet_farm.stack.admin_token}")
    row = f"tr:has(a[href='/jobs/{job['id']}'])"
    browser.type(f"{row} input[name=priority]", "95")
    browser.click(f"{row} .priority button")
    browser.until(lambda: quiet_farm.client.job(job["id"])["priority"] == 95)
    assert browser.run("return location.search") == "?state=open"
    browser.click(f"{row} form[action*=pause] button")
    browser.until(lambda: "paused" in browser.text(row))

    browser.click("form[action='/queues/render/pause'] button")
    browser.until(lambda: "paused" in browser.text("tr:has(form[action='/queues/render/resume'])"))
    browser.click("form[action='/queues/render/resume'] button")
    browser.until(lambda: browser.run("return !!document.querySelector(\"form[action='/queues/render/pause']\")"))
    browser.click(f"form[action='/workers/{worker['id']}/rest'] button")
    browser.until(lambda: the_worker(quiet_farm)["wanted"] == "rest")

    # A question stands open until it is answered, whatever changes meanwhile.
    browser.click(f"[popovertarget='cancel-{job['id']}']")
    quiet_farm.client.patch(f"/jobs/{job['id']}", {"priority": 20})
    assert "Cancel “Render frames of gear”?" in browser.text(".confirm:popover-open")
    assert quiet_farm.client.job(job["id"])["state"] == "queued"
    # Somebody else was faster: that is said, and nothing breaks.
    quiet_farm.client.cancel_job(job["id"])
    browser.click(".confirm:popover-open .danger")
    browser.until(lambda: "has ended: it is cancelled" in browser.text("[role=alert]"))
