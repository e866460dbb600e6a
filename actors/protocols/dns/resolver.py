"""An iterative resolver: walks from the root to whoever knows, and remembers the way (RFC 1034 section 5.3.3).

How this works. `resolve` looks into its cache; what is missing it asks the servers of the nearest zone above the name
that it knows of, at first the root's. Such a server answers, or says that the name is an alias, or refers to servers
of a zone nearer to the name, which are then asked in turn and remembered. Servers without known addresses ("glue") have
theirs resolved first, in the same way. A server that is silent, confused or no authority is passed over for the next
one. One question may cost so many queries and so much time, and no more: past that the answer is SERVFAIL.

Left out, as many resolvers do: QNAME minimisation (RFC 9156), root priming (RFC 8109: the hints are used as they are),
DNSSEC. We ask IPv4 servers only.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from typing import NamedTuple

import dns.name
from dns.rdatatype import A

from actors.protocols.dns import story
from actors.protocols.dns.answer import MAX_CNAMES, Answer, Query, Record, failed
from actors.protocols.dns.cache import Cache, ExpiringLru
from actors.protocols.dns.reply import Alias, Delegation, Lame, judge
from actors.units import SECOND
from actors.wire import dns as wire
from actors.wire.addresses import ip_bytes

MAX_QUERIES = 50
"""For one question, all side errands included; BIND's `max-recursion-queries` is of that order."""

MAX_DEPTH = 6
"""Name servers whose addresses must be found before that of another can be."""

PATIENCE_NS = 10 * SECOND
"""For one question; BIND's `resolver-query-timeout`."""

ROUNDS = 2
"""How often each server of a zone is asked if it stays silent."""

ROOT_TTL_S = 1 << 31

FAILURE_TTL_S = 1
"""How long a question that found no answer is not tried again (RFC 9520 section 3.2: 1 s at least, 5 min at most);
BIND's `servfail-ttl`."""


class GaveUp(Exception):
    """A question that cannot be answered; the message says why."""


class _Errand:
    """What one client's question has cost so far, and which server names are being looked up for it."""

    def __init__(self, ends_ns: int) -> None:
        self.ends_ns = ends_ns
        self.queries = 0
        self.seeking: list[wire.Name] = []

    def spend(self, now_ns: int) -> None:
        """One more query; raises `GaveUp` when that is one too many."""
        self.queries += 1
        if self.queries > MAX_QUERIES:
            raise GaveUp(f"no answer after {MAX_QUERIES} queries")
        if now_ns >= self.ends_ns:
            raise GaveUp(f"no answer within {PATIENCE_NS // SECOND} s")


class _Server(NamedTuple):
    name: wire.Name
    address: str


