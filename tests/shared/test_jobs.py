from __future__ import annotations

import itertools

import pytest

from shared.errors import ConflictError
from shared.jobs import FINAL_STATES, TRANSITIONS, JobDocument, JobState


def test_only_the_moves_of_the_state_machine_are_possible() -> None:
    for current, target in itertools.product(JobState, JobState):
        document = JobDocument("j1", state=current)
        if target in TRANSITIONS[current]:
            document.move_to(target)
            assert document.state is target
        else:
            with pytest.raises(ConflictError) as caught:
                document.move_to(target)
            assert caught.value.code == "conflict.job_state"
            assert document.state is current


def test_a_completed_job_stays_completed_and_other_ends_can_be_retried() -> None:
    assert not TRANSITIONS[JobState.COMPLETED]
    assert all(JobState.QUEUED in TRANSITIONS[state] for state in FINAL_STATES - {JobState.COMPLETED})


def test_a_document_survives_storage_with_its_steps_and_durations() -> None:
    document = JobDocument("j1", state=JobState.RUNNING)
    document.start_step("render")
    document.finish_step(JobState.COMPLETED, {"files": ["a.png"]})
    document.progress.percent = 40.0
    again = JobDocument.from_json(document.to_json())
    assert again == document
    assert again.steps[0].duration is not None and again.steps[0].duration >= 0
    assert again.steps[0].output == {"files": ["a.png"]}


def test_a_restart_keeps_nothing_of_the_failed_attempt() -> None:
    document = JobDocument("j1", state=JobState.FAILED, error={"code": "x"}, process_group=12)
    document.start_step("render")
    document.restart()
    assert document.steps == [] and document.error is None and document.process_group is None
