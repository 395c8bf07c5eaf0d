"""What a WSGI server imports: ``gunicorn --config python:service.gunicorn_settings service.wsgi:app``."""

import logging

from service import logs
from service.app import create_app
from service.config import Config
from service.database_role import check_database
from shared.errors import ServiceError

logs.configure()
app = create_app(Config.from_environment())
try:
    check_database(app)
except ServiceError as error:
    # A process that ended here would take gunicorn along: /ready says 503 until the database is there.
    logging.getLogger(__name__).warning("starting without the database: %s", error.message)
