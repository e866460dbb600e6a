"""dig from an element of a running world: the answers in full, and what every server and cache on the way decided."""

import secrets
from typing import Any

import dns.flags
import dns.message
import dns.rrset

from actors.element import CallFailed
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.journal.sentences import tell
from orchestrator.operations import WorldLike, check_names, kinds_of
from orchestrator.tools.probing import asker_of
from orchestrator.tools.whereabouts import look_around


async def dig(
    world: WorldLike,
    name: str,
    rdtype: str = "A",
    server: str | None = None,
    element: str | None = None,
    **options: bool,
) -> dict[str, Any]:
    """What was answered: `from`, `steps` (one, or with `trace` one for each zone) and `found` (who decided what).

    `server` is an address or an element's name; `options` are `tcp`, `recurse` and `trace`. Raises `RequestFailed`."""
    asker = asker_of(world, element)
    address = None if server is None else await _address_of_server(world, asker, server)
    identity = secrets.token_hex(16)
    arguments = {"name": name, "rdtype": rdtype, "server": address, "journey": identity, **options}
    try:
        steps = await world.call(asker, "dig", **arguments)
    except CallFailed as error:
        raise RequestFailed(str(error), USAGE) from None
    await world.settle(identity)
    records = world.journal.journey(identity)
    return {
        "from": asker,
        "name": name,
        "type": rdtype.upper(),
        "steps": [_step(each) for each in steps],
        "found": [_decision(record, records[0]["t_ns"]) for record in records if _is_dns(record)],
    }


async def _address_of_server(world: WorldLike, asker: str, server: str) -> str:
    """An element's address; anything else has to be one."""
    if server[:1].isdigit():
        return server
    check_names("element", [server], kinds_of(world))
    address = (await look_around(world)).address_of(server, asker)
    if address is None:
        raise RequestFailed(f"{server} has no address that could be asked", USAGE)
    return address


def _is_dns(record: dict[str, Any]) -> bool:
    return str(record["kind"]).startswith("dns.")


def _decision(record: dict[str, Any], began_ns: int) -> dict[str, Any]:
    told = tell(record)
    text = f"{told.what} — {told.why}" if told.why else told.what
    fields = {key: value for key, value in record.items() if key not in ("t_ns", "journey", "seq")}
    return {"t_ms": (record["t_ns"] - began_ns) / 1e6, "text": text, **fields}


def _step(step: dict[str, Any]) -> dict[str, Any]:
    data = step.pop("message")
    if step["error"] is not None:
        return step
    message = dns.message.from_wire(data)
    edns = {"version": message.edns, "udp": message.payload} if message.edns >= 0 else None
    return {
        **step,
        "bytes": len(data),
        "id": message.id,
        "status": message.rcode().name,
        "flags": dns.flags.to_text(message.flags).lower().split(),
        "edns": edns,
        "question": [rrset.to_text() for rrset in message.question],
        **{
            section: [line for rrset in getattr(message, section) for line in _lines(rrset)]
            for section in ("answer", "authority", "additional")
        },
    }


def _lines(rrset: dns.rrset.RRset) -> list[dict[str, Any]]:
    return [
        {"name": rrset.name.to_text(), "ttl": rrset.ttl, "type": rrset.rdtype.name, "data": rdata.to_text()}
        for rdata in rrset
    ]
