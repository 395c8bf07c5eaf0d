"""How much is loaded before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """``projects`` x ``assets`` x ``parts`` x ``versions`` publishes."""

    projects: int = 10
    assets: int = 50
    parts: int = 10
    versions: int = 20

    @property
    def publishes(self) -> int:
        return self.projects * self.assets * self.parts * self.versions


FULL = Scale()
"""100,000 publishes."""
SMALL = Scale(projects=2, assets=10, parts=5, versions=5)
"""To see that everything runs."""
