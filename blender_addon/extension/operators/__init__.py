"""What an artist can do: one module a subject, each operator a few lines over ``dcc``."""

import bpy

from . import cad, materials, publish, revisions, scenes

_CLASSES = (*cad.CLASSES, *revisions.CLASSES, *materials.CLASSES, *scenes.CLASSES, *publish.CLASSES)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
