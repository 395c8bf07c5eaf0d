"""What people call things that have a name for programs and folders, and perhaps a title."""

from __future__ import annotations

from service.models import Asset, Project, Shot


def titled(row: Project | Asset | Shot) -> str:
    """What people call a project, asset or shot where it stands alone: its title, or its name without one; of a shot
    its place before that, ``sq010 / sh010, Opening``, since others have its name, too."""
    if isinstance(row, Shot):
        return f"{row.sequence.name} / {row.name}{', ' if row.title else ''}{row.title}"
    return row.title or row.name
