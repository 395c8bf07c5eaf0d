"""Publishing, the same from every application: collect, validate, extract, integrate.

Plain data goes from step to step (:mod:`dcc.publish.data`), so that none of them knows the application it runs in.
:func:`dcc.publish.pipeline.publish` runs them.
"""
