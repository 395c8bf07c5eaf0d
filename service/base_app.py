"""The application as everything of the service needs it: its configuration, the database and the queue.

Web processes add what they serve (:mod:`service.app`); workers and commands are done with this, and load nothing of
the API and the pages.
"""

from __future__ import annotations

from flask import Flask

from service import audit
from service.config import Config, driver_url
from service.database import db, engine_options
from service.database_role import guard_connections
from service.queue import queueing


def create_base_app(config: Config) -> Flask:
    """The application for ``config``. It needs no database yet: see :func:`service.database_role.check_database`."""
    app = Flask("service", static_folder=None)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=driver_url(config.database_url),
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(config.database_pool),
    )
    app.extensions["raceway"] = config
    app.extensions["raceway_bell"] = queueing.Bell(queueing.connect(config.redis_url))
    db.init_app(app)
    audit.install()
    guard_connections(app)
    return app
