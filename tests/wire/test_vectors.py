"""Bytes as they were seen on real networks, or stand in documents, and what they mean."""

import pytest

from actors.wire import arp, dhcp, ethernet, icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes, mac_bytes
from actors.wire.malformed import Malformed


def test_an_ethernet_frame():
    wire = bytes.fromhex("ffffffffffff 0200c0a80164 0806 00ff")
    value = ethernet.Frame(b"\xff" * 6, mac_bytes("02:00:c0:a8:01:64"), ethernet.ARP, b"\x00\xff")
    assert ethernet.decode(wire) == value
    assert ethernet.encode(value) == wire


def test_an_802_3_length_is_no_ethertype():
    with pytest.raises(Malformed, match=r"802\.3"):
        ethernet.decode(bytes(12) + b"\x05\xdc" + bytes(1500))


def test_an_arp_request_with_the_padding_of_a_short_frame():
    wire = bytes.fromhex("0001 0800 06 04 0001 0200c0a80164 c0a80164 000000000000 c0a80101")
    value = arp.Packet(
        arp.REQUEST,
        mac_bytes("02:00:c0:a8:01:64"),
        ip_bytes("192.168.1.100"),
        bytes(6),
        ip_bytes("192.168.1.1"),
    )
    assert arp.decode(wire + bytes(18)) == value
    assert arp.encode(value) == wire


@pytest.mark.parametrize("place, octet", [(1, 6), (2, 9), (4, 8), (5, 16), (7, 3)])
def test_arp_for_anything_but_ipv4_over_ethernet_is_malformed(place, octet):
    wire = bytearray(arp.encode(arp.Packet(arp.REPLY, bytes(6), bytes(4), bytes(6), bytes(4))))
    wire[place] = octet
    with pytest.raises(Malformed):
        arp.decode(bytes(wire))


# the header that every text on the IPv4 checksum computes: 115 bytes of UDP from 192.168.0.1 to 192.168.0.199
HEADER = bytes.fromhex("45000073 00004000 4011b861 c0a80001 c0a800c7")


def test_an_ipv4_header_with_its_checksum():
    value = ipv4.Packet(ip_bytes("192.168.0.1"), ip_bytes("192.168.0.199"), ipv4.UDP, bytes(95))
    assert ipv4.decode(HEADER + bytes(95)) == value
    assert ipv4.encode(value) == HEADER + bytes(95)


def test_ethernet_padding_behind_an_ipv4_packet_is_cut_off():
    assert len(ipv4.decode(HEADER + bytes(100)).payload) == 95


def test_an_ipv4_packet_cut_short_is_malformed():
    with pytest.raises(Malformed, match="total length"):
        ipv4.decode(HEADER + bytes(94))


@pytest.mark.parametrize("first", [0x44, 0x65, 0x4F])
def test_a_wrong_version_or_header_length_is_malformed(first):
    with pytest.raises(Malformed, match="header"):
        ipv4.decode(bytes([first]) + HEADER[1:])


def test_a_fragment_in_the_middle():
    value = ipv4.Packet(bytes(4), bytes(4), 17, b"", 64, 7, False, True, 1480)
    assert ipv4.encode(value)[6:8] == (0x2000 | 185).to_bytes(2)
    with pytest.raises(ValueError, match="offset"):
        ipv4.encode(value._replace(fragment_offset=3))


def test_a_ping():
    wire = bytes.fromhex("0800 f7fd 0001 0001")  # type 8, identifier 1, sequence 1, no data
    assert icmp.decode(wire) == icmp.Echo(1, 1)
    assert icmp.encode(icmp.Echo(1, 1)) == wire


def test_fragmentation_needed_names_the_next_hop_mtu():
    wire = icmp.encode(icmp.Unreachable(icmp.FRAGMENTATION_NEEDED, HEADER + bytes(8), 1400))
    assert wire[:2] == b"\x03\x04"
    assert wire[6:8] == (1400).to_bytes(2)


def test_a_udp_datagram_ends_where_its_length_says():
    assert udp.decode(bytes.fromhex("e1150035000a0000 6869 0000")) == udp.Datagram(57621, 53, b"hi")
    for length in (7, 13):
        with pytest.raises(Malformed, match="UDP length"):
            udp.decode(bytes.fromhex(f"e115003500{length:02x}0000 6869 0000"))


def test_a_udp_checksum_that_comes_out_as_zero_is_sent_as_ones():
    source, destination = bytes(4), bytes(4)
    # the words of pseudo header, ports and length come to 17 + 10 + 10; this payload makes the sum 0xFFFF
    wire = udp.encode(udp.Datagram(0, 0, (0xFFFF - 37).to_bytes(2)), source, destination, offload=False)
    assert wire[6:8] == b"\xff\xff"
    assert udp.decode(wire, source, destination).checksum == 0xFFFF


