"""The path that a proxy takes off every address, such as `/shop`: the addresses in answers begin with it."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from common.client_address import Network, parse_address

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Nothing that could lead to another host or out of the prefix, or that would have to be escaped.
PREFIX = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]{1,100}){0,10}")


class UrlPrefix:
    """WSGI middleware: SCRIPT_NAME is the prefix that a trusted proxy reports, or that of the setting."""

    def __init__(self, app: "WSGIApplication", prefix: str, trusted: Sequence[Network]) -> None:
        self.app = app
        self.prefix = prefix
        self.trusted = trusted

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        reported = environ.get("HTTP_X_FORWARDED_PREFIX")
        prefix = parse_prefix(reported) if reported and self._trusts(environ) else None
        environ["SCRIPT_NAME"] = self.prefix if prefix is None else prefix
        return self.app(environ, start_response)

    def _trusts(self, environ: "WSGIEnvironment") -> bool:
        peer = parse_address(environ.get("REMOTE_ADDR", ""))
        return peer is not None and any(peer in network for network in self.trusted)


def parse_prefix(text: str) -> str | None:
    """Return the prefix without a slash at its end, or None if `text` is none; `/` is no prefix."""
    prefix = text.removesuffix("/")
    return prefix if PREFIX.fullmatch(prefix) else None
