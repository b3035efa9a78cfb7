"""Refusals by a rule: HTTP answers them in one place, a command prints them."""

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """A rule refused the request; each subclass says what the client reads."""

    status: ClassVar[int]  # of HTTP
    code: ClassVar[str]  # one word for one case, such as `shelf-full`
    message: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {}

    def __str__(self) -> str:
        return self.message
