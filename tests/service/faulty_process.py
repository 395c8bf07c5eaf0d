"""A client or a sweeper with its points of :mod:`tests.service.faults`, to be killed at one of them.

``python -m tests.service.faulty_process publish FILE PART KEY`` in a task's environment, or ``... sweep TENANT ROOT``.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from tests.service import faults


def publish(file: str, part: str, key: str) -> None:
    from dcc.publish.data import Request, UsdFile
    from dcc.publish.pipeline import publish
    from shared.client import Client
    from shared.context import Context

    context = Context.from_environment(os.environ)
    with Client.from_context(context) as client:
        publish(client, context, Request(part, UsdFile(Path(file)), "look", key=key))


def sweep(tenant_id: str, root: str) -> None:
    from service.base_app import create_base_app
    from service.config import Config
    from service.tasks import publish_sweep

    with create_base_app(Config.from_environment()).app_context():
        publish_sweep.sweep(UUID(tenant_id), Path(root), datetime.now(UTC) + timedelta(days=2)).save(UUID(tenant_id))


if __name__ == "__main__":
    faults.install()
    {"publish": publish, "sweep": sweep}[sys.argv[1]](*sys.argv[2:])
