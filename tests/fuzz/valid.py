"""Whole valid frames, packets and messages, for mutants to be made of."""

from random import Random

import dns.rrset
import msgpack

from actors.wire import arp, dhcp, envelope, ethernet, icmp, ipv4, tcp, udp
from actors.wire import dns as wire_dns

INSIDE, OUTSIDE, REMOTE = bytes((192, 168, 1, 100)), bytes((203, 0, 113, 20)), bytes((198, 51, 100, 10))
_MAC, _OTHER_MAC = b"\x06\0\0\0\0\1", b"\x06\0\0\0\0\2"
IP = ethernet.HEADER_BYTES


def segments(dice: Random) -> list[bytes]:
    options = (
        tcp.NO_OPTIONS,
        tcp.Options(mss=1460, window_scale=7, sack_permitted=True, timestamps=(7, 0)),
        tcp.Options(timestamps=(1, 2), sack=((5, 9), (20, 30), (40, 50))),
        tcp.Options(mss=536, unknown=((34, b"cookie"), (254, b"x"))),
    )
    made = [
        tcp.Segment(50_000, 443, 1, 2, flags, 500, options=each, payload=payload)
        for each in options
        for flags, payload in ((tcp.SYN, b""), (tcp.ACK | tcp.PSH, b"GET / HTTP/1.1\r\n\r\n"), (tcp.RST, b""))
    ]
    return [tcp.encode(each, INSIDE, REMOTE, offload=False) for each in made]


def datagrams(dice: Random) -> list[bytes]:
    contents = [(53, wire) for wire in dns_messages(dice)] + [(67, wire) for wire in dhcp_messages(dice)]
    made = [udp.Datagram(port, port, wire) for port, wire in contents] + [udp.Datagram(1, 2, b"")]
    return [udp.encode(each, INSIDE, REMOTE, offload=False) for each in made]


def icmp_messages(dice: Random) -> list[bytes]:
    about = [packet[:60] for packet in _transport_packets(dice)]
    made: list[icmp.Message] = [icmp.Echo(7, 1, b"payload"), icmp.Echo(7, 1, b"payload", True)]
    made += [icmp.Unreachable(code, each, 1400) for code, each in zip((0, 1, 3, 4), about, strict=False)]
    made += [icmp.TimeExceeded(0, about[0]), icmp.Other(icmp.PARAMETER_PROBLEM, 0, b"\1\0\0\0", about[1])]
    return [icmp.encode(each) for each in made]


def _transport_packets(dice: Random) -> list[bytes]:
    pairs = [(ipv4.TCP, each) for each in segments(dice)[:6]] + [
        (ipv4.UDP, each) for each in datagrams(dice)[:6]
    ]
    return [ipv4.encode(ipv4.Packet(INSIDE, REMOTE, protocol, each)) for protocol, each in pairs]


def packets(dice: Random) -> list[bytes]:
    plain = ipv4.Packet(INSIDE, REMOTE, 6, segments(dice)[0])
    made = [
        plain,
        plain._replace(options=b"\x94\x04\0\0\x07\x07\x04\0\0\0\0\0", dscp_ecn=3, dont_fragment=False),
        plain._replace(fragment_offset=1480, more_fragments=True, payload=bytes(64)),
        *(ipv4.Packet(INSIDE, REMOTE, ipv4.ICMP, each) for each in icmp_messages(dice)),
    ]
    return [*map(ipv4.encode, made), *_transport_packets(dice)]


def frames(dice: Random) -> list[bytes]:
    asked = arp.encode(arp.Packet(arp.REQUEST, _MAC, INSIDE, bytes(6), OUTSIDE))
    made = [
        ethernet.Frame(b"\xff" * 6, _MAC, ethernet.ARP, asked),
        ethernet.Frame(_MAC, _OTHER_MAC, 0x86DD, bytes(60)),
    ]
    made += [ethernet.Frame(_MAC, _OTHER_MAC, ethernet.IPV4, each) for each in packets(dice)]
    return [ethernet.encode(each) for each in made]


def arp_packets(dice: Random) -> list[bytes]:
    made = [
        arp.Packet(arp.REQUEST, _MAC, INSIDE, bytes(6), OUTSIDE),
        arp.Packet(arp.REPLY, _MAC, INSIDE, _MAC, OUTSIDE),
    ]
    return [arp.encode(each) for each in made]


