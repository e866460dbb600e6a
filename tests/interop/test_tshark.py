"""Wireshark's verdict on our bytes: every protocol understood, every checksum right, TLS decrypted."""

import contextlib
import json
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actors.protocols.dns.framing import framed
from actors.wire import arp, dhcp, ethernet, icmp, ipv4, tcp, udp
from actors.wire import dns as dns_wire
from actors.wire.addresses import ip_bytes, mac_bytes
from actors.wire.pcapng import Capture
from tests.tools import needs

pytestmark = needs("tshark")

LAPTOP, ROUTER, SERVER = (ip_bytes(text) for text in ("192.168.1.100", "192.168.1.1", "198.51.100.10"))
LAPTOP_MAC, ROUTER_MAC = mac_bytes("02:00:00:00:00:64"), mac_bytes("02:00:00:00:00:01")
BROADCAST = b"\xff" * 4
JOURNEY = "0123456789abcdef0123456789abcdef"
VERIFY = [f"-o{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")]
CLIENT_PORT, TLS_PORT, HTTP_PORT = 49152, 443, 80


def to_router(ethertype: int, payload: bytes) -> bytes:
    return ethernet.encode(ethernet.Frame(ROUTER_MAC, LAPTOP_MAC, ethertype, payload))


def packet(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    return to_router(ethernet.IPV4, ipv4.encode(ipv4.Packet(source, destination, protocol, payload)))


def datagram(
    source: bytes, source_port: int, destination: bytes, destination_port: int, payload: bytes
) -> bytes:
    data = udp.encode(udp.Datagram(source_port, destination_port, payload), source, destination)
    return packet(source, destination, ipv4.UDP, data)


class Connection:
    """Just enough TCP to look right in a capture."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.next = {True: 1000, False: 5000}
        self.frames: list[bytes] = []
        self.segment(True, tcp.SYN, options=tcp.Options(mss=1460, window_scale=7, sack_permitted=True))
        self.segment(
            False,
            tcp.SYN | tcp.ACK,
            options=tcp.Options(mss=1460, timestamps=(1, 2), unknown=((254, b"\xab\xcd"),)),
        )
        self.segment(True, tcp.ACK, options=tcp.Options(sack=((9000, 9100),)))

    def segment(
        self, client: bool, flags: int, payload: bytes = b"", options: tcp.Options = tcp.NO_OPTIONS
    ) -> None:
        ends = (LAPTOP, SERVER) if client else (SERVER, LAPTOP)
        ports = (CLIENT_PORT, self.port) if client else (self.port, CLIENT_PORT)
        acknowledgment = self.next[not client] if flags & tcp.ACK else 0
        value = tcp.Segment(*ports, self.next[client], acknowledgment, flags, 64000, 0, 0, options, payload)
        self.frames.append(packet(*ends, ipv4.TCP, tcp.encode(value, *ends)))
        self.next[client] += len(payload) + (flags & (tcp.SYN | tcp.FIN) != 0)

    def say(self, client: bool, data: bytes) -> None:
        for at in range(0, len(data), 1460):
            self.segment(client, tcp.PSH | tcp.ACK, data[at : at + 1460])

    def close(self) -> None:
        for client in (True, False):
            self.segment(client, tcp.FIN | tcp.ACK)
        self.segment(True, tcp.ACK)


def dhcp_frames() -> list[bytes]:
    lease = {
        "subnet_mask": ip_bytes("255.255.255.0"), "routers": (ROUTER,), "dns_servers": (ROUTER,), "domain_name": "home",
        "lease_time_s": 86400, "renewal_time_s": 43200, "rebinding_time_s": 75600, "server_identifier": ROUTER,
        "interface_mtu": 1492,
    }  # fmt: skip
    asks = {"host_name": "laptop", "parameter_request_list": bytes([1, 3, 6, 15]), "maximum_message_size": 1472,
            "client_identifier": b"\x01" + LAPTOP_MAC}  # fmt: skip
    request = {"requested_address": LAPTOP, "server_identifier": ROUTER}
    client = {
        "operation": dhcp.BOOT_REQUEST,
        "transaction_id": 7,
        "client_mac": LAPTOP_MAC,
        "broadcast": True,
    }
    server = {**client, "operation": dhcp.BOOT_REPLY, "your_ip": LAPTOP}
    nobody = {**server, "your_ip": bytes(4)}
    told = [
        dhcp.Message(options=dhcp.Options(dhcp.DISCOVER, **asks), **client),
        dhcp.Message(options=dhcp.Options(dhcp.OFFER, **lease), **server),
        dhcp.Message(options=dhcp.Options(dhcp.REQUEST, **asks, **request), **client),
        dhcp.Message(options=dhcp.Options(dhcp.ACK, **lease), **server),
        dhcp.Message(options=dhcp.Options(dhcp.NAK, message="no", server_identifier=ROUTER), **nobody),
        dhcp.Message(options=dhcp.Options(dhcp.DECLINE, message="in use", **request), **client),
        dhcp.Message(
            options=dhcp.Options(dhcp.RELEASE, server_identifier=ROUTER),
            **{**client, "broadcast": False, "client_ip": LAPTOP},
        ),
    ]  # fmt: skip
    ends = {dhcp.BOOT_REQUEST: (bytes(4), 68, BROADCAST, 67), dhcp.BOOT_REPLY: (ROUTER, 67, BROADCAST, 68)}
    return [datagram(*ends[message.operation], dhcp.encode(message)) for message in told]


def dns_frames() -> list[bytes]:
    """By UDP: an answer, a referral with glue, a name that there is not, no EDNS, too new an EDNS; two by TCP."""
    ids = count(7)

    def asked() -> dns_wire.Message:
        name = dns_wire.name("packet-journey.com")
        return dns_wire.query(name, dns_wire.Type.A, next(ids), recursion_desired=True)

    def answer(query: dns_wire.Message) -> dns_wire.Message:
        response = dns_wire.response(query, recursive=True)
        addresses = ("198.51.100.10", "198.51.100.20")
        response.answer.append(dns.rrset.from_text("packet-journey.com.", 60, "IN", "A", *addresses))
        return response

    def referral(query: dns_wire.Message) -> dns_wire.Message:
        response = dns_wire.response(query)
        response.authority.append(dns.rrset.from_text("com.", 300, "IN", "NS", "a.gtld.example."))
        response.additional.append(dns.rrset.from_text("a.gtld.example.", 300, "IN", "A", "192.0.2.3"))
        return response

    def nothing(query: dns_wire.Message) -> dns_wire.Message:
        response = dns_wire.response(query, dns_wire.Rcode.NXDOMAIN, authoritative=True)
        response.authority.append(dns.rrset.from_text("com.", 60, "IN", "SOA", "a. b. 1 2 3 4 60"))
        return response

    def too_new(query: dns_wire.Message) -> dns_wire.Message:
        return dns_wire.response(query, dns_wire.Rcode.BADVERS)

    told = [(query := asked(), reply(query)) for reply in (answer, referral, nothing, too_new)]
    told.append((query := dns_wire.without_edns(asked()), answer(query)))
    frames = []
    for query, response in told:
        frames.append(datagram(LAPTOP, 50000, ROUTER, 53, dns_wire.encode(query)))
        frames.append(datagram(ROUTER, 53, LAPTOP, 50000, dns_wire.encode(response)))
    queries = [asked(), asked()]
    by_tcp = Connection(53)
    by_tcp.say(True, b"".join(framed(dns_wire.encode(query)) for query in queries))
    replies = b"".join(framed(dns_wire.encode(answer(query))) for query in queries)
    by_tcp.say(False, replies[:90])
    by_tcp.say(False, replies[90:])
    by_tcp.close()
    return frames + by_tcp.frames


def icmp_frames() -> list[bytes]:
    lost = datagram(LAPTOP, 50001, SERVER, 33434, b"probe")[ethernet.HEADER_BYTES :]
    from_router = [
        icmp.TimeExceeded(icmp.TTL_EXCEEDED, lost[:28]),
        icmp.Unreachable(icmp.PORT_UNREACHABLE, lost),
        icmp.Unreachable(icmp.FRAGMENTATION_NEEDED, lost[:28], 1400),
    ]
    pings = [
        (LAPTOP, SERVER, icmp.Echo(1, 1, b"x" * 57)),
        (SERVER, LAPTOP, icmp.Echo(1, 1, b"x" * 57, reply=True)),
    ]
    told = pings + [(ROUTER, LAPTOP, message) for message in from_router]
    return [
        packet(source, destination, ipv4.ICMP, icmp.encode(message)) for source, destination, message in told
    ]


def arp_frames() -> list[bytes]:
    question = arp.Packet(arp.REQUEST, LAPTOP_MAC, LAPTOP, bytes(6), ROUTER)
    answer = arp.Packet(arp.REPLY, ROUTER_MAC, ROUTER, LAPTOP_MAC, LAPTOP)
    return [to_router(ethernet.ARP, arp.encode(value)) for value in (question, answer)]


def http_frames() -> list[bytes]:
    connection = Connection(HTTP_PORT)
    connection.say(True, b"GET /plain HTTP/1.1\r\nHost: nginx\r\n\r\n")
    connection.say(False, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n")
    connection.close()
    return connection.frames


def certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "packet-journey.com")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def tls_frames(directory: Path) -> tuple[list[bytes], bytes]:
    """A GET over real TLS 1.3, and the client's key log."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    client_context.keylog_filename = str(directory / "tls-keys.log")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate(directory))
    connection = Connection(TLS_PORT)
    inbox = {True: ssl.MemoryBIO(), False: ssl.MemoryBIO()}
    outbox = {True: ssl.MemoryBIO(), False: ssl.MemoryBIO()}
    ends = {
        True: client_context.wrap_bio(inbox[True], outbox[True], server_hostname="packet-journey.com"),
        False: server_context.wrap_bio(inbox[False], outbox[False], server_side=True),
    }

    def flush(client: bool) -> None:
        data = outbox[client].read()
        connection.say(client, data)
        inbox[not client].write(data)

    for client in (True, False, True, False):
        with contextlib.suppress(ssl.SSLWantReadError):
            ends[client].do_handshake()
        flush(client)
    ends[True].write(b"GET /secret HTTP/1.1\r\nHost: packet-journey.com\r\n\r\n")
    flush(True)
    ends[False].read()
    ends[False].write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n")
    flush(False)
    return connection.frames, (directory / "tls-keys.log").read_bytes()


@pytest.fixture(scope="module")
def capture_file(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("capture")
    tls, keys = tls_frames(directory)
    told = arp_frames() + dhcp_frames() + dns_frames() + icmp_frames() + http_frames() + tls
    capture = Capture()
    blocks = [capture.start(), capture.tls_keys(keys)]
    for number, frame in enumerate(told):
        link = "wifi" if number % 2 else "fibre"
        blocks.append(
            capture.frame(link, 1_767_225_600_000_000_001 + number, frame, JOURNEY if number == 0 else None)
        )
    path = directory / "all.pcapng"
    path.write_bytes(b"".join(blocks))
    return path


def tshark(path: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(path), *VERIFY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_every_frame_is_understood_as_what_it_is(capture_file):
    protocols = " ".join(tshark(capture_file, "-T", "fields", "-e", "frame.protocols"))
    for protocol in ("arp", "dhcp", "dns", "icmp", "http", "tls"):
        assert f":{protocol}" in protocols, protocols


def test_nothing_is_malformed_and_nothing_is_worth_a_warning(capture_file):
    warning = 0x600000
    assert tshark(capture_file, "-Y", f"_ws.malformed || _ws.expert.severity >= {warning}") == []


def test_dns_by_tcp_and_its_options_are_understood(capture_file):
    def how_many(which: str) -> int:
        return len(tshark(capture_file, "-Y", which))

    assert how_many("tcp && dns.flags.response == 1") >= 1
    assert how_many("dns.resp.type == 41 && dns.rr.udp_payload_size == 1232") >= 5
    assert how_many("udp && dns.ns == a.gtld.example && dns.a == 192.0.2.3") == 1
    assert how_many("dns.soa.mname && dns.flags.rcode == 3") == 1
    assert how_many("dhcp.option.interface_mtu") >= 2


@pytest.mark.parametrize("protocol", ["ip", "icmp", "udp", "tcp"])
def test_every_checksum_is_right(capture_file, protocol):
    # what an ICMP error quotes is as it was on the link, where it may be offloaded
    which = protocol if protocol in ("ip", "icmp") else f"{protocol} && !icmp"
    lines = tshark(capture_file, "-Y", which, "-T", "fields", "-e", f"{protocol}.checksum.status")
    assert {status for line in lines for status in line.split(",")} == {"1"}  # 1: good


def test_tls_is_decrypted_without_asking_for_keys(capture_file):
    assert tshark(capture_file, "-Y", "http.request && tls", "-T", "fields", "-e", "http.request.uri") == [
        "/secret"
    ]


def test_links_times_and_journeys_are_told(capture_file):
    rows = json.loads("\n".join(tshark(capture_file, "-c", "2", "-T", "json", "-e", "frame.interface_name",
                                       "-e", "frame.time_epoch", "-e", "frame.comment")))  # fmt: skip
    first, second = (row["_source"]["layers"] for row in rows)
    assert first["frame.interface_name"] == ["fibre"]
    assert first["frame.time_epoch"] == ["1767225600.000000001"]
    assert first["frame.comment"] == [JOURNEY]
    assert second["frame.interface_name"] == ["wifi"]
    assert "frame.comment" not in second
