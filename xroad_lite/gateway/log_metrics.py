"""What Prometheus is told of how provable the nodes' logs are; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from xroad_lite import times

_LABELS = ("subsystem",)


def log_metrics(said: Mapping[str, Mapping[str, Any]]) -> list[Metric]:
    """Gauges from what each node says of itself, by subsystem; of what is not there, nothing."""
    signed = GaugeMetricFamily(
        "xroad_lite_log_checkpoint_entries", "Entries that a checkpoint covers.", labels=_LABELS
    )
    stamped = GaugeMetricFamily(
        "xroad_lite_log_stamped_entries", "Entries that a time stamp covers.", labels=_LABELS
    )
    oldest = GaugeMetricFamily(
        "xroad_lite_log_oldest_unstamped_seconds",
        "When the oldest entry without a time stamp was written, Unix time; none if all have one.",
        labels=_LABELS,
    )
    good_until = GaugeMetricFamily(
        "xroad_lite_log_stamps_good_until_seconds",
        "When the newest time stamp's certificate ends, Unix time.",
        labels=_LABELS,
    )
    views = GaugeMetricFamily(
        "xroad_lite_log_split_views", "Split views of logs that were found.", labels=_LABELS
    )
    for name, status in said.items():
        checkpoint, stamps = status.get("checkpoint"), status.get("stamps")
        if checkpoint:
            signed.add_metric([name], checkpoint["size"] or 0)
        if stamps:
            stamped.add_metric([name], stamps["entries"])
            if stamps["unstamped_since"]:
                oldest.add_metric([name], times.to_unix(stamps["unstamped_since"]))
            if stamps["good_until"]:
                good_until.add_metric([name], times.to_unix(stamps["good_until"]))
        if status.get("witnesses"):
            views.add_metric([name], status["witnesses"]["split_views"])
    return [signed, stamped, oldest, good_until, views]
