"""The addresses that a service listens on: one that cannot be had is refused by the name of its setting."""

import errno
import functools
import socket
from collections.abc import Sequence
from typing import Any

from common.settings import Misconfigured, Settings

BACKLOG = 128  # connections of a listener of ours that wait to be accepted


@functools.cache  # gunicorn reads its settings again at every HUP, and listens by then
def check_address(settings: Settings) -> str:
    """Return the IP address to listen on, or raise `Misconfigured`; a server would try for seconds."""
    return own_address(settings.host, settings.port, "HOST", f"{settings.service.upper()}_PORT")


@functools.cache  # for the same reason
def metrics_listener(settings: Settings) -> socket.socket:
    """Return the socket of the page of metrics, or raise `Misconfigured`."""
    port_setting = f"{settings.service.upper()}_METRICS_PORT"
    listener = _bind(settings.metrics_host, settings.metrics_port, "METRICS_HOST", port_setting)
    listener.listen(BACKLOG)
    return listener


def own_address(host: str, port: int, host_setting: str, port_setting: str) -> str:
    """Return the address of `host` that is this machine's, or raise `Misconfigured` if `port` is in use."""
    with _bind(host, port, host_setting, port_setting) as listener:
        return str(listener.getsockname()[0])


def _bind(host: str, port: int, host_setting: str, port_setting: str) -> socket.socket:
    try:
        return _bind_own(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise Misconfigured(f"{port_setting}: port {port} of {host} is already in use") from error
        reason = getattr(error, "strerror", "not a host name")
        raise Misconfigured(
            f"{host_setting} and {port_setting}: cannot listen on port {port} of {host}: {reason}"
        ) from error


def _bind_own(found: Sequence[tuple[int, int, int, str, Any]]) -> socket.socket:
    """Bind the first address that is this machine's: a name of replicas has those of the others, too."""
    (family, *_, address), *others = found
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRNOTAVAIL or not others:
            raise
        return _bind_own(others)
    return listener
