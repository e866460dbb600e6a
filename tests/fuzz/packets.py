"""The parsers of what is on links: frames, packets, segments, datagrams, and what is told by them."""

from collections.abc import Callable
from random import Random
from typing import Any

from actors.protocols.dns.framing import MessageReader, framed
from actors.protocols.fragments import copied_options
from actors.protocols.icmp import quoted
from actors.protocols.nat import Nat, Settings
from actors.protocols.nat.errors import answering_flow
from actors.protocols.tcp import DEFAULTS, Connection
from actors.protocols.translation import Change, translated
from actors.runtime.control_line import unpacked
from actors.wire import arp, dhcp, envelope, ethernet, icmp, ipv4, tcp, udp
from actors.wire import dns as wire_dns
from actors.wire.addresses import InterfaceAddress, Prefix
from actors.wire.checksum import checksum, transport_checksum
from actors.wire.pcapng import with_checksums
from actors.wire.summary import summary
from tests.fuzz import valid
from tests.fuzz.parser import Parser, check, of_text, samples
from tests.fuzz.valid import INSIDE, IP, OUTSIDE, REMOTE

# ---- putting sums right ------------------------------------------------------------------------------------


def with_icmp_sum(data: bytes) -> bytes:
    return (
        data if len(data) < 8 else data[:2] + checksum(data[:2] + b"\0\0" + data[4:]).to_bytes(2) + data[4:]
    )


def with_header_sum(data: bytes) -> bytes:
    """An IPv4 header's; and the total length if it promises too much."""
    header = (data[0] & 15) * 4 if data else 0
    if not 20 <= header <= len(data):
        return data
    if int.from_bytes(data[2:4]) > len(data):
        data = data[:2] + len(data).to_bytes(2) + data[4:]
    head = data[:10] + b"\0\0" + data[12:header]
    return head[:10] + checksum(head).to_bytes(2) + data[12:]


