"""The Raceway extension for Blender 5: import CAD by partKey, assign materials, save versions, publish.

Thin: what it does is in ``dcc`` and ``shared``, which the built extension carries as a wheel. Modules of the extension
import one another relatively, because Blender loads it as ``bl_ext.<repository>.raceway``.
"""

from . import handlers, menus, operators, panels, preferences, properties

_MODULES = (preferences, properties, operators, panels, menus, handlers)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
