"""Work in forked processes: results, errors and crashes come back, nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcc.cad.forking import Forked, batches
from shared.errors import CadError
from shared.process_tree import descendants


@given(st.lists(st.integers(0, 1000)), st.integers(1, 8), st.integers(1, 2000))
def test_batches_hold_every_task_once_and_grow_smaller(weights: list[int], processes: int, largest: int) -> None:
    found = batches(weights, processes, smallest=10, largest=largest)
    assert sorted(number for batch in found for number in batch) == list(range(len(weights)))
    left = sum(weights)
    for batch in found:
        weight = sum(weights[number] for number in batch)
        assert len(batch) == 1 or weight <= max(10, min(largest, left // (2 * processes)))
        left -= weight


def square(number: int) -> int:
    return number * number


def test_every_task_gives_its_result_once() -> None:
    with Forked(square, range(7), 3, name="bracket.step") as results:
        assert sorted(results) == [(number, number * number) for number in range(7)]


def test_no_task_no_result() -> None:
    with Forked(square, [], 2, name="bracket.step") as results:
        assert list(results) == []


def test_an_error_comes_back_as_it_is() -> None:
    def refuse(number: int) -> int:
        raise CadError(f"Part {number} is bad.", code="cad.empty", hint="Export it again.")

    with pytest.raises(CadError) as caught, Forked(refuse, [3], 2, name="bracket.step") as results:
        list(results)
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "cad.empty",
        "Part 3 is bad.",
        "Export it again.",
    )


def test_an_error_of_the_kernel_names_the_file() -> None:
    from OCP.Standard import Standard_DomainError

    def give_up(number: int) -> int:
        raise Standard_DomainError("no curve")

    with pytest.raises(CadError) as caught, Forked(give_up, [1], 1, name="bracket.step") as results:
        list(results)
    assert caught.value.code == "cad.kernel_failed"
    assert "bracket.step" in caught.value.message


def test_a_crash_is_told_and_stops_the_others() -> None:
    def crash(number: int) -> int:
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        return number

    before = descendants(os.getpid())
    with pytest.raises(CadError) as caught, Forked(crash, range(4), 2, name="bracket.step") as results:
        list(results)
    assert caught.value.code == "cad.crashed"
    assert "bracket.step" in caught.value.message
    assert descendants(os.getpid()) <= before


def test_who_dies_in_the_middle_of_its_answer_has_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(connection: Connection, content: bytes) -> None:
        os.write(connection.fileno(), len(content).to_bytes(4, "big") + content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Connection, "send_bytes", half)
    with pytest.raises(CadError) as caught, Forked(square, [3], 1, name="bracket.step") as results:
        list(results)
    assert caught.value.code == "cad.crashed"
