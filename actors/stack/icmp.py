"""ICMP of a host: answers echo requests, sends errors, hears of errors, and asks (`ping`, `traceroute`)."""

import asyncio
from typing import NamedTuple

from actors.element import Context
from actors.protocols import icmp as rules
from actors.stack.interfaces import Interface
from actors.stack.ip import IpLayer, host_bytes
from actors.stack.layers import Arrival
from actors.units import SECOND
from actors.wire import icmp, ipv4
from actors.wire.addresses import ip_text
from actors.wire.icmp import Echo, TimeExceeded, Unreachable

_FRAGMENT_TIME_EXCEEDED = 1


class Answer(NamedTuple):
    """Who answered an echo request, and after how long; `error` is None when it was the host that was asked.

    `ttl` is what the answer had left of its own, 0 when it came from this host."""

    address: str
    rtt_s: float
    error: OSError | None
    ttl: int = 0


class _Asked(NamedTuple):
    destination: bytes
    sent_ns: int
    answer: asyncio.Future[Answer]


class IcmpLayer:
    """One host's ICMP, above its IP layer."""

    def __init__(self, context: Context, ip: IpLayer) -> None:
        self._context = context
        self._ip = ip
        self._limit = rules.RateLimit()
        self._identifier = context.random.getrandbits(16)
        self._sequence = 0
        self._asked: dict[int, _Asked] = {}
        ip.icmp = self
        ip.datagrams[ipv4.ICMP] = self

    # ---- receiving -----------------------------------------------------------------------------------------

    def on_arrival(self, arrival: Arrival) -> None:
        packet = arrival.packet
        match icmp.decode(packet.payload):
            case Echo(identifier, sequence, payload, reply=False):
                if not arrival.group:  # as Linux: icmp_echo_ignore_broadcasts
                    reply = icmp.encode(Echo(identifier, sequence, payload, reply=True))
                    self._ip.output(packet.destination, packet.source, ipv4.ICMP, reply)
            case Echo(identifier, sequence) if identifier == self._identifier:
                self._answer(sequence, packet.source, packet.source, None, packet.ttl)
            case Unreachable() | TimeExceeded() as message:
                self._on_error(message, packet.source, packet.ttl)

    def _on_error(self, message: Unreachable | TimeExceeded, reporter: bytes, ttl: int) -> None:
        ours = rules.quoted(message.original)
        if ours.source not in self._ip.local:
            return
        if isinstance(message, Unreachable) and message.code == icmp.FRAGMENTATION_NEEDED:
            self._ip.learn_path_mtu(ours.destination, message.next_hop_mtu)
        error = rules.as_error(message, ip_text(reporter))
        if ours.protocol == ipv4.ICMP:
            self._on_error_about_echo(ours, reporter, error, ttl)
        else:
            self._ip.report(ours, error)

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None:
        """An ICMP packet of ours did not get beyond this host."""
        self._on_error_about_echo(ipv4.Packet(source, destination, ipv4.ICMP, payload), source, error, 0)

    def _on_error_about_echo(self, ours: ipv4.Packet, reporter: bytes, error: OSError, ttl: int) -> None:
        kind, identifier, sequence = ours.payload[0], ours.payload[4:6], ours.payload[6:8]
        if kind == icmp.ECHO_REQUEST and int.from_bytes(identifier) == self._identifier:
            self._answer(int.from_bytes(sequence), ours.destination, reporter, error, ttl)

    def _answer(self, sequence: int, destination: bytes, by: bytes, error: OSError | None, ttl: int) -> None:
        asked = self._asked.get(sequence)
        if asked is not None and asked.destination == destination and not asked.answer.done():
            rtt_s = (self._context.now_ns() - asked.sent_ns) / SECOND
            asked.answer.set_result(Answer(ip_text(by), rtt_s, error, ttl))

    # ---- errors that we send -------------------------------------------------------------------------------

    def unreachable(self, arrival: Arrival, code: int) -> None:
        """A packet for this host has nobody here who wants it."""
        if not arrival.group:
            message = rules.unreachable(arrival.raw, code)
            self._complain(arrival.packet, message, arrival.packet.destination)

    def undeliverable(self, packet: bytes) -> None:
        """A packet that we forwarded met a neighbour that does not answer."""
        decoded = ipv4.decode(packet)
        self._complain(decoded, rules.unreachable(packet, icmp.HOST_UNREACHABLE), None)

    def give_up_fragments(self, first: ipv4.Packet) -> None:
        """The rest of this fragment's packet did not come in time."""
        message = rules.time_exceeded(ipv4.encode(first), _FRAGMENT_TIME_EXCEEDED)
        self._complain(first, message, first.destination)

    def complain(self, packet: bytes, message: bytes, interface: Interface) -> None:
        """Send an error about a packet that came in by this interface, in the name of that interface's address:
        that is how traceroute gets to see the way that its packets went."""
        source = None if interface.address is None else interface.address.address
        self._complain(ipv4.decode(packet), message, source, interface.broadcasts)

    def _complain(
        self, packet: ipv4.Packet, message: bytes, source: bytes | None, broadcasts: tuple[bytes, ...] = ()
    ) -> None:
        if rules.may_complain(packet, broadcasts) and self._limit.allow(self._context.now_ns()):
            self._ip.output(source, packet.source, ipv4.ICMP, message)

    # ---- asking --------------------------------------------------------------------------------------------

    async def probe(
        self, host: str, *, ttl: int = 64, timeout_s: float = 1.0, payload_bytes: int = 56
    ) -> Answer:
        """Send one echo request; the answer may be an error from a router on the way. Raises TimeoutError."""
        destination = host_bytes(host)
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF
        asked = _Asked(destination, self._context.now_ns(), asyncio.get_running_loop().create_future())
        self._asked[sequence] = asked
        request = icmp.encode(Echo(self._identifier, sequence, bytes(payload_bytes)))
        self._ip.output(None, destination, ipv4.ICMP, request, ttl)
        try:
            async with asyncio.timeout(timeout_s):
                return await asked.answer
        finally:
            del self._asked[sequence]

    async def ping(self, host: str, timeout_s: float = 1.0) -> float:
        """Round trip time in seconds; raises TimeoutError, or the OSError that a router or this host reports."""
        answer = await self.probe(host, timeout_s=timeout_s)
        if answer.error is not None:
            raise answer.error
        return answer.rtt_s

    async def traceroute(self, host: str, *, max_hops: int = 30, timeout_s: float = 1.0) -> list[Answer]:
        """Who answers at each distance, the host itself last; address `*` where nobody does."""
        hops: list[Answer] = []
        for ttl in range(1, max_hops + 1):
            try:
                answer = await self.probe(host, ttl=ttl, timeout_s=timeout_s)
            except TimeoutError:
                hops.append(Answer("*", timeout_s, TimeoutError("no answer")))
                continue
            hops.append(answer)
            if not isinstance(answer.error, rules.TimeToLiveExceeded):
                break
        return hops
