"""Houdini's own dialogs, and the one way in which a tool tells an artist what went wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import hou

from shared.errors import RacewayError

TITLE = "Raceway"


class CancelledError(Exception):
    """The artist closed a dialog."""


def tool(function: Callable[[], None]) -> Callable[[], None]:
    """A shelf tool: its errors are shown with their hint, and closing one of its dialogs ends it quietly."""

    @functools.wraps(function)
    def run() -> None:
        try:
            function()
        except CancelledError:
            hou.ui.setStatusMessage(f"{TITLE}: nothing was done.")
        except RacewayError as error:
            hou.ui.displayMessage(error.message, severity=hou.severityType.Error, help=error.hint or None, title=TITLE)
        except hou.OperationFailed as error:
            hou.ui.displayMessage(
                f"Houdini refused: {error.instanceMessage()}", severity=hou.severityType.Error, title=TITLE
            )

    return run


def tell(text: str) -> None:
    hou.ui.displayMessage(text, title=TITLE)


def choose(items: Sequence[str], message: str) -> int:
    """Let the artist choose one; raises CancelledError."""
    return choose_several(items, message, exclusive=True)[0]


def choose_several(
    items: Sequence[str], message: str, *, exclusive: bool = False, chosen: Sequence[int] = ()
) -> list[int]:
    """Let the artist choose one or more; raises CancelledError where none is."""
    picked = hou.ui.selectFromList(
        items,
        default_choices=chosen,
        exclusive=exclusive,
        message=message,
        title=TITLE,
        column_header="",
        clear_on_cancel=True,
    )
    if not picked:
        raise CancelledError
    return list(picked)


def ask_text(text: str, initial: str) -> str:
    """Ask for a line of text; raises CancelledError."""
    button, answer = hou.ui.readInput(
        text, buttons=("OK", "Cancel"), close_choice=1, title=TITLE, initial_contents=initial
    )
    if button != 0 or not answer.strip():
        raise CancelledError
    return answer.strip()


def ask_choice(text: str, buttons: Sequence[str]) -> int:
    """Offer some buttons and Cancel; answers which was pressed, raises CancelledError."""
    pressed = hou.ui.displayMessage(
        text, buttons=(*buttons, "Cancel"), close_choice=len(buttons), default_choice=0, title=TITLE
    )
    if pressed == len(buttons):
        raise CancelledError
    return pressed
