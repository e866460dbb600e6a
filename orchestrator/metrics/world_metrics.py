"""The metrics of a running world: what its elements report, what the orchestrator knows of them, and who is told."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from actors.runtime.metrics import MetricStore
from orchestrator.config import World as WorldConfig
from orchestrator.control.members import Member
from orchestrator.control.registry import Registry
from orchestrator.metrics.feed import Feed
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.merging import Who
from orchestrator.metrics.tiers import nodes, tier_of_kind, tiers

REPORT_S = 1.0
ORCHESTRATOR = "orchestrator"
ELEMENT_DOWN = "element_down"
HAPPENED_S = 3.0
"""So long is told what takes no time: a few scrapes."""
STATES = ("starting", "bound", "up", "late", "failed", "down")


class WorldMetrics:
    """Takes what elements report into the world's ledger, and hands it on to an exporter if there is one.

    `own` are the orchestrator's numbers.
    """

    def __init__(self, config: WorldConfig, registry: Registry, ledger: Ledger, directory: Path) -> None:
        self.own = MetricStore()
        self._config, self._registry, self._ledger = config, registry, ledger
        self._directory = directory
        self._known: dict[str, Who] = {}
        self._scenario = ""
        self._tiers: dict[str, str] | None = None
        self._nodes: dict[str, str] = {}
        self._feed: Feed | None = None
        self._reports: asyncio.Task[None] | None = None
        self._counted: dict[str, int] = {}
        self._down: set[str] = set()
        registry.on_metrics = self.add
        registry.on_gone = self.gone

    async def export(self, address: str | None = None) -> str:
        """Serve the metrics to Prometheus; returns the URL. Raises `PortTaken` if the address was explicit."""
        feed = Feed(self._directory, self._ledger, self._known)
        url = await feed.start(address)
        self._feed = feed
        self._tell_build()
        for name in self._config.elements:
            self.event(ELEMENT_DOWN, name, name in self._down)
        self._reports = asyncio.create_task(self._report_own(), name="metrics of the orchestrator")
        return url

    async def stop(self) -> None:
        if self._reports is not None:
            self._reports.cancel()
        if self._feed is not None:
            await self._feed.stop()

    def add(self, element: str, deltas: dict[str, Any]) -> None:
        """An element has reported."""
        if element not in self._known:
            self._meet(element)
        if element in self._down:
            self._down.discard(element)
            self.event(ELEMENT_DOWN, element, False)
        self._ledger.add(element, deltas)
        if self._feed is not None:
            self._feed.deltas(element, deltas)

    def gone(self, member: Member) -> None:
        """An element's process has ended."""
        who = self._known.get(member.name)
        heir = self._heir_of(who) if who is not None and who.launched else None
        self._ledger.ended(member.name, heir)
        if self._feed is not None:
            self._feed.ended(member.name, heir)
        if member.parent is not None:
            self._known.pop(member.name, None)
        else:
            self._down.add(member.name)
            self.event(ELEMENT_DOWN, member.name, True)

    def _heir_of(self, who: Who) -> str:
        heir = who.heir()
        if heir.element not in self._known:
            self._know(heir)
        return heir.element

    def event(self, event: str, target: str, active: bool) -> None:
        """Something that is done to the world has begun or ended: `journey_event_active`."""
        self.own.gauge("journey_event_active", event=event, target=target).value = active

    def happened(self, event: str, target: str) -> None:
        """Something that takes no time was done to the world. Needs a running event loop."""
        self.event(event, target, True)
        asyncio.get_running_loop().call_later(HAPPENED_S, self.event, event, target, False)

    def scenario(self, name: str, seed: int, variant: str) -> None:
        """What the world is started for, to be said before that: `journey_scenario_info`, and a label of clients."""
        self._scenario = name
        self.own.gauge("journey_scenario_info", name=name, seed=str(seed), variant=variant).value = 1

    def _meet(self, element: str) -> None:
        member = self._registry.members.get(element)
        if member is None:
            who = Who(element, element)
        elif member.parent is not None:
            who = Who(element, member.kind, tier_of_kind(member.kind), launched=True)
        else:
            if self._tiers is None:
                self._tiers, self._nodes = tiers(self._config), nodes(self._config)
            tier, node = self._tiers.get(element, "control"), self._nodes.get(element, "")
            who = Who(element, member.kind, tier, node=node, scenario=self._scenario)
        self._know(who)

    def _know(self, who: Who) -> None:
        self._known[who.element] = who
        if self._feed is not None:
            self._feed.who(who)

    # ---- the orchestrator's own ----------------------------------------------------------------------------------

    def _tell_build(self) -> None:
        from importlib.metadata import version

        self.own.gauge("journey_build_info", version=version("packet-journey")).value = 1
        self.own.gauge("journey_run_start_timestamp_seconds").value = time.time()

    async def _report_own(self) -> None:
        while True:
            self._count_members()
            self.add(ORCHESTRATOR, self.own.deltas())
            await asyncio.sleep(REPORT_S)

    def _count_members(self) -> None:
        members = self._registry.members.values()
        now = Counter((member.kind, member.shown_state) for member in members)
        for kind in sorted({member.kind for member in members}):
            restarts = self.own.counter("journey_runtime_actor_restarts_total", kind=kind)
            for member in members:
                if member.kind == kind:
                    known = self._counted.get(member.name, 0)
                    restarts.value += max(member.restarts - known, 0)
                    self._counted[member.name] = member.restarts
            for state in STATES:
                self.own.gauge("journey_runtime_actors", kind=kind, state=state).value = now[kind, state]
