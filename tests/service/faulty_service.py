"""The service with its points of :mod:`tests.service.faults`: ``gunicorn ... tests.service.faulty_service:app``."""

from tests.service import faults

faults.install()

from service.wsgi import app  # noqa: E402

__all__ = ["app"]
