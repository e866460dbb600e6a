"""What the orchestrator adds to what elements report: who they are, who is down or gone, what is done to the world."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.runtime.metrics import MetricStore
from orchestrator.config import default_world, load_world
from orchestrator.metrics import world_metrics as module
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.world_metrics import WorldMetrics

EVENT = "journey_event_active"


def member(name: str, kind: str, parent: str | None = None) -> Any:
    return SimpleNamespace(name=name, kind=kind, parent=parent)


class Heard:
    """In place of a feed."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def who(self, who: Any) -> None:
        self.said.append(("who", who))

    def deltas(self, element: str, deltas: dict[str, Any]) -> None:
        self.said.append(("deltas", element))

    def ended(self, element: str, heir: str | None) -> None:
        self.said.append(("ended", element, heir))


@pytest.fixture
def registry() -> Any:
    members = [
        member("laptop", "laptop"),
        member("isp", "isp_as"),
        member("cni-node-1", "cni_agent"),
        member("nginx-1", "nginx_pod", parent="node-1"),
    ]
    return SimpleNamespace(members={each.name: each for each in members}, on_metrics=None, on_gone=None)


@pytest.fixture
def metrics(registry: Any, tmp_path: Path) -> WorldMetrics:
    metrics = WorldMetrics(load_world(default_world()), registry, Ledger(), tmp_path)
    metrics._feed = Heard()  # type: ignore[assignment]
    return metrics


def said(metrics: WorldMetrics) -> list[tuple[Any, ...]]:
    heard: Any = metrics._feed
    found, heard.said = heard.said, []
    return list(found)


def report(metrics: WorldMetrics, element: str) -> None:
    store = MetricStore()
    store.counter("journey_runtime_messages_total").value = 1
    metrics.add(element, store.deltas())


def events(metrics: WorldMetrics) -> dict[tuple[str, str], float]:
    return {
        (labels["event"], labels["target"]): value
        for name, labels, value in metrics.own.deltas()["gauges"]
        if name == EVENT
    }


def test_who_an_element_is_is_told_before_what_it_counts(metrics: WorldMetrics):
    metrics.scenario("small", 3, "slow")
    for element in ("laptop", "isp", "cni-node-1", "nginx-1"):
        report(metrics, element)
        (told, who), deltas = said(metrics)
        assert told == "who" and who.element == element and deltas == ("deltas", element)
        report(metrics, element)
        assert said(metrics) == [("deltas", element)], "once is enough"
    known = metrics._known
    assert {name: who.tier for name, who in known.items()} == {
        "laptop": "client",
        "isp": "isp",
        "cni-node-1": "control",
        "nginx-1": "pod",
    }
    assert known["cni-node-1"].label("node") == "node-1"
    assert known["laptop"].scenario == "small"
    assert known["nginx-1"].label("process") == "nginx_pod" and known["isp"].label("process") == "isp"


def test_an_element_of_the_file_that_ends_is_down_until_it_reports_again(
    metrics: WorldMetrics, registry: Any
):
    report(metrics, "isp")
    said(metrics)
    registry.on_gone(registry.members["isp"])
    assert said(metrics) == [("ended", "isp", None)]
    assert events(metrics) == {("element_down", "isp"): 1}
    report(metrics, "isp")
    assert events(metrics) == {("element_down", "isp"): 0}


def test_a_pod_that_ends_has_an_heir_and_is_no_event(metrics: WorldMetrics, registry: Any):
    report(metrics, "nginx-1")
    said(metrics)
    registry.on_gone(registry.members["nginx-1"])
    (told, heir), ended = said(metrics)
    assert told == "who" and (heir.kind, heir.tier) == ("nginx_pod", "pod")
    assert ended == ("ended", "nginx-1", heir.element)
    assert "nginx-1" not in metrics._known
    assert metrics._ledger.total("journey_runtime_messages_total") == 1
    assert events(metrics) == {}
    report(metrics, "nginx-1")
    registry.on_gone(registry.members["nginx-1"])
    assert [each[0] for each in said(metrics)] == ["who", "deltas", "ended"], "the heir is known"


def test_a_pod_that_ends_before_it_has_reported_leaves_nothing(metrics: WorldMetrics, registry: Any):
    registry.on_gone(registry.members["nginx-1"])
    assert said(metrics) == [("ended", "nginx-1", None)]
    assert metrics._ledger.elements() == []


async def test_what_takes_no_time_is_told_for_a_moment(
    metrics: WorldMetrics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "HAPPENED_S", 0.01)
    metrics.happened("set", "alb")
    assert events(metrics) == {("set", "alb"): 1}
    async with asyncio.timeout(5):
        while not (told := events(metrics)):
            await asyncio.sleep(0.01)
    assert told == {("set", "alb"): 0}
