"""A proxy that loses connections: at any byte of a request or of its answer."""

import random
import socket
import threading
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Self

CHUNK = 64 * 1024  # bytes


class LossyProxy(ThreadingTCPServer):
    """Passes connections on to a port of this machine; cuts some at a piece of a request or an answer."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, *, requests: float, answers: float) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.target = ("127.0.0.1", port)
        self.loss = {"request": requests, "answer": answers}  # the part that is lost
        self.lost = {"request": 0, "answer": 0}

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lose_nothing(self) -> None:
        """Pass on all that comes from now on."""
        self.loss = dict.fromkeys(self.loss, 0)


class Passage(BaseRequestHandler):
    """One connection of a client, and the one behind it."""

    server: LossyProxy

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.server.target) as upstream:
            requests = threading.Thread(target=self._pass, args=["request", self.request, upstream])
            requests.start()
            self._pass("answer", upstream, self.request)
            requests.join()

    def _pass(self, kind: str, source: socket.socket, target: socket.socket) -> None:
        """Pass on what comes from one end, until a piece is cut somewhere; then close both."""
        with suppress(OSError):
            while piece := source.recv(CHUNK):
                if random.random() < self.server.loss[kind]:
                    self.server.lost[kind] += 1
                    target.sendall(piece[: random.randrange(len(piece))])
                    break
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
