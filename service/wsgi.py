"""What a WSGI server imports: ``gunicorn --config python:service.gunicorn_settings service.wsgi:app``."""

from service import logs
from service.app import create_app
from service.config import Config

logs.configure()
app = create_app(Config.from_environment())
