"""Vocabulary and contracts of Raceway: what every other folder agrees on.

Imports the standard library and ``requests`` only, so that it also runs inside Blender and Houdini.
"""

__version__ = "0.8.0"
