"""One variant of a scenario, from a world that has just been started to its figures."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.element import CallFailed
from actors.units import MILLISECOND, SECOND
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.journal.convergence import convergence, told
from orchestrator.journal.journey import Journey
from orchestrator.load.models import Load
from orchestrator.load.shapes import Change
from orchestrator.load.team import LoadTeam
from orchestrator.load.validity import Limits, doubts, late
from orchestrator.operations import laptops_in
from orchestrator.reports.digest import budget
from orchestrator.reports.result import VariantResult
from orchestrator.reports.series import Seconds
from orchestrator.scenarios.actions import Lasting, act, prepare, told_as, until_over
from orchestrator.scenarios.assertions import facts_of
from orchestrator.scenarios.evidence import access_log, by_others, kept, recorded, world_events
from orchestrator.scenarios.facts import Facts
from orchestrator.scenarios.failures import by_cause, failures, remembered
from orchestrator.scenarios.models import Action, LoadAction, LoadSetAction, Scenario, Variant
from orchestrator.scenarios.sampling import Outstanding
from orchestrator.scenarios.scene import Scene
from orchestrator.scenarios.summary import pod_rows
from orchestrator.scenarios.variants import merged

LOOK_EVERY = 5
"""Samples between two looks at the load, which cost more."""
FACTS_EVERY = 2
"""Samples between two looks at what assertions are about."""
NAMES_EVERY = 10
"""And between two looks at which pod has which address."""


class Run:
    """A scenario's variant in its world."""

    def __init__(
        self,
        scene: Scene,
        scenario: Scenario,
        name: str,
        variant: Variant,
        load: Load,
        url: str,
        seed: int,
    ) -> None:
        self._scene, self._scenario, self._name, self._variant = scene, scenario, name, variant
        self._load = load
        shape = load.shape(seed, trace_every=scenario.report.trace_every(), trace_ids=f"{seed} {name}")
        self._team = LoadTeam(scene, load.clients or laptops_in(scene.kinds()), load.url or url, shape)
        self._outstanding = Outstanding(scene)
        self.seconds = Seconds()
        self._events: list[dict[str, Any]] = []
        self._faults = scene.faults
        validity = scenario.validity
        self._limits = Limits(
            validity.max_dropped,
            validity.max_dispatch_lag_p99 / MILLISECOND,
            validity.max_dispatch_lag / MILLISECOND,
            validity.max_element_lag / MILLISECOND,
        )
        self._watched = [each.watched() for each in scenario.assertions]
        self._facts = Facts(scene, self._outstanding, facts_of(self._watched))
        self._followed: set[asyncio.Task[None]] = set()
        self._began_ns = 0
        self._show: Callable[[dict[str, Any]], None] = lambda status: None
        self._kinds: dict[str, str] = {}
        """Of all elements that there have been."""

    @property
    def duration_s(self) -> float:
        """How long the load is to last, without its warm-up."""
        return self._team.duration_s

    async def run(self, look: Callable[[dict[str, Any]], None]) -> VariantResult:
        """The variant, not judged yet; `look` is shown what has been counted so far."""
        self._show = look
        scene, scenario = self._scene, self._scenario
        unsettled = await scene.settled()
        await prepare(scene, merged(scenario.set_, self._variant.set_))
        await self._team.start()
        await asyncio.sleep(self._load.warm_up / SECOND)
        self._began_ns = scene.now_ns()
        scene.lags_ms()  # what was late before does not count
        began_unix_ns = round(scene.unix_s() * SECOND)
        timeline = asyncio.get_running_loop().create_task(self._follow_timeline())
        try:
            with scene.loads.entered(self._team):
                status = await self._watch(timeline)
        except BaseException:
            await self._team.stop()
            raise
        finally:
            for task in (timeline, *self._followed):
                task.cancel()
        figures = await self._figures(status, unsettled, began_unix_ns / SECOND)
        return await self._result(figures, status, began_unix_ns)

    async def _result(
        self, figures: dict[str, Any], status: dict[str, Any], began_unix_ns: int
    ) -> VariantResult:
        scene, keep = self._scene, self._scenario.report.journeys
        lines = await access_log(scene, self._outstanding.nodes)
        store = await scene.journal()
        happened = world_events(store, self._began_ns)
        rows = [{**row, "at_s": (row.pop("t_ns") - self._began_ns) / SECOND} for row in convergence(happened)]
        figures["convergence"] = [{**row, "told": told(row)} for row in rows]
        journeys: list[Journey] = recorded(store, self._kinds)
        return VariantResult(
            name=self._name,
            figures=figures,
            resolved={},
            series=self.seconds.series(),
            latency_hdr=status["hdr"],
            service_hdr=status.get("service_hdr", ""),
            seconds_hdr=self.seconds.histograms,
            clients_hdr=self.seconds.clients,
            journeys=kept(journeys, keep.keep, keep.slowest),
            traced=len(journeys),
            budget=budget(journeys),
            world_events=happened,
            access_log=lines,
            began_unix_ns=began_unix_ns,
            began_ns=self._began_ns,
        )

    async def _follow_timeline(self) -> None:
        began_s = asyncio.get_running_loop().time()
        for action in self._scenario.timeline_of(self._name):
            at_s = action.at / SECOND
            await asyncio.sleep(max(began_s + at_s - asyncio.get_running_loop().time(), 0))
            event: dict[str, Any] = {"at_s": at_s, **({"name": action.name} if action.name else {})}
            self._events.append(event)
            if isinstance(action, LoadSetAction | LoadAction):
                event |= await self._change_load(action)
            else:
                event |= await act(self._scene, action, self._faults)
            self._note_ends(event, at_s)
            self._follow(action, event, began_s)

    def _note_ends(self, event: dict[str, Any], at_s: float) -> None:
        """Faults that end by this, or last for another time than they did."""
        lasts_on, until_s = event.pop("lasts_on", (None, None))
        for other in self._events:
            if "fault" in other and other["fault"] in event.get("ended", ()):
                other["until_s"] = at_s
            if "fault" in other and other["fault"] == lasts_on:
                other["until_s"] = until_s
                if until_s is None:
                    del other["until_s"]

    async def _change_load(self, action: LoadSetAction | LoadAction) -> dict[str, Any]:
        do = action.do.removeprefix("load.")
        rate = action.rate[0] if isinstance(action, LoadSetAction) and action.rate else None
        users = action.users[0] if isinstance(action, LoadSetAction) and action.users else None
        try:
            changed = await self._team.change(Change(do, rate, users), note=False)
        except CallFailed as error:
            raise RequestFailed(f"{action.do}: {error}", USAGE) from None
        return {"what": changed["what"]}

    def _follow(self, action: Action, event: dict[str, Any], began_s: float) -> None:
        """Tell of it, and note when it is over. (Of faults the book tells.)"""
        scene = self._scene
        if not isinstance(action, Lasting):
            if (told := told_as(action)) is not None:
                scene.tell_event(*told, None)
            return

        async def follow() -> None:
            scene.tell_event(action.do, action.target, True)
            await until_over(scene, action)
            event["until_s"] = round(asyncio.get_running_loop().time() - began_s, 3)
            scene.tell_event(action.do, action.target, False)

        self._followed.add(asyncio.get_running_loop().create_task(follow()))

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
            if rounds % FACTS_EVERY == 0 and self._watched:
                await self._look_at_facts(loop.time() - began_s)
            rounds += 1
            if rounds % LOOK_EVERY == 0 and not (status := await self._look())["running"]:
                return status
            await asyncio.sleep(max(began_s + rounds * every_s - loop.time(), 0))

    async def _look_at_facts(self, at_s: float) -> None:
        await self._facts.look()
        for each in self._watched:
            each.look(at_s, self._facts)

    async def _look(self) -> dict[str, Any]:
        self._kinds.update(self._scene.kinds())
        status, seen = await self._team.look(histograms=True), self._outstanding
        self._facts.load = status
        told = [*(event for event in self._events if "what" in event), *status["changes"]]
        changes = sorted(told, key=lambda event: event["at_s"])
        self._show({**status, "changes": changes, "invalid": doubts(status, self._limits)})
        if self.seconds.due(status):
            self.seconds.take(
                status, outstanding=seen.second(), targets=seen.target_states(), pods=seen.pod_states
            )
        return status

    async def _figures(
        self, status: dict[str, Any], unsettled: list[str], began_unix_s: float
    ) -> dict[str, Any]:
        await self._outstanding.learn_names()
        errors = await remembered(self._scene, self._outstanding.nodes, began_unix_s)
        others = by_others(await self._scene.journal(), self._began_ns)
        left = (
            "running",
            "changes",
            "url",
            "inflight",
            "open_connections",
            "per_pod",
            "per_pod_ms",
            "service_hdr",
        )
        return {
            "load": {key: value for key, value in status.items() if key not in left},
            "pods": await pod_rows(self._scene, status, self._outstanding),
            "nodes": self._outstanding.nodes,
            "alb_errors": by_cause(errors),
            "failures": failures(errors),
            "events": sorted([*self._events, *status["changes"], *others], key=lambda event: event["at_s"]),
            "assertions": [each.row() for each in self._watched],
            "unsettled": unsettled,
            "invalid": [*doubts(status, self._limits), *late(self._scene.lags_ms(), self._limits)],
        }
