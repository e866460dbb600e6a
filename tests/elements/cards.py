"""A network card with hands: sends the frames a test wants, keeps those that come, answers ARP for its addresses."""

from actors.element import JOURNEY, Context, Element
from actors.wire import arp, ethernet, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes, mac_for

ANY_MAC = bytes(6)


class Card(Element):
    """The other end of a link of the element under test; its port is `eth0`."""

    def __init__(self, context: Context, mac: bytes | None = None, addresses: tuple[str, ...] = ()) -> None:
        super().__init__(None, context)
        self.mac = mac or mac_for(context.name, "eth0")
        self.addresses = {ip_bytes(address) for address in addresses}
        self.frames: list[ethernet.Frame] = []

    def on_frame(self, port: str, frame: bytes) -> None:
        decoded = ethernet.decode(frame)
        if decoded.ethertype == ethernet.ARP:
            request = arp.decode(decoded.payload)
            if request.operation == arp.REQUEST and request.target_ip in self.addresses:
                reply = arp.Packet(
                    arp.REPLY, self.mac, request.target_ip, request.sender_mac, request.sender_ip
                )
                self.put(request.sender_mac, arp.encode(reply), ethernet.ARP)
                return
        self.frames.append(decoded)

    def put(
        self, mac: bytes, payload: bytes, ethertype: int = ethernet.IPV4, journey: str | None = None
    ) -> None:
        """Put a frame on the wire, as part of a journey."""
        token = JOURNEY.set(journey)
        frame = ethernet.Frame(mac, self.mac, ethertype, payload)
        self.context.ports["eth0"].send(ethernet.encode(frame))
        JOURNEY.reset(token)

    def ask(self, target: str, own: str, mac: bytes | None = None) -> None:
        """Ask by ARP who has an address."""
        request = arp.Packet(arp.REQUEST, mac or self.mac, ip_bytes(own), bytes(6), ip_bytes(target))
        self.put(b"\xff" * 6, arp.encode(request), ethernet.ARP)

    def taken(self) -> list[ethernet.Frame]:
        """The frames that have come since the last call."""
        taken, self.frames = self.frames, []
        return taken

    def packets(self) -> list[ipv4.Packet]:
        """The IPv4 packets among the frames that have come since the last call."""
        return [ipv4.decode(frame.payload) for frame in self.taken() if frame.ethertype == ethernet.IPV4]

    def macs(self) -> list[bytes]:
        """The addresses that ARP replies have told since the last call."""
        return [
            arp.decode(frame.payload).sender_mac for frame in self.taken() if frame.ethertype == ethernet.ARP
        ]


def tcp_packet(
    source: str, destination: str, flags: int = tcp.SYN, *, data: bytes = b"", ttl: int = 64
) -> bytes:
    """A TCP packet between `address:port` and `address:port`, its checksum offloaded."""
    (one, one_port), (other, other_port) = _end(source), _end(destination)
    segment = tcp.Segment(one_port, other_port, 1, 0, flags, 65535, payload=data)
    return ipv4.encode(ipv4.Packet(one, other, ipv4.TCP, tcp.encode(segment, one, other), ttl))


def udp_packet(source: str, destination: str, data: bytes = b"x", *, ttl: int = 64) -> bytes:
    """A UDP packet between `address:port` and `address:port`, its checksum offloaded."""
    (one, one_port), (other, other_port) = _end(source), _end(destination)
    datagram = udp.encode(udp.Datagram(one_port, other_port, data), one, other)
    return ipv4.encode(ipv4.Packet(one, other, ipv4.UDP, datagram, ttl))


def ends(packet: ipv4.Packet) -> str:
    """`address:port > address:port` of a TCP or UDP packet."""
    ports = int.from_bytes(packet.payload[:2]), int.from_bytes(packet.payload[2:4])
    source, destination = (".".join(map(str, address)) for address in (packet.source, packet.destination))
    return f"{source}:{ports[0]} > {destination}:{ports[1]}"


def _end(text: str) -> tuple[bytes, int]:
    address, _, port = text.partition(":")
    return ip_bytes(address), int(port)
