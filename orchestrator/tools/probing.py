"""ping and traceroute from an element of a running world."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from actors.element import CallFailed
from orchestrator.config.errors import suggestion
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.operations import WorldLike, check_names, kinds_of, laptop_named
from orchestrator.tools.whereabouts import Whereabouts, has_tools, look_around

THRESHOLD = 4
PROBES = 3
MOST_SILENT = 5
"""Hops in a row that say nothing: what is beyond will not be heard of either (mtr's `--max-unknown`)."""


def asker_of(world: WorldLike, element: str | None) -> str:
    """The element that asks: the named one, which needs an IP stack, else a laptop. Raises `RequestFailed`."""
    kinds = kinds_of(world)
    if element is None:
        return laptop_named(kinds)
    check_names("element", [element], kinds)
    able = [name for name, kind in kinds.items() if has_tools(kind)]
    if element not in able:
        what = f"{element} is of kind {kinds[element]}, which has no IP stack to ask with"
        raise RequestFailed(what + suggestion(element, able, otherwise="these have"), USAGE)
    return element


async def address_of(world: WorldLike, asker: str, host: str, known: Whereabouts) -> str:
    """The address of an element, or of a name as the asker resolves it. Raises `RequestFailed`."""
    if host in kinds_of(world):
        address = known.address_of(host, asker)
        if address is None:
            raise RequestFailed(f"{host} has no address that could be asked", USAGE)
        return address
    try:
        addresses: list[str] = await world.call(asker, "resolve", host=host)
    except CallFailed as error:
        raise RequestFailed(str(error), THRESHOLD) from None
    return addresses[0]


async def ping(
    world: WorldLike,
    host: str,
    element: str | None = None,
    count: int = 4,
    interval_s: float = 1.0,
    timeout_s: float = 1.0,
) -> AsyncGenerator[dict[str, Any], None]:
    """Echo requests: first whom (`from`, `host`, `address`, `element`), then what came of each of them, with `seq`."""
    asker = asker_of(world, element)
    known = await look_around(world)
    address = await address_of(world, asker, host, known)
    yield {"from": asker, "host": host, "address": address, **_who(known, address)}
    for number in range(1, count + 1):
        probe = world.call(asker, "probe", host=address, timeout_s=timeout_s)
        wait_s = interval_s if number < count else 0
        answer, _ = await asyncio.gather(probe, asyncio.sleep(wait_s))
        by = _who(known, answer["address"]) if answer["address"] else {}
        yield {"seq": number, **answer, **by}


async def traceroute(
    world: WorldLike,
    host: str,
    element: str | None = None,
    max_hops: int = 30,
    timeout_s: float = 1.0,
) -> AsyncGenerator[dict[str, Any], None]:
    """The way to a host: first whom, as `ping` has it, then each `hop` with its `answers`; the last one says by `end`
    whether the host was `reached`, or why the way ends there."""
    asker = asker_of(world, element)
    known = await look_around(world)
    address = await address_of(world, asker, host, known)
    yield {"from": asker, "host": host, "address": address, **_who(known, address)}
    silent = 0
    for hop in range(1, max_hops + 1):
        probes = [
            world.call(asker, "probe", host=address, ttl=hop, timeout_s=timeout_s) for _ in range(PROBES)
        ]
        answers = [
            {**each, **(_who(known, each["address"]) if each["address"] else {})}
            for each in await asyncio.gather(*probes)
        ]
        silent = 0 if any(each["address"] for each in answers) else silent + 1
        end = _end(answers, silent, hop == max_hops)
        yield {"hop": hop, "answers": answers, "end": end}
        if end is not None:
            return


def _end(answers: list[dict[str, Any]], silent: int, last: bool) -> str | None:
    if any(each["reached"] for each in answers):
        return "reached"
    for each in answers:
        if each["ends"]:
            return str(each["error"])
    if silent == MOST_SILENT:
        return f"{MOST_SILENT} hops in a row say nothing"
    return "no more hops are tried" if last else None


def _who(known: Whereabouts, address: str) -> dict[str, Any]:
    return {"element": known.element_at(address), "asn": known.asn_of(address)}
