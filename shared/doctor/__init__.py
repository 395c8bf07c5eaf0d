"""``raceway doctor``: looks for what keeps Raceway from working on this machine, and says what to do.

Each folder registers what it can check in ``setup.cfg`` under ``raceway.checks``; the value names a list of
:class:`~shared.doctor.report.Check`.
"""
