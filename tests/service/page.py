"""A page of the service as its tests see it."""

from __future__ import annotations

from html.parser import HTMLParser

from werkzeug.test import TestResponse


class Page(HTMLParser):
    """What the tests ask of a page: its text, its links, and what could run in a browser."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self._words: list[str] = []
        self._script = False
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._script = tag == "script"
        self.links += [link for name in ("href", "src", "data-refresh") if (link := values.get(name))]
        self.inline += [f"{tag} {name}" for name in values if name == "style" or name.startswith("on")]
        if (tag == "script" and "src" not in values) or tag == "style":
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._script:
            self._words.append(data)
