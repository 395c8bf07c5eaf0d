"""The desktop launcher: a window that lists the artist's work and starts Blender or Houdini on it."""
