"""Starts the server of a service in the foreground: `python -m common.server auth_service`."""

import os
import sys
from importlib import import_module

from common.server.metrics_folder import share_metrics
from common.service_list import SERVICES
from common.settings import chosen_server

PACKAGES = [f"{name}_service" for name in SERVICES]


def main(service: str) -> None:
    """Become the server of `service`, a package of ours."""
    if chosen_server() == "granian":
        share_metrics()  # before anything that counts is imported
        import_module("common.server.granian_server").serve(service)
    else:
        words = ["-m", "gunicorn", "-c", f"{service}/gunicorn_conf.py", f"{service}:create_app()"]
        os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - no shell is needed


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PACKAGES:
        sys.exit(f"usage: python -m common.server {' | '.join(PACKAGES)}")
    main(sys.argv[1])
