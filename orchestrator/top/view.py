"""What `journey top` is told by a running world, on its side of the line.

Looking on is bounded: in an interval one ICMP echo for each hop and one question to each load balancer's node,
and now and then one request that is told as a journey. The load that runs is not asked: what was last heard will do.
"""

import asyncio
import time
from typing import Any

from actors.element import CallFailed
from actors.parts.kubelet.runtime import process_name
from actors.protocols.kubernetes.status import ApiError
from orchestrator.journal.sentences import tell
from orchestrator.load.book import LoadBook
from orchestrator.operations import Asked, WorldLike, kinds_of, target_of, trace
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.tools.probing import address_of, asker_of
from orchestrator.tools.whereabouts import Whereabouts, look_around

Plain = dict[str, Any]
MOST_HOPS = 16
"""So many hops are looked for at first, all at once; afterwards those that have answered."""
EVENTS = 20
PROBE_TIMEOUT_S = 0.9
QUIET = ("link.", "aws.request")
"""Kinds of events that are no news to people."""


class TopView:
    """Of one world; remembers who has which address, and how many hops there are."""

    def __init__(self, world: WorldLike, loads: LoadBook) -> None:
        self._world, self._loads = world, loads
        self._known: Whereabouts | None = None
        self._hops = MOST_HOPS
        self._address = ""
        self._pods: dict[str, str] = {}

    async def hops(self, element: str | None = None, anew: bool = False) -> Plain:
        """One echo to each hop on the way to the world's own host: `from`, `address` and `hops`, each with `hop`,
        `element`, `asn`, `address`, `link` (over which it is reached) and `rtt_ms` (None: no answer)."""
        asker = asker_of(self._world, element)
        if self._known is None or anew:
            self._known, self._hops = await look_around(self._world), MOST_HOPS
            host = str(target_of(self._world)).partition("://")[2].partition("/")[0].partition(":")[0]
            self._address = await address_of(self._world, asker, host, self._known)
        probes = [self._probe(asker, ttl) for ttl in range(1, self._hops + 1)]
        answers = await asyncio.gather(*probes)
        heard = [ttl for ttl, answer in enumerate(answers, 1) if answer["address"]]
        if self._hops == MOST_HOPS:
            self._hops = max(heard, default=MOST_HOPS)
        rows, before = [], asker
        for ttl, answer in enumerate(answers[: self._hops], 1):
            row = self._row(ttl, answer, before)
            rows.append(row)
            before = row["element"] or before
        return {"from": asker, "address": self._address, "hops": rows}

    async def _probe(self, asker: str, ttl: int) -> Plain:
        try:
            arguments = {"host": self._address, "ttl": ttl, "timeout_s": PROBE_TIMEOUT_S}
            answer: Plain = await self._world.call(asker, "probe", **arguments)
        except CallFailed:
            answer = {"address": None, "rtt_ms": None}
        return answer

    def _row(self, ttl: int, answer: Plain, before: str) -> Plain:
        address = answer["address"]
        assert self._known is not None
        element = self._known.element_at(address) if address else None
        return {
            "hop": ttl,
            "address": address,
            "element": element,
            "asn": self._known.asn_of(address) if address else None,
            "link": link_between(self._world, before, element) if element else None,
            "rtt_ms": answer["rtt_ms"],
        }

    async def request(self, element: str | None = None) -> Plain:
        """One request, recorded: its `status` (None: no answer), the `hops` that its first packet passed, `phases`."""
        journey = await trace(self._world, None, element)
        return {"status": journey.status, "hops": journey.hops, "phases": journey.phases}

    async def state(self) -> Plain:
        """Everything else but faults: `world`, `targets`, `load` (None if none runs) and `events`."""
        nodes = [name for name, kind in kinds_of(self._world).items() if kind == "alb"]
        told = await asyncio.gather(*(self._targets(node) for node in nodes))
        targets: dict[str, Plain] = {}
        for node, found in zip(nodes, told, strict=True):
            for address, each in found.items():
                row = targets.setdefault(address, {"target": address, "states": {}, "outstanding": 0})
                row["states"][node] = each["state"]
                row["outstanding"] += each["outstanding"]
        await self._learn(targets)
        for address, row in targets.items():
            row["pod"] = self._pods.get(address.rpartition(":")[0], "-")
        return {
            "world": self._world.config.name,
            "targets": sorted(targets.values(), key=lambda row: (str(row["pod"]), str(row["target"]))),
            "load": self._loads.latest(),
            "events": self._events(),
        }

    async def _targets(self, node: str) -> dict[str, Plain]:
        try:
            found: dict[str, Plain] = await self._world.call(node, "targets")
        except CallFailed:
            return {}
        return found

    async def _learn(self, targets: dict[str, Plain]) -> None:
        """The names of pods behind addresses that are new."""
        asked = Asked(self._world)
        server = server_of(asked)
        if server is None or all(address.rpartition(":")[0] in self._pods for address in targets):
            return
        try:
            pods = await AsyncCluster(asked, server).every("Pod")
        except (CallFailed, ApiError):
            return
        for pod in pods:
            if ip := pod["status"].get("podIP"):
                self._pods[ip] = process_name(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _events(self) -> list[Plain]:
        """The latest, in words, and how long ago they were."""
        events = [each for each in self._world.journal.events() if not each["kind"].startswith(QUIET)]
        rows = []
        for record in events[-EVENTS:]:
            what = tell(record)
            ago_s = (time.monotonic_ns() - record["t_ns"]) / 1e9
            rows.append({"ago_s": round(ago_s, 3), "element": record["element"], "what": what.what})
        return rows


def link_between(world: WorldLike, one: str, other: str) -> str | None:
    """The link of the world file that joins these two elements."""
    for name, link in world.config.links.items():
        ends = {str(end).partition(".")[0] for end in getattr(link, "between", ())}
        if ends == {one, other}:
            return str(name)
    return None
