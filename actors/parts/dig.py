"""dig(1) on a host of the emulated network: one question, and the answer as it came; or the walk down from the root."""

import errno
from typing import NamedTuple

import dns.name
from dns.rdatatype import NS, A

from actors.element import Context
from actors.parts.dns_asking import over_tcp, over_udp
from actors.parts.dns_serving import DnsService
from actors.parts.names import is_address
from actors.protocols.dns import story
from actors.protocols.dns.answer import Answer, failed, from_response
from actors.protocols.dns.reply import Delegation, judge
from actors.stack import Stack
from actors.wire import dns as wire
from actors.wire.addresses import ip_bytes

HERE = "127.0.0.1"
TIMEOUT_S = 5.0
TRIES = 2
"""dig's own are 5 s and 3; the answer is to come before whoever asked has lost patience."""

MAX_STEPS = 16


class NoServer(Exception):
    """There is nobody to ask; says what to do."""


class Step(NamedTuple):
    """A question that was asked, and the answer, or why there is none."""

    server: str
    server_name: str | None
    ms: float
    tcp: bool
    message: bytes
    error: str | None = None


class Dig:
    """Asks one server, or what answers on this host itself."""

    def __init__(
        self, context: Context, stack: Stack, here: DnsService | None, server: str | None = None
    ) -> None:
        """Raises `NoServer` when there is neither."""
        if server is not None and not is_address(server):
            raise NoServer(f"{server!r} is not the IPv4 address of a server")
        self._context = context
        self._stack = stack
        self._here = here
        self._server = server

    async def ask(
        self, name: wire.Name, rdtype: wire.Type, *, tcp: bool = False, recurse: bool = True
    ) -> Step:
        """The answer to one question; a truncated one is asked for again over TCP."""
        query = wire.query(name, rdtype, self._context.random.getrandbits(16), recursion_desired=recurse)
        return await self._ask(self._server, None, query, tcp)

    async def resolve(self, name: wire.Name, rdtype: wire.Type) -> Answer:
        """What the server says of a question. Raises `NoServer`."""
        step = await self.ask(name, rdtype)
        if step.error is not None:
            return failed(name, rdtype, step.error)
        return from_response(name, rdtype, wire.decode(step.message))

    async def trace(self, name: wire.Name, rdtype: wire.Type) -> list[Step]:
        """The answers of the root's servers, and of those that each of them refers to, down to the last word."""
        steps = [await self.ask(dns.name.root, NS)]
        if steps[-1].error is not None:
            return steps
        zone, servers = dns.name.root, _root_servers(wire.decode(steps[-1].message))
        while servers and len(steps) <= MAX_STEPS:
            step = await self._ask_one_of(servers, name, rdtype)
            steps.append(step)
            if step.error is not None:
                break
            reply = judge(wire.decode(step.message), zone, name, rdtype)
            if not isinstance(reply, Delegation):
                break
            zone = reply.zone
            servers = {server: list(reply.glue.get(server, ())) for server in reply.servers}
        return steps

    async def _ask_one_of(
        self, servers: dict[wire.Name, list[str]], name: wire.Name, rdtype: wire.Type
    ) -> Step:
        """The answer of the first that gives one; addresses that did not come along are looked up."""
        step = Step("-", None, 0.0, False, b"", "none of the name servers has an address")
        for server, known in servers.items():
            for address in known or (await self.resolve(server, A)).addresses:
                query = wire.query(
                    name, rdtype, self._context.random.getrandbits(16), recursion_desired=False
                )
                step = await self._ask(address, wire.text(server), query, tcp=False)
                if step.error is None:
                    return step
        return step

    async def _ask(self, server: str | None, server_name: str | None, query: wire.Message, tcp: bool) -> Step:
        began_ns = self._context.now_ns()
        question = query.question[0]
        self._context.record(
            "dns.query", server=server or HERE, **story.question(question.name, question.rdtype)
        )
        why = ""
        for _ in range(TRIES):
            try:
                response = await self._exchange(server, query, tcp)
                if not tcp and wire.is_truncated(response):
                    tcp = True
                    response = await self._exchange(server, query, tcp)
            except OSError as error:
                silent = isinstance(error, TimeoutError)
                why = f"{server} does not answer" if silent else f"{server}: {error.strerror or error}"
                continue
            spent_ms = (self._context.now_ns() - began_ns) / 1e6
            return Step(server or HERE, server_name, spent_ms, tcp, wire.encode(response))
        return Step(server or HERE, server_name, 0.0, tcp, b"", why)

    async def _exchange(self, server: str | None, query: wire.Message, tcp: bool) -> wire.Message:
        if server is None:
            return await self._exchange_here(query, tcp)
        address = ip_bytes(server)
        if tcp:
            return await over_tcp(self._stack, TIMEOUT_S, address, query)
        return await over_udp(self._context.random, self._stack, TIMEOUT_S, address, query)

    async def _exchange_here(self, query: wire.Message, tcp: bool) -> wire.Message:
        if self._here is None:
            raise NoServer(
                f"{self._context.name} has no resolver of its own: say which server to ask (@ADDRESS)"
            )
        answer = await self._here.answer(wire.encode(query), tcp=tcp)
        if answer is None:
            raise OSError(errno.EBUSY, "too many queries are in hand")
        return wire.decode(answer)


def _root_servers(response: wire.Message) -> dict[wire.Name, list[str]]:
    """Names of the root's servers, and what addresses came along."""
    answer = from_response(dns.name.root, NS, response)
    names = [record.target for record in answer.records[-1]] if answer.found else []
    addresses = {
        rrset.name: [record.address for record in rrset] for rrset in response.additional if rrset.rdtype == A
    }
    return {name: addresses.get(name, []) for name in names}
