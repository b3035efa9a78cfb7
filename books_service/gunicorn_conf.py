"""What gunicorn is told: `gunicorn -c books_service/gunicorn_conf.py 'books_service:create_app()'`."""

from common.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from books_service.settings import BooksSettings  # noqa: E402 - see above
from common.server import gunicorn_settings  # noqa: E402 - see above

globals().update(gunicorn_settings(BooksSettings.read()))
