"""A network interface of a host: its addresses, its neighbours, and the port that it sends through."""

from collections.abc import Callable
from typing import NamedTuple

from actors.element import JOURNEY, Context, Journey, Port
from actors.protocols import arp as neighbours
from actors.protocols.arp import NeighbourCache
from actors.wire import arp, ethernet
from actors.wire.addresses import BROADCAST_IP, BROADCAST_MAC, InterfaceAddress, ip_text, mac_text

ARP_TYPE = ethernet.ARP.to_bytes(2)
IPV4_TYPE = ethernet.IPV4.to_bytes(2)


class Waiting(NamedTuple):
    """An IP packet (or all pieces of one) that waits for its neighbour's MAC address, with its journey."""

    pieces: tuple[bytes, ...]
    journey: str | None
    after_ns: int


class Interface:
    """Sends IP packets to neighbours, asking for their MAC addresses by ARP.

    `changed()` is called when a neighbour's MAC address is no longer what it was, `undeliverable(packet)` for an IP
    packet whose neighbour does not answer, `arm()` when there is a new deadline."""

    def __init__(
        self,
        name: str,
        port: Port,
        mac: bytes,
        context: Context,
        *,
        changed: Callable[[], None],
        undeliverable: Callable[[bytes], None],
        arm: Callable[[int | None], None],
    ) -> None:
        self.name = name
        self.port = port
        self.mac = mac
        self.address: InterfaceAddress | None = None
        self.neighbours = NeighbourCache(mac)
        self.transmit = port.send
        self.mtu_limit: int | None = None
        """Set by whoever was told that this network takes less than the link, as by DHCP."""
        self.on_conflict: Callable[[bytes, bytes], None] | None = None
        """Called with address and MAC address when somebody else uses an address of ours, or one that we probe."""
        self._context = context
        self._changed = changed
        self._undeliverable = undeliverable
        self._arm = arm
        self._told: dict[bytes, str] = {}

    @property
    def mtu(self) -> int:
        return self.port.mtu if self.mtu_limit is None else min(self.port.mtu, self.mtu_limit)

    @property
    def broadcasts(self) -> tuple[bytes, ...]:
        """The addresses of everybody on this link: 255.255.255.255 and the subnet's own, which /31 and /32 lack."""
        if self.address is None or self.address.prefix.length >= 31:
            return (BROADCAST_IP,)
        return (BROADCAST_IP, self.address.prefix.broadcast)

    # ---- sending -------------------------------------------------------------------------------------------

    def send(self, next_hop: bytes, *pieces: bytes, after_ns: int = 0) -> bytes | None:
        """Send an IP packet to a neighbour or to all. The MAC address it went to; None while it waits for one."""
        if next_hop in self.broadcasts:
            self._put(BROADCAST_MAC, pieces, after_ns)
            return BROADCAST_MAC
        waiting = Waiting(pieces, JOURNEY.get(), after_ns)
        outputs = self.neighbours.resolve(next_hop, waiting, self._context.now_ns())
        self.carry_out(outputs)
        return next((output.mac for output in outputs if isinstance(output, neighbours.Resolved)), None)

    def announce(self) -> None:
        """Tell the neighbours our address, unasked."""
        if self.address is not None:
            self.carry_out([self.neighbours.announce(self.address.address)])

    def probe(self, address: bytes) -> None:
        """Ask the link whether anybody has this address, which is not ours yet."""
        self.carry_out([self.neighbours.probe(address)])

    def on_arp(self, payload: bytes) -> None:
        """The payload of an ARP frame has arrived; raises `Malformed`."""
        self.carry_out(self.neighbours.handle(arp.decode(payload), self._context.now_ns()))

    def on_deadline(self, now_ns: int) -> None:
        deadline_ns = self.neighbours.deadline_ns()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self.carry_out(self.neighbours.on_deadline(now_ns))

    # ---- carrying out --------------------------------------------------------------------------------------

    def carry_out(self, outputs: list[neighbours.Output]) -> None:
        for output in outputs:
            match output:
                case neighbours.Send(packet, to):
                    self._send_arp(packet, to)
                case neighbours.Resolved(address, mac, waiting, source):
                    self._release(address, mac, waiting, source)
                case neighbours.Unreachable(_, waiting):
                    self._give_up(waiting)
                case neighbours.Overflowed():
                    self._context.metrics.counter(
                        "journey_ip_dropped_packets_total", reason="arp_queue"
                    ).value += 1
                case neighbours.Changed():
                    self._changed()
                case neighbours.Conflict(address, mac):
                    self._context.event(
                        "arp.conflict", address=ip_text(address), mac=mac_text(mac), port=self.name
                    )
                    if self.on_conflict is not None:
                        self.on_conflict(address, mac)
        self._arm(self.neighbours.deadline_ns())

    def _put(self, mac: bytes, pieces: tuple[bytes, ...], after_ns: int) -> None:
        for packet in pieces:
            self.transmit(mac + self.mac + IPV4_TYPE + packet, after_ns)

    def _send_arp(self, packet: arp.Packet, to: bytes) -> None:
        frame = to + self.mac + ARP_TYPE + arp.encode(packet)
        if packet.operation == arp.REPLY:
            self._context.record("arp.reply", address=ip_text(packet.sender_ip), mac=mac_text(self.mac))
            self.transmit(frame)
            return
        waiting = self.neighbours.waiting(packet.target_ip)
        with Journey(waiting[0].journey if waiting else JOURNEY.get()):
            self._context.record("arp.request", address=ip_text(packet.target_ip))
            self.transmit(frame)

    def _release(self, address: bytes, mac: bytes, waiting: list[Waiting], source: str) -> None:
        for pieces, journey, after_ns in waiting:
            with Journey(journey):
                if journey is not None and (source == "reply" or self._told.get(address) != journey):
                    self._told[address] = journey
                    self._context.record(
                        "arp.resolved", address=ip_text(address), mac=mac_text(mac), source=source
                    )
                self._put(mac, pieces, after_ns)

    def _give_up(self, waiting: list[Waiting]) -> None:
        for pieces, journey, _ in waiting:
            with Journey(journey):
                self._undeliverable(pieces[0])
