"""The demonstration: from a STEP file to a rendered picture, through the same calls an artist's tools make."""
