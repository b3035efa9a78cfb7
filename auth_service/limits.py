"""Owns what the limits have in common: whose network it is, who goes first, and the refusal."""

import hashlib
import math
from datetime import timedelta
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, literal, select, true

from auth_service.models import db
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


def lock(*names: str, is_durable: bool = True) -> None:
    """Keep others out who lock one of the same names, until the transaction ends; the first name first.

    What is not durable is committed without waiting for the disk, so that the others wait less: it may be
    lost if the database server dies, but comes before everything that is committed after it. SQLite has one
    writer, and a transaction of `db.session` is that from its beginning.
    """
    if db.engine.dialect.name == "postgresql":
        commit = [] if is_durable else [func.set_config("synchronous_commit", "off", true())]
        db.session.execute(select(*commit, *map(_advisory_lock, names)))


def _advisory_lock(name: str) -> ColumnElement[Any]:
    digest = hashlib.sha256(name.encode()).digest()
    return func.pg_advisory_xact_lock(literal(int.from_bytes(digest[:8], signed=True), BigInteger))
