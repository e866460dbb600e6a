"""What one types into a host's shell: ping, one step of traceroute, dig."""

from typing import Any

from actors.element import JOURNEY, CallFailed, Context
from actors.parts.dig import Dig, NoServer
from actors.parts.dns_serving import DnsService
from actors.parts.names import NameNotResolved, addresses
from actors.protocols.icmp import TimeToLiveExceeded
from actors.stack import Stack
from actors.wire import dns
from actors.wire.addresses import ip_text
from actors.wire.malformed import Malformed

TRACEROUTE_BYTES = 32
"""Of payload: with the headers 60 bytes, as traceroute(8) sends."""


class Tools:
    """Calls of an element that has an IP stack."""

    context: Context
    stack: Stack
    dns_service: DnsService | None = None
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
        try:
            return await addresses(self._dig().resolve, host)
        except (NameNotResolved, NoServer, Malformed) as error:
            raise CallFailed(str(error)) from None

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
        token = JOURNEY.set(journey)
        try:
            question = (dns.name(name), dns.record_type(rdtype))
            dig = self._dig(server)
            steps = (
                await dig.trace(*question) if trace else [await dig.ask(*question, tcp=tcp, recurse=recurse)]
            )
        except (Malformed, NoServer) as error:
            raise CallFailed(str(error)) from None
        finally:
            JOURNEY.reset(token)
        return [step._asdict() for step in steps]

    def _dig(self, server: str | None = None) -> Dig:
        return Dig(self.context, self.stack, self.dns_service, server)


class DnsTools(Tools):
    """Calls of an element that has a DNS server, or an operating system's resolver, for real programs to ask."""

    dns_service: DnsService

    async def call_dns(self, query: bytes, tcp: bool) -> bytes | None:
        """The answer to a query as a program on this host would get it; None where there would be none."""
        return await self.dns_service.answer(query, tcp=tcp)


_NOTHING = {"address": None, "rtt_ms": None, "ttl": None, "reached": False, "ends": False}
