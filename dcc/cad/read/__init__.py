"""From the text of a STEP file to a model: structure, names, looks."""
