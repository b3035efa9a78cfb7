"""How gunicorn is to serve `served_app`: as the services are, but with clocks that a test can wait for."""

import os
from typing import Any

from common.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from common import connection, worker  # noqa: E402 - not before share_metrics()
from common.server import gunicorn_settings  # noqa: E402 - not before share_metrics()
from common.settings import Environment, Settings, common_settings  # noqa: E402 - not before share_metrics()

worker.REQUEST_TIME = float(os.environ.get("TEST_REQUEST_TIME", worker.REQUEST_TIME))
connection.STALL_TIME = int(os.environ.get("TEST_STALL_TIME", connection.STALL_TIME))
worker.LINGER_TIME = float(os.environ.get("TEST_LINGER_TIME", worker.LINGER_TIME))

members: dict[str, Any] = common_settings(Environment(), "auth", port=5001, metrics_port=9101)
globals().update(gunicorn_settings(Settings(**members)))
