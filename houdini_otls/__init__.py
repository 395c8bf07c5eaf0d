"""The Houdini package: published assets in Solaris, looks, publishes and saved scenes from inside Houdini.

``packages/raceway.json`` makes Houdini load this folder: the shelf in ``toolbar/``, the panel in ``python_panels/``,
and through ``scripts/python/raceway_houdini.py`` the Python code here, ``dcc`` and ``shared``.

It is type-checked against SideFX's own stubs and its flows run in tests; no part of it was ever loaded by a real
Houdini, as none was at hand.
"""
