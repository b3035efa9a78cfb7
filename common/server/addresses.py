"""The addresses that a service listens on: one that cannot be had is refused by the name of its setting."""

import errno
import functools
import socket

from common.settings import Misconfigured, Settings

BACKLOG = 128  # connections of a listener of ours that wait to be accepted


@functools.cache  # gunicorn reads its settings again at every HUP, and listens by then
def check_address(settings: Settings) -> str:
    """Return the IP address to listen on, or raise `Misconfigured`; a server would try for seconds."""
    with _bind(settings.host, settings.port, f"{settings.service.upper()}_") as listener:
        return str(listener.getsockname()[0])


@functools.cache  # for the same reason
def metrics_listener(settings: Settings) -> socket.socket:
    """Return the socket of the page of metrics, or raise `Misconfigured`."""
    prefix = f"{settings.service.upper()}_METRICS_"
    listener = _bind(settings.metrics_host, settings.metrics_port, prefix)
    listener.listen(BACKLOG)
    return listener


def _bind(host: str, port: int, prefix: str) -> socket.socket:
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:
        if listener:
            listener.close()
        raise Misconfigured(_refusal(error, host, port, prefix)) from error
    return listener


def _refusal(error: OSError | UnicodeError, host: str, port: int, prefix: str) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{prefix}PORT: port {port} of {host} is already in use"
    reason = error.strerror if isinstance(error, OSError) else "not a host name"
    host_setting = "METRICS_HOST" if "METRICS" in prefix else "HOST"
    return f"{host_setting} and {prefix}PORT: cannot listen on port {port} of {host}: {reason}"
