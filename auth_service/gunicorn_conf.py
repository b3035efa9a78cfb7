"""What gunicorn is told: `gunicorn -c auth_service/gunicorn_conf.py 'auth_service:create_app()'`."""

from common.metrics_folder import share_metrics

share_metrics()  # before anything that counts is imported

from auth_service.settings import AuthSettings  # noqa: E402 - see above
from common.server import gunicorn_settings  # noqa: E402 - see above

globals().update(gunicorn_settings(AuthSettings.read()))