def dhcp_messages(dice: Random) -> list[bytes]:
    requests = [
        dhcp.Options(dhcp.DISCOVER, host_name="laptop", parameter_request_list=b"\1\3\6\x0f\x1a"),
        dhcp.Options(
            dhcp.REQUEST, requested_address=INSIDE, server_identifier=OUTSIDE, client_identifier=b"\1abc"
        ),
        dhcp.Options(dhcp.DECLINE, requested_address=INSIDE, message="used"),
        dhcp.Options(dhcp.RELEASE, server_identifier=OUTSIDE),
        dhcp.Options(dhcp.INFORM, maximum_message_size=1500, unknown=((43, bytes(300)),)),
    ]
    answer = dhcp.Options(
        dhcp.ACK, subnet_mask=b"\xff\xff\xff\0", routers=(OUTSIDE,), dns_servers=(OUTSIDE, REMOTE),
        domain_name="home.arpa", lease_time_s=3600,
        renewal_time_s=1800, rebinding_time_s=3150, server_identifier=OUTSIDE, interface_mtu=1400,
    )  # fmt: skip
    made = [dhcp.Message(dhcp.BOOT_REQUEST, 7, _MAC, each) for each in requests]
    for kind in (dhcp.OFFER, dhcp.ACK, dhcp.NAK):
        options = answer._replace(message_type=kind)
        made.append(
            dhcp.Message(dhcp.BOOT_REPLY, 7, _MAC, options, your_ip=INSIDE, server_name=b"s", boot_file=b"f")
        )
    return [dhcp.encode(each) for each in made] + [_overloaded(made[0])]


def _overloaded(message: dhcp.Message) -> bytes:
    """Options in the fields `file` and `sname`, too (RFC 2132 section 9.3)."""
    options = message.options._replace(unknown=((52, b"\3"),))
    filled = message._replace(options=options, server_name=b"\x0c\2ab\xff", boot_file=b"\x0f\2cd\xff")
    return dhcp.encode(filled)


_RECORDS = (
    "a.example.com. 60 IN A 192.0.2.1",
    "a.example.com. 60 IN CNAME b.example.com.",
    "example.com. 300 IN NS ns1.example.com.",
    "example.com. 300 IN SOA ns1.example.com. admin.example.com. 1 2 3 4 5",
    'a.example.com. 60 IN TXT "some text" "more"',
    "a.example.com. 60 IN AAAA 2001:db8::1",
    "example.com. 60 IN MX 10 mail.example.com.",
    "_s._tcp.example.com. 60 IN SRV 1 2 443 a.example.com.",
    'example.com. 60 IN CAA 0 issue "ca.example"',
    'a.example.com. 60 IN HTTPS 1 . alpn="h2" ipv4hint="192.0.2.1"',
)


def dns_queries(dice: Random) -> list[bytes]:
    asked = (("packet-journey.com", "A"), ("a.b.c.example.", "TXT"), (".", "NS"))
    made = [
        wire_dns.query(wire_dns.name(name), wire_dns.Type[kind], 7, recursion_desired=True, edns=edns)
        for name, kind in asked
        for edns in (True, False)
    ]
    made[0].use_edns(0, 0x8000, 4096, options=[])
    return [wire_dns.encode(each) for each in made]


def dns_messages(dice: Random) -> list[bytes]:
    found = dns_queries(dice)
    for first, text in enumerate(_RECORDS):
        response = wire_dns.response(wire_dns.decode(found[0]), authoritative=True)
        sections = (response.answer, response.authority, response.additional)
        for number, each in enumerate((text, _RECORDS[first - 1])):
            owner, ttl, *rest = each.split(maxsplit=4)
            sections[(first + number) % 3].append(dns.rrset.from_text(owner, int(ttl), *rest))
        found.append(wire_dns.encode(response))
    return found


def batches(dice: Random) -> list[bytes]:
    packed = [
        envelope.pack(["edge_to_vpc", 7 * number, None, frame])
        for number, frame in enumerate(frames(dice)[:3])
    ]
    return [
        envelope.encode_batch(packed),
        envelope.encode_batch([]),
        msgpack.packb([["l", 1 << 63, "ab" * 16, b""]]),
    ]


def control_messages(dice: Random) -> list[bytes]:
    message = {"t": "metrics", "deltas": [[1, 2.5], {"5": None}], 7: b"bytes", "big": 1 << 40}
    return [msgpack.packb([message, {"t": "hello"}]), msgpack.packb(message)]


def nat_frames(dice: Random) -> list[bytes]:
    """Out of the house; and back in, for the same ports."""
    found = frames(dice)[2:]
    turned = []
    for frame in found:
        packet = ipv4.decode(frame[IP:])
        turned.append(frame[:IP] + ipv4.encode(packet._replace(source=REMOTE, destination=OUTSIDE)))
    return found + turned
