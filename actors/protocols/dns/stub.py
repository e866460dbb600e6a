"""A stub resolver with a cache: what an operating system has, and what a home router forwards with.

It asks the servers it was given in their order, each again as often as resolv.conf's `attempts` says, and passes on
SERVFAIL and silence only when the last has failed, as glibc does. Names are taken as they stand: no search list.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from actors.protocols.dns import story
from actors.protocols.dns.answer import Answer, Query, Record, failed, from_response
from actors.protocols.dns.cache import Cache
from actors.wire import dns
from actors.wire.addresses import ip_text

CONCLUSIVE = (dns.Rcode.NOERROR, dns.Rcode.NXDOMAIN)


class Habits(NamedTuple):
    """What tells one stub from another: the name of its cache, and of its asking, in the journal, and its patience."""

    cache: str
    asking: str
    attempts: int


OPERATING_SYSTEM = Habits(cache="os", asking="dns.query", attempts=2)
FORWARDER = Habits(cache="router", asking="dns.forward", attempts=2)


class StubResolver:
    """Asks recursive servers and remembers their answers. `servers` may change at any time, as leases come and go."""

    def __init__(
        self,
        habits: Habits,
        query: Query,
        *,
        cache: Cache,
        now_ns: Callable[[], int],
        random: Random,
        record: Record,
        servers: Sequence[bytes] = (),
    ) -> None:
        self.servers = servers
        self.cache = cache
        self._habits = habits
        self._query = query
        self._now_ns = now_ns
        self._random = random
        self._record = record

    async def resolve(self, name: dns.Name, rdtype: dns.Type) -> Answer:
        """The answer from the cache or from the first server that has one; SERVFAIL with the reason if none has."""
        found = self.cache.lookup(name, rdtype, self._now_ns())
        story.looked_up(self._record, self._habits.cache, name, rdtype, found)
        if found.answer is not None:
            return found.answer
        why = "no DNS server is known"
        for _ in range(self._habits.attempts):
            for server in self.servers:
                answer = await self._ask(server, name, rdtype)
                if answer.rcode in CONCLUSIVE:
                    self.cache.put_answer(answer, self._now_ns())
                    return answer
                why = answer.why
        return failed(name, rdtype, why)

    async def _ask(self, server: bytes, name: dns.Name, rdtype: dns.Type) -> Answer:
        source = ip_text(server)
        self._record(self._habits.asking, server=source, **story.question(name, rdtype))
        message = dns.query(name, rdtype, self._random.getrandbits(16), recursion_desired=True)
        try:
            response = await self._query(server, message)
        except OSError as error:
            why = f"{source} does not answer" if isinstance(error, TimeoutError) else f"{source}: {error}"
            self._record("dns.retry", server=source, **story.question(name, rdtype), why=why)
            return failed(name, rdtype, why)
        answer = from_response(name, rdtype, response)
        if answer.rcode not in CONCLUSIVE:
            answer = answer._replace(why=f"{source} says {answer.rcode.name}")
        story.answered(self._record, answer, source)
        return answer
