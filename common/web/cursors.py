"""The cursor of a keyset page: opaque, signed, and good only for the listing it came from."""

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated

from itsdangerous import BadSignature, Signer, base64_decode, base64_encode
from pydantic import MISSING, AfterValidator, Field
from pydantic_core import from_json, to_json

from common.errors import InvalidRequest
from common.tokens.keys import KeySet
from common.web.field_types import rule_error

NO_CURSOR = "is not a cursor of this list"
PURPOSE = b"page cursor\0"  # keeps these signatures apart from those of tokens
# The position and a signature of 256 bits, of whose last letter two bits are always zero.
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")

Position = list[int | str | None]
Listing = Sequence[str | None]


class BadCursor(InvalidRequest):
    errors = ({"parameter": "cursor", "detail": NO_CURSOR},)


def _require_shape(cursor: str) -> str:
    """Refuse what no list gives out, together with what else is wrong; the rest is for `page_start`."""
    if not SHAPE.fullmatch(cursor):
        raise rule_error(NO_CURSOR)
    return cursor


PageCursor = Annotated[
    str,
    AfterValidator(_require_shape),
    Field(description="`next` of the page before.", json_schema_extra={"pattern": "^[A-Za-z0-9._-]+$"}),
]


def write_cursor(keys: KeySet, listing: Listing, position: Position) -> str:
    """Return a cursor to `position` (the sort key of the last row shown) in `listing`.

    `listing` is what the page depends on besides the position: the route, the owner, sort and filters.
    """
    return _signer(keys, listing).sign(base64_encode(to_json(position))).decode()


def page_start(keys: KeySet, listing: Listing, cursor: str | MISSING) -> Position | None:
    """Return the position behind which a page begins, None without a cursor, or raise `BadCursor`.

    Any key in use may have signed it.
    """
    if cursor is MISSING:
        return None
    if not SHAPE.fullmatch(cursor):
        raise BadCursor
    try:
        position: Position = from_json(base64_decode(_signer(keys, listing).unsign(cursor)))
    except BadSignature as error:
        raise BadCursor from error
    return position


def _signer(keys: KeySet, listing: Listing) -> Signer:
    """Return what signs for this listing alone, with the last of its keys, and verifies with all of them."""
    ordered = sorted(keys.verifying.values(), key=lambda key: key == keys.signing)
    salt = PURPOSE + to_json(listing)
    return Signer([key.secret for key in ordered], salt, key_derivation="hmac", digest_method=hashlib.sha256)
