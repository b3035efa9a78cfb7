"""The settings of the books service; docs/settings.md has the table."""

from dataclasses import dataclass
from typing import Any, Self

from common.feed.settings import FollowerSettings, follower_settings
from common.settings import Environment


@dataclass(frozen=True, kw_only=True)
class BooksSettings(FollowerSettings):
    books_per_user: int

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or raise `Misconfigured` naming the variable."""
        environment = Environment()
        common: dict[str, Any] = follower_settings(environment, "books")
        return cls(
            books_per_user=environment.integer("BOOKS_PER_USER", 100_000, low=1, high=2**31 - 1), **common
        )