class Resolver:
    """Answers questions by asking authorities; see the head of this file.

    `root_hints` are the root servers' names and addresses; `query` sends a message to a server's port 53.
    """

    def __init__(
        self,
        root_hints: Mapping[wire.Name, str],
        query: Query,
        *,
        cache: Cache,
        now_ns: Callable[[], int],
        random: Random,
        record: Record,
    ) -> None:
        glue = {name: (address,) for name, address in root_hints.items()}
        self._root = Delegation(dns.name.root, tuple(root_hints), glue, ROOT_TTL_S)
        self._query = query
        self._cache = cache
        self._delegations: ExpiringLru[wire.Name, Delegation] = ExpiringLru(10_000)
        self._failures: ExpiringLru[tuple[wire.Name, wire.Type], str] = ExpiringLru(10_000)
        self._now_ns = now_ns
        self._random = random
        self._record = record

    async def resolve(self, name: wire.Name, rdtype: wire.Type) -> Answer:
        """The answer to a question; SERVFAIL with the reason when there is none to be had."""
        if (known := self._failures.get((name, rdtype), self._now_ns())) is not None:
            return failed(name, rdtype, f"it failed a moment ago: {known[0]}")
        try:
            return await self._resolve(name, rdtype, _Errand(self._now_ns() + PATIENCE_NS))
        except GaveUp as reason:
            self._record("dns.failed", **story.question(name, rdtype), why=str(reason))
            self._failures.put((name, rdtype), str(reason), FAILURE_TTL_S, self._now_ns())
            return failed(name, rdtype, str(reason))

    def delegations(self, now_ns: int) -> list[dict[str, object]]:
        """The zones whose servers are known, as plain values, for `inspect`."""
        return [
            {
                "zone": wire.text(zone),
                "ttl_s": left_s,
                "name_servers": {
                    wire.text(name): list(delegation.glue.get(name, ())) for name in delegation.servers
                },
            }
            for zone, delegation, left_s in self._delegations.items(now_ns)
        ]

    async def _resolve(self, name: wire.Name, rdtype: wire.Type, errand: _Errand) -> Answer:
        aliases: tuple[wire.RRset, ...] = ()
        owner = name
        while True:
            found = self._cache.lookup(owner, rdtype, self._now_ns())
            story.looked_up(self._record, "resolver", owner, rdtype, found)
            if found.answer is not None:
                return found.answer._replace(name=name, records=aliases + found.answer.records)
            aliases += found.aliases
            reply = await self._walk(found.name, rdtype, errand)
            self._keep(reply, rdtype)
            aliases += reply.records
            if isinstance(reply, Answer):
                return reply._replace(name=name, records=aliases)
            owner = reply.target
            if len(aliases) > MAX_CNAMES or any(alias.name == owner for alias in aliases):
                raise GaveUp(f"{wire.text(name)} is an alias of an alias, and so on in a loop")

    def _keep(self, reply: Answer | Alias, rdtype: wire.Type) -> None:
        if isinstance(reply, Alias):
            reply = Answer(reply.records[0].name, rdtype, records=reply.records)
        self._cache.put_answer(reply, self._now_ns())

    async def _walk(self, name: wire.Name, rdtype: wire.Type, errand: _Errand) -> Answer | Alias:
        """Ask from the nearest zone that we know downwards; each referral leads nearer, so this ends."""
        delegation = self._nearest(name)
        while True:
            reply = await self._ask_zone(delegation, name, rdtype, errand)
            if not isinstance(reply, Delegation):
                return reply
            self._delegations.put(reply.zone, reply, reply.ttl_s, self._now_ns())
            delegation = reply

    def _nearest(self, name: wire.Name) -> Delegation:
        for length in range(len(name), 1, -1):
            zone = name.split(length)[1]
            if (known := self._delegations.get(zone, self._now_ns())) is not None:
                delegation, left_s = known
                story.knew_servers(self._record, "resolver", delegation, left_s)
                return delegation
        return self._root

    async def _ask_zone(
        self, delegation: Delegation, name: wire.Name, rdtype: wire.Type, errand: _Errand
    ) -> Answer | Alias | Delegation:
        """The first useful reply of any of the zone's servers; raises `GaveUp` if there is none."""
        lame: set[str] = set()
        why = "none of its servers has an address"
        for _ in range(ROUNDS):
            async for server in self._servers(delegation, errand):
                if server.address in lame:
                    continue
                reply = await self._ask(server, delegation.zone, name, rdtype, errand)
                if not isinstance(reply, Lame):
                    return reply
                why = f"{server.address} ({wire.text(server.name)}): {reply.why}"
                self._record(
                    "dns.retry", server=server.address, **story.question(name, rdtype), why=reply.why
                )
                if reply is not _SILENT:
                    lame.add(server.address)
        raise GaveUp(f"no server of {wire.text(delegation.zone)} answers for {wire.text(name)}: {why}")

    async def _servers(self, delegation: Delegation, errand: _Errand) -> AsyncIterator[_Server]:
        """The zone's servers in random order, those with known addresses first."""
        names = list(delegation.servers)
        self._random.shuffle(names)
        names.sort(key=lambda name: name not in delegation.glue)
        for name in names:
            addresses = delegation.glue.get(name) or await self._find_server(name, errand)
            for address in addresses:
                yield _Server(name, address)

    async def _find_server(self, name: wire.Name, errand: _Errand) -> list[str]:
        """The addresses of a name server for which there was no glue; none if it cannot be had or leads in circles."""
        if name in errand.seeking or len(errand.seeking) >= MAX_DEPTH:
            return []
        errand.seeking.append(name)
        try:
            return (await self._resolve(name, A, errand)).addresses
        except GaveUp:
            errand.spend(self._now_ns())
            return []
        finally:
            errand.seeking.pop()

    async def _ask(
        self, server: _Server, zone: wire.Name, name: wire.Name, rdtype: wire.Type, errand: _Errand
    ) -> Answer | Alias | Delegation | Lame:
        errand.spend(self._now_ns())
        self._record(
            "dns.query",
            server=server.address,
            server_name=wire.text(server.name),
            zone=wire.text(zone),
            **story.question(name, rdtype),
        )
        message = wire.query(name, rdtype, self._random.getrandbits(16), recursion_desired=False)
        try:
            response = await self._query(ip_bytes(server.address), message)
        except OSError:
            return _SILENT
        reply = judge(response, zone, name, rdtype)
        match reply:
            case Delegation():
                story.referred(self._record, reply, server.address)
            case Alias(records):
                story.aliased(self._record, records, server.address)
            case Answer():
                story.aliased(self._record, reply.records, server.address)
                story.answered(self._record, reply, server.address)
        return reply


_SILENT = Lame("it does not answer")
