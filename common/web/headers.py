"""What every request is checked for, the headers of every answer, and CORS for `CORS_ORIGINS`."""

import re

from flask import Flask, Response, abort, request

from common.settings import Settings

HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")  # RFC 3986 section 3.2
ALLOWED_HEADERS = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID, x-access-tokens"
)
EXPOSED_HEADERS = (
    "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate,"
    " X-Request-ID"
)


def init_app(app: Flask, settings: Settings) -> None:
    """Check the address of every request of `app`, and set the headers of every answer."""
    app.url_map.merge_slashes = False  # werkzeug would redirect
    app.before_request(check_host)
    app.after_request(protect)
    if settings.cors_origins:
        origins = frozenset(settings.cors_origins)
        app.after_request(lambda response: allow_origin(response, origins))


def check_host() -> None:
    """Refuse a request without a good `Host` (RFC 9112 section 3.2), which HTTP/1.0 may leave out."""
    environ = request.environ
    if environ["PATH_INFO"].startswith("//"):  # which werkzeug reads as if it began with one slash
        abort(404)
    host = environ.get("HTTP_HOST", "none" if environ.get("SERVER_PROTOCOL") == "HTTP/1.0" else "")
    if not HOST.fullmatch(host):
        abort(400)


def protect(response: Response) -> Response:
    """Forbid caching, unless the route says otherwise, and guesses of the media type."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    if "Allow" in response.headers:  # werkzeug keeps it in a set: all processes answer alike
        response.headers["Allow"] = ", ".join(sorted(response.allow))
    return response


def allow_origin(response: Response, origins: frozenset[str]) -> Response:
    """Let a page of one of `origins` read the answer (Fetch standard, CORS protocol)."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(response.allow))
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"  # seconds
    return response
