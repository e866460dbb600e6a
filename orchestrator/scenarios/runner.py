"""One variant of a scenario, from a world that has just been started to its figures."""

import asyncio
from typing import Any

from actors.units import MILLISECOND, SECOND
from orchestrator.journal.journey import Journey
from orchestrator.load.client import LoadClient
from orchestrator.load.validity import Limits, doubts
from orchestrator.operations import laptop_named
from orchestrator.reports.digest import budget
from orchestrator.reports.result import VariantResult
from orchestrator.reports.series import Seconds
from orchestrator.scenarios.actions import act, prepare
from orchestrator.scenarios.evidence import access_log, kept, recorded, world_events
from orchestrator.scenarios.loader import merged
from orchestrator.scenarios.models import Scenario, Variant
from orchestrator.scenarios.sampling import Outstanding
from orchestrator.scenarios.scene import Scene
from orchestrator.scenarios.summary import alb_errors, pod_rows

LOOK_EVERY = 5
"""Samples between two looks at the load, which cost more."""
NAMES_EVERY = 10
"""And between two looks at which pod has which address."""


class Run:
    """A scenario's variant in its world."""

    def __init__(
        self, scene: Scene, scenario: Scenario, name: str, variant: Variant, url: str, seed: int
    ) -> None:
        self._scene, self._scenario, self._name, self._variant = scene, scenario, name, variant
        load = scenario.load
        shape = load.shape(seed, trace_every=scenario.report.trace_every(), trace_ids=f"{seed} {name}")
        self._client = LoadClient(scene, laptop_named(scene.kinds()), load.url or url, shape)
        self._outstanding = Outstanding(scene)
        self._seconds = Seconds()
        self._events: list[dict[str, Any]] = []
        self._began_ns = 0
        self._kinds: dict[str, str] = {}
        """Of all elements that there have been."""

    async def run(self) -> VariantResult:
        """The variant, not judged yet."""
        scene, scenario = self._scene, self._scenario
        unsettled = await scene.settled()
        await prepare(scene, merged(scenario.set_, self._variant.set_))
        await self._client.start()
        await asyncio.sleep(scenario.load.warm_up / SECOND)
        self._began_ns = scene.now_ns()
        began_unix_ns = round(scene.unix_s() * SECOND)
        timeline = asyncio.get_running_loop().create_task(self._follow_timeline())
        try:
            status = await self._watch(timeline)
        except BaseException:
            await self._client.stop()
            raise
        finally:
            timeline.cancel()
        figures = await self._figures(status, unsettled)
        return await self._result(figures, status, began_unix_ns)

    async def _result(
        self, figures: dict[str, Any], status: dict[str, Any], began_unix_ns: int
    ) -> VariantResult:
        scene, keep = self._scene, self._scenario.report.journeys
        lines = await access_log(scene, self._outstanding.nodes)
        store = await scene.journal()
        journeys: list[Journey] = recorded(store, self._kinds)
        return VariantResult(
            name=self._name,
            figures=figures,
            resolved={},
            series=self._seconds.series(),
            latency_hdr=status["hdr"],
            service_hdr=status.get("service_hdr", ""),
            seconds_hdr=self._seconds.histograms,
            journeys=kept(journeys, keep.keep, keep.slowest),
            traced=len(journeys),
            budget=budget(journeys),
            world_events=world_events(store, self._began_ns),
            access_log=lines,
            began_unix_ns=began_unix_ns,
            began_ns=self._began_ns,
        )

    async def _follow_timeline(self) -> None:
        began_s = asyncio.get_running_loop().time()
        for action in sorted(self._scenario.timeline, key=lambda each: each.at):
            at_s = action.at / SECOND
            await asyncio.sleep(max(began_s + at_s - asyncio.get_running_loop().time(), 0))
            self._events.append({"at_s": at_s, **await act(self._scene, action)})

    async def _watch(self, timeline: "asyncio.Task[None]") -> dict[str, Any]:
        """Look at the targets, and now and then at the load, until it is over."""
        rounds = 0
        loop = asyncio.get_running_loop()
        began_s, every_s = loop.time(), self._scenario.sample / SECOND
        while True:
            if rounds % NAMES_EVERY == 0:
                await self._outstanding.learn_names()
            await self._outstanding.look()
            if timeline.done():
                timeline.result()  # an action that could not be done ends the run
            rounds += 1
            if rounds % LOOK_EVERY == 0 and not (status := await self._look())["running"]:
                return status
            await asyncio.sleep(max(began_s + rounds * every_s - loop.time(), 0))

    async def _look(self) -> dict[str, Any]:
        self._kinds.update(self._scene.kinds())
        status, seen = await self._client.look(histograms=True), self._outstanding
        if self._seconds.due(status):
            self._seconds.take(
                status, outstanding=seen.second(), targets=seen.target_states(), pods=seen.pod_states
            )
        return status

    async def _figures(self, status: dict[str, Any], unsettled: list[str]) -> dict[str, Any]:
        validity = self._scenario.validity
        limits = Limits(validity.max_dropped, validity.max_dispatch_lag_p99 / MILLISECOND)
        await self._outstanding.learn_names()
        left = ("running", "url", "inflight", "open_connections", "per_pod", "per_pod_ms", "service_hdr")
        return {
            "load": {key: value for key, value in status.items() if key not in left},
            "pods": await pod_rows(self._scene, status, self._outstanding),
            "nodes": self._outstanding.nodes,
            "alb_errors": await alb_errors(self._scene, self._outstanding.nodes),
            "events": self._events,
            "unsettled": unsettled,
            "invalid": doubts(status, limits),
        }
