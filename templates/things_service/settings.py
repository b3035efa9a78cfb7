"""The settings of the things service; docs/api-things.md has the table."""

from dataclasses import dataclass
from typing import Any, Self

from common.feed.settings import FollowerSettings, follower_settings
from common.settings import Environment


@dataclass(frozen=True, kw_only=True)
class ThingsSettings(FollowerSettings):
    """Settings of this service's own go here, as in auth_service/settings.py."""

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or raise `Misconfigured` naming the variable."""
        common: dict[str, Any] = follower_settings(Environment(), "things")
        return cls(**common)
