"""A real browser, driven through chromedriver: https://www.w3.org/TR/webdriver2/"""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
KEYS = {"left": "\ue012", "right": "\ue014", "down": "\ue015", "enter": "\ue007", "escape": "\ue00c"}
"""As the protocol writes them."""
_SIZE = (1360, 900)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which the protocol tells of an element."""


class _ReplacedError(AssertionError):
    """An element that was found is not on the page any more."""


class Browser:
    """One window. Elements are named by CSS selectors; of several the first is meant."""

    def __init__(self, session: str) -> None:
        self._session = session

    def renew(self) -> None:
        """Make it as it was when it started: no page, no cookies, nothing kept of any site, connected, of full size."""
        first, *others = self._call("GET", "window/handles")
        for handle in others:
            self._post("window", handle=handle)
            self._call("DELETE", "window")
        self._post("window", handle=first)
        self.cut_off(False)
        self.open("about:blank")
        for command, values in (
            ("Network.clearBrowserCookies", {}),
            ("Network.clearBrowserCache", {}),
            ("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"}),
        ):
            self._post("goog/cdp/execute", cmd=command, params=values)
        self.resize(*_SIZE)

    def open(self, address: str) -> None:
        self._post("url", url=address)

    def run(self, script: str, *arguments: object) -> Any:
        """What ``script``, the body of a function, returns."""
        return self._post("execute/sync", script=script, args=list(arguments))

    def text(self, selector: str) -> str:
        """The visible text of an element; empty where there is none."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def click(self, selector: str) -> None:
        self._on(selector, ("click", {}))

    def type(self, selector: str, text: str) -> None:
        """Put ``text`` in place of what stands in a field."""
        self._on(selector, ("clear", {}), ("value", {"text": text}))

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in a field for files."""
        self._on(selector, ("value", {"text": str(file)}))

    def press(self, *keys: str) -> None:
        """Press and let go of keys, one after the other, wherever the focus is; ``KEYS`` are those without a letter."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def drag(self, selector: str, *path: tuple[float, float], pointer: str = "mouse") -> None:
        """Draw with a ``mouse``, ``pen`` or ``touch`` over an element: in parts of its width and height."""
        box = self.run("return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector)
        places = [(round(box["x"] + x * box["width"]), round(box["y"] + y * box["height"])) for x, y in path]
        moves = [{"type": "pointerMove", "duration": 20, "x": x, "y": y} for x, y in places]
        down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        actions = [moves[0], down, *moves[1:], up]
        tool = {"type": "pointer", "id": pointer, "parameters": {"pointerType": pointer}}
        self._post("actions", actions=[{**tool, "actions": actions}])

    def resize(self, width: int, height: int) -> None:
        self._post("window/rect", width=width, height=height)

    def cut_off(self, cut_off: bool = True) -> None:
        """Keep what the browser asks for from every service, or no more."""
        conditions = {"offline": cut_off, "latency": 0, "download_throughput": -1, "upload_throughput": -1}
        self._post("chromium/network_conditions", network_conditions=conditions)

    def screenshot(self, place: Path) -> None:
        place.write_bytes(base64.b64decode(self._call("GET", "screenshot")))

    def until(self, condition: Callable[[], object], seconds: float = 90.0) -> None:
        """Wait for what the page must come to show."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"the page shows: {self.text('main')}"
            time.sleep(0.05)

    def _on(self, selector: str, *steps: tuple[str, dict[str, str]]) -> None:
        """Do something with an element; from the start where a page that keeps itself up to date replaces it."""
        while True:
            found: dict[str, str] = self._post("element", using="css selector", value=selector)
            with contextlib.suppress(_ReplacedError):
                for what, values in steps:
                    self._post(f"element/{found[_ELEMENT]}/{what}", **values)
                return

    def _post(self, what: str, **values: object) -> Any:
        return self._call("POST", what, values)

    def _call(self, method: str, what: str, values: object = None) -> Any:
        answer = requests.request(method, f"{self._session}/{what}", json=values, timeout=60).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            error = _ReplacedError if answer["error"] == "stale element reference" else AssertionError
            raise error(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer


@contextlib.contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """A headless browser with a profile of its own; skips the test where none is installed."""
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium or chromedriver is not installed")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        wanted = {
            # Our pages hold streams of events open: they never finish loading.
            "pageLoadStrategy": "eager",
            "goog:chromeOptions": {"binary": program, "args": [*arguments, "--window-size={},{}".format(*_SIZE)]},
        }
        made = requests.post(f"{address}/session", json={"capabilities": {"alwaysMatch": wanted}}, timeout=60).json()
        session = f"{address}/session/{made['value']['sessionId']}"
        try:
            yield Browser(session)
        finally:
            requests.delete(session, timeout=30)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if requests.get(f"{address}/status", timeout=5).json()["value"]["ready"]:
                return
        except requests.RequestException:
            assert time.monotonic() < deadline, "chromedriver does not answer"
            time.sleep(0.05)
