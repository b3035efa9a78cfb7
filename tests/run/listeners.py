"""What stands on the port of a service and is none that works."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class YesterdaysService(BaseHTTPRequestHandler):
    """A service on a machine whose clock is a day behind."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) - 86_400)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')


class DeepAnswer(BaseHTTPRequestHandler):
    """What is no service, and whose answer no parser likes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[" * 100_000)


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], port: int) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield
