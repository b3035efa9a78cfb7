"""Owns the cursor of a keyset page: opaque, tamper-evident, and good only for the listing it came from."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec
from marshmallow import ValidationError

from common.fields import PlainText
from common.keys import Key, KeySet
from common.problems import DETAILS, Refusal

MAC_LENGTH = 16  # bytes
NO_CURSOR = "is not a cursor of this list"
PURPOSE = b"page cursor\0"  # keeps these codes apart from the signatures of tokens

Position = list[int | str | None]
Listing = Sequence[str | None]


class BadCursor(ValueError):
    """A cursor that this listing did not give out."""


class Cursor(PlainText):
    """Where a page begins: `next` of the page before; None, if it is left out."""

    def __init__(self) -> None:
        metadata = {"description": "`next` of the page before.", "pattern": "^[A-Za-z0-9_-]+$"}
        super().__init__(load_default=None, allow_none=False, metadata=metadata)

    def read(self, value: Any) -> str:
        """Refuse what no list gives out, together with what else is wrong; the rest is for `page_start`."""
        cursor = super().read(value)
        try:
            _decode(cursor)
        except BadCursor as error:
            raise ValidationError(NO_CURSOR) from error
        return cursor


def write_cursor(keys: KeySet, listing: Listing, position: Position) -> str:
    """Return a cursor to `position` (the sort key of the last row shown) in `listing`.

    `listing` is what the page depends on besides the position: the route, the owner, sort and filters.
    """
    payload = msgspec.json.encode(position)
    return _encode(_mac(keys.signing, listing, payload) + payload)


def read_cursor(keys: KeySet, listing: Listing, cursor: str) -> Position:
    """Return the position that `cursor` tells, or raise `BadCursor`; any key in use may have made it."""
    mac, payload = _decode(cursor)
    if not any(hmac.compare_digest(mac, _mac(key, listing, payload)) for key in keys.verifying.values()):
        raise BadCursor
    return msgspec.json.decode(payload, type=Position)


def _decode(cursor: str) -> tuple[bytes, bytes]:
    """Return the code and what it is for."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadCursor from error
    if _encode(data) != cursor or len(data) <= MAC_LENGTH:
        raise BadCursor
    return data[:MAC_LENGTH], data[MAC_LENGTH:]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _mac(key: Key, listing: Listing, payload: bytes) -> bytes:
    message = PURPOSE + msgspec.json.encode(list(listing)) + payload
    return hmac.digest(key.secret, message, hashlib.sha256)[:MAC_LENGTH]


def page_start(keys: KeySet, listing: Listing, cursor: str | None) -> Position | None:
    """Return the position behind which a page begins, None without a cursor, or refuse it with 422."""
    if cursor is None:
        return None
    try:
        return read_cursor(keys, listing, cursor)
    except BadCursor as error:
        complaint = {"parameter": "cursor", "detail": NO_CURSOR}
        raise Refusal(422, DETAILS[422], errors=[complaint]) from error


def page_after(keys: KeySet, listing: Listing, cursor: str | None) -> int:
    """Return the id behind which a page of a list by id begins, 0 without a cursor, or refuse it with 422."""
    position = page_start(keys, listing, cursor)
    return int(position[0] or 0) if position else 0


def page_end(keys: KeySet, listing: Listing, ids: Sequence[int], limit: int) -> str | None:
    """Return the cursor behind the first `limit` of `ids`, or None if there are no more of them."""
    return write_cursor(keys, listing, [ids[limit - 1]]) if len(ids) > limit else None
