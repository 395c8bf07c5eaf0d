"""From shapes to triangles and measures."""
