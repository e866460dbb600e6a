"""Flow keys: what they hold, and that a key turned round is the key of the answer."""

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.flows import Flow, key_of, taken_apart, tcp_flags, turned
from actors.wire import ethernet, icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes

A, B = ip_bytes("10.0.0.10"), ip_bytes("10.0.10.20")


def tcp_packet(**fields: int) -> ipv4.Packet:
    return ipv4.Packet(A, B, ipv4.TCP, tcp.encode(tcp.Segment(40000, 80, 1, 2, tcp.SYN), A, B), **fields)


def test_the_first_twelve_bytes_can_be_cut_out_of_a_frame():
    packet = tcp_packet()
    frame = ethernet.encode(ethernet.Frame(bytes(6), bytes(6), ethernet.IPV4, ipv4.encode(packet)))
    assert key_of(packet) == frame[26:38] + frame[23:24]


def test_a_key_names_the_ports():
    assert taken_apart(key_of(tcp_packet())) == Flow(A, B, 40000, 80, ipv4.TCP)
    assert str(taken_apart(key_of(tcp_packet()))) == "TCP 10.0.0.10:40000 > 10.0.10.20:80"


def test_an_echo_reply_has_the_key_of_its_request_turned_round():
    request = ipv4.Packet(A, B, ipv4.ICMP, icmp.encode(icmp.Echo(77, 1)))
    reply = ipv4.Packet(B, A, ipv4.ICMP, icmp.encode(icmp.Echo(77, 1, reply=True)))
    assert turned(key_of(request)) == key_of(reply)


def test_an_icmp_error_has_no_ports():
    error = ipv4.Packet(A, B, ipv4.ICMP, icmp.encode(icmp.TimeExceeded(0, bytes(28))))
    assert key_of(error)[8:12] == bytes(4)


def test_later_fragments_have_no_ports_and_no_flags():
    fragment = tcp_packet(fragment_offset=8)
    assert key_of(fragment)[8:12] == bytes(4)
    assert tcp_flags(fragment) == 0


def test_tcp_flags_are_read_from_tcp_only():
    assert tcp_flags(tcp_packet()) == tcp.SYN
    assert tcp_flags(ipv4.Packet(A, B, ipv4.UDP, udp.encode(udp.Datagram(1, 2, bytes(40)), A, B))) == 0


@given(st.binary(max_size=60), st.integers(0, 255))
def test_any_payload_has_a_key_of_13_bytes_that_turns_back(payload: bytes, protocol: int):
    packet = ipv4.Packet(A, B, protocol, payload)
    assert turned(turned(key_of(packet))) == key_of(packet)
    assert len(key_of(packet)) == 13
    tcp_flags(packet)
