"""A DNS cache: record sets with their TTLs counted down, and negative answers (RFC 2308).

How this works. Entries are kept per (name, type), the least recently used makes room; one that has run out is dropped
when it is met. "This name does not exist" holds for all types of a name and is kept under (name, None). A lookup
follows aliases inside the cache, so an alias of 300 s may be there still when the address it leads to is gone; then
the lookup tells how far it came.
"""

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

from dns.rdatatype import CNAME

from actors.protocols.dns.answer import MAX_CNAMES, Answer
from actors.units import SECOND
from actors.wire import dns

MAX_TTL_S = 86_400
"""A day: what BIND and Unbound cap TTLs at, or less."""

MAX_NEGATIVE_TTL_S = 10_800
"""Three hours (RFC 2308 section 5)."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class ExpiringLru(Generic[Key, Value]):
    """Values that run out, at most `capacity` of them; time is an argument."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Key, tuple[int, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: Key, value: Value, ttl_s: int, now_ns: int) -> None:
        """Keep a value for `ttl_s` seconds; with 0 it is not kept."""
        self._entries.pop(key, None)
        if ttl_s <= 0:
            return
        self._entries[key] = (now_ns + ttl_s * SECOND, value)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def get(self, key: Key, now_ns: int) -> tuple[Value, int] | None:
        """The value and the whole seconds that it still holds (0 in its last second), or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires_ns, value = entry
        if now_ns >= expires_ns:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value, (expires_ns - now_ns) // SECOND

    def items(self, now_ns: int) -> list[tuple[Key, Value, int]]:
        """All that still hold: key, value, seconds left."""
        return [
            (key, value, (expires_ns - now_ns) // SECOND)
            for key, (expires_ns, value) in self._entries.items()
            if now_ns < expires_ns
        ]


class _Nothing(NamedTuple):
    """A negative entry: NXDOMAIN, or NOERROR without data, and the SOA that came with it."""

    rcode: dns.Rcode
    soa: dns.RRset


class Found(NamedTuple):
    """What a cache knows of a question: a whole answer, or only the aliases that lead to `name`."""

    answer: Answer | None
    aliases: tuple[dns.RRset, ...]
    name: dns.Name


class Cache:
    """Record sets and negative answers of one resolver, OS or browser.

    A set with several records is handed out rotated by one each time, as dnsmasq and BIND do.
    """

    def __init__(self, capacity: int, *, max_ttl_s: int = MAX_TTL_S) -> None:
        self._entries: ExpiringLru[tuple[dns.Name, dns.Type | None], list[dns.RRset] | _Nothing]
        self._entries = ExpiringLru(capacity)
        self._max_ttl_s = max_ttl_s
        self.hits = self.misses = 0
        """How many questions it knew the answer to, and how many it did not."""

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, rrset: dns.RRset, now_ns: int) -> None:
        """Keep a record set for its TTL; a TTL of 0 means "use once" and is not kept (RFC 1035 section 3.2.1)."""
        ttl_s = min(rrset.ttl, self._max_ttl_s)
        self._entries.put((rrset.name, rrset.rdtype), [rrset], ttl_s, now_ns)

    def put_answer(self, answer: Answer, now_ns: int) -> None:
        """Keep all parts of an answer; failures, and negative answers without an SOA, are not kept."""
        for rrset in answer.records:
            self.put(rrset, now_ns)
        if answer.found or answer.soa is None or answer.rcode not in (dns.Rcode.NOERROR, dns.Rcode.NXDOMAIN):
            return
        owner = answer.records[-1][0].target if answer.records else answer.name
        key = (owner, None if answer.rcode == dns.Rcode.NXDOMAIN else answer.type)
        ttl_s = min(answer.soa.ttl, answer.soa[0].minimum, MAX_NEGATIVE_TTL_S, self._max_ttl_s)
        self._entries.put(key, _Nothing(answer.rcode, answer.soa), ttl_s, now_ns)

    def lookup(self, name: dns.Name, rdtype: dns.Type, now_ns: int) -> Found:
        """What is known of a question, TTLs counted down."""
        found = self._lookup(name, rdtype, now_ns)
        if found.answer is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def _lookup(self, name: dns.Name, rdtype: dns.Type, now_ns: int) -> Found:
        aliases: tuple[dns.RRset, ...] = ()
        owner = name
        while len(aliases) <= MAX_CNAMES:
            match self._get(owner, rdtype, now_ns):
                case _Nothing(rcode, soa):
                    return Found(Answer(name, rdtype, rcode, aliases, soa), aliases, owner)
                case dns.RRset() as rrset:
                    return Found(Answer(name, rdtype, records=(*aliases, rrset)), aliases, owner)
            alias = self._get(owner, CNAME, now_ns)
            if not isinstance(alias, dns.RRset):
                break
            aliases = (*aliases, alias)
            owner = alias[0].target
        return Found(None, aliases, owner)

    def _get(self, name: dns.Name, rdtype: dns.Type, now_ns: int) -> dns.RRset | _Nothing | None:
        for key in ((name, rdtype), (name, None)):
            match self._entries.get(key, now_ns):
                case [_Nothing(rcode, soa), left_s]:
                    return _Nothing(rcode, with_ttl(soa, left_s))
                case [[rrset] as slot, left_s]:
                    if len(rrset) > 1:
                        slot[0] = rotated(rrset, 1)
                    return with_ttl(rrset, left_s)
        return None

    def contents(self, now_ns: int) -> list[dict[str, object]]:
        """All that still holds, as plain values, for `inspect`."""
        return [
            {
                "name": dns.text(name),
                "type": rdtype.name if rdtype is not None else "any",
                "ttl_s": left_s,
                "answers": [value.rcode.name]
                if isinstance(value, _Nothing)
                else [rdata.to_text() for rdata in value[0]],
            }
            for (name, rdtype), value, left_s in self._entries.items(now_ns)
        ]


def with_ttl(rrset: dns.RRset, ttl_s: int) -> dns.RRset:
    """The same records with another TTL."""
    copy = rrset.copy()
    copy.ttl = ttl_s
    return copy


def rotated(rrset: dns.RRset, by: int) -> dns.RRset:
    """The same records, beginning with another one."""
    records = list(rrset)
    by %= len(records)
    copy = rrset.copy()
    copy.clear()
    for rdata in records[by:] + records[:by]:
        copy.add(rdata, rrset.ttl)
    return copy
