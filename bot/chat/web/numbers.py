"""What Prometheus asks for at /metrics."""

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.ledger import Ledger

FIRST = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)  # seconds


class Numbers:
    """The counters of one server, and what the store says when it is asked."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        """Count from nothing."""
        self._registry = CollectorRegistry()
        self._registry.register(_Posts(ledger, now))
        self.requests = Counter(
            "apocrypha_requests", "Texts asked for, by how it ended", ["style", "outcome"], registry=self._registry
        )
        self.characters = Counter("apocrypha_characters", "Characters sent", ["style"], registry=self._registry)
        self.open = Gauge("apocrypha_open_requests", "Texts being written or waiting", registry=self._registry)
        self.first = Histogram(
            "apocrypha_first_character_seconds",
            "From the request to the first characters sent",
            ["style"],
            buckets=FIRST,
            registry=self._registry,
        )

    def page(self) -> bytes:
        """Return all of them in Prometheus' text form."""
        return generate_latest(self._registry)


class _Posts(Collector):
    """Posts by outcome, and how late they are: read from the store when asked for."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now

    def collect(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "apocrypha_deliveries", "Deliveries by account and state", labels=["account", "state"]
        )
        for (account, state), count in self._ledger.states().items():
            states.add_metric([account, state], count)
        yield states
        late = self._ledger.overdue(self._now())
        yield GaugeMetricFamily("apocrypha_overdue_posts", "Posts that are due and not over", value=len(late))
        seconds = max(late, default=0.0)
        yield GaugeMetricFamily("apocrypha_schedule_lateness_seconds", "How late the latest of them is", value=seconds)
