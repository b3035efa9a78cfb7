"""The settings of the books service; docs/settings.md has the table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from common.settings import Environment, Misconfigured, Settings, common_settings

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - nothing is bound here
DAY = 24 * 3600  # seconds


@dataclass(frozen=True, kw_only=True)
class BooksSettings(Settings):
    auth_url: str  # without a slash at its end
    feed_max_age: int  # seconds; 0 for no limit
    follower_heartbeat: Path | None
    books_per_user: int

    @classmethod
    def read(cls) -> Self:
        """Read the environment, or raise `Misconfigured` naming the variable."""
        environment = Environment()
        common: dict[str, Any] = common_settings(environment, "books", port=5002, metrics_port=9102)
        heartbeat = environment.text("FOLLOWER_HEARTBEAT")
        return cls(
            auth_url=auth_url(environment, common["host"]),
            feed_max_age=environment.integer("FEED_MAX_AGE", 0, low=0, high=DAY),
            follower_heartbeat=environment.path("FOLLOWER_HEARTBEAT", heartbeat) if heartbeat else None,
            books_per_user=environment.integer("BOOKS_PER_USER", 100_000, low=1, high=2**31 - 1),
            **common,
        )


def auth_url(environment: Environment, host: str) -> str:
    """Return where auth is: on this machine, unless the setting says otherwise."""
    host = LOOPBACK.get(host, host)
    default = f"http://{f'[{host}]' if ':' in host else host}:{environment.port('AUTH_PORT', 5001)}"
    value = environment.text("AUTH_URL", default).rstrip("/")
    try:
        url = urlsplit(value)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in value or "?" in value or "#" in value:
        raise Misconfigured("AUTH_URL must be an address such as http://127.0.0.1:5001, without a password")
    return value
