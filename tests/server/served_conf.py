"""How gunicorn is to serve `served_app`: as the services are."""

from functools import partial

from common.server.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from common.server.addresses import check_address, metrics_listener  # noqa: E402 - not before share_metrics()
from common.server.gunicorn_settings import *  # noqa: E402, F403 - what both services share
from common.server.gunicorn_settings import start_worker  # noqa: E402 - not before share_metrics()
from tests.server.served_app import read_settings  # noqa: E402 - not before share_metrics()

settings = read_settings()
check_address(settings)

bind = settings.address
workers = settings.workers
threads = settings.threads
post_worker_init = partial(start_worker, metrics_listener(settings))
