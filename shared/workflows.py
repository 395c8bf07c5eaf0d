"""Workflows: small graphs of process steps."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """States of a workflow's run as a whole."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
