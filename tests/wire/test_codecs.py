"""What is true of every codec: values survive the wire, and junk is `Malformed` and nothing else."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.wire import arp, dhcp, ethernet, icmp, ipv4, tcp, udp
from actors.wire.malformed import Malformed
from tests.wire import values

SOURCE, DESTINATION = bytes([192, 168, 1, 100]), bytes([198, 51, 100, 10])
CHECKSUM_AT = {udp: slice(6, 8), tcp: slice(16, 18)}
CODECS = {
    "ethernet": (ethernet.encode, ethernet.decode, values.frames),
    "arp": (arp.encode, arp.decode, values.arp_packets),
    "ipv4": (ipv4.encode, ipv4.decode, values.ip_packets),
    "icmp": (icmp.encode, icmp.decode, values.icmp_messages),
    "dhcp": (dhcp.encode, dhcp.decode, values.dhcp_messages),
    "udp": (lambda value: udp.encode(value, SOURCE, DESTINATION), udp.decode, values.datagrams),
    "tcp": (lambda value: tcp.encode(value, SOURCE, DESTINATION), tcp.decode, values.segments),
}
every_codec = pytest.mark.parametrize(("encode", "decode", "strategy"), CODECS.values(), ids=CODECS)


@every_codec
@given(data=st.data())
def test_a_value_survives_the_wire(encode, decode, strategy, data):
    value = data.draw(strategy)
    assert decode(encode(value)) == value


@every_codec
@given(junk=st.binary(max_size=400))
def test_junk_is_malformed_or_a_value_and_nothing_else(encode, decode, strategy, junk):
    check_junk(decode, junk)


@every_codec
@given(data=st.data())
def test_a_mutated_message_is_malformed_or_a_value_and_nothing_else(encode, decode, strategy, data):
    mutant = bytearray(encode(data.draw(strategy)))
    for place, octet in data.draw(
        st.lists(st.tuples(st.integers(0, len(mutant) - 1), values.uint8), max_size=4)
    ):
        mutant[place] = octet
    check_junk(decode, bytes(mutant[: data.draw(st.integers(0, len(mutant)))]))


def check_junk(decode, junk):
    try:
        decode(junk)
    except Malformed as error:
        assert str(error)


@pytest.mark.parametrize(
    ("codec", "strategy"), [(udp, values.datagrams), (tcp, values.segments)], ids=["udp", "tcp"]
)
@given(data=st.data())
def test_a_real_checksum_is_verified_and_any_flipped_bit_found(codec, strategy, data):
    value = data.draw(strategy)
    wire = codec.encode(value, SOURCE, DESTINATION, offload=False)
    assert codec.decode(wire, SOURCE, DESTINATION)._replace(checksum=0) == value
    position = data.draw(st.integers(0, len(wire) * 8 - 1))
    flipped = (int.from_bytes(wire) ^ 1 << position).to_bytes(len(wire))
    assume(flipped[CHECKSUM_AT[codec]] != b"\0\0")  # 0 means that there is none
    with pytest.raises(Malformed):
        codec.decode(flipped, SOURCE, DESTINATION)


@given(packet=values.ip_packets, bit=st.integers(0, 159))
def test_an_ipv4_header_with_a_flipped_bit_is_malformed(packet, bit):
    wire = bytearray(ipv4.encode(packet))
    wire[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Malformed):
        ipv4.decode(bytes(wire))


@given(message=values.icmp_messages, bit=st.integers(0, 63))
def test_an_icmp_message_with_a_flipped_bit_is_malformed(message, bit):
    wire = bytearray(icmp.encode(message))
    wire[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Malformed):
        icmp.decode(bytes(wire))
