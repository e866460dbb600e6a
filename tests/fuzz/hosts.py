"""Floods of a host's stack and of its servers, on the virtual clock: SYNs, junk, pipelined queries by the deaf."""

import asyncio
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from actors.parts.dns_serving import MAX_QUERIES_IN_HAND
from actors.protocols.dns.framing import framed
from actors.stack import Stack
from actors.stack.sending import MAX_PATHS
from actors.stack.tcp_water_marks import HIGH_WATER_BYTES
from actors.wire import dns, ethernet, ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from tests.elements.dns_bed import RESOLVER, internet
from tests.fuzz.watching import Kept, Watch
from tests.stack.hosts import Host, pair, stack
from tests.stack.streams import Collector, Echo

_TWO, _TWO_MAC = ip_bytes("10.0.0.2"), mac_for("two", "eth0")
_BACKLOG = 64
_MOST_UNSENT = 2 * HIGH_WATER_BYTES + 3 * 65_535
_PEERS_MAC = b"\2\0\0\0\0\2"


def _segment(dice: Random, flags: int, port: int) -> bytes:
    """From anybody on the Internet, by way of the host's gateway."""
    source = bytes((dice.choice((8, 52, 80, 203)), *dice.randbytes(3)))
    options = (
        tcp.Options(mss=1460, window_scale=7, sack_permitted=True) if flags == tcp.SYN else tcp.NO_OPTIONS
    )
    segment = tcp.Segment(
        dice.randrange(1024, 65536), port, dice.getrandbits(32), dice.getrandbits(32), flags, 1000
    )
    wire = tcp.encode(segment._replace(options=options), source, _TWO)
    packet = ipv4.encode(ipv4.Packet(source, _TWO, ipv4.TCP, wire))
    return ethernet.encode(ethernet.Frame(_TWO_MAC, _PEERS_MAC, ethernet.IPV4, packet))


def _flood_of_segments(count: int, kinds: tuple[int, ...], ports: tuple[int, ...]) -> list[Kept]:
    """And one honest client, in the middle of it, who is served."""
    net = pair()
    dice = Random(1)

    async def story() -> tuple[bytes, Watch]:
        net.element("one").heard = _Nothing()
        net.element("two").heard = _Nothing()
        two, host = net.element("two").stack, net.host("two")
        two.add_route("default", "eth0", "10.0.0.1")
        watch = _watch_host(two)
        await two.create_server(Echo, 80, backlog=_BACKLOG)
        for number in range(count):
            net.element("two").on_frame("eth0", _segment(dice, dice.choice(kinds), dice.choice(ports)))
            watch.look()
            if number % 500 == 0:
                await host.sleep(0.01)
        transport, client = await stack(net, "one").create_connection(Collector, "10.0.0.2", 80)
        transport.write(b"served")
        return await client.got(6), watch

    served, watch = net.run(story())
    assert served == b"served", "the flood has kept an honest client out"
    assert not net.troubles
    return watch.kept()


def _watch_host(stack: Stack) -> Watch:
    layer, sender = stack.tcp, stack.ip._sender
    return Watch(
        connections=(lambda: len(layer.transports), _BACKLOG + 1),
        SYN_queue=(lambda: sum(len(each.listener.syn_queue) for each in layer.servers.values()), _BACKLOG),
        deadlines=(lambda: len(layer._deadlines), 8 * _BACKLOG + 1000),
        paths=(lambda: len(sender._paths), MAX_PATHS),
        living_paths=(lambda: len(sender._living), MAX_PATHS + _BACKLOG + 1),
        neighbours=(lambda: sum(1 for _ in stack.ip.interfaces["eth0"].neighbours), 1024),
    )


class _Nothing(list[bytes]):
    def append(self, _: bytes) -> None: ...


def syn_flood(count: int) -> list[Kept]:
    """SYNs from random sources to a listening port (RFC 4987)."""
    return _flood_of_segments(count, (tcp.SYN,), (80,))


def junk_segments(count: int) -> list[Kept]:
    """Segments of all kinds for connections that there are not, some to ports where nobody listens."""
    kinds = (
        tcp.SYN,
        tcp.ACK,
        tcp.RST,
        tcp.FIN | tcp.ACK,
        tcp.SYN | tcp.ACK,
        0,
        tcp.SYN | tcp.FIN,
        tcp.PSH | tcp.ACK,
    )
    return _flood_of_segments(count, kinds, (80, 81, 443))


class _Deaf(asyncio.Protocol):
    """Asks and asks, and never takes an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()


def deaf_dns_clients(count: int) -> list[Kept]:
    """Two clients by TCP pipeline queries with long answers, and read nothing of these (RFC 7766 section 6.2.1.1)."""
    with TemporaryDirectory() as folder:
        return _deaf_dns_clients(Path(folder), count)


def _deaf_dns_clients(folder: Path, count: int) -> list[Kept]:
    net = internet(folder)

    async def story() -> tuple[dns.Message, Watch]:
        resolver = net.element("resolver")
        transports, service = resolver.stack.tcp.transports, resolver.dns_service
        watch = Watch(
            unsent_bytes=(
                lambda: max(
                    (len(each.connection.send_buffer.data) for each in transports.values()), default=0
                ),
                _MOST_UNSENT,
            ),
            queries_in_hand=(lambda: service._in_hand, MAX_QUERIES_IN_HAND),
            tasks=(lambda: len(asyncio.all_tasks()), MAX_QUERIES_IN_HAND + 100),
        )
        host: Host = net.element("host")
        await host.dig("site")
        query = framed(dns.encode(dns.query(dns.name("long.site"), dns.Type.TXT, 7, recursion_desired=True)))
        made = [await host.stack.create_connection(_Deaf, RESOLVER, 53) for _ in range(2)]
        for transport, _client in made:
            transport.write(query * (count // 2))
        for _ in range(8):
            await host.context.sleep(1)
            watch.look_now()
        for transport, _client in made:
            transport.abort()
        await host.context.sleep(1)
        return await host.dig("www.site"), watch

    answer, watch = net.run(story())
    assert answer.rcode() == dns.Rcode.NOERROR
    assert not net.troubles
    return watch.kept()
