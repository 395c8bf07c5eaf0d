"""From a STEP file to a USD master, a GLB and a manifest with an identity for every part."""

from dcc.display_libraries import stand_in_for_missing

# Before any module of the kernel is imported.
stand_in_for_missing("OCP")
