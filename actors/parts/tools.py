"""What one types into a host's shell: ping, one step of traceroute, dig."""

from typing import TYPE_CHECKING, Any

from actors.element import Context
from actors.protocols.icmp import TimeToLiveExceeded
from actors.stack import Stack
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.parts.dig_calls import DigCalls
    from actors.parts.dns_serving import DnsService

TRACEROUTE_BYTES = 32
"""Of payload: with the headers 60 bytes, as traceroute(8) sends."""


class Tools:
    """Calls of an element that has an IP stack."""

    context: Context
    stack: Stack
    dns_service: "DnsService | None" = None
    """What answers to programs on this host itself, if anything does."""

    async def call_ping(self, host: str, timeout_s: float = 1.0) -> dict[str, Any]:
        """One ICMP echo: `rtt_ms`, or `error`, which says why there is no answer."""
        try:
            return {"rtt_ms": await self.stack.ping(host, timeout_s) * 1000}
        except OSError as error:
            return {"error": str(error) or "no answer"}

    async def call_probe(self, host: str, ttl: int = 64, timeout_s: float = 1.0) -> dict[str, Any]:
        """One ICMP echo to an address that may live for `ttl` hops: who answered (`address`), `rtt_ms`, the answer's
        own `ttl`, whether it is the host itself that was `reached`, and whether the way `ends` there.

        `error` is None or why it was not reached; without an answer the others are None."""
        try:
            answer = await self.stack.icmp.probe(
                host, ttl=ttl, timeout_s=timeout_s, payload_bytes=TRACEROUTE_BYTES if ttl < 64 else 56
            )
        except TimeoutError:
            return {**_NOTHING, "error": "no answer"}
        except OSError as error:
            return {**_NOTHING, "error": error.strerror or str(error), "ends": True}
        return {
            "address": answer.address,
            "rtt_ms": answer.rtt_s * 1000,
            "ttl": answer.ttl,
            "reached": answer.error is None,
            "ends": not isinstance(answer.error, TimeToLiveExceeded),
            "error": None if answer.error is None else answer.error.strerror,
        }

    async def call_addresses(self) -> list[str]:
        """The IPv4 addresses that are this host's own."""
        return [ip_text(address) for address in self.stack.ip.local]

    async def call_resolve(self, host: str) -> list[str]:
        """The IPv4 addresses of a name, as programs on this host would find them. Raises `CallFailed`."""
        return await self._dig().resolve(host)

    async def call_dig(
        self,
        name: str,
        rdtype: str = "A",
        server: str | None = None,
        tcp: bool = False,
        recurse: bool = True,
        trace: bool = False,
        journey: str | None = None,
    ) -> list[dict[str, Any]]:
        """Ask for records: from a server at an address, else from what answers on this host.

        Returns the answers, one after another where `trace` walks down from the root: `server`, `ms`, `tcp`, `message`
        (bytes), or `error` when nobody answered. Raises `CallFailed` for what cannot be asked."""
        return await self._dig().dig(name, rdtype, server, tcp, recurse, trace, journey)

    def _dig(self) -> "DigCalls":
        from actors.parts.dig_calls import DigCalls  # dnspython is large: most hosts never ask for a name

        return DigCalls(self.context, self.stack, self.dns_service)


class DnsTools(Tools):
    """Calls of an element that has a DNS server, or an operating system's resolver, for real programs to ask."""

    dns_service: "DnsService"

    async def call_dns(self, query: bytes, tcp: bool) -> bytes | None:
        """The answer to a query as a program on this host would get it; None where there would be none."""
        return await self.dns_service.answer(query, tcp=tcp)


_NOTHING = {"address": None, "rtt_ms": None, "ttl": None, "reached": False, "ends": False}
