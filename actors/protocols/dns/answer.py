"""What came of a question, in the terms that caches, resolvers and clients share."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from dns.rdatatype import CNAME, SOA, A

from actors.wire import dns

Query = Callable[[bytes, dns.Message], Awaitable[dns.Message]]
"""`await query(server, message)`: the server's answer; raises `TimeoutError` or another `OSError`."""

Record = Callable[..., None]
"""`record(kind, **fields)`: writes a decision into the journal."""

Resolve = Callable[[dns.Name, dns.Type], Coroutine[Any, Any, "Answer"]]
"""`await resolve(name, type)`: always an answer, if only SERVFAIL."""

MAX_CNAMES = 11
"""Aliases followed for one question before we call it a loop; as many as Unbound follows."""


class Answer(NamedTuple):
    """The records for a question, aliases first; or why there are none."""

    name: dns.Name
    type: dns.Type
    rcode: dns.Rcode = dns.Rcode.NOERROR
    records: tuple[dns.RRset, ...] = ()
    soa: dns.RRset | None = None
    """Of a negative answer: the SOA that says how long it holds (RFC 2308)."""
    why: str = ""
    """Of a failure: the reason, for people."""

    @property
    def ttl_s(self) -> int:
        """How long all of the answer holds."""
        sets = (*self.records, self.soa) if self.soa is not None else self.records
        return min((rrset.ttl for rrset in sets), default=0)

    @property
    def found(self) -> bool:
        """Whether there is at least one record of the type that was asked for."""
        return bool(self.records) and self.records[-1].rdtype == self.type

    @property
    def addresses(self) -> list[str]:
        """The IPv4 addresses, in the order in which they came."""
        return [rdata.address for rdata in self.records[-1]] if self.found else []

    def texts(self) -> list[str]:
        """The answer as the journal has it: `CNAME lb.example`, `198.51.100.10`."""
        return texts(self.records)


def texts(records: tuple[dns.RRset, ...] | list[dns.RRset]) -> list[str]:
    """Records as the journal has them: addresses bare, others after their type; names without their last dot."""
    found = []
    for rrset in records:
        kind = "" if rrset.rdtype == A else f"{rrset.rdtype.name} "
        found += [kind + rdata.to_text(omit_final_dot=True) for rdata in rrset]
    return found


def follow(records: list[dns.RRset], name: dns.Name, rdtype: dns.Type) -> tuple[dns.RRset, ...]:
    """Those records that answer the question: aliases in the order in which they lead on, then what they lead to."""
    by_owner = {(rrset.name, rrset.rdtype): rrset for rrset in records if len(rrset)}
    chain: list[dns.RRset] = []
    while len(chain) <= MAX_CNAMES:
        if (rrset := by_owner.get((name, rdtype))) is not None:
            return (*chain, rrset)
        if (alias := by_owner.get((name, CNAME))) is None:
            break
        chain.append(alias)
        name = alias[0].target
    return tuple(chain)


def from_response(name: dns.Name, rdtype: dns.Type, response: dns.Message) -> Answer:
    """What a recursive server's response says about the question."""
    soa = next((rrset for rrset in response.authority if rrset.rdtype == SOA), None)
    return Answer(name, rdtype, response.rcode(), follow(response.answer, name, rdtype), soa)


async def respond(query: dns.Message, resolve: Resolve) -> dns.Message:
    """The response of a recursive server (RA) to a client's query, with what `resolve` finds.

    Without RD it is refused: we do not let others look into the cache without asking for work.
    """
    refusal = dns.refusal(query)
    if refusal is None and not dns.wants_recursion(query):
        refusal = dns.Rcode.REFUSED
    if refusal is not None:
        return dns.response(query, refusal, recursive=True)
    question = query.question[0]
    answer = await resolve(question.name, question.rdtype)
    response = dns.response(query, answer.rcode, recursive=True)
    response.answer = list(answer.records)
    response.authority = [answer.soa] if answer.soa is not None else []
    return response


def failed(name: dns.Name, rdtype: dns.Type, why: str) -> Answer:
    """SERVFAIL, with its reason."""
    return Answer(name, rdtype, dns.Rcode.SERVFAIL, why=why)
