"""The metrics server: `python -m alphaads_pipelines.runtime.metrics` serves Prometheus text on METRICS_PORT.

Counters and histograms come from prometheus_client's multiprocess files, which the supervisor enables; gauges are read
from the ledger at each scrape.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.nlp.drift import DOCUMENT
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.documents import read_document
from alphaads_pipelines.telemetry import configure_logging, get_logger
from alphaads_pipelines.wiring.app import Wiring

_CHECKED_LATELY = timedelta(hours=3)


class ProcessMetrics(Collector):
    """Counters and histograms of every process; gauges come from the ledger."""

    def __init__(self, folder: Path) -> None:
        self._files = MultiProcessCollector(None, path=str(folder))

    def collect(self) -> Iterator[Metric]:
        """Read the files."""
        for metric in self._files.collect():
            if metric.type != "gauge":
                yield metric


class LedgerMetrics(Collector):
    """Backlog, data age, lost offsets and drift; left out, never zero, while store or broker are unavailable."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def describe(self) -> list[Metric]:
        """Empty: registering must not query the ledger."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the ledger."""
        try:
            yield from self._gauges()
        except TransientError as error:
            get_logger("metrics").warning("gauges left out", error=error.code)

    def _gauges(self) -> Iterator[Metric]:
        wiring, ledger = self._wiring, self._wiring.ledger
        complete = ledger.complete_until()
        if complete is not None:
            age = (datetime.now(UTC) - complete).total_seconds()
            yield GaugeMetricFamily("alphaads_data_age_seconds", "Age of the published data", value=age)
        yield GaugeMetricFamily("alphaads_offsets_lost", "Offsets given up by command", value=ledger.lost_offsets())
        stuck = GaugeMetricFamily("alphaads_batches_stuck", "Batches that wait for a person", labels=["state"])
        states = [batch.state for batch in ledger.stuck()]
        for state in ("failed", "lost"):
            stuck.add_metric([state], states.count(state))
        yield stuck
        yield from self._drift()
        ends = wiring.stream.end_offsets(wiring.topics.posts)
        backlog = ledger.backlog(ends)
        yield GaugeMetricFamily("alphaads_backlog_posts", "Records that are not published", value=backlog)

    def _drift(self) -> Iterator[Metric]:
        """The latest drift check of `post_scores`; nothing if it is stale."""
        _, found = read_document(self._wiring.engine, DOCUMENT)
        if found and datetime.now(UTC) - datetime.fromisoformat(found["judged_at"]) < _CHECKED_LATELY:
            ratio = GaugeMetricFamily(
                "alphaads_label_drift_ratio", "Drift in multiples of its threshold", labels=["task"]
            )
            for task, value in found["ratios"].items():
                ratio.add_metric([task], value)
            yield ratio


def registry(wiring: Wiring) -> CollectorRegistry:
    """A registry of all served metrics."""
    everything = CollectorRegistry()
    everything.register(ProcessMetrics(wiring.settings.multiprocess_metrics_path))
    everything.register(LedgerMetrics(wiring))
    return everything


def main() -> None:
    """Serve until stopped."""
    settings = Settings()
    configure_logging(json=settings.log_json, level=settings.log_level)
    settings.multiprocess_metrics_path.mkdir(parents=True, exist_ok=True)
    start_http_server(settings.metrics_port, addr=settings.api_host, registry=registry(Wiring(settings)))
    threading.Event().wait()


if __name__ == "__main__":
    main()
