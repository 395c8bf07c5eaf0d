"""Operators, one file for each step of the artist's way: import, materials, scenes, publish."""

import bpy

from . import import_cad, materials, publish, scenes

_CLASSES = (*import_cad.CLASSES, *materials.CLASSES, *scenes.CLASSES, *publish.CLASSES)


def register() -> None:
    for item in _CLASSES:
        bpy.utils.register_class(item)


def unregister() -> None:
    for item in reversed(_CLASSES):
        bpy.utils.unregister_class(item)
