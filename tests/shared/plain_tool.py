"""A tool without a server, for :mod:`tests.shared.test_warm_tool`."""

from __future__ import annotations

import sys

from shared.events import tool_main

if __name__ == "__main__":
    sys.exit(tool_main(lambda: {"plain": True}))
