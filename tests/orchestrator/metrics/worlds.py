"""Worlds on the virtual clock, whose elements report to an exporter as those of a running one do."""

import copy
import tempfile
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from orchestrator.config import World, default_world, load_world
from orchestrator.metrics.exporter import Exporter
from orchestrator.metrics.merging import Family, Who
from orchestrator.metrics.tiers import nodes, tier_of_kind, tiers
from orchestrator.scenarios.actions import prepare
from orchestrator.scenarios.virtual import VirtualScene
from orchestrator.simulation import build, furnish

JOURNEY = "ab" * 16


def default_with(pods: int) -> Exporter:
    """The exporter of the default world with so many pods, after a browser's request and two seconds of load.

    Each caller has one of its own: what CloudWatch tells is of the last minute, and of what came since it was asked."""
    return copy.deepcopy(_made(pods))


@cache
def _made(pods: int) -> Exporter:
    config = load_world(default_world())
    with tempfile.TemporaryDirectory(prefix="journey-") as name:
        furnish(config, Path(name))
        network = build(config, 1, Path(name))
        scene, exporter = VirtualScene(network, config), Exporter()

        async def story() -> None:
            await scene.settled()
            await prepare(scene, {"deployment/nginx": {"replicas": pods}})
            exporter.note_period(0.0)
            laptop = network.host("laptop")
            await laptop.answer("fetch", {"url": config.url, "journey": JOURNEY})
            await laptop.answer("load_start", {"url": config.url, "concurrency": 4, "duration_s": 2.0})
            await laptop.sleep(3)
            kinds = scene.kinds()
            for name, kind in kinds.items():
                exporter.known[name] = _who(config, name, kind)
                exporter.ledger.add(name, network.host(name).metrics.deltas())

        network.run(story())
    return exporter


def _who(config: World, name: str, kind: str) -> Who:
    known = tiers(config)
    tier = known.get(name) or tier_of_kind(kind)
    return Who(name, kind, tier, launched=name not in known, node=nodes(config).get(name, ""))


def series_of(families: Iterable[Family]) -> Counter[str]:
    """How many lines Prometheus gets of each metric."""
    found: Counter[str] = Counter()
    for family in families:
        found[family.metric.name] += len(family.values)
        found[family.metric.name] += sum(len(each.counts) + 2 for each in family.buckets.values())
    return found
