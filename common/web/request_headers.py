"""Owns the headers that a route reads: how they come to its view, and how its documentation tells of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.web.parsing import Complaint


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A header that need not be sent; one with a `pattern` is refused (422) if its value is another."""

    name: str
    description: str
    pattern: str | None = None
    rule: str = ""  # what a value that breaks the pattern is told

    @property
    def variable(self) -> str:
        """Return the name under which a WSGI server hands it on."""
        return f"HTTP_{self.argument.upper()}"

    @property
    def argument(self) -> str:
        """Return the name under which a view takes it."""
        return self.name.lower().replace("-", "_")

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI parameter. It has no example, for the page of the documents would send that."""
        schema = {"type": "string"} | ({"pattern": self.pattern} if self.pattern else {})
        return {"in": "header", "name": self.name, "description": self.description, "schema": schema}


class HeaderReader:
    """Reads the headers of one route."""

    def __init__(self, headers: Sequence[RequestHeader]) -> None:
        self._headers = [
            (header, header.argument, header.variable, header.pattern and re.compile(header.pattern))
            for header in headers
        ]

    def read(self, environ: Mapping[str, Any], complaints: list[Complaint]) -> dict[str, str | None]:
        """Return the values by argument, None for what was not sent; what breaks a rule is a complaint."""
        values: dict[str, str | None] = {}
        for header, argument, variable, pattern in self._headers:
            value = values[argument] = environ.get(variable)
            if value is not None and pattern and not pattern.fullmatch(value):
                complaints.append({"header": header.name, "detail": header.rule})
        return values
