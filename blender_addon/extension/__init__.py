"""Raceway in Blender: import CAD by partKey, assign materials, save versions, publish.

The operators and panels here are thin: the work is done by ``dcc`` and ``shared``, which come with this extension as a
wheel.
"""

from . import handlers, operators, panel, preferences, properties

_PARTS = (preferences, properties, operators, panel, handlers)


def register() -> None:
    for part in _PARTS:
        part.register()


def unregister() -> None:
    for part in reversed(_PARTS):
        part.unregister()
