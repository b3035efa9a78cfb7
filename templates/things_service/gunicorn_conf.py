"""gunicorn's settings, read by `python -m common.server things_service`."""

from common.server.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from common.server.gunicorn_settings import *  # noqa: E402, F403 - what both services share
from common.server.gunicorn_settings import listen  # noqa: E402 - not before share_metrics()
from things_service.settings import ThingsSettings  # noqa: E402 - not before share_metrics()

bind, workers, threads, post_worker_init = listen(ThingsSettings.read())
