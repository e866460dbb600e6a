"""Wireshark's verdict on a lossy conversation of the engine: options as they should be, retransmissions recognised."""

from pathlib import Path

import pytest

from actors.wire import ipv4, tcp
from actors.wire.addresses import ip_bytes, mac_for
from actors.wire.ethernet import IPV4, Frame
from actors.wire.ethernet import encode as ethernet_frame
from actors.wire.pcapng import Capture
from tests.interop.test_tshark import tshark
from tests.protocols.tcp.weather import Link, Peer, Weather
from tests.tools import needs

pytestmark = needs("tshark")

SIZE = 400_000


class Seen(Link):
    """Writes down what each end sends, as a capture at the client would have it."""

    def __init__(self) -> None:
        super().__init__(Weather(loss=0.03, twice=0.01), 7)
        self.capture = Capture()
        self.blocks = [self.capture.start()]

    def carry(self, sender: Peer, segment: bytes) -> None:
        names = ("client", "server") if sender is self.client else ("server", "client")
        source, destination = (ip_bytes("10.0.0.1" if name == "client" else "10.0.0.2") for name in names)
        whole = tcp.encode(tcp.decode(segment), source, destination, offload=False)
        packet = ipv4.encode(ipv4.Packet(source, destination, ipv4.TCP, whole))
        frame = ethernet_frame(Frame(mac_for(names[1], "eth0"), mac_for(names[0], "eth0"), IPV4, packet))
        self.blocks.append(self.capture.frame("wire", 1_767_225_600_000_000_000 + self.now_ns, frame, None))
        super().carry(sender, segment)


@pytest.fixture(scope="module")
def conversation(tmp_path_factory) -> tuple[Path, Seen]:
    link = Seen()
    link.client.connection.ports = b"\x9c\x40\x00\x50"
    link.server.connection.ports = b"\x00\x50\x9c\x40"
    link.open()
    link.client.connection.send(bytes(SIZE), 0)
    link.run_until(lambda: len(link.server.received) == SIZE, 60)
    path = tmp_path_factory.mktemp("tcp") / "lossy.pcapng"
    path.write_bytes(b"".join(link.blocks))
    return path, link


def fields(path: Path, which: str, *names: str) -> list[list[str]]:
    wanted = [part for name in names for part in ("-e", name)]
    return [line.split("\t") for line in tshark(path, "-Y", which, "-T", "fields", *wanted)]


def test_no_segment_is_malformed_and_every_checksum_is_right(conversation):
    path, _ = conversation
    assert tshark(path, "-Y", "_ws.malformed || tcp.checksum.status != 1") == []


def test_the_handshake_offers_what_linux_offers(conversation):
    path, _ = conversation
    offers = fields(
        path, "tcp.flags.syn == 1", "tcp.options.mss_val", "tcp.options.wscale.shift",
        "tcp.options.sack_perm", "tcp.options.timestamp.tsval",
    )  # fmt: skip
    assert len(offers) >= 2
    for mss, shift, sack, value in offers:
        assert (mss, shift) == ("1460", "7")
        assert sack
        assert value


def test_every_segment_carries_timestamps_that_never_go_back(conversation):
    path, _ = conversation
    rows = fields(path, "tcp.flags.reset == 0", "tcp.srcport", "tcp.options.timestamp.tsval")
    for port in ("40000", "80"):
        values = [int(value) for source, value in rows if source == port]
        assert len(values) > 50
        assert values == sorted(values)


def test_gaps_are_told_by_sack_and_duplicates_by_dsack(conversation):
    path, _ = conversation
    blocks = fields(path, "tcp.options.sack.count > 0", "tcp.options.sack_le", "tcp.options.sack_re")
    assert blocks
    for left, right in blocks:
        for one, other in zip(left.split(","), right.split(","), strict=True):
            assert int(one) < int(other)
    assert fields(path, "tcp.options.sack.dsack", "frame.number")


def test_what_was_sent_again_is_recognised(conversation):
    path, link = conversation
    kinds = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order")
    which = " || ".join(f"tcp.analysis.{kind}" for kind in kinds)
    again = fields(path, f"({which}) && tcp.srcport == 40000 && tcp.len > 0", "frame.number")
    assert len(again) == link.client.connection.retransmits > 0
