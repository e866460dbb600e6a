"""When ICMP keeps silent, what its errors quote, and what they mean to a socket."""

import errno

import pytest

from actors.protocols import icmp as rules
from actors.protocols.icmp import RateLimit, TimeToLiveExceeded, as_error, may_complain, quoted
from actors.units import SECOND
from actors.wire import icmp, ipv4
from actors.wire.addresses import ip_bytes
from actors.wire.malformed import Malformed

PACKET = ipv4.Packet(ip_bytes("10.0.0.1"), ip_bytes("10.0.0.2"), ipv4.UDP, bytes(40))
BROADCAST = ip_bytes("10.0.0.255")


def from_(address: str) -> ipv4.Packet:
    return PACKET._replace(source=ip_bytes(address))


def icmp_packet(message: icmp.Message) -> ipv4.Packet:
    return PACKET._replace(protocol=ipv4.ICMP, payload=icmp.encode(message))


@pytest.mark.parametrize(
    "packet",
    [
        PACKET,
        PACKET._replace(more_fragments=True),
        icmp_packet(icmp.Echo(1, 1)),
        PACKET._replace(destination=BROADCAST),
    ],
)
def test_complains_about_what_one_host_sent(packet):
    assert may_complain(packet)


@pytest.mark.parametrize(
    "packet",
    [
        icmp_packet(icmp.Unreachable(1, bytes(28))),
        icmp_packet(icmp.TimeExceeded(0, bytes(28))),
        icmp_packet(icmp.Other(42, 0, bytes(4), b"")),
        PACKET._replace(protocol=ipv4.ICMP, payload=b""),
        PACKET._replace(fragment_offset=8),
        PACKET._replace(destination=ip_bytes("255.255.255.255")),
        PACKET._replace(destination=ip_bytes("224.0.0.5")),
        PACKET._replace(destination=BROADCAST),
        from_("0.0.0.0"),
        from_("127.0.0.1"),
        from_("239.1.1.1"),
        from_("255.255.255.255"),
    ],
)
def test_never_complains_about_errors_groups_later_fragments_and_nobody(packet):
    assert not may_complain(packet, (BROADCAST,))


def test_an_error_quotes_as_much_as_fits_576_bytes():
    long = ipv4.encode(PACKET._replace(payload=bytes(1400)))
    assert len(rules.time_exceeded(long)) + ipv4.HEADER_BYTES == 576
    message = icmp.decode(rules.unreachable(long, icmp.FRAGMENTATION_NEEDED, 1400))
    assert message == icmp.Unreachable(icmp.FRAGMENTATION_NEEDED, long[:548], 1400)


def test_the_quoted_packet_is_read_back_whatever_its_checksum():
    raw = bytearray(ipv4.encode(PACKET))
    raw[8] = 1
    found = quoted(bytes(raw))
    assert (found.source, found.destination, found.protocol) == PACKET[:3]
    assert found.payload == PACKET.payload


@pytest.mark.parametrize(
    "junk", [b"", bytes(27), bytes(60), b"\x45" + bytes(26), b"\x4f" + bytes(60), b"\x41" + bytes(60)]
)
def test_a_quote_that_holds_no_packet_is_malformed(junk):
    with pytest.raises(Malformed):
        quoted(junk)


def test_errors_mean_what_linux_says_they_mean():
    def number(code: int) -> int | None:
        return as_error(icmp.Unreachable(code, b""), "10.0.0.9").errno

    assert number(icmp.NET_UNREACHABLE) == errno.ENETUNREACH
    assert number(icmp.HOST_UNREACHABLE) == number(icmp.ADMINISTRATIVELY_PROHIBITED) == errno.EHOSTUNREACH
    assert number(icmp.FRAGMENTATION_NEEDED) == errno.EMSGSIZE
    assert isinstance(as_error(icmp.Unreachable(icmp.PORT_UNREACHABLE, b""), "x"), ConnectionRefusedError)
    assert isinstance(as_error(icmp.TimeExceeded(0, b""), "x"), TimeToLiveExceeded)


def test_a_burst_passes_and_then_so_many_a_second():
    limit = RateLimit(per_second=100, burst=5)
    assert [limit.allow(0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert sum(limit.allow(SECOND * tick // 1000) for tick in range(1, 1001)) == 100
    assert [limit.allow(10 * SECOND) for _ in range(7)] == [True] * 5 + [False] * 2
