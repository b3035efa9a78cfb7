"""The page of client/web and both services behind it, under one address: `make run` serves it with gunicorn.

In containers nginx does this.
"""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response
from werkzeug.middleware.http_proxy import ProxyMiddleware

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.feed.settings import LOOPBACK
from common.settings import Environment, Settings

PAGE = Path(__file__).parents[1] / "client/web"
TIMEOUT = 75  # seconds without a byte from a service: longer than anything one does
MAX_BODY = 17 * 1024**2  # bytes of a body without a length, as nginx: more than a service takes
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app() -> WSGIApplication:
    """Return the application: the files of the page, and below /auth/ and /books/ the services."""
    page = Flask(__name__, static_folder=PAGE, static_url_path="")
    page.add_url_rule("/", view_func=lambda: page.send_static_file("index.html"))
    page.after_request(add_headers)
    services = AuthSettings.read(), BooksSettings.read()
    targets = {each.service: target(each) for each in services}
    return rewrite_requests(ProxyMiddleware(page, targets, timeout=TIMEOUT))


def rewrite_requests(app: WSGIApplication) -> WSGIApplication:
    """Put in front of `app` what nginx does: no client says where it comes from, and each body has a length.

    The proxy adds X-Forwarded-Prefix to that of the client, and loses bodies that come in chunks.
    """

    def rewritten(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop("HTTP_X_FORWARDED_PREFIX", None)
        environ["HTTP_X_FORWARDED_FOR"] = environ["REMOTE_ADDR"]
        if "HTTP_TRANSFER_ENCODING" in environ:
            body = environ["wsgi.input"].read(MAX_BODY)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return app(environ, start_response)

    return rewritten


def add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def target(service: Settings) -> dict[str, object]:
    """Return where the proxy finds a service, whose paths have its name in front here.

    The service believes that it is so if 127.0.0.1 is one of its TRUSTED_PROXIES.
    """
    address, headers = url(service), {"X-Forwarded-Prefix": f"/{service.service}"}
    return {"target": address, "host": urlsplit(address).netloc, "remove_prefix": True, "headers": headers}


def url(service: Settings) -> str:
    """Return where the service is asked on this machine."""
    host = LOOPBACK.get(service.host, service.host)
    return f"http://[{host}]:{service.port}" if ":" in host else f"http://{host}:{service.port}"


def page_port() -> int:
    return Environment().port("PAGE_PORT", 5000)
