"""The counters and histograms of requests, and the gauges of the server, in a registry of their own.

Imported only when the metrics are on: Prometheus' library takes 35 ms and 4 MB.
"""

from collections.abc import Callable, Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from server.journal.record import Record
from server.machine.version import own_version
from server.metrics.labels import NONE, app_label, model_label
from server.metrics.snapshot import Snapshot

_CAUSES = ("sign in", "limit", "upstream")
_TOKENS = ("input", "cache_creation", "cache_read", "output", "thinking")
_FIRST_S = (0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 20, 30, 60, 120)
_TOTAL_S = (0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300, 600, 1800)


class Instruments:
    """What is counted since the metrics are on. `snapshot` is called for each scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        # A time for each series would double them, and Prometheus ignores it.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library lacks its type
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "drawbridge_requests",
            "Requests that have ended, by dialect of the API, app, model that answered and outcome: answered, failed "
            "or cancelled.",
            ("dialect", "app", "model", "outcome"),
            registry=registry,
        )
        self._tokens = Counter(
            "drawbridge_tokens",
            "Tokens by kind: input (without cached ones), cache_creation, cache_read, output, and of those thinking.",
            ("kind", "model"),
            registry=registry,
        )
        self._cost = Counter(
            "drawbridge_cost_usd",
            "Cost as Claude Code computes it. A plan is not billed for it.",
            ("payer", "model"),
            registry=registry,
        )
        self._first = Histogram(
            "drawbridge_first_output_seconds",
            "Time from a request's arrival to the first output of its answer, by how it found its process.",
            ("way",),
            buckets=_FIRST_S,
            registry=registry,
        )
        self._total = Histogram(
            "drawbridge_request_duration_seconds",
            "Time from a request's arrival to its end, by outcome.",
            ("outcome",),
            buckets=_TOTAL_S,
            registry=registry,
        )
        registry.register(_State(snapshot))

    def add(self, record: Record, models: Collection[str]) -> None:
        """Counts a request that has ended. `models` are the names that may become labels."""
        model = model_label(record.model, models)
        self._requests.labels(record.dialect or NONE, app_label(record.app), model, record.outcome).inc()
        for kind in _TOKENS:
            if count := getattr(record.usage, kind):
                self._tokens.labels(kind, model).inc(count)
        if record.cost_usd:
            self._cost.labels(record.payer or NONE, model).inc(record.cost_usd)
        if record.first_ms is not None:
            self._first.labels(record.way or NONE).observe(record.first_ms / 1000)
        self._total.labels(record.outcome).observe(record.total_ms / 1000)

    def text(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the form that the header `accept` prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _State(Collector):
    """The gauges, read at each scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the state."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The state of the server."""
        now = self._snapshot()
        status, pool = now.status, now.status.pool
        about = {"version": own_version(), "claude_code": status.cli.version or ""}
        yield InfoMetricFamily("drawbridge", "The versions that run.", about)
        yield GaugeMetricFamily("drawbridge_requests_running", "Requests that are being answered.", now.running)
        yield GaugeMetricFamily("drawbridge_requests_waiting", "Requests that wait for a process.", pool.waiting)
        yield GaugeMetricFamily("drawbridge_processes_limit", "How many answers may run at once.", pool.size)
        processes = _family("drawbridge_processes", "Claude Code processes by state.", "state")
        for state in ("booting", "raw", "parked", "answering"):
            processes.add_metric([state], getattr(pool, state))
        yield processes
        circuits = _family("drawbridge_circuit_open", "Whether requests are refused for this cause.", "cause")
        for cause in _CAUSES:
            circuits.add_metric([cause], any(circuit.cause == cause for circuit in status.circuits))
        yield circuits
        used = _family(
            "drawbridge_plan_window_used_ratio", "How much of a plan's window is used, from 0 to 1.", "window"
        )
        resets = _family("drawbridge_plan_window_reset_timestamp_seconds", "When a plan's window resets.", "window")
        for window in status.usage:
            used.add_metric([window.name], window.used)
            if window.resets_at is not None:
                resets.add_metric([window.name], window.resets_at)
        yield used
        yield resets
        yield CounterMetricFamily(
            "drawbridge_journal_dropped", "Changes of the list of requests that could not be written.", now.dropped
        )


def _family(name: str, meaning: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=[label])
