"""What a WSGI server imports: ``gunicorn --config python:service.gunicorn_settings service.wsgi:app``."""

import logging

from flask.typing import ResponseReturnValue
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from service import logs
from service.app import create_app
from service.config import Config
from service.database_role import check_database
from shared.errors import ServiceError

logs.configure()
app = create_app(Config.from_environment())


@app.errorhandler(ParseException)
def damaged_body(error: ParseException) -> ResponseReturnValue:
    """Chunks that gunicorn cannot make out, as what the rest of the service calls a body that did not arrive whole."""
    return app.handle_http_exception(ClientDisconnected())


try:
    check_database(app)
except ServiceError as error:
    # A process that ended here would take gunicorn along: /ready says 503 until the database is there.
    logging.getLogger(__name__).warning("starting without the database: %s", error.message)
