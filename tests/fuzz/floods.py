"""What hostile peers send a lot of, and how much of it is kept: containers are counted while the flood lasts.

Each flood takes how many there are of it and gives, for each thing that is kept, the most there was and its limit. The
limit is that of the code (a constant, a configured size); what has none of its own gets one from the number of
connections that it belongs to."""

import asyncio
from collections.abc import Callable
from random import Random

from actors.protocols.arp import MAX_NEIGHBOURS, NeighbourCache
from actors.protocols.bgp import messages
from actors.protocols.bgp.attributes import Attributes, Origin, Segment, SegmentKind
from actors.protocols.bgp.fsm import State
from actors.protocols.bgp.messages import Keepalive, Open, Update, own_capabilities
from actors.protocols.bgp.neighbour import PENALTY_NS
from actors.protocols.bgp.session import Session
from actors.protocols.connection_tracking import ConnectionTracker
from actors.protocols.dhcp.server import DhcpServer
from actors.protocols.dhcp.server import Settings as DhcpSettings
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.resolver import Resolver
from actors.protocols.fragments import MAX_BYTES, MAX_PACKETS, Reassembler
from actors.protocols.nat import Nat, Settings
from actors.protocols.path_mtu import MAX_DESTINATIONS, PathMtus
from actors.protocols.switch import MAX_STATIONS, Switch
from actors.units import MICROSECOND, SECOND
from actors.wire import arp, dhcp, dns, ethernet, ipv4, tcp, udp
from actors.wire.addresses import Prefix, ip_bytes
from tests.fuzz import hosts
from tests.fuzz.watching import Kept, Watch
from tests.protocols.bgp.wires import Net

OWN, OUTSIDE = ip_bytes("192.168.1.1"), ip_bytes("203.0.113.20")
_MAC = b"\x06\0\0\0\0\1"


# ---- the home ----------------------------------------------------------------------------------------------


def dhcp_starvation(count: int) -> list[Kept]:
    """Every DISCOVER and REQUEST comes from another MAC address; some decline what they get."""
    dice = Random(1)
    pool = DhcpSettings(OWN, 24, ip_bytes("192.168.1.100"), ip_bytes("192.168.1.199"), 3600, (OWN,), (OWN,))
    server = DhcpServer(pool)
    watch = Watch(
        bindings=(lambda: len(server._bindings), 100), clients=(lambda: len(server._address_of), 100)
    )
    for number in range(count):
        mac, address = dice.randbytes(6), ip_bytes(f"192.168.1.{dice.randrange(90, 210)}")
        kind = dice.choice((dhcp.DISCOVER, dhcp.REQUEST, dhcp.REQUEST, dhcp.DECLINE, dhcp.RELEASE))
        options = dhcp.Options(kind, requested_address=address, host_name="x" * dice.randrange(1, 200))
        now_ns = number * SECOND
        server.handle(dhcp.Message(dhcp.BOOT_REQUEST, number, mac, options, client_ip=address), now_ns)
        server.on_deadline(now_ns)
        watch.look()
    return watch.kept()


def arp_flood(count: int) -> list[Kept]:
    """Everybody on the link asks for us, each with another address; and packets wait for neighbours that are not."""
    dice = Random(1)
    cache = NeighbourCache(_MAC)
    cache.addresses.add(OWN)
    watch = Watch(neighbours=(lambda: sum(1 for _ in cache), MAX_NEIGHBOURS))
    for number in range(count):
        now_ns = number * 10 * MICROSECOND
        sender = arp.Packet(arp.REQUEST, b"\x02" + dice.randbytes(5), dice.randbytes(4), bytes(6), OWN)
        cache.handle(sender, now_ns)
        cache.resolve(dice.randbytes(4), b"packet", now_ns)
        if number % 100 == 0:
            cache.on_deadline(now_ns)
        watch.look()
    return watch.kept()


def mac_flood(count: int) -> list[Kept]:
    dice = Random(1)
    switch = Switch()
    watch = Watch(stations=(lambda: len(switch._stations), MAX_STATIONS))
    for number in range(count):
        switch.learn(b"\x02" + dice.randbytes(5), "lan1", number * MICROSECOND)
        watch.look()
    return watch.kept()


def nat_exhaustion(count: int) -> list[Kept]:
    """One inside host opens and resets connections, and sends datagrams, to ever more remote endpoints."""
    dice = Random(1)
    nat = Nat(Settings(OUTSIDE), Random(2))
    limit = nat.settings.max_mappings
    watch = Watch(
        sessions=(lambda: len(nat), limit),
        mappings=(lambda: len(nat._ports), limit),
        rewrites=(lambda: len(nat._outward) + len(nat._inward), 2 * limit),
        looks=(lambda: len(nat._tracker._looks), 4 * limit + 1000),
        closing=(lambda: len(nat._closing), limit),
    )
    for number in range(count):
        source, remote = ip_bytes(f"192.168.1.{dice.randrange(2, 250)}"), dice.randbytes(3) + b"\1"
        port = dice.randrange(1024, 65536)
        for flags in (tcp.SYN, tcp.RST) if number % 4 else (0,):
            nat.outbound(_frame(source, remote, port, flags), number * MICROSECOND)
        watch.look()
    return watch.kept()


