"""What gunicorn is told: `gunicorn -c python:books_service.gunicorn_conf 'books_service:create_app()'`."""

from books_service.settings import BooksSettings
from common.server import gunicorn_settings

globals().update(gunicorn_settings(BooksSettings.read()))
