"""The settings of the auth service; docs/settings.md has the table."""

import re
from dataclasses import dataclass
from typing import Any, Self

from common.service_list import FOLLOWING
from common.settings import Environment, Settings, common_settings

SERVICE_NAME = re.compile("[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class AuthSettings(Settings):
    password_min_length: int  # characters
    argon2_memory: int  # KiB
    argon2_time_cost: int  # passes
    argon2_parallelism: int  # lanes
    session_idle_days: int
    session_max_days: int
    registration: str  # "open" or "closed"
    registrations_per_hour: int  # from one network, 0: no limit
    service_names: tuple[str, ...]  # whose tokens are good for the feed

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or raise `Misconfigured` naming the variable."""
        environment = Environment()
        common: dict[str, Any] = common_settings(environment, "auth")
        return cls(
            password_min_length=environment.integer("PASSWORD_MIN_LENGTH", 8, low=8, high=256),
            argon2_memory=environment.integer(
                "ARGON2_MEMORY_KIB", 19 * 1024, low=19 * 1024, high=4 * 1024**2
            ),
            argon2_time_cost=environment.integer("ARGON2_TIME_COST", 2, low=2, high=100),
            argon2_parallelism=environment.integer("ARGON2_PARALLELISM", 1, low=1, high=64),
            session_idle_days=environment.integer("SESSION_IDLE_DAYS", 7, low=1, high=3650),
            session_max_days=environment.integer("SESSION_MAX_DAYS", 30, low=1, high=3650),
            registration=environment.choice("REGISTRATION", "open", "closed"),
            registrations_per_hour=environment.integer("REGISTRATIONS_PER_HOUR", 30, low=0, high=1_000_000),
            service_names=environment.items("SERVICE_NAMES", SERVICE_NAME, "names such as books")
            or FOLLOWING,
            **common,
        )
