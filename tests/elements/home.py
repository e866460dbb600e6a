"""All that a laptop needs, in one element at the other end of its link: DHCP, DNS, and a web site."""

import asyncio
import ssl
from collections.abc import Callable

from aiohttp import web
from dns.rrset import from_text

from actors.element import Context, Element
from actors.parts.dns_serving import DnsService
from actors.protocols.dhcp import Send
from actors.protocols.dhcp.server import DhcpServer, Settings
from actors.stack import Stack
from actors.wire import dhcp, dns
from actors.wire.addresses import ip_bytes, ip_text

ROUTER = "192.168.1.1"
SITE = "packet-journey.com"


class Home(Element):
    """Answers at 192.168.1.1, for the site as well; what it does can be changed by its attributes."""

    def __init__(self, context: Context, lease_s: int = 3600) -> None:
        super().__init__(None, context)
        self.stack = Stack(context)
        self.stack.add_interface("lan", f"{ROUTER}/24")
        router = ip_bytes(ROUTER)
        pool = (ip_bytes("192.168.1.100"), ip_bytes("192.168.1.199"))
        self.dhcp = DhcpServer(Settings(router, 24, *pool, lease_s, (router,), (router,), "home"))
        self.dhcp_up = True
        self.records = {SITE: ROUTER}
        self.ttl_s = 300
        self.rcode = dns.Rcode.NOERROR
        self.dns_up = True
        self.queries: list[str] = []
        self.handler: Callable = self.welcome
        self.connections: list[str] = []

    async def start(self) -> None:
        stack = self.stack
        await stack.create_datagram_endpoint(lambda: _Dhcp(self), local_port=67, interface="lan")
        await DnsService(self.context, "home", self.respond).open(stack)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.context.directory / "certs" / f"{SITE}.pem")
        server = web.Server(self.serve)
        await stack.create_server(server, 443, ssl=tls)
        await stack.create_server(server, 80)
        await stack.create_server(_Rude, 81)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    def add_address(self, text: str) -> None:
        """`ip address add TEXT dev lan`"""
        interface = self.stack.ip.interfaces["lan"]
        interface.neighbours.addresses.add(ip_bytes(text))
        self.stack.ip.local[ip_bytes(text)] = interface

    async def respond(self, query: dns.Message, client: bytes) -> dns.Message:
        self.queries.append(dns.text(query.question[0].name))
        await self.context.sleep(0 if self.dns_up else 60)
        response = dns.response(query, self.rcode, recursive=True)
        if self.rcode == dns.Rcode.NOERROR and (addresses := self.records.get(self.queries[-1])):
            name = query.question[0].name
            response.answer.append(from_text(name, self.ttl_s, "IN", "A", *addresses.split()))
        return response

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.connections.append(request.transport.get_extra_info("peername")[1])
        return await self.handler(request)

    async def welcome(self, request: web.BaseRequest) -> web.Response:
        await self.context.sleep(0.005)
        return web.Response(text="welcome" * 1000, headers={"X-Served-By": "nginx-0"})


class _Dhcp(asyncio.DatagramProtocol):
    def __init__(self, home: Home) -> None:
        self._home = home

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple) -> None:
        if not self._home.dhcp_up:
            return
        for output in self._home.dhcp.handle(dhcp.decode(data), self._home.context.now_ns()):
            if isinstance(output, Send):
                self._transport.sendto(dhcp.encode(output.message), (ip_text(output.destination), 68))


class _Rude(asyncio.Protocol):
    """Speaks something that is not HTTP."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"220 smtp.example ESMTP\r\n")
