"""Owns the listening sockets: one a worker, kept by the master, so that none is lost with a worker."""

import errno
import mmap
import socket
import sys
from contextlib import ExitStack, suppress
from typing import Any

from common.settings import Misconfigured

BACKLOG = 1024  # connections a socket may have waiting to be accepted

# Linux's numbers, by address family: what arrives with fewer hops left than so many is dropped (RFC 5082).
LEAST_HOPS = {
    socket.AF_INET: [(socket.IPPROTO_IP, 21)],  # IP_MINTTL
    # IPV6_MINHOPCOUNT; an IPv6 socket may take IPv4, too
    socket.AF_INET6: [(socket.IPPROTO_IPV6, 73), (socket.IPPROTO_IP, 21)],
}
ALL_HOPS = 255  # a packet is sent with 64 or 128 by nearly everybody

_stopping = mmap.mmap(-1, 1)  # one byte that the master and its workers share
_latest: list[Any] = []  # the worker that was made last, which in a worker is itself


def open_listeners(host: str, port: int, count: int, *, prefix: str) -> list[socket.socket]:
    """Return `count` sockets that listen on one address, or raise `Misconfigured` naming the setting.

    It is `prefix` with PORT behind it, AUTH_ or AUTH_METRICS_ for example.

    The kernel spreads connections evenly over them; without that, one worker of two can get nearly all.
    The first is bound alone, so that a port somebody else listens on is refused; only then may others join.
    """
    first = _listen(host, port, prefix)
    if count == 1 or sys.platform != "linux":  # elsewhere the kernel does not spread
        return [first]
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    address = first.getsockname()
    others = [_listen(host, address[1], prefix, share=True) for _ in range(count - 1)]
    return [first, *others]


def _listen(host: str, port: int, prefix: str, *, share: bool = False) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as on_failure:
            listener = on_failure.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if share:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            on_failure.pop_all()
    except (OSError, UnicodeError) as error:
        raise Misconfigured(_refusal(error, host, port, prefix)) from error
    return listener


def _refusal(error: OSError | UnicodeError, host: str, port: int, prefix: str) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{prefix}PORT: port {port} of {host} is already in use"
    reason = error.strerror if isinstance(error, OSError) else "not a host name"
    host_setting = "METRICS_HOST" if "METRICS" in prefix else "HOST"
    return f"{host_setting} and {prefix}PORT: cannot listen on port {port} of {host}: {reason}"


def refuse_connections(listeners: list[socket.socket]) -> None:
    """Let in nobody new, while what is already queued can be accepted; for a server that is about to stop.

    Closing a listening socket resets the connections queued in it. A packet that opens one is dropped
    instead, so that its sender tries again a second later, and then is refused or finds the next server.
    A packet filter would do the same, but newer kernels want CAP_NET_ADMIN for one.
    """
    _stopping[0] = 1
    for listener in listeners:
        _demand_hops(listener, ALL_HOPS)


def welcome(sock: socket.socket) -> None:
    """Let data in on an accepted connection, which may have inherited that nothing is let in."""
    if _stopping[0]:
        _demand_hops(sock, 0)


def _demand_hops(sock: socket.socket, hops: int) -> None:
    if sys.platform == "linux":
        for level, option in LEAST_HOPS.get(sock.family, []):
            with suppress(OSError):  # a sandbox may not know it; stopping then resets a few at worst
                sock.setsockopt(level, option, hops)


def is_stopping() -> bool:
    """Tell a worker whether the whole server is about to stop."""
    return bool(_stopping[0])


def is_ending() -> bool:
    """Tell a request that waits whether its worker is about to stop, alone or with the whole server."""
    return is_stopping() or not all(worker.alive for worker in _latest)


def take_slot(arbiter: Any, worker: Any) -> None:
    """Give a new worker the listener that the fewest others have; in the master, before the fork."""
    _latest[:] = [worker]
    taken = [other.slot for other in arbiter.WORKERS.values()]
    worker.slot = min(range(len(arbiter.LISTENERS)), key=taken.count)
    worker.sockets = [arbiter.LISTENERS[worker.slot]]
    worker.neighbours = [listener for listener in arbiter.LISTENERS if listener not in worker.sockets]
