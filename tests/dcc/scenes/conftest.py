"""The same running service as the publish tests use."""

from __future__ import annotations

from tests.dcc.publish.conftest import client, context, studio

__all__ = ["client", "context", "studio"]
