"""The file that tells whose storage a folder is; who wonders whether PM_ROOT is right reads it."""

from __future__ import annotations

import json
from pathlib import Path

from shared.files import atomic_write

_NAME = ".raceway-storage.json"


def mark_storage(root: Path, tenant_id: str) -> None:
    """Mark ``root`` as the storage of a tenant; raises StorageError where it cannot be written."""
    if tenant_of(root) != tenant_id:
        atomic_write(root / _NAME, json.dumps({"tenant_id": tenant_id}) + "\n")


def tenant_of(root: Path) -> str | None:
    """Id of the tenant whose storage ``root`` is; None where it bears no mark."""
    try:
        return str(json.loads((root / _NAME).read_text(encoding="utf-8"))["tenant_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
