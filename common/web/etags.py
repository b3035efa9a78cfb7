"""Owns conditional requests: entity tags, and what `If-Match` and `If-None-Match` ask (RFC 9110 section 13).

What is no list of tags matches nothing: a change under such an `If-Match` is refused, for whoever sends one
means to overwrite nothing that was not read, and a read under such an `If-None-Match` is answered whole.
Without dates of change, `If-Unmodified-Since` and `If-Modified-Since` ask nothing.
"""

import re
from typing import NamedTuple

from common.web.request_headers import RequestHeader

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
ONE_TAG = re.compile(TAG)
LIST = re.compile(rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*")

IF_MATCH = RequestHeader(
    "If-Match",
    'The `ETag` that the client has read, such as `"1"`, a list of several, or `*`: with another, or a weak'
    " one, the answer is 412.",
)
IF_NONE_MATCH = RequestHeader(
    "If-None-Match",
    'An `ETag` that the client has, such as `"1"`, a list of several, or `*`: if it is still the one, a read'
    " is answered with 304, a change with 412.",
)


def etag_of(version: int) -> str:
    """Return the strong entity tag of this version of a resource."""
    return f'"{version}"'


class Conditions(NamedTuple):
    """The preconditions of a request, as they were sent, None for those that were not."""

    if_match: str | None = None
    if_none_match: str | None = None

    def match(self, etag: str) -> bool:
        """Tell whether `If-Match` lets the request go on to what has this strong tag."""
        return self.if_match is None or self.if_match == "*" or etag in tags_of(self.if_match)

    def know(self, etag: str) -> bool:
        """Tell whether the client has said by `If-None-Match` that it knows what has this tag."""
        if self.if_none_match is None or self.if_none_match == "*":
            return self.if_none_match is not None
        return etag in [tag.removeprefix("W/") for tag in tags_of(self.if_none_match)]

    def allow_change(self, etag: str) -> bool:
        """Tell whether what has this strong tag may be changed."""
        return self.match(etag) and not self.know(etag)


def tags_of(field: str) -> list[str]:
    """Return the entity tags of a list, weak ones with their mark; none of what is no such list."""
    return ONE_TAG.findall(field) if LIST.fullmatch(field) else []
