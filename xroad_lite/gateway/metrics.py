"""What a gateway counts and times, for Prometheus; a registry of its own for each gateway.

Labels are a closed set: nothing that a caller chooses becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from xroad_lite.gateway.log_metrics import log_metrics

if TYPE_CHECKING:
    from xroad_lite.gateway.nodes import Nodes

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counters of HTTP on both sides, and what the nodes say of themselves when asked.

    ``requests``, ``seconds`` and ``calls`` are called with labels, and remember what they gave.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._registry = CollectorRegistry()
        requests = Counter(
            "xroad_lite_http_requests",
            "Requests answered, by interface, method and class of status.",
            ("interface", "method", "status"),
            registry=self._registry,
        )
        seconds = Histogram(
            "xroad_lite_http_request_seconds",
            "How long answers took, by interface.",
            ("interface",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.open = Gauge(
            "xroad_lite_http_open_requests", "Requests being answered.", registry=self._registry
        )
        calls = Counter(
            "xroad_lite_provider_calls",
            "Calls of providers' services, by service and class of status, or failure.",
            ("subsystem", "service", "outcome"),
            registry=self._registry,
        )
        self.requests = cache(requests.labels)
        self.seconds = cache(seconds.labels)
        self.calls = cache(calls.labels)
        self._registry.register(_Nodes(nodes))

    def text(self) -> bytes:
        """All of it, in Prometheus' text format; asks the nodes."""
        return generate_latest(self._registry)


class _Nodes:
    """Collects from the nodes when somebody asks."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily(
            "xroad_lite_node_ready", "Whether a node can send and receive.", labels=("subsystem",)
        )
        waiting = GaugeMetricFamily(
            "xroad_lite_node_waiting",
            "Messages that wait: outbox, inbox, undecided, dead letters.",
            labels=("subsystem", "where"),
        )
        counted = CounterMetricFamily(
            "xroad_lite_node_events", "What a node has counted.", labels=("subsystem", "event")
        )
        entries = CounterMetricFamily(
            "xroad_lite_log_entries", "Entries of a node's log.", labels=("subsystem",)
        )
        said = {name: one.status() for name, one in self._nodes.items()}
        for name, one in self._nodes.items():
            ready.add_metric([name], 0.0 if one.trouble() else 1.0)
            status = said[name]
            for where, value in _waiting(status).items():
                waiting.add_metric([name, where], value)
            for event, value in status.get("counters", {}).items():
                counted.add_metric([name, event], value)
            entries.add_metric([name], status.get("log_entries", 0))
        return iter((ready, waiting, counted, entries, *log_metrics(said)))


def _waiting(status: Mapping[str, Any]) -> dict[str, float]:
    found = {name: status[name] for name in ("inbox", "undecided", "dead") if name in status}
    if "outbox" in status:
        found["outbox"] = status["outbox"]["waiting"]
    return found
