"""The Blender extension and what builds and runs it; the extension itself is in ``extension``."""
