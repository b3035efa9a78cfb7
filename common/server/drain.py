"""A stop that loses nothing: first let nobody new in, then stop in the server's own way.

Closing a listening socket resets the connections queued in it. So the listeners first demand the largest TTL
there is (RFC 5082), which no packet of an ordinary client has: its sender tries again a second later, and
then is refused or finds the next server. What is queued by then is answered. A packet filter would do the
same, but newer kernels want CAP_NET_ADMIN for one.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from types import FrameType

HANDSHAKE = 0.2  # seconds for connections that are being opened when a stop begins to end up in the queue
ALL_HOPS = 255  # a packet is sent with 64 or 128 by nearly everybody
# Linux's numbers of IP_MINTTL and IPV6_MINHOPCOUNT; an IPv6 socket may take IPv4, too.
OPTIONS = ((socket.IPPROTO_IP, 21), (socket.IPPROTO_IPV6, 73))


def drain_before_stop(listeners: Sequence[socket.socket]) -> None:
    """At TERM, refuse new connections before the handler that is set now is called; in the main thread."""
    process, handler = os.getpid(), signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:
            os._exit(0)  # a fork that has no handler of its own yet, and no connections
        signal.signal(signal.SIGTERM, handler)  # a second TERM may come when the listeners are closed
        for listener, option in product(listeners, OPTIONS if sys.platform == "linux" else ()):
            with suppress(OSError):  # of the other family, or in a sandbox: a stop resets a few at worst
                listener.setsockopt(*option, ALL_HOPS)
        time.sleep(HANDSHAKE)
        if callable(handler):  # as that of every server is
            handler(number, frame)

    signal.signal(signal.SIGTERM, stop)
