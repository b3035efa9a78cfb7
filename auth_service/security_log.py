"""Security events: a log line and a count each, and nothing secret."""

import structlog
from prometheus_client import Counter

log = structlog.get_logger()

_events = Counter("security_events_total", "Logins, refreshes, changes of users and the like.", ["event"])
_ended = Counter("sessions_ended_total", "Sessions that ended before they expired.")


def info(event: str, **details: object) -> None:
    """Record that something succeeded."""
    _events.labels(event).inc()
    log.info(event, **details)


def warning(event: str, **details: object) -> None:
    """Record that something was refused, or looks like an attack."""
    _events.labels(event).inc()
    log.warning(event, **details)


def count_ended(sessions: int) -> None:
    """Count sessions that ended; what ended them has a log line of its own."""
    _ended.inc(sessions)
