"""What an authority's response means to a resolver that walks down the tree, and which of its records may be believed.

The bailiwick rule: a server that was asked as an authority for `com` is believed about names in `com` and about
nothing else. Whatever else it sends along is dropped, or it could poison the cache with addresses of other zones.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dns.rdatatype import NS, SOA, A

from actors.protocols.dns.answer import Answer, follow
from actors.wire import dns


class Delegation(NamedTuple):
    """Who serves a zone: names of servers, and the addresses that are known ("glue")."""

    zone: dns.Name
    servers: tuple[dns.Name, ...]
    glue: Mapping[dns.Name, tuple[str, ...]]
    ttl_s: int


class Alias(NamedTuple):
    """The name is another name for `target`, about which this server is not to be believed."""

    records: tuple[dns.RRset, ...]
    target: dns.Name


class Lame(NamedTuple):
    """The server does not serve the zone, though its parent says so, or it cannot now."""

    why: str


Reply = Answer | Alias | Delegation | Lame


def judge(response: dns.Message, zone: dns.Name, name: dns.Name, rdtype: dns.Type) -> Reply:
    """What the response of a server of `zone` says about the question."""
    rcode = response.rcode()
    if rcode not in (dns.Rcode.NOERROR, dns.Rcode.NXDOMAIN):
        return Lame(f"it says {rcode.name}")
    if not dns.is_authoritative(response):
        return _referral(response, zone, name) or Lame("it is no authority and refers to nobody")
    records = follow([rrset for rrset in response.answer if rrset.name.is_subdomain(zone)], name, rdtype)
    answer = Answer(name, rdtype, dns.Rcode.NOERROR, records)
    if answer.found:
        return answer
    owner = records[-1][0].target if records else name
    soa = _soa(response, zone, owner)
    if records and soa is None:
        return Alias(records, owner)
    return answer._replace(rcode=rcode, soa=soa)


def _soa(response: dns.Message, zone: dns.Name, owner: dns.Name) -> dns.RRset | None:
    """The SOA that vouches for the absence of `owner`, if it may be believed."""
    for rrset in response.authority:
        if rrset.rdtype == SOA and rrset.name.is_subdomain(zone) and owner.is_subdomain(rrset.name):
            return rrset
    return None


def _referral(response: dns.Message, zone: dns.Name, name: dns.Name) -> Delegation | None:
    """A delegation that leads nearer to the name: below the zone asked, at or above the name."""
    for rrset in response.authority:
        nearer = rrset.name != zone and rrset.name.is_subdomain(zone) and name.is_subdomain(rrset.name)
        if rrset.rdtype != NS or not nearer:
            continue
        servers = tuple(rdata.target for rdata in rrset)
        glue = {
            extra.name: extra
            for extra in response.additional
            if extra.rdtype == A and extra.name in servers and extra.name.is_subdomain(zone)
        }
        ttl_s = min(rrset.ttl, *(extra.ttl for extra in glue.values())) if glue else rrset.ttl
        addresses = {owner: tuple(rdata.address for rdata in extra) for owner, extra in glue.items()}
        return Delegation(rrset.name, servers, addresses, ttl_s)
    return None
