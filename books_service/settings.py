"""Owns what the books service can be told; README.md has the table."""

from dataclasses import dataclass
from typing import Any, Self

from common.settings import Environment, Settings, common_settings


@dataclass(frozen=True, kw_only=True)
class BooksSettings(Settings):
    """The settings of the books service."""

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or raise `Misconfigured` naming the variable."""
        common: dict[str, Any] = common_settings(Environment(), "books", port=5002, metrics_port=9102)
        return cls(**common)
