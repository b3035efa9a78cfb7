"""What every request is checked for, the headers of every answer, and CORS for `CORS_ORIGINS`."""

import re

from flask import Flask, Response, abort, request

from common.ops import metrics
from common.settings import Settings
from common.web.routes import empty_response

HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")  # RFC 3986 section 3.2
METHODS = ", ".join(sorted(metrics.METHODS))
# What the routes read, and what libraries and the tools that trace requests add by themselves.
ALLOWED_HEADERS = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID, x-access-tokens,"
    " X-Requested-With, Cache-Control, traceparent, tracestate, baggage, sentry-trace"
)
EXPOSED_HEADERS = (
    "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate,"
    " X-Request-ID"
)


def init_app(app: Flask, settings: Settings) -> None:
    """Check the address of every request of `app`, and set the headers of every answer."""
    app.url_map.merge_slashes = False  # werkzeug would redirect
    app.before_request(check_target)
    app.after_request(protect)
    app.after_request(add_prefix)
    if settings.cors_origins:
        origins = frozenset(settings.cors_origins)
        headers = ", ".join([ALLOWED_HEADERS, *settings.cors_headers])
        app.after_request(lambda response: allow_origin(response, origins, headers))


def check_target() -> Response | None:
    """Refuse a request without a good `Host` (RFC 9112 section 3.2), which HTTP/1.0 may leave out.

    Answer `OPTIONS *`, which asks about no route (RFC 9110 section 9.3.7).
    """
    environ = request.environ
    if environ["PATH_INFO"].startswith("//"):  # which werkzeug reads as if it began with one slash
        abort(404)
    host = environ.get("HTTP_HOST", "none" if environ.get("SERVER_PROTOCOL") == "HTTP/1.0" else "")
    if not HOST.fullmatch(host):
        abort(400)
    is_about_server = environ["REQUEST_METHOD"] == "OPTIONS" and environ["PATH_INFO"] == "*"
    return empty_response(204, {"Allow": METHODS}) if is_about_server else None


def protect(response: Response) -> Response:
    """Forbid caching, unless the route says otherwise, and guesses of the media type."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    if "Allow" in response.headers:  # werkzeug keeps it in a set: all processes answer alike
        response.headers["Allow"] = ", ".join(sorted(response.allow))
    return response


def add_prefix(response: Response) -> Response:
    """Let the addresses of ours in the headers begin with the path that a proxy takes off."""
    if prefix := request.root_path:
        for name in {"Location", "Link"} & set(response.headers.keys()):
            response.headers[name] = response.headers[name].replace("/", f"{prefix}/", 1)
    return response


def allow_origin(response: Response, origins: frozenset[str], headers: str) -> Response:
    """Let a page of one of `origins` read the answer, and send `headers` (Fetch standard, CORS protocol).

    A page that asks before it sends a request to no address of ours may send it, and then reads the 404.
    """
    is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if is_preflight and response.status_code == 404 and request.headers.get("Origin") in origins:
        response = empty_response(204, {"Allow": METHODS})
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    if is_preflight:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(response.allow))
        response.headers["Access-Control-Allow-Headers"] = headers
        response.headers["Access-Control-Max-Age"] = "600"  # seconds
    return response
