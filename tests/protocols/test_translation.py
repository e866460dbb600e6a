"""Rewriting addresses and ports: every checksum stays right, and an error's quotation keeps in step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.translation import Change, translated
from actors.wire import icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes
from actors.wire.malformed import Malformed

addresses = st.binary(min_size=4, max_size=4)
ports = st.integers(0, 65535)
maybe_address = st.none() | addresses
maybe_port = st.none() | ports
changes = st.builds(Change, maybe_address, maybe_address, maybe_port, maybe_port)
PRIVATE, PUBLIC, FAR = ip_bytes("10.0.0.10"), ip_bytes("198.51.100.10"), ip_bytes("203.0.113.10")


def wanted(change: Change, packet: ipv4.Packet) -> tuple[bytes, bytes]:
    return change.source or packet.source, change.destination or packet.destination


@given(addresses, addresses, ports, ports, st.binary(max_size=40), changes, st.booleans())
def test_a_tcp_segment_arrives_with_right_checksums(
    source: bytes, destination: bytes, port: int, to: int, data: bytes, change: Change, offload: bool
):
    segment = tcp.Segment(port, to, 1, 2, tcp.ACK, 100, payload=data)
    packet = ipv4.Packet(source, destination, ipv4.TCP, tcp.encode(segment, source, destination, offload))
    after = ipv4.decode(translated(ipv4.encode(packet), change))
    arrived = tcp.decode(after.payload, after.source, after.destination)
    assert (after.source, after.destination) == wanted(change, packet)
    assert arrived.source_port == (port if change.source_port is None else change.source_port)
    assert arrived.destination_port == (to if change.destination_port is None else change.destination_port)
    assert arrived.payload == data
    assert (arrived.checksum == 0) == offload


@given(addresses, addresses, ports, ports, st.binary(max_size=40), changes)
def test_a_udp_datagram_arrives_with_a_right_checksum(
    source: bytes, destination: bytes, port: int, to: int, data: bytes, change: Change
):
    payload = udp.encode(udp.Datagram(port, to, data), source, destination, offload=False)
    after = ipv4.decode(translated(ipv4.encode(ipv4.Packet(source, destination, ipv4.UDP, payload)), change))
    arrived = udp.decode(after.payload, after.source, after.destination)
    assert arrived.payload == data and arrived.checksum != 0


def test_a_real_udp_checksum_never_becomes_the_zero_that_says_there_is_none():
    datagram = udp.encode(udp.Datagram(1, 2, b"data"), PRIVATE, FAR, offload=False)
    packet = ipv4.encode(ipv4.Packet(PRIVATE, FAR, ipv4.UDP, datagram))
    sums = {translated(packet, Change(source_port=port))[26:28] for port in range(65536)}
    assert b"\xff\xff" in sums and b"\0\0" not in sums


@given(ports, ports, st.binary(max_size=40))
def test_an_echo_has_its_identifier_for_a_port(identifier: int, other: int, data: bytes):
    request = ipv4.Packet(PRIVATE, FAR, ipv4.ICMP, icmp.encode(icmp.Echo(identifier, 1, data)))
    sent = ipv4.decode(translated(ipv4.encode(request), Change(source=PUBLIC, source_port=other)))
    assert icmp.decode(sent.payload) == icmp.Echo(other, 1, data)
    reply = ipv4.Packet(FAR, PUBLIC, ipv4.ICMP, icmp.encode(icmp.Echo(other, 1, data, reply=True)))
    change = Change(destination=PRIVATE, destination_port=identifier)
    assert icmp.decode(ipv4.decode(translated(ipv4.encode(reply), change)).payload).identifier == identifier


def test_what_an_error_quotes_is_translated_too():
    sent = tcp.encode(tcp.Segment(40000, 443, 1, 2, tcp.ACK), PUBLIC, FAR, offload=False)
    quoted = ipv4.encode(ipv4.Packet(PUBLIC, FAR, ipv4.TCP, sent))
    error = icmp.encode(icmp.TimeExceeded(0, quoted))
    router = ip_bytes("100.64.1.1")
    change = Change(destination=PRIVATE, destination_port=5000)
    after = ipv4.decode(translated(ipv4.encode(ipv4.Packet(router, PUBLIC, ipv4.ICMP, error)), change))
    message = icmp.decode(after.payload)
    assert isinstance(message, icmp.TimeExceeded)
    inner = ipv4.decode(message.original)
    assert (inner.source, inner.destination) == (PRIVATE, FAR)
    assert tcp.decode(inner.payload, inner.source, inner.destination).source_port == 5000
    assert after.source == router


def test_a_quotation_of_somebody_elses_packet_is_left_alone():
    quoted = ipv4.encode(ipv4.Packet(FAR, FAR, ipv4.UDP, bytes(8)))
    error = icmp.encode(icmp.Unreachable(1, quoted))
    packet = ipv4.encode(ipv4.Packet(FAR, PUBLIC, ipv4.ICMP, error))
    message = icmp.decode(ipv4.decode(translated(packet, Change(destination=PRIVATE))).payload)
    assert isinstance(message, icmp.Unreachable) and message.original == quoted


def test_a_later_fragment_changes_its_addresses_only():
    fragment = ipv4.Packet(
        PRIVATE, FAR, ipv4.TCP, b"not a header, though it looks long enough", fragment_offset=8
    )
    after = ipv4.decode(translated(ipv4.encode(fragment), Change(source=PUBLIC, source_port=1)))
    assert after == fragment._replace(source=PUBLIC)


@given(st.binary(max_size=120), changes)
def test_junk_is_malformed_or_keeps_its_length(junk: bytes, change: Change):
    try:
        assert len(translated(junk, change)) == len(junk)
    except Malformed:
        pass


def test_a_cut_header_is_malformed():
    with pytest.raises(Malformed):
        translated(b"\x45" + bytes(18), Change())
    with pytest.raises(Malformed):
        translated(b"", Change())
