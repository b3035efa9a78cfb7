"""Conditional requests: entity tags, and what `If-Match` and `If-None-Match` ask (RFC 9110 section 13).

What is no list of tags matches nothing: a change under such an `If-Match` is refused, because its sender
wants to overwrite only what it has read, and a read under such an `If-None-Match` is answered whole.
Without dates of change, `If-Unmodified-Since` and `If-Modified-Since` ask nothing.
"""

import re

from pydantic import MISSING, Field

from common.web.field_types import Schema

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
ONE_TAG = re.compile(TAG)
LIST = re.compile(rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*")


class Preconditions(Schema):
    if_match: str | MISSING = Field(
        default=MISSING,
        alias="If-Match",
        description=(
            'The `ETag` that the client has read, such as `"1"`, a list of several, or `*`: with another, or'
            " a weak one, the answer is 412."
        ),
    )
    if_none_match: str | MISSING = Field(
        default=MISSING,
        alias="If-None-Match",
        description=(
            'An `ETag` that the client has, such as `"1"`, a list of several, or `*`: if it is still the'
            " one, a read is answered with 304, a change with 412."
        ),
    )

    def match(self, etag: str) -> bool:
        """Return whether `If-Match` lets the request go on to what has this strong tag."""
        return self.if_match in (MISSING, "*") or etag in tags_of(self.if_match)

    def know(self, etag: str) -> bool:
        """Return whether `If-None-Match` says that the client has what has this tag."""
        if self.if_none_match in (MISSING, "*"):
            return self.if_none_match == "*"
        return etag in [tag.removeprefix("W/") for tag in tags_of(self.if_none_match)]

    def allow_change(self, etag: str) -> bool:
        """Return whether what has this strong tag may be changed."""
        return self.match(etag) and not self.know(etag)


def tags_of(field: str) -> list[str]:
    """Return the entity tags of a list, weak ones with their mark; none of what is no such list."""
    return ONE_TAG.findall(field) if LIST.fullmatch(field) else []
