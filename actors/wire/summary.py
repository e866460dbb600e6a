"""A frame in one line, as the journal and people read it.

    TCP 192.168.1.100:49152 > 198.51.100.10:443 [PSH,ACK] len 517 TLS ClientHello

What a router or a NAT changes on the way (TTL, checksums, an echo's identifier) is left out behind the addresses, so
that the same packet reads the same at every hop but for the address that was translated.
"""

import re

from actors.wire import arp, dhcp, ethernet, icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_text, mac_text
from actors.wire.malformed import Malformed

_TLS_RECORDS = {20: "ChangeCipherSpec", 21: "Alert", 22: "Handshake", 23: "ApplicationData"}
_TLS_HANDSHAKES = {1: "ClientHello", 2: "ServerHello", 11: "Certificate"}
_HTTP = re.compile(rb"(?:[A-Z]{3,8} \S+ HTTP/1\.[01]|HTTP/1\.[01] \d{3}[ -~]*)\r\n")
_DNS_PORT = 53
_LONGEST_LINE = 100
_UNREACHABLE = {
    icmp.NET_UNREACHABLE: "network unreachable",
    icmp.HOST_UNREACHABLE: "host unreachable",
    icmp.PROTOCOL_UNREACHABLE: "protocol unreachable",
    icmp.PORT_UNREACHABLE: "port unreachable",
    icmp.FRAGMENTATION_NEEDED: "fragmentation needed",
    icmp.ADMINISTRATIVELY_PROHIBITED: "administratively prohibited",
}


def summary(frame: bytes) -> str:
    """One line of text for any bytes whatever."""
    try:
        destination, source, ethertype, payload = ethernet.decode(frame)
    except Malformed as error:
        return f"Ethernet malformed: {error}"
    match ethertype:
        case ethernet.ARP:
            return _arp(payload)
        case ethernet.IPV4:
            return _ipv4(payload)
    return f"Ethernet {mac_text(source)} > {mac_text(destination)} type {ethertype:#06x} len {len(payload)}"


def _arp(data: bytes) -> str:
    try:
        packet = arp.decode(data)
    except Malformed as error:
        return f"ARP malformed: {error}"
    if packet.operation == arp.REPLY:
        return f"ARP {ip_text(packet.sender_ip)} is at {mac_text(packet.sender_mac)}"
    return f"ARP who has {ip_text(packet.target_ip)}? tell {ip_text(packet.sender_ip)}"


def _ipv4(data: bytes) -> str:
    try:
        packet = ipv4.decode(data)
    except Malformed as error:
        return f"IPv4 malformed: {error}"
    source, destination = ip_text(packet.source), ip_text(packet.destination)
    length = len(packet.payload)
    if packet.fragment_offset or packet.more_fragments:
        what = f"protocol {packet.protocol}, fragment at {packet.fragment_offset}"
        return f"IPv4 {source} > {destination} {what} len {length}"
    try:
        match packet.protocol:
            case ipv4.TCP:
                return _tcp(source, destination, tcp.decode(packet.payload))
            case ipv4.UDP:
                return _udp(source, destination, udp.decode(packet.payload))
            case ipv4.ICMP:
                return f"ICMP {source} > {destination} {_icmp(icmp.decode(packet.payload))}"
    except Malformed as error:
        return f"IPv4 {source} > {destination} malformed: {error}"
    return f"IPv4 {source} > {destination} protocol {packet.protocol} len {length}"


def _tcp(source: str, destination: str, segment: tcp.Segment) -> str:
    ends = f"{source}:{segment.source_port} > {destination}:{segment.destination_port}"
    line = f"TCP {ends} [{tcp.flags_text(segment.flags)}] len {len(segment.payload)}"
    what = _application(segment.payload)
    return f"{line} {what}" if what else line


def _application(payload: bytes) -> str:
    """What a segment's payload begins with, when that is a TLS record or the first line of HTTP."""
    if len(payload) > 5 and payload[0] in _TLS_RECORDS and payload[1] == 3:
        name = _TLS_RECORDS[payload[0]]
        return f"TLS {_TLS_HANDSHAKES.get(payload[5], name) if name == 'Handshake' else name}"
    line = _HTTP.match(payload)
    if line is None:
        return ""
    text = line[0].decode("ascii", "replace").rstrip()[:_LONGEST_LINE]
    return text if text.startswith("HTTP/") else f"HTTP {text}"


def _udp(source: str, destination: str, datagram: udp.Datagram) -> str:
    ports = (datagram.source_port, datagram.destination_port)
    line = f"UDP {source}:{ports[0]} > {destination}:{ports[1]}"
    length = len(datagram.payload)
    if _DNS_PORT in ports:
        return f"{line} {_dns(datagram.payload)} len {length}"
    if dhcp.SERVER_PORT in ports:
        return f"{line} {_dhcp(datagram.payload)} len {length}"
    return f"{line} len {length}"


def _dns(payload: bytes) -> str:
    from actors.wire import dns  # dnspython is large, and most elements never see a message

    try:
        message = dns.decode(payload)
    except Malformed:
        return "DNS malformed"
    asked = "".join(f" {dns.text(one.name)} {one.rdtype.name}" for one in message.question)
    if not dns.is_response(message):
        return f"DNS query{asked}"
    return f"DNS answer{asked} {message.rcode().name} {sum(map(len, message.answer))} records"


def _dhcp(payload: bytes) -> str:
    try:
        return f"DHCP {dhcp.TYPE_NAMES[dhcp.decode(payload).options.message_type]}"
    except Malformed:
        return "DHCP malformed"


def _icmp(message: icmp.Message) -> str:
    match message:
        case icmp.Echo(_, sequence, payload, reply):
            return f"echo {'reply' if reply else 'request'} seq {sequence} len {len(payload)}"
        case icmp.Unreachable(code, original):
            return f"{_UNREACHABLE.get(code, f'unreachable code {code}')} len {len(original)}"
        case icmp.TimeExceeded(code, original):
            return f"{'reassembly time' if code else 'TTL'} exceeded len {len(original)}"
        case icmp.Other(kind, code, _, payload):
            return f"type {kind} code {code} len {len(payload)}"
