"""What dig(1) and programs that look a name up find out on a host, for `Tools`."""

from typing import Any

from actors.element import JOURNEY, CallFailed, Context
from actors.parts.dig import Dig, NoServer
from actors.parts.dns_serving import DnsService
from actors.parts.names import NameNotResolved, addresses
from actors.stack import Stack
from actors.wire import dns
from actors.wire.malformed import Malformed


class DigCalls:
    """The calls, on one host; `here` is what answers to programs on it, if anything does."""

    def __init__(self, context: Context, stack: Stack, here: DnsService | None) -> None:
        self._context, self._stack, self._here = context, stack, here

    async def resolve(self, host: str) -> list[str]:
        """The IPv4 addresses of a name. Raises `CallFailed`."""
        try:
            return await addresses(self._program(None).resolve, host)
        except (NameNotResolved, NoServer, Malformed) as error:
            raise CallFailed(str(error)) from None

    async def dig(
        self,
        name: str,
        rdtype: str,
        server: str | None,
        tcp: bool,
        recurse: bool,
        trace: bool,
        journey: str | None,
    ) -> list[dict[str, Any]]:
        """The answers, as `Tools.call_dig` tells. Raises `CallFailed` for what cannot be asked."""
        token = JOURNEY.set(journey)
        try:
            question = (dns.name(name), dns.record_type(rdtype))
            program = self._program(server)
            steps = (
                await program.trace(*question)
                if trace
                else [await program.ask(*question, tcp=tcp, recurse=recurse)]
            )
        except (Malformed, NoServer) as error:
            raise CallFailed(str(error)) from None
        finally:
            JOURNEY.reset(token)
        return [step._asdict() for step in steps]

    def _program(self, server: str | None) -> Dig:
        return Dig(self._context, self._stack, self._here, server)
