"""What the server counts about itself, for Prometheus: calls by operation and status, and their duration."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

REGISTRY = CollectorRegistry()
CALLS = Counter("podium_calls_total", "Calls answered", ["operation", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "podium_call_seconds",
    "Duration of calls",
    ["operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
    registry=REGISTRY,
)

_counters: dict[tuple[str, int], Counter] = {}
_histograms: dict[str, Histogram] = {}


def observe(operation: str, status: int, seconds: float) -> None:
    """Count one call. The labelled children are kept: finding them costs more than counting."""
    counter = _counters.get((operation, status))
    if counter is None:
        counter = _counters[operation, status] = CALLS.labels(operation, status)
    counter.inc()
    histogram = _histograms.get(operation)
    if histogram is None:
        histogram = _histograms[operation] = SECONDS.labels(operation)
    histogram.observe(seconds)


def exposition() -> bytes:
    """The metrics in Prometheus's text form."""
    return generate_latest(REGISTRY)
