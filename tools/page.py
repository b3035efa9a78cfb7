"""The page of client/web and both services behind it, under one address: `make run` serves it with gunicorn.

In containers nginx does this.
"""

from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response
from werkzeug.middleware.http_proxy import ProxyMiddleware

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.feed.settings import LOOPBACK
from common.settings import Environment, Settings

PAGE = Path(__file__).parents[1] / "client/web"
TIMEOUT = 75  # seconds without a byte from a service: longer than anything one does
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app() -> ProxyMiddleware:
    """Return the application: the files of the page, and below /auth/ and /books/ the services."""
    page = Flask(__name__, static_folder=PAGE, static_url_path="")
    page.add_url_rule("/", view_func=lambda: page.send_static_file("index.html"))
    page.after_request(add_headers)
    services = AuthSettings.read(), BooksSettings.read()
    return ProxyMiddleware(page, {each.service: target(url(each)) for each in services}, timeout=TIMEOUT)


def add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def target(address: str) -> dict[str, object]:
    """Return what the proxy is told of a service, whose paths have its name in front here."""
    return {"target": address, "host": urlsplit(address).netloc, "remove_prefix": True}


def url(service: Settings) -> str:
    """Return where the service is asked on this machine."""
    host = LOOPBACK.get(service.host, service.host)
    return f"http://[{host}]:{service.port}" if ":" in host else f"http://{host}:{service.port}"


def page_port() -> int:
    return Environment().port("PAGE_PORT", 5000)
