"""From a scene to USD, GLB and manifest."""