def _frame(source: bytes, remote: bytes, port: int, flags: int) -> bytes:
    """A TCP segment with these flags; a datagram without."""
    if flags:
        protocol, payload = ipv4.TCP, tcp.encode(tcp.Segment(port, 443, 1, 0, flags), source, remote)
    else:
        protocol, payload = ipv4.UDP, udp.encode(udp.Datagram(port, 53, b"x"), source, remote)
    packet = ipv4.encode(ipv4.Packet(source, remote, protocol, payload))
    return ethernet.encode(ethernet.Frame(_MAC, _MAC, ethernet.IPV4, packet))


# ---- any host, any node ------------------------------------------------------------------------------------


def fragments_flood(count: int) -> list[Kept]:
    """Pieces of ever new packets, of which none is ever whole."""
    dice = Random(1)
    reassembler = Reassembler()
    waiting = reassembler._waiting
    watch = Watch(
        packets=(lambda: len(waiting), MAX_PACKETS),
        bytes=(lambda: sum(each.have for each in waiting.values()), MAX_PACKETS * MAX_BYTES),
    )
    for number in range(count):
        piece = ipv4.Packet(
            dice.randbytes(4), OWN, ipv4.UDP, bytes(1480), identification=dice.randrange(4), dont_fragment=False,
            more_fragments=True, fragment_offset=1480 * dice.randrange(44),
        )  # fmt: skip
        reassembler.handle(piece, number * MICROSECOND)
        watch.look()
    return watch.kept()


def path_mtu_lies(count: int) -> list[Kept]:
    dice = Random(1)
    known = PathMtus()
    watch = Watch(destinations=(lambda: len(known._limits), MAX_DESTINATIONS))
    for number in range(count):
        known.learn(dice.randbytes(4), 600, number)
        watch.look()
    return watch.kept()


def churn_of_tracked_connections(count: int) -> list[Kept]:
    """Connections are opened and reset as quickly as they come, as on a node or an ENI."""
    from actors.protocols.nat.engine import _timeouts

    dice = Random(1)
    tracker = ConnectionTracker(1000, _timeouts(Settings(OUTSIDE)))
    watch = Watch(
        connections=(lambda: len(tracker), 1000),
        keys=(lambda: len(tracker._connections), 2000),
        looks=(lambda: len(tracker._looks), 5001),
    )
    for number in range(count):
        now_ns, key = number * MICROSECOND, dice.randbytes(12) + b"\6"
        connection = tracker.open("node", key, now_ns)
        tracker.saw(connection, key, tcp.RST, now_ns)
        if len(tracker) >= 1000:
            tracker.close(connection)
        watch.look()
    return watch.kept()


# ---- names -------------------------------------------------------------------------------------------------

_NAMES = 1000


def unknown_names(count: int) -> list[Kept]:
    """A resolver is asked for names that there are not, each another; every tenth one below a zone of its own."""
    clock = iter(range(0, 1 << 62, 100 * MICROSECOND))
    cache = Cache(_NAMES)
    root, soa = ip_bytes("198.41.0.4"), _rrset(". 300 IN SOA a. b. 1 2 3 4 300")

    async def authority(server: bytes, query: dns.Message) -> dns.Message:
        response = dns.response(query, dns.Rcode.NXDOMAIN, authoritative=True)
        name = query.question[0].name
        if int(name.labels[0][1:]) % 10 == 0 and server == root:
            response.set_rcode(dns.Rcode.NOERROR)
            response.flags &= ~dns.AA
            zone = name.split(3)[1]
            response.authority.append(_rrset(f"{zone} 300 IN NS ns.{zone}"))
            response.additional.append(_rrset(f"ns.{zone} 300 IN A 192.0.2.9"))
        else:
            response.authority.append(soa)
        return response

    resolver = Resolver(
        {dns.name("a.root-servers.net"): "198.41.0.4"},
        authority,
        cache=cache,
        now_ns=lambda: next(clock),
        random=Random(1),
        record=lambda *_, **__: None,
    )
    watch = Watch(
        cached=(lambda: len(cache), _NAMES),
        delegations=(lambda: len(resolver._delegations), 10_000),
        failures=(lambda: len(resolver._failures), 10_000),
    )

    async def story() -> None:
        for number in range(count):
            await resolver.resolve(dns.name(f"n{number}.z{number}.test."), dns.Type.A)
            watch.look()

    asyncio.run(story())
    return watch.kept()


