"""gunicorn's settings: `gunicorn -c books_service/gunicorn_conf.py 'books_service:create_app()'`."""

from common.server.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from books_service.settings import BooksSettings  # noqa: E402 - not before share_metrics()
from common.server.gunicorn_settings import *  # noqa: E402, F403 - what both services share
from common.server.gunicorn_settings import listen  # noqa: E402 - not before share_metrics()

bind, workers, threads, post_worker_init = listen(BooksSettings.read())
