"""The process behind a :class:`shared.warm_tool.WarmTool`: it has imported everything, and forks for every run.

A run is a process like any other: in a session of its own, with the caller's folder, environment and pipes. It dies
with the server, and the server ends it when the caller goes away. No run can hurt the server or another run.

Each request is one byte on the control socket that carries three descriptors: the conversation of this run, and its
standard output and error. On the conversation the caller sends one JSON line (``arguments``, ``cwd``, ``env``); the
server answers with a line ``{"pid": ...}`` and, when the run has ended, ``{"status": ...}`` (negative: the signal).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from shared.process_tree import kill_tree
from shared.processes import die_with_parent

Main = Callable[[list[str]], int]
"""A tool's ``main``: takes its arguments, returns its exit status."""

_REQUEST_SECONDS = 10.0


def serve(control: socket.socket, main: Main) -> None:
    """Fork a process that runs ``main`` for every request on ``control``, until the other side closes it.

    Runs that are under way then are still brought to their end. Call it while there is no thread but this one: others
    would be missing in the forked processes.
    """
    # Objects that live for ever need no looking at; a collection in a child would copy the pages they lie on.
    gc.collect()
    gc.freeze()
    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    conversations: dict[int, socket.socket] = {}
    asked = True
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while asked or conversations:
            for key, _ in selector.select():
                if key.fileobj is control:
                    try:
                        started = _start(control, main)
                    except EOFError:
                        asked = False
                        selector.unregister(control)
                        continue
                    if started is not None:
                        pid, conversation = started
                        conversations[pid] = conversation
                        selector.register(conversation, selectors.EVENT_READ, pid)
                elif key.fileobj == wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake, 4096)
                elif key.data in conversations:
                    # A caller has nothing more to say: it is gone.
                    conversation = conversations.pop(key.data)
                    selector.unregister(conversation)
                    conversation.close()
                    kill_tree(key.data)
            for pid, status in _ended():
                if pid in conversations:
                    conversation = conversations.pop(pid)
                    selector.unregister(conversation)
                    _tell(conversation, {"status": status})
                    conversation.close()


def _start(control: socket.socket, main: Main) -> tuple[int, socket.socket] | None:
    """Fork for the request that waits on ``control``; None where its caller is gone already.

    Raises EOFError when nobody can ask any more.
    """
    message, descriptors, _, _ = socket.recv_fds(control, 1, 3)
    if not message:
        raise EOFError
    conversation, streams = socket.socket(fileno=descriptors[0]), descriptors[1:]
    try:
        conversation.settimeout(_REQUEST_SECONDS)
        with conversation.makefile("rb") as lines:
            request = json.loads(lines.readline())
        pid = os.fork()
        if pid == 0:
            control.close()
            conversation.close()
            _run(main, request, streams)
    except (OSError, ValueError):
        conversation.close()
        return None
    finally:
        for descriptor in streams:
            os.close(descriptor)
    _tell(conversation, {"pid": pid})
    return pid, conversation


def _run(main: Main, request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the tool: never returns to the server's code."""
    status = 1
    try:
        os.setsid()
        die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(streams[0], 1)
        os.dup2(streams[1], 2)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        status = main(request["arguments"])
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # The server's own business at exit is not ours, and taking the interpreter apart takes long.
        os._exit(status)


def _ended() -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            yield pid, os.waitstatus_to_exitcode(status)


def _tell(conversation: socket.socket, answer: dict[str, int]) -> None:
    # A caller that is gone is noticed where its conversation is read.
    with contextlib.suppress(OSError):
        conversation.sendall(json.dumps(answer).encode() + b"\n")
