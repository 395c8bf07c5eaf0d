"""What speaks for a pair of parts and against it: shape, name and place, and their sum."""
