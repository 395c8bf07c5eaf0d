"""USD layers of a publish: materials, looks, items, and the checks they must pass."""