SYN_OPTIONS = bytes.fromhex("020405b4 0402080a 00000064 00000000 01030307")  # as Linux writes them


def test_the_options_of_a_linux_syn():
    wire = bytes.fromhex("c0000050 00000001 00000000 a002faf0 00000000") + SYN_OPTIONS
    segment = tcp.decode(wire)
    assert segment.flags == tcp.SYN
    assert segment.options == tcp.Options(mss=1460, window_scale=7, sack_permitted=True, timestamps=(100, 0))
    assert tcp.decode(tcp.encode(segment, bytes(4), bytes(4))) == segment


def test_the_timestamps_of_nearly_every_linux_segment():
    wire = bytes.fromhex("c0000050 00000001 00000002 801801f6 00000000 0101080a 00000064 00000063") + b"GET"
    segment = tcp.decode(wire)
    assert segment.options == tcp.Options(timestamps=(100, 99))
    assert (segment.flags, segment.payload) == (tcp.PSH | tcp.ACK, b"GET")
    assert tcp.encode(segment, bytes(4), bytes(4)) == wire


def test_sack_blocks_and_options_that_nobody_knows():
    raw = bytes.fromhex("050a 00000001 00000005 fe04abcd 0101")
    wire = bytes.fromhex("c0000050 00000001 00000000 9010faf0 00000000") + raw
    assert tcp.decode(wire).options == tcp.Options(sack=((1, 5),), unknown=((254, b"\xab\xcd"),))


@pytest.mark.parametrize(
    "raw", ["02050000", "01010204", "02030000", "05060000 00000000", "0800 0000", "01010102"]
)
def test_broken_tcp_options_are_malformed(raw):
    options = bytes.fromhex(raw)
    first = (20 + len(options)) << 10 | tcp.SYN
    wire = bytes(12) + first.to_bytes(2) + bytes(6) + options
    with pytest.raises(Malformed):
        tcp.decode(wire)


def test_more_tcp_options_than_a_header_holds_are_our_own_mistake():
    with pytest.raises(ValueError, match="do not fit"):
        options = tcp.Options(sack=((1, 2),) * 5)
        tcp.encode(tcp.Segment(1, 2, 3, 4, tcp.ACK, options=options), bytes(4), bytes(4))


def test_flags_are_named_as_wireshark_does():
    assert tcp.flags_text(tcp.SYN | tcp.ACK) == "SYN,ACK"
    assert tcp.flags_text(tcp.FIN | tcp.ACK) == "FIN,ACK"


def discover(options: str, file: bytes = b"", server_name: bytes = b"") -> bytes:
    fixed = bytes.fromhex("01010600 3903f326 0000 8000") + bytes(16) + bytes.fromhex("0200c0a80164")
    return (
        fixed.ljust(44, b"\0")
        + server_name.ljust(64, b"\0")
        + file.ljust(128, b"\0")
        + bytes.fromhex("63825363" + options)
    )


def test_a_dhcp_discover():
    message = dhcp.decode(discover("350101 3204c0a80164 370401030f06 0c066c6170746f70 ff"))
    assert message.transaction_id == 0x3903F326
    assert message.broadcast
    assert message.client_mac == mac_bytes("02:00:c0:a8:01:64")
    assert message.options == dhcp.Options(
        dhcp.DISCOVER,
        requested_address=ip_bytes("192.168.1.100"),
        parameter_request_list=bytes([1, 3, 15, 6]),
        host_name="laptop",
    )


def test_options_in_the_file_and_sname_fields_are_read():
    message = dhcp.decode(
        discover("350101 340103 ff", bytes.fromhex("0c03 616263 ff"), bytes.fromhex("330400000e10 ff"))
    )
    assert message.options == dhcp.Options(dhcp.DISCOVER, host_name="abc", lease_time_s=3600)
    assert message.boot_file == message.server_name == b""


def test_the_parts_of_a_split_option_are_joined():
    assert dhcp.decode(discover("350101 0c02 6162 0c01 63 ff")).options.host_name == "abc"


@pytest.mark.parametrize(
    "options",
    ["ff", "350100ff", "350109ff", "35020101ff", "3501", "350101 3302 0000 ff", "350101 0305 0000000000 ff",
     "350101 0c00 ff", "350101 0c01 ff ff", "350101 340104 ff"],
)  # fmt: skip
def test_broken_dhcp_options_are_malformed(options):
    with pytest.raises(Malformed):
        dhcp.decode(discover(options))


def test_plain_bootp_and_other_hardware_are_malformed():
    good = discover("350101ff")
    for place, octet in ((0, 3), (1, 6), (2, 8), (236, 0)):
        wire = bytearray(good)
        wire[place] = octet
        with pytest.raises(Malformed):
            dhcp.decode(bytes(wire))


def test_a_dhcp_message_has_at_least_the_300_bytes_of_bootp():
    assert len(dhcp.encode(dhcp.decode(discover("350101ff")))) == 300
