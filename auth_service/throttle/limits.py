"""Owns what the limits have in common: whose network it is, who goes first, and the refusal."""

import hashlib
import math
from datetime import timedelta
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, func

from common.client_address import parse_address

HOUR = timedelta(hours=1)


class TooMany(Exception):
    """A limit is reached; `limit` is a word for log and metrics, `wait` tells when to come again."""

    def __init__(self, message: str, *, limit: str, wait: timedelta) -> None:
        super().__init__(message)
        self.message = message
        self.limit = limit
        self.retry_after = max(1, math.ceil(wait.total_seconds()))  # seconds


def network_of(address: str) -> str:
    """Return the network of a client: its IPv4 address, or the /64 of its IPv6 address.

    A line is given a /64 or more (RFC 6177), in which it can take a new address for every request.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed) if parsed else ""


def advisory_lock(parameter: str) -> ColumnElement[Any]:
    """Return the lock whose name `lock` gives as this parameter."""
    return func.pg_advisory_xact_lock(bindparam(parameter, type_=BigInteger))


def lock(connection: Connection, locks: Select[*tuple[Any, ...]], **names: str) -> None:
    """Keep others out who lock one of the same names, until the transaction ends.

    SQLite has one writer, and a transaction of `db.write()` is that from its beginning.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(locks, {parameter: _number_of(name) for parameter, name in names.items()})


def _number_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
