"""The follower's numbers for Prometheus, on a port of its own if it is given one."""

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from common.feed.settings import FollowerSettings
from common.server.addresses import own_address


class FollowerMetrics:
    """What one follower counts, apart from the metrics of the service, which does not run here."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.polls = Counter(
            "feed_polls_total",
            "Polls of auth's feed, by outcome.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("answered", "auth_unavailable", "begun_again", "database_unavailable"):
            self.polls.labels(outcome)  # from 0, so that the first is an increase
        self.events = Counter("feed_events_total", "Events applied.", registry=self._registry)
        self.leads = Gauge("feed_leader", "1 if this follower leads, 0 if it waits.", registry=self._registry)

    def serve(self, settings: FollowerSettings) -> None:
        """Show the numbers from a thread, or raise `Misconfigured` if the port cannot be had."""
        if port := settings.follower_metrics_port:
            address = own_address(settings.metrics_host, port, "METRICS_HOST", "FOLLOWER_METRICS_PORT")
            start_http_server(port, address, self._registry)
