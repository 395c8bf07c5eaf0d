"""Use all cores: a forked process for each piece of work.

The kernel's Python bindings never release the interpreter lock, so that only processes can use several cores. A forked
process has everything that this one has in memory, and sends its result back pickled. Then it ends at once: to free all
that the kernel holds, object by object, would take as long as a tenth of the work.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn, TypeVar

from dcc.cad.kernel import is_kernel_error, kernel_failed
from shared.errors import CadError
from shared.processes import die_with_parent

_ROUNDS = 2
"""A batch takes one part in this many of a process's fair share of the work that is left."""

Task = TypeVar("Task")
Result = TypeVar("Result")


def can_fork() -> bool:
    """Whether this platform can; macOS cannot safely, once its own frameworks have come up."""
    return sys.platform != "darwin" and "fork" in multiprocessing.get_all_start_methods()


def batches(weights: Sequence[int], processes: int, *, smallest: int, largest: int = sys.maxsize) -> list[list[int]]:
    """Divide tasks of these ``weights`` into batches, each for one process: lists of task numbers, the heaviest first.

    Batches get smaller towards the end, so that no process waits long for the last one (guided self-scheduling,
    Polychronopoulos and Kuck, 1987). No batch of several tasks weighs more than ``largest``. Below ``smallest`` it does
    not pay to start a process: a batch may always weigh that much.
    """
    found: list[list[int]] = []
    left = sum(weights)
    room = 0
    for number in sorted(range(len(weights)), key=lambda number: (-weights[number], number)):
        if not found or weights[number] > room:
            found.append([])
            room = max(smallest, min(largest, left // (_ROUNDS * processes)))
        found[-1].append(number)
        room -= weights[number]
        left -= weights[number]
    return found


class Forked(Iterator[tuple[int, Any]]):
    """The results of ``work(task)``, each with the number of its task, as they come.

    The first ``processes`` begin at once, in the order of ``tasks``; further ones whenever a result is asked for and
    another process has ended. Leaving the context stops those that still work.

    Raises what ``work`` raises, and CadError (``cad.crashed``) where a process dies; ``name`` says of what.
    """

    def __init__(self, work: Callable[[Task], Result], tasks: Sequence[Task], processes: int, *, name: str) -> None:
        self._work = work
        self._waiting = list(enumerate(tasks))[::-1]
        self._name = name
        self._context = multiprocessing.get_context("fork")
        self._running: dict[Connection, tuple[int, BaseProcess]] = {}
        self._processes = min(processes, len(tasks))

    def __enter__(self) -> Forked:
        for _ in range(self._processes):
            self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        while self._running:
            connection, (_number, process) = self._running.popitem()
            process.kill()
            process.join()
            connection.close()

    def __next__(self) -> tuple[int, Any]:
        if not self._running:
            raise StopIteration
        connection = wait(list(self._running))[0]
        assert isinstance(connection, Connection)
        number, process = self._running.pop(connection)
        with connection:
            try:
                content = connection.recv_bytes()
            except (EOFError, OSError):
                # It may have died in the middle of its answer.
                content = b""
        try:
            if self._waiting:
                self._begin()
        finally:
            process.join()
        if not content:
            raise CadError(
                f"The CAD kernel crashed on a part of {self._name}.",
                code="cad.crashed",
                hint="The model may be damaged; try another export of it, or another deflection.",
            )
        result = pickle.loads(content)
        if isinstance(result, BaseException):
            raise result
        return number, result

    def _begin(self) -> None:
        number, task = self._waiting.pop()
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_answer, args=(sender, self._work, task, self._name))
        with sender:
            try:
                process.start()
            except OSError as error:
                receiver.close()
                self.__exit__()
                raise CadError(
                    f"The machine has no room for another process to convert {self._name}: {error.strerror or error}.",
                    code="cad.memory",
                    hint="Convert it when less is going on, or with a higher memory limit.",
                ) from error
        self._running[receiver] = number, process


def _answer(sender: Connection, work: Callable[[Task], Result], task: Task, name: str) -> NoReturn:
    # A killed converter takes these along.
    die_with_parent()
    try:
        content = pickle.dumps(work(task), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        content = pickle.dumps(
            CadError(
                f"There is not enough memory to convert {name}.",
                code="cad.memory",
                hint="Raise the memory limit, or convert with a coarser deflection.",
            )
        )
    except BaseException as error:
        # The kernel's own errors cannot be sent.
        content = pickle.dumps(kernel_failed(name, error) if is_kernel_error(error) else error)
    sender.send_bytes(content)
    os._exit(0)
