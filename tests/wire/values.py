"""Hypothesis strategies for the values of every codec."""

from hypothesis import strategies as st

from actors.wire import arp, dhcp, ethernet, icmp, ipv4, tcp, udp


def octets(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


uint8, uint16, uint32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
ips, macs, payloads = octets(4), octets(6), st.binary(max_size=80)
ports = uint16

frames = st.builds(ethernet.Frame, macs, macs, st.integers(0x0600, 0xFFFF), payloads)
arp_packets = st.builds(arp.Packet, st.sampled_from([arp.REQUEST, arp.REPLY]), macs, ips, macs, ips)
ip_options = st.integers(0, 10).flatmap(lambda words: octets(4 * words))
ip_packets = st.builds(
    ipv4.Packet, ips, ips, uint8, payloads, uint8, uint16, st.booleans(), st.booleans(),
    st.integers(0, 0x1FFF).map(lambda units: units * 8), uint8, ip_options,
)  # fmt: skip

plain_types = st.sampled_from([4, 5, 9, 10, 12, 13, 14, 17, 200])
icmp_messages = st.one_of(
    st.builds(icmp.Echo, uint16, uint16, payloads, st.booleans()),
    st.builds(icmp.Unreachable, uint8, payloads, uint16),
    st.builds(icmp.TimeExceeded, uint8, payloads),
    st.builds(icmp.Other, plain_types, uint8, octets(4), payloads),
)
datagrams = st.builds(udp.Datagram, ports, ports, payloads, st.just(0))

tcp_options = st.builds(
    tcp.Options,
    mss=st.none() | uint16,
    window_scale=st.none() | uint8,
    sack_permitted=st.booleans(),
    sack=st.lists(st.tuples(uint32, uint32), max_size=1).map(tuple),
    timestamps=st.none() | st.tuples(uint32, uint32),
    unknown=st.lists(st.tuples(st.sampled_from([28, 30, 34, 254]), st.binary(max_size=2)), max_size=1).map(
        tuple
    ),
)
flags = st.integers(0, 0x1FF)
segments = st.builds(
    tcp.Segment, ports, ports, uint32, uint32, flags, uint16, st.just(0), uint16, tcp_options, payloads
)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
address_lists = st.lists(ips, max_size=3).map(tuple)
unknown_codes = st.integers(1, 254).filter(lambda code: code not in {*dhcp.CODES.values(), 52})
dhcp_options = st.builds(
    dhcp.Options,
    message_type=st.sampled_from(sorted(dhcp.TYPE_NAMES)),
    subnet_mask=st.none() | ips,
    routers=address_lists,
    dns_servers=address_lists,
    host_name=st.none() | texts,
    domain_name=st.none() | texts,
    requested_address=st.none() | ips,
    lease_time_s=st.none() | uint32,
    server_identifier=st.none() | ips,
    parameter_request_list=st.binary(max_size=10),
    message=st.none() | texts,
    maximum_message_size=st.none() | uint16,
    renewal_time_s=st.none() | uint32,
    rebinding_time_s=st.none() | uint32,
    client_identifier=st.binary(max_size=10),
    interface_mtu=st.none() | uint16,
    unknown=st.dictionaries(unknown_codes, st.binary(max_size=300), max_size=3).map(
        lambda d: tuple(d.items())
    ),
)
fields = st.binary(max_size=60).map(lambda data: data.rstrip(b"\0"))
dhcp_messages = st.builds(
    dhcp.Message, st.sampled_from([1, 2]), uint32, macs, dhcp_options, ips, ips, ips, ips, uint16, st.booleans(),
    uint8, fields, fields,
)  # fmt: skip
