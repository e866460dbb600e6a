"""How the steps of a resolution are written into the journal, spelled once for all who resolve."""

from collections.abc import Sequence
from typing import Any

from dns.rdatatype import CNAME, NS

from actors.protocols.dns.answer import Answer, Record, texts
from actors.protocols.dns.cache import Found
from actors.protocols.dns.reply import Delegation
from actors.wire import dns


def question(name: dns.Name, rdtype: dns.Type) -> dict[str, Any]:
    return {"name": dns.text(name), "type": rdtype.name}


def looked_up(record: Record, cache: str, name: dns.Name, rdtype: dns.Type, found: Found) -> str:
    """dns.cache: hit, negative, or miss; a miss may know aliases of the name and lack only what they lead to."""
    answer = found.answer
    if answer is not None:
        result, ttl_s, answers = ("hit" if answer.found else "negative"), answer.ttl_s, answer.texts()
    else:
        result, ttl_s, answers = (
            "miss",
            min((rrset.ttl for rrset in found.aliases), default=0),
            texts(found.aliases),
        )
    record("dns.cache", cache=cache, **question(name, rdtype), result=result, ttl_s=ttl_s, answers=answers)
    return result


def knew_servers(record: Record, cache: str, delegation: Delegation, left_s: int) -> None:
    """dns.cache: the walk need not begin at the root."""
    servers = [dns.text(name) for name in delegation.servers]
    record(
        "dns.cache", cache=cache, **question(delegation.zone, NS), result="hit", ttl_s=left_s, answers=servers
    )


def referred(record: Record, delegation: Delegation, source: str) -> None:
    """dns.referral: a server does not know, but knows who is nearer to it."""
    record(
        "dns.referral",
        zone=dns.text(delegation.zone),
        name_servers=[dns.text(name) for name in delegation.servers],
        glue={dns.text(name): list(addresses) for name, addresses in delegation.glue.items()},
        ttl_s=delegation.ttl_s,
        **{"from": source},
    )


def aliased(record: Record, records: Sequence[dns.RRset], source: str) -> None:
    """dns.cname for each alias among the records."""
    for rrset in records:
        if rrset.rdtype == CNAME:
            target = dns.text(rrset[0].target)
            record("dns.cname", name=dns.text(rrset.name), target=target, ttl_s=rrset.ttl, **{"from": source})


def answered(record: Record, answer: Answer, source: str) -> None:
    """dns.answer: what a server said in the end."""
    record(
        "dns.answer",
        **question(answer.name, answer.type),
        rcode=answer.rcode.name,
        answers=answer.texts(),
        ttl_s=answer.ttl_s,
        **{"from": source},
    )
