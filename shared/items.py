"""What an item, the file of a publish, may be: told from its name, its size and its first bytes, without ``pxr``."""

from __future__ import annotations

SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
MAX_BYTES = 4 << 30
"""Largest item, for clients and service alike: nobody can open a larger one in a DCC."""
HEAD_BYTES = 32

_MAGIC = (b"#usda ", b"PXR-USDC", b"PK\x03\x04")
"""Text, binary ("crate") and package; a ``.usd`` file can be either of the first two."""


def is_usd(head: bytes) -> bool:
    """Whether a file that begins with these bytes can be USD."""
    return head.startswith(_MAGIC)
