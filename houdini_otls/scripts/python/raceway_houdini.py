"""Makes Raceway's packages importable inside Houdini, and nothing else of the folder that they stand in.

That folder may be the ``site-packages`` of a Python with another USD, Qt and NumPy than Houdini's. On ``PYTHONPATH``
it would hide Houdini's own and break it; so only our packages are looked up there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = frozenset({"shared", "dcc", "houdini_otls"})
HOME = Path(__file__).resolve().parents[3]
"""The folder that holds our packages: a checkout, or a ``site-packages``."""


class PackageFinder(MetaPathFinder):
    """Finds the top-level packages of Raceway below ``HOME``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [str(HOME)]) if path is None and fullname in PACKAGES else None


def install() -> None:
    """Make ``shared``, ``dcc`` and ``houdini_otls`` importable; calling it again changes nothing."""
    if not any(isinstance(finder, PackageFinder) for finder in sys.meta_path):
        # First, because a studio may have a package called `shared` of its own.
        sys.meta_path.insert(0, PackageFinder())


install()
