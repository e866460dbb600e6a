"""From a host's name to its addresses, the way programs on a computer do it: through caches, then over the network."""

import ipaddress

from actors.element import Context
from actors.protocols.dns import story
from actors.protocols.dns.answer import Answer, Resolve
from actors.protocols.dns.cache import Cache
from actors.units import SECOND
from actors.wire import dns

A = dns.Type.A


class NameNotResolved(OSError):
    """There is no address for a name; says why."""


async def addresses(resolve: Resolve, host: str) -> list[str]:
    """The IPv4 addresses of a host, which may be an address already. Raises `NameNotResolved` or `Malformed`."""
    if is_address(host):
        return [host]
    answer = await resolve(dns.name(host), A)
    if not answer.addresses:
        raise NameNotResolved(_why_none(answer))
    return answer.addresses


def is_address(host: str) -> bool:
    """Whether it is an IPv4 address as people write it."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _why_none(answer: Answer) -> str:
    name = dns.text(answer.name)
    if answer.rcode == dns.Rcode.NXDOMAIN:
        return f"there is no {name} (NXDOMAIN)"
    if answer.rcode == dns.Rcode.NOERROR:
        return f"{name} has no IPv4 address"
    return f"{name} cannot be resolved: {answer.why}"


class BrowserDns:
    """A browser's own DNS cache in front of the operating system's resolver."""

    def __init__(self, context: Context, resolve: Resolve, max_ttl_ns: int) -> None:
        self.cache = Cache(1000, max_ttl_s=max_ttl_ns // SECOND)
        self._context = context
        self._resolve = resolve

    async def resolve(self, name: dns.Name, rdtype: dns.Type) -> Answer:
        """The answer from here or from the operating system."""
        found = self.cache.lookup(name, rdtype, self._context.now_ns())
        story.looked_up(self._context.record, "browser", name, rdtype, found)
        if found.answer is not None:
            return found.answer
        answer = await self._resolve(name, rdtype)
        self.cache.put_answer(answer, self._context.now_ns())
        return answer