def in_frame(mend: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: data[:IP] + mend(data[IP:])


def with_transport_sum(protocol: int, at: int) -> Callable[[bytes], bytes]:
    def mend(data: bytes) -> bytes:
        if len(data) < at + 2:
            return data
        data = data[:at] + b"\0\0" + data[at + 2 :]
        return data[:at] + transport_checksum(INSIDE, REMOTE, protocol, data).to_bytes(2) + data[at + 2 :]

    return mend


# ---- how they are called -----------------------------------------------------------------------------------


def a_summary(data: bytes) -> None:
    text = summary(data)
    check("\n" not in text and len(text) < 400, f"a line: {text!r}")


def _there_and_back(codec: Any) -> Callable[[bytes], None]:
    """What was taken can be written, and read again as the same."""

    def parse(data: bytes) -> None:
        value = codec.decode(data)
        check(codec.decode(codec.encode(value)) == value, f"{value} does not survive")

    return parse


def dns_answered(data: bytes) -> None:
    """As a server does with a query: it is turned down, or answered at the length that the client takes."""
    query = wire_dns.decode_query(data)
    response = wire_dns.response(query, wire_dns.refusal(query) or wire_dns.Rcode.NXDOMAIN)
    limit = wire_dns.udp_limit(query)
    check(len(wire_dns.encode(response, limit)) <= limit, "a longer answer than the client takes")


def dns_rewritten(data: bytes) -> None:
    wire_dns.encode(wire_dns.decode(data))


def dns_stream(data: bytes) -> None:
    reader = MessageReader()
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    messages = [message for piece in pieces for message in reader.feed(piece)]
    taken = sum(map(len, map(framed, messages)))
    check(b"".join(map(framed, messages)) == data[:taken], "not what was sent")
    check(reader.inside == (taken < len(data)), "whether a message has begun")


class _Nat:
    """A NAT that has seen much; made anew now and then."""

    def __init__(self, verb: str) -> None:
        self._verb, self._calls = verb, 0
        self._nat: Nat

    def __call__(self, frame: bytes) -> None:
        if self._calls % 5_000 == 0:
            settings = Settings(OUTSIDE, range(1024, 65536), max_mappings=64)
            self._nat = Nat(settings, Random(1), lambda protocol, port: port == 53)
        self._calls += 1
        if self._verb == "original":
            self._nat.original(frame)
            return
        if settled := getattr(self._nat, f"settled_{self._verb}", None):
            settled(frame, self._calls * 1_000_000)
        translation = getattr(self._nat, self._verb)(frame, self._calls * 1_000_000)
        if hasattr(translation, "apply"):
            check(len(translation.apply(frame)) == len(frame), "another length")
        check(len(self._nat) <= 64, "more sessions than allowed")


class _Listening:
    """A connection's host, and its observer, that keeps nothing."""

    @property
    def observer(self) -> "_Listening":
        return self

    def transmit(self, segment: bytes) -> None: ...
    def on_data(self, data: bytes) -> None: ...
    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: True


def tcp_segment(data: bytes) -> None:
    connection = Connection(_Listening(), data[:4].ljust(4, b"\0"), 1, 1460, DEFAULTS)  # type: ignore[arg-type]
    connection.listen()
    connection.on_segment(data, 1)
    connection.on_segment(data, 2)


def tcp_decoded(data: bytes) -> None:
    segment = tcp.decode(data, INSIDE, REMOTE)
    check(len(segment.options.sack) <= 4, "five SACK blocks")


_CHANGE = Change(OUTSIDE, REMOTE, 7, 8)
PARSERS = (
    Parser("wire.ethernet.decode", _there_and_back(ethernet), valid.frames),
    Parser("wire.arp.decode", _there_and_back(arp), valid.arp_packets),
    Parser("wire.ipv4.decode", _there_and_back(ipv4), valid.packets, mend=with_header_sum),
    Parser("wire.icmp.decode", _there_and_back(icmp), valid.icmp_messages, mend=with_icmp_sum),
    Parser(
        "wire.udp.decode",
        lambda data: udp.decode(data, INSIDE, REMOTE),
        valid.datagrams,
        mend=with_transport_sum(17, 6),
    ),
    Parser("wire.tcp.decode", tcp_decoded, valid.segments, mend=with_transport_sum(6, 16)),
    Parser("wire.dhcp.decode", _there_and_back(dhcp), valid.dhcp_messages),
    Parser("wire.dns.decode", dns_rewritten, valid.dns_messages),
    Parser("wire.dns.decode_query", dns_answered, valid.dns_queries),
    Parser("wire.envelope.decode_batch", envelope.decode_batch, valid.batches),
    Parser(
        "wire.pcapng.with_checksums",
        lambda data: check(len(with_checksums(data)) == len(data), "length"),
        valid.frames,
        (),
    ),
    Parser("wire.summary.summary", a_summary, valid.frames, (), mend=in_frame(with_header_sum)),
    Parser("wire.addresses.Prefix.parse", of_text(Prefix.parse), samples(b"10.0.0.0/16", b"0.0.0.0/0")),
    Parser(
        "wire.addresses.InterfaceAddress.parse", of_text(InterfaceAddress.parse), samples(b"192.168.1.1/24")
    ),
    Parser(
        "runtime.control_line.unpacked",
        lambda data: check(bool(unpacked(data)), "nothing"),
        valid.control_messages,
        (),
    ),
    Parser(
        "protocols.dns.framing.MessageReader.feed",
        dns_stream,
        lambda dice: [framed(each) * 2 for each in valid.dns_messages(dice)],
        (),
    ),
    Parser(
        "protocols.fragments.copied_options",
        lambda data: check(len(copied_options(data)) % 4 == 0, "padding"),
        samples(b"\x94\x04\0\0\x07\x07\x04\0\0\0\0\0", b"\1\1\x83\x03\x04\0"),
        (),
    ),
    Parser("protocols.icmp.quoted", quoted, valid.packets),
    Parser(
        "protocols.nat.errors.answering_flow",
        lambda data: check(len(answering_flow(data)) == 13, "no key"),
        valid.packets,
    ),
    Parser(
        "protocols.nat.engine.Nat.outbound",
        _Nat("outbound"),
        valid.nat_frames,
        mend=in_frame(with_header_sum),
    ),
    Parser(
        "protocols.nat.engine.Nat.inbound", _Nat("inbound"), valid.nat_frames, mend=in_frame(with_header_sum)
    ),
    Parser(
        "protocols.nat.engine.Nat.hairpin", _Nat("hairpin"), valid.nat_frames, mend=in_frame(with_header_sum)
    ),
    Parser("protocols.nat.engine.Nat.original", _Nat("original"), valid.packets, mend=with_header_sum),
    Parser("protocols.tcp.connection.Connection.on_segment", tcp_segment, valid.segments),
    Parser(
        "protocols.translation.translated",
        lambda data: check(len(translated(data, _CHANGE)) == len(data), "length"),
        valid.packets,
    ),
)
