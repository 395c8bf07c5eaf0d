"""The same running service as the publish tests use."""

from __future__ import annotations

from tests.publish.conftest import client, context, studio

__all__ = ["client", "context", "studio"]
