"""The addresses that a service listens on: one that cannot be had is refused by the name of its setting."""

import errno
import functools
import socket
from contextlib import ExitStack

from common.settings import Misconfigured, Settings

BACKLOG = 128  # connections of a listener of ours that wait to be accepted


@functools.cache  # gunicorn reads its settings again at every HUP, and listens by then
def check_address(settings: Settings) -> str:
    """Return the IP address to listen on, or raise `Misconfigured`; a server would try for seconds."""
    with _bind(settings.host, settings.port, settings.service, "") as listener:
        return str(listener.getsockname()[0])


@functools.cache  # for the same reason
def metrics_listener(settings: Settings) -> socket.socket:
    """Return the socket of the page of metrics, or raise `Misconfigured`."""
    listener = _bind(settings.metrics_host, settings.metrics_port, settings.service, "METRICS_")
    listener.listen(BACKLOG)
    return listener


def _bind(host: str, port: int, service: str, kind: str) -> socket.socket:
    port_setting = f"{service.upper()}_{kind}PORT"
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            stack.pop_all()
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise Misconfigured(f"{port_setting}: port {port} of {host} is already in use") from error
        reason = getattr(error, "strerror", "not a host name")
        raise Misconfigured(
            f"{kind}HOST and {port_setting}: cannot listen on port {port} of {host}: {reason}"
        ) from error
    return listener
