"""From a STEP file to a USD master, a GLB and a manifest with an identity for every part."""
