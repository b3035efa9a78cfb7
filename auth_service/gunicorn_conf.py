"""What gunicorn is told: `gunicorn -c auth_service/gunicorn_conf.py 'auth_service:create_app()'`."""

import gc

from common.metrics_folder import share_metrics

gc.disable()  # what is made during the start stays; without looking for garbage it takes a quarter less CPU
share_metrics()  # before anything that counts is imported

from auth_service.settings import AuthSettings  # noqa: E402 - not before share_metrics()
from common.server import gunicorn_settings  # noqa: E402 - not before share_metrics()

globals().update(gunicorn_settings(AuthSettings.read()))
