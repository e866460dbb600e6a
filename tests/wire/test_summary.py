"""Lines as the journal shows them; any bytes whatever have one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.wire import arp, dhcp, dns, ethernet, icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes, mac_bytes
from actors.wire.summary import summary
from tests.wire import values

LAPTOP, ALB = ip_bytes("192.168.1.100"), ip_bytes("198.51.100.10")
MAC, OTHER_MAC = mac_bytes("02:00:00:00:00:01"), mac_bytes("02:00:00:00:00:02")


def in_frame(packet: ipv4.Packet) -> bytes:
    return ethernet.encode(ethernet.Frame(OTHER_MAC, MAC, ethernet.IPV4, ipv4.encode(packet)))


def segment(flags: int, payload: bytes = b"") -> bytes:
    data = tcp.encode(tcp.Segment(49152, 443, 1, 1, flags, payload=payload), LAPTOP, ALB)
    return in_frame(ipv4.Packet(LAPTOP, ALB, ipv4.TCP, data))


def datagram(source_port: int, destination_port: int, payload: bytes) -> bytes:
    data = udp.encode(udp.Datagram(source_port, destination_port, payload), LAPTOP, ALB)
    return in_frame(ipv4.Packet(LAPTOP, ALB, ipv4.UDP, data))


def message(value: icmp.Message) -> bytes:
    return in_frame(ipv4.Packet(LAPTOP, ALB, ipv4.ICMP, icmp.encode(value)))


QUERY = dns.query(dns.name("packet-journey.com"), dns.Type.A, 7, recursion_desired=True)
DISCOVER = dhcp.Message(dhcp.BOOT_REQUEST, 1, MAC, dhcp.Options(dhcp.DISCOVER))
TLS = "192.168.1.100:49152 > 198.51.100.10:443"


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (segment(tcp.SYN), f"TCP {TLS} [SYN] len 0"),
        (segment(tcp.SYN | tcp.ACK), f"TCP {TLS} [SYN,ACK] len 0"),
        (segment(tcp.ACK, b"\x16\x03\x01\x00\x05\x01...."), f"TCP {TLS} [ACK] len 10 TLS ClientHello"),
        (segment(tcp.ACK, b"\x17\x03\x03\x00\x05....."), f"TCP {TLS} [ACK] len 10 TLS ApplicationData"),
        (
            segment(tcp.PSH | tcp.ACK, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
            f"TCP {TLS} [PSH,ACK] len 28 HTTP GET /a HTTP/1.1",
        ),
        (segment(tcp.ACK, b"HTTP/1.1 200 OK\r\n"), f"TCP {TLS} [ACK] len 17 HTTP/1.1 200 OK"),
        (segment(tcp.ACK, b"GET lost"), f"TCP {TLS} [ACK] len 8"),
        (datagram(5000, 6000, b"hi"), "UDP 192.168.1.100:5000 > 198.51.100.10:6000 len 2"),
        (
            datagram(5000, 53, dns.encode(QUERY)),
            "UDP 192.168.1.100:5000 > 198.51.100.10:53 DNS query packet-journey.com A len 47",
        ),
        (
            datagram(53, 5000, dns.encode(dns.response(QUERY, dns.Rcode.NXDOMAIN))),
            "UDP 192.168.1.100:53 > 198.51.100.10:5000 DNS answer packet-journey.com A NXDOMAIN 0 records len 47",
        ),
        (
            datagram(68, 67, dhcp.encode(DISCOVER)),
            "UDP 192.168.1.100:68 > 198.51.100.10:67 DHCP Discover len 300",
        ),
        (datagram(68, 67, b"?"), "UDP 192.168.1.100:68 > 198.51.100.10:67 DHCP malformed len 1"),
        (message(icmp.Echo(9, 3, b"x" * 56)), "ICMP 192.168.1.100 > 198.51.100.10 echo request seq 3 len 56"),
        (message(icmp.TimeExceeded(0, b"x" * 28)), "ICMP 192.168.1.100 > 198.51.100.10 TTL exceeded len 28"),
        (message(icmp.Unreachable(3, b"")), "ICMP 192.168.1.100 > 198.51.100.10 port unreachable len 0"),
        (
            in_frame(ipv4.Packet(LAPTOP, ALB, 47, b"x")),
            "IPv4 192.168.1.100 > 198.51.100.10 protocol 47 len 1",
        ),
        (
            in_frame(ipv4.Packet(LAPTOP, ALB, 17, b"x" * 8, more_fragments=True)),
            "IPv4 192.168.1.100 > 198.51.100.10 protocol 17, fragment at 0 len 8",
        ),
        (b"\x01", "Ethernet malformed: an Ethernet frame of 1 bytes has no full header"),
        (
            ethernet.encode(ethernet.Frame(OTHER_MAC, MAC, 0x86DD, b"..")),
            "Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02 type 0x86dd len 2",
        ),
    ],
)
def test_a_frame_in_one_line(frame, line):
    assert summary(frame) == line


def test_arp_reads_like_the_question_it_is():
    question = arp.Packet(arp.REQUEST, MAC, LAPTOP, bytes(6), ALB)
    answer = arp.Packet(arp.REPLY, OTHER_MAC, ALB, MAC, LAPTOP)

    def line(packet: arp.Packet) -> str:
        return summary(ethernet.encode(ethernet.Frame(OTHER_MAC, MAC, ethernet.ARP, arp.encode(packet))))

    assert line(question) == "ARP who has 198.51.100.10? tell 192.168.1.100"
    assert line(answer) == "ARP 198.51.100.10 is at 02:00:00:00:00:02"


@given(st.one_of(st.binary(max_size=100), values.frames.map(ethernet.encode)))
def test_any_bytes_have_one_line(frame):
    check_one_line(frame)


payloads = st.one_of(
    st.binary(max_size=60), values.segments.map(lambda value: tcp.encode(value, LAPTOP, ALB)),
    values.icmp_messages.map(icmp.encode),
    st.tuples(st.sampled_from([53, 67, 80]), st.binary(max_size=60)).map(
        lambda pair: udp.encode(udp.Datagram(pair[0], 9999, pair[1]), LAPTOP, ALB)
    ),
)  # fmt: skip


@given(values.ip_packets, st.sampled_from([1, 6, 17, 99]), payloads)
def test_any_packet_has_one_line(packet, protocol, payload):
    check_one_line(in_frame(packet._replace(protocol=protocol, payload=payload)))


def check_one_line(frame: bytes) -> None:
    line = summary(frame)
    assert line
    assert line.isprintable(), line
