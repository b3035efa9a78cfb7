"""What trusted proxies report of a request: its client's address, and the path that they take off."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_HOPS = 20  # of X-Forwarded-For, from the right; further ones are ignored

# Nothing that could lead to another host or out of the prefix, or that would have to be escaped.
PREFIX = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]{1,100}){0,10}")

# What a proxy may write: an address, alone or with a port (RFC 7239 section 6). A zone (fe80::1%eth0) means
# nothing on another machine.
_PORT, _IPV6 = r"(?::[0-9]{1,5})?", r"([0-9a-f]{0,4}:[0-9a-f:.]{1,44})"
_HOP = re.compile(rf"\[{_IPV6}\]{_PORT}|{_IPV6}|([0-9.]{{7,15}}){_PORT}", re.IGNORECASE)


class TrustedProxies:
    """WSGI middleware: REMOTE_ADDR is the client, and SCRIPT_NAME what a proxy takes off every address.

    That is what a trusted proxy says, or else the peer, and the `prefix` of the setting.
    """

    def __init__(self, app: WSGIApplication, trusted: Sequence[Network], prefix: str) -> None:
        self.app = app
        self.trusted = trusted
        self.prefix = prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Several lines of the header are one list, in their order: WSGI joins them with commas.
        peer, forwarded = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        reported = environ.get("HTTP_X_FORWARDED_PREFIX")
        prefix = parse_prefix(reported) if reported and _is_in(parse_address(peer), self.trusted) else None
        environ["SCRIPT_NAME"] = self.prefix if prefix is None else prefix
        environ["REMOTE_ADDR"] = client_address(peer, forwarded, self.trusted)
        return self.app(environ, start_response)


def parse_prefix(text: str) -> str | None:
    """Return the prefix without a slash at its end, or None if `text` is none; `/` is no prefix."""
    prefix = text.removesuffix("/")
    return prefix if PREFIX.fullmatch(prefix) else None


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the nearest address that is not trusted, or the farthest that is known.

    Each proxy adds the address that it was called from at the right of `forwarded` (X-Forwarded-For), so an
    entry is worth as much as the one that wrote it: what stands left of an untrusted one, or of what is no
    address, is not believed.
    """
    client = parse_address(peer)
    if client is None:
        return peer
    for entry in reversed(forwarded.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        hop = _parse_hop(entry) if _is_in(client, trusted) else None
        if hop is None:
            break
        client = hop
    return str(client)


def _is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def parse_address(text: str) -> Address | None:
    """Return the address that `text` is, IPv4 for a mapped one, or None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return _ipv4(address) or address


def parse_network(text: str) -> Network:
    """Return the network that `text` is, an address being one of itself, or raise `ValueError`."""
    if "%" in text:
        raise ValueError("a zone means nothing to others")
    network = ip_network(text)
    mapped = _ipv4(network.network_address)
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped else network


def _ipv4(address: Address) -> IPv4Address | None:
    """Return the address that a socket for both versions shows as one of IPv6 (RFC 4291 section 2.5.5.2)."""
    return address.ipv4_mapped if isinstance(address, IPv6Address) else None


def _parse_hop(entry: str) -> Address | None:
    found = _HOP.fullmatch(entry.strip(" \t"))
    return parse_address(found[1] or found[2] or found[3]) if found else None
