"""An authoritative name server: what its zones say about a question (RFC 1034 section 4.3.2).

Aliases are followed within one zone only. RFC 1034 would go on into another zone of the same server, but resolvers
throw such records away (they are outside of the bailiwick they asked in), and Route 53 does not send them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from dns.rdatatype import CNAME

from actors.protocols.dns.answer import MAX_CNAMES, texts
from actors.protocols.dns.cache import rotated
from actors.protocols.dns.zone import Zone
from actors.wire import dns


class Decision(NamedTuple):
    """A response, and the zone and the rule that it comes from."""

    response: dns.Message
    zone: dns.Name | None
    rule: str
    """answer, alias, referral, no data, no such name, or refused."""

    def texts(self) -> list[str]:
        """The answer as the journal has it; a referral's are the name servers that it points to."""
        if self.rule == "referral":
            below = [rrset for rrset in self.response.authority if rrset.rdtype == dns.Type.NS]
            return sorted(dns.text(record.target) for rrset in below for record in rrset)
        return texts(self.response.answer)

    @property
    def ttl_s(self) -> int:
        sets = self.response.answer or self.response.authority
        return min((rrset.ttl for rrset in sets), default=0)


class Authoritative:
    """Answers queries from zones; a set of several records begins with another one each time it is sent."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self.zones = {zone.origin: zone for zone in zones}
        self._sent: dict[tuple[dns.Name, dns.Type], int] = {}

    def decide(self, query: dns.Message) -> Decision:
        """The response to a query, whatever it asks."""
        if (refusal := dns.refusal(query)) is not None:
            return Decision(dns.response(query, refusal), None, "refused")
        question = query.question[0]
        zone = self._zone_for(question.name)
        if zone is None:
            return Decision(dns.response(query, dns.Rcode.REFUSED), None, "refused")
        response = dns.response(query, authoritative=True)
        return Decision(response, zone.origin, self._fill(response, zone, question.name, question.rdtype))

    def _zone_for(self, name: dns.Name) -> Zone | None:
        """The zone nearest to the name, among those that hold it."""
        for length in range(len(name), 0, -1):
            zone = self.zones.get(name.split(length)[1])
            if zone is not None:
                return zone
        return None

    def _fill(self, response: dns.Message, zone: Zone, name: dns.Name, rdtype: dns.Type) -> str:
        while True:
            if (cut := zone.cut_above(name)) is not None:
                return self._refer(response, zone, cut)
            node = zone.find(name)
            if node is None:
                response.set_rcode(dns.Rcode.NXDOMAIN)
                response.authority = [zone.soa]
                return "no such name"
            if (rrset := node.get(rdtype)) is not None:
                response.answer.append(self._next_order(rrset, name))
                return "answer"
            if CNAME not in node:
                response.authority = [zone.soa]
                return "no data"
            response.answer.append(_owned_by(name, node[CNAME]))
            name = node[CNAME][0].target
            if not name.is_subdomain(zone.origin) or len(response.answer) > MAX_CNAMES:
                return "alias"

    @staticmethod
    def _refer(response: dns.Message, zone: Zone, cut: dns.RRset) -> str:
        """Name the servers of a zone below, with the addresses that we know (glue)."""
        if not response.answer:
            response.flags &= ~dns.AA
        response.authority = [cut]
        for rdata in cut:
            glue = zone.nodes.get(rdata.target, {}).get(dns.Type.A)
            if glue is not None:
                response.additional.append(glue)
        return "referral"

    def _next_order(self, rrset: dns.RRset, owner: dns.Name) -> dns.RRset:
        if len(rrset) == 1:
            return _owned_by(owner, rrset)
        key = (rrset.name, rrset.rdtype)
        self._sent[key] = self._sent.get(key, -1) + 1
        return _owned_by(owner, rotated(rrset, self._sent[key]))


def _owned_by(name: dns.Name, rrset: dns.RRset) -> dns.RRset:
    """The records under the name that was asked for, which is not their own where a wildcard answers."""
    if rrset.name == name:
        return rrset
    copy = rrset.copy()
    copy.name = name
    return copy
