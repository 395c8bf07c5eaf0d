"""Send what USD prints while it opens files to the log instead of the console.

A missing layer is a finding of our checks, with a remedy. USD would print it again for each stage that it opens, with
line numbers of its own source.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pxr import UsdUtils

log = logging.getLogger(__name__)


@contextmanager
def diagnostics_logged() -> Iterator[None]:
    """Keep USD's warnings and messages off the console; also a decorator. Its errors are raised as ever."""
    # USD prints only where no delegate is registered.
    heard = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        yield
    finally:
        for each in heard.TakeUncoalescedDiagnostics():
            log.info("%s", each.commentary)
