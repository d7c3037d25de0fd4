"""The metrics as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from bot.health.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric as Family

    from bot.health.vitals import Vitals


class Exposition:
    """The metrics as text, with those of the process (`process_...`: memory, CPU, open files)."""

    kind = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)

    def text(self, vitals: Vitals) -> bytes:
        return generate_latest(_Scrape(self._registry, vitals))


class _Scrape(Collector):
    """What one scrape collects."""

    def __init__(self, process: CollectorRegistry, vitals: Vitals) -> None:
        self._process = process
        self._vitals = vitals

    def collect(self) -> Iterator[Family]:
        yield from (metric.family(self._vitals) for metric in METRICS)
        yield from self._process.collect()
