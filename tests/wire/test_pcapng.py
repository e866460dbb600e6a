"""What a capture fills in, and what it leaves alone; whether Wireshark likes it is asked in tests/interop."""

from hypothesis import given
from hypothesis import strategies as st

from actors.wire import ethernet, icmp, ipv4, tcp, udp
from actors.wire.pcapng import Capture, with_checksums
from tests.wire import values

A, B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
MACS = (b"\x02" + bytes(5), b"\x02" + bytes(4) + b"\x01")


def framed(packet: ipv4.Packet) -> bytes:
    return ethernet.encode(ethernet.Frame(*MACS, ethernet.IPV4, ipv4.encode(packet)))


@given(values.segments, st.booleans())
def test_an_offloaded_tcp_checksum_is_filled_in(segment, padded):
    def frame(offload: bool) -> bytes:
        payload = tcp.encode(segment, A, B, offload)
        return framed(ipv4.Packet(A, B, ipv4.TCP, payload)) + (bytes(6) if padded else b"")

    assert with_checksums(frame(True)) == frame(False)


@given(values.datagrams)
def test_an_offloaded_udp_checksum_is_filled_in(datagram):
    def frame(offload: bool) -> bytes:
        return framed(ipv4.Packet(A, B, ipv4.UDP, udp.encode(datagram, A, B, offload)))

    assert with_checksums(frame(True)) == frame(False)


def test_a_checksum_that_is_there_stays_even_when_it_is_wrong():
    data = bytearray(udp.encode(udp.Datagram(1, 2, b"hi"), A, B))
    data[6:8] = b"\x12\x34"
    frame = framed(ipv4.Packet(A, B, ipv4.UDP, bytes(data)))
    assert with_checksums(frame) == frame


def test_fragments_and_quotes_in_icmp_errors_are_left_alone():
    segment = tcp.encode(tcp.Segment(1, 2, 3, 4, tcp.SYN), A, B)
    first = framed(ipv4.Packet(A, B, ipv4.TCP, segment, dont_fragment=False, more_fragments=True))
    quote = icmp.Unreachable(1, ipv4.encode(ipv4.Packet(A, B, ipv4.TCP, segment)))
    error = framed(ipv4.Packet(B, A, ipv4.ICMP, icmp.encode(quote)))
    assert with_checksums(first) == first
    assert with_checksums(error) == error


@given(
    st.one_of(
        st.binary(max_size=80), st.binary(max_size=60).map(lambda rest: bytes(12) + b"\x08\x00\x45" + rest)
    )
)
def test_any_bytes_can_be_captured(frame):
    assert len(with_checksums(frame)) == len(frame)
    assert len(Capture().frame("wifi", 0, frame)) % 4 == 0


def test_a_link_is_described_once_before_its_first_frame():
    capture = Capture()
    assert b"wifi" in capture.frame("wifi", 1, b"x")
    assert b"wifi" not in capture.frame("wifi", 2, b"x")
    assert b"fibre" in capture.frame("fibre", 3, b"x")