def _rrset(text: str) -> dns.RRset:
    import dns.rrset as rrsets

    owner, ttl, *rest = text.split(maxsplit=4)
    return rrsets.from_text(owner, int(ttl), *rest)


# ---- BGP ---------------------------------------------------------------------------------------------------


class _Peer:
    """A peer of a speaker in AS 1 that has a second neighbour."""

    def __init__(self, **policy: object) -> None:
        self.net = Net()
        self.router = self.net.add("us", 1, "10.0.0.1", "203.0.113.0/24")
        self.net.add("peer", 2, "10.0.0.2")
        self.net.add("other", 3, "10.0.0.3")
        self.net.peer("us", "peer", "customer", **policy)
        self.net.peer("us", "other", "customer")
        self.router.boot()
        self.speaker = self.router.speaker
        self.other = self._call("10.0.0.3", 3, 1)
        self.call(1)

    def call(self, now_ns: int) -> None:
        self.session = self._call("10.0.0.2", 2, now_ns)

    def _call(self, address: str, asn: int, now_ns: int) -> Session:
        called = self.speaker.accepted(ip_bytes(address), now_ns)
        assert called is not None
        name, session = called
        self.speaker.connected(name, session, now_ns)
        hello = Open(asn, 90, ip_bytes(address), own_capabilities(asn))
        self.speaker.receive(name, session, messages.encode(hello) + messages.encode(Keepalive()), now_ns)
        return session

    def say(self, message: messages.Message, now_ns: int) -> None:
        self.speaker.receive("peer", self.session, messages.encode(message), now_ns)
        self.router.journal.clear()
        self.net.queue.clear()


def _path(*asns: int) -> Attributes:
    return Attributes(Origin.IGP, (Segment(SegmentKind.AS_SEQUENCE, (2, *asns)),), ip_bytes("10.0.0.2"))


def prefix_flood(count: int) -> list[Kept]:
    """A peer announces ever more prefixes, a hundred at a time, until it is sent away; and calls again, and again."""
    limit = 2000
    peer = _Peer(max_prefixes=limit)
    ribs = peer.speaker.ribs
    watch = Watch(
        heard=(lambda: len(ribs.heard["peer"]), limit + 100),
        chosen=(lambda: len(ribs.chosen), limit + 101),
        told=(lambda: sum(map(len, ribs.told.values())), limit + 101),
        forwarding_table=(lambda: len(peer.router.table), limit + 101),
    )
    now_ns = 0
    for number in range(0, count, 100):
        prefixes = tuple(Prefix((0x0B000000 + (number + each) * 256) & 0xFFFFFF00, 24) for each in range(100))
        peer.say(Update((), _path(number % 60_000 + 3), prefixes), now_ns)
        watch.look_now()
        if peer.session.state is State.IDLE:
            now_ns += PENALTY_NS
            peer.call(now_ns)
    return watch.kept()


def endless_updates(count: int) -> list[Kept]:
    """A peer changes its mind for ever about a hundred prefixes; another neighbour takes nothing of it."""
    peer = _Peer()
    peer.speaker.set_deaf("other", peer.other, True, 1)
    ribs, other = peer.speaker.ribs, peer.speaker.neighbours["other"]
    watch = Watch(
        heard=(lambda: len(ribs.heard["peer"]), 100),
        chosen=(lambda: len(ribs.chosen), 101),
        outbox=(lambda: len(other.outbox._pending), 101),
        told=(lambda: len(ribs.told["other"]), 101),
    )
    prefixes = [Prefix(0x0B000000 + each * 256, 24) for each in range(100)]
    for number in range(count):
        prefix = prefixes[number % 100]
        if number % 3 == 2:
            peer.say(Update((prefix,)), number)
        else:
            peer.say(Update((), _path(number % 60_000 + 3), (prefix,)), number)
        watch.look()
    return watch.kept()


def half_open_calls(count: int) -> list[Kept]:
    """A peer that calls, says half of an OPEN, and calls again without hanging up."""
    peer = _Peer()
    neighbour = peer.speaker.neighbours["other"]
    watch = Watch(sessions=(lambda: len(neighbour.incoming), 2))
    for number in range(count):
        called = peer.speaker.accepted(ip_bytes("10.0.0.3"), number)
        if called is not None:
            name, session = called
            peer.speaker.connected(name, session, number)
            peer.speaker.receive(name, session, messages.MARKER[:7], number)
        peer.net.queue.clear()
        peer.router.journal.clear()
        watch.look()
    return watch.kept()


FLOODS: dict[str, Callable[[int], list[Kept]]] = {
    each.__name__.replace("_", " "): each
    for each in (
        dhcp_starvation, arp_flood, mac_flood, nat_exhaustion, fragments_flood, path_mtu_lies,
        churn_of_tracked_connections, unknown_names, prefix_flood, endless_updates, half_open_calls,
        hosts.syn_flood, hosts.junk_segments, hosts.deaf_dns_clients,
    )
}  # fmt: skip
