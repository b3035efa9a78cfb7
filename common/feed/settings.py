"""The settings of a service that follows auth's feed."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from common.service_list import SERVICES
from common.settings import Environment, Misconfigured, Settings, common_settings

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - nothing is bound here
DAY = 24 * 3600  # seconds


@dataclass(frozen=True, kw_only=True)
class FollowerSettings(Settings):
    auth_url: str  # without a slash at its end
    feed_max_age: int  # seconds; 0 for no limit
    follower_heartbeat: Path | None
    follower_metrics_port: int  # 0: none


def follower_settings(environment: Environment, service: str) -> dict[str, object]:
    """Return the members of `FollowerSettings` for `service`, as `common_settings` does."""
    common = common_settings(environment, service)
    heartbeat = environment.text("FOLLOWER_HEARTBEAT")
    return common | {
        "auth_url": auth_url(environment, str(common["host"])),
        "feed_max_age": environment.integer("FEED_MAX_AGE", 0, low=0, high=DAY),
        "follower_metrics_port": environment.integer("FOLLOWER_METRICS_PORT", 0, low=0, high=65535),
        "follower_heartbeat": environment.path("FOLLOWER_HEARTBEAT", heartbeat) if heartbeat else None,
    }


def auth_url(environment: Environment, host: str) -> str:
    """Return where auth is: on this machine, unless the setting says otherwise."""
    host = LOOPBACK.get(host, host)
    port = environment.port("AUTH_PORT", SERVICES["auth"]["port"])
    default = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    value = environment.text("AUTH_URL", default).rstrip("/")
    try:
        url = urlsplit(value)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in value or "?" in value or "#" in value:
        raise Misconfigured("AUTH_URL must be an address such as http://127.0.0.1:5001, without a password")
    return value
