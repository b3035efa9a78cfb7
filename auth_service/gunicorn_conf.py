"""gunicorn's settings: `gunicorn -c auth_service/gunicorn_conf.py 'auth_service:create_app()'`."""

from functools import partial

from common.server.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from auth_service.settings import AuthSettings  # noqa: E402 - not before share_metrics()
from common.server.addresses import check_address, metrics_listener  # noqa: E402 - not before share_metrics()
from common.server.gunicorn_settings import *  # noqa: E402, F403 - what both services share
from common.server.gunicorn_settings import start_worker  # noqa: E402 - not before share_metrics()

settings = AuthSettings.read()
check_address(settings)

bind = settings.address
workers = settings.workers
threads = settings.threads
post_worker_init = partial(start_worker, metrics_listener(settings))
