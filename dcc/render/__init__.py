"""Pictures of published assets: small modules over ``bpy``, shared by the headless renders and the Blender add-on.

They run under the ``bpy`` wheel and inside a Blender application. ``python -m dcc.render.still`` is the tool that the
service's workers start.
"""
