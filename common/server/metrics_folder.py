"""The folder in which the workers of a service count together.

prometheus_client looks for it when it is imported, so `share_metrics` is called before anything that counts.
"""

import atexit
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from common.settings import Misconfigured

MEMORY = Path("/dev/shm")  # noqa: S108 - memory as files; every name made in it is random


@functools.cache  # gunicorn reads its settings again at every HUP
def share_metrics() -> None:
    """Make prometheus_client count in a fresh folder that all workers share, gone when the master ends."""
    if "prometheus_client" in sys.modules:
        raise Misconfigured("gunicorn's configuration must be given as a file: -c …_service/gunicorn_conf.py")
    parent = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    try:
        folder = tempfile.mkdtemp(prefix="bookstore-metrics-", dir=parent or memory)
    except OSError as error:
        raise Misconfigured("PROMETHEUS_MULTIPROC_DIR must name a folder that can be written") from error
    atexit.register(remove_metrics, folder, os.getpid())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def remove_metrics(folder: str, owner: int) -> None:
    """Remove the folder, unless this is a fork of its owner."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
