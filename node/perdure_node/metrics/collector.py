"""The node's gauges, read from its state and its database when Prometheus asks.

Series are bounded: sites beyond `MOST_SITES` are only counted, and alarms are counted by their names.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.gateway.folder import DATABASE_FILE
from perdure_node.metrics.reading import (
    count_sites,
    count_waiting_sites,
    first_sites,
    open_transaction_numbers,
)
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState

MOST_SITES: Final = 200
_MOST_ENDPOINTS: Final = 20


class NodeCollector(Collector):
    """``database`` gives the calling thread's connection."""

    def __init__(
        self, folder: Path, state: NodeState, clock: Clock, database: Callable[[], Database]
    ) -> None:
        self._folder, self._state, self._clock, self._database = folder, state, clock, database

    def describe(self) -> Iterator[Metric]:
        """Nothing: what is there is known when it is read."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """All gauges."""
        yield _labelled("perdure_build_info", "The version that runs.", "version", [(version("perdure"), 1)])
        yield _gauge(
            "perdure_start_time_seconds",
            "When the node began, in seconds since 1970.",
            self._state.started_at,
        )
        yield from self._chain()
        yield from self._alarms_and_workers()
        yield from self._relay()
        yield from self._sites()
        yield from self._disk()

    def _chain(self) -> Iterator[Metric]:
        view, now = self._state.chain, self._clock.now()
        if view.head is not None:
            yield _gauge("perdure_chain_head_block", "The newest block that was seen.", view.head)
        if view.head_time is not None:
            yield _gauge(
                "perdure_chain_head_age_seconds",
                "Age of the newest block, by its own time.",
                now - view.head_time,
            )
        if view.seen_at is not None:
            yield _gauge(
                "perdure_chain_seen_age_seconds", "For how long the chain was not asked.", now - view.seen_at
            )
        if view.followed is not None:
            yield _gauge(
                "perdure_followed_block", "The block up to which anchors are followed.", view.followed
            )
        if view.lag is not None:
            yield _gauge("perdure_lag_blocks", "Blocks that are not followed yet.", view.lag)
        yield _gauge("perdure_validators", "Validators that are in force.", len(view.validators))
        endpoints = self._state.endpoints[:_MOST_ENDPOINTS]
        yield _labelled(
            "perdure_endpoint_up",
            "Whether a node of the chain answered when it was asked last.",
            "endpoint",
            [(each.endpoint, int(each.error is None)) for each in endpoints],
        )
        yield _labelled(
            "perdure_endpoint_head_block",
            "The newest block of a node of the chain.",
            "endpoint",
            [(each.endpoint, each.head) for each in endpoints if each.head is not None],
        )

    def _alarms_and_workers(self) -> Iterator[Metric]:
        now = self._clock.now()
        raised = Counter(each.name for each in self._state.alarms.raised())
        yield _labelled(
            "perdure_alarm",
            "How many alarms of a name are raised: about how many sites, endpoints or workers.",
            "alarm",
            [(name.value, raised[name]) for name in AlarmName],
        )
        workers = self._state.workers
        yield _labelled(
            "perdure_worker_failures",
            "How often a worker's step has failed since it last went well.",
            "worker",
            [(each.name, each.failures) for each in workers],
        )
        yield _labelled(
            "perdure_worker_last_step_age_seconds",
            "How long ago a worker's step went well.",
            "worker",
            [(each.name, now - each.last_step_at) for each in workers if each.last_step_at is not None],
        )

    def _relay(self) -> Iterator[Metric]:
        count, oldest = open_transaction_numbers(self._database())
        yield _gauge("perdure_relay_open_transactions", "Transactions that may be on their way.", count)
        yield _gauge(
            "perdure_relay_oldest_transaction_age_seconds",
            "Age of the oldest of them, 0 if there is none.",
            0 if oldest is None else self._clock.now() - oldest,
        )

    def _sites(self) -> Iterator[Metric]:
        database = self._database()
        count = count_sites(database)
        sites = first_sites(database, MOST_SITES)
        yield _gauge("perdure_sites", "Sites that are known here.", count)
        yield _gauge(
            "perdure_sites_waiting", "Sites with a checkpoint that waits.", count_waiting_sites(database)
        )
        yield _gauge(
            "perdure_sites_unlisted", "Sites beyond those that have series of their own.", count - len(sites)
        )
        for name, about, values in (
            ("anchored", "Records of a site that are anchored.", [each.anchored for each in sites]),
            ("mirrored", "Leaf hashes of a site that are mirrored.", [each.mirrored for each in sites]),
            (
                "waiting",
                "Records under a site's checkpoint that waits; 0: none waits.",
                [each.waiting for each in sites],
            ),
            ("set_aside", "Checkpoints of a site that were set aside.", [each.set_aside for each in sites]),
        ):
            series = [(site.origin, value) for site, value in zip(sites, values, strict=True)]
            yield _labelled(f"perdure_site_{name}", about, "site", series)

    def _disk(self) -> Iterator[Metric]:
        usage = shutil.disk_usage(self._folder)
        yield _gauge("perdure_disk_free_bytes", "Room on the disk of the node's folder.", usage.free)
        yield _gauge("perdure_disk_bytes", "Size of the disk of the node's folder.", usage.total)
        size = (self._folder / DATABASE_FILE).stat().st_size
        yield _gauge("perdure_database_bytes", "Size of the node's database.", size)


def new_registry(collector: NodeCollector) -> CollectorRegistry:
    """A registry of one node, with its gauges and the process's."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(collector)
    return registry


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _labelled(name: str, about: str, label: str, values: Sequence[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for each, value in values:
        family.add_metric((each,), value)
    return family
