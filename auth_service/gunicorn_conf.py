"""What gunicorn is told: `gunicorn -c python:auth_service.gunicorn_conf 'auth_service:create_app()'`."""

from auth_service.settings import AuthSettings
from common.server import gunicorn_settings

globals().update(gunicorn_settings(AuthSettings.read()))
