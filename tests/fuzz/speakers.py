"""Those who answer what they hear: BGP's readers and speaker, DHCP's server and client."""

from random import Random

from actors.protocols.bgp import messages
from actors.protocols.bgp.attribute_codec import decode_attributes, encode_attributes
from actors.protocols.bgp.attributes import Aggregator, Attributes, Origin, Segment, SegmentKind, Unknown
from actors.protocols.bgp.errors import BgpError
from actors.protocols.bgp.fsm import State
from actors.protocols.bgp.messages import (
    Keepalive,
    Notification,
    Open,
    RouteRefresh,
    Update,
    own_capabilities,
)
from actors.protocols.dhcp.client import DhcpClient
from actors.protocols.dhcp.server import DhcpServer, Settings
from actors.units import SECOND
from actors.wire import dhcp
from actors.wire.addresses import Prefix, ip_bytes
from tests.fuzz import valid
from tests.fuzz.parser import Parser, check
from tests.protocols.bgp.wires import Net

PEER, OWN = ip_bytes("10.0.0.2"), ip_bytes("10.0.0.1")
_PATH = (Segment(SegmentKind.AS_SEQUENCE, (2, 4_200_000_000)), Segment(SegmentKind.AS_SET, (7, 9)))
_PREFIXES = (Prefix.parse("198.51.100.0/24"), Prefix.parse("10.0.0.0/8"), Prefix.parse("0.0.0.0/0"))


def attributes() -> list[Attributes]:
    plain = Attributes(Origin.IGP, _PATH, PEER)
    full = plain._replace(
        med=5, local_pref=100, atomic_aggregate=True, aggregator=Aggregator(70_000, PEER), communities=(1, 0xFFFFFF01),
        unknown=(Unknown(32, 0xC0, bytes(12)),),
    )  # fmt: skip
    return [plain, full, plain._replace(as_path=(Segment(SegmentKind.AS_SEQUENCE, tuple(range(2, 250))),))]


def attribute_lists(dice: Random) -> list[bytes]:
    return [encode_attributes(each, four_octet=four) for each in attributes() for four in (True, False)]


def bgp_messages(dice: Random) -> list[bytes]:
    made: list[messages.Message] = [
        Open(2, 90, PEER, own_capabilities(2)),
        Open(2, 0, PEER),
        Keepalive(),
        RouteRefresh(),
        Notification(6, 2, b"bye"),
        Update(_PREFIXES[:1]),
        Update(),
        *(Update(_PREFIXES[2:], each, _PREFIXES[:2]) for each in attributes()),
    ]
    return [messages.encode(each) for each in made]


def bgp_talks(dice: Random) -> list[bytes]:
    """What a peer says from the beginning of a connection on."""
    opening, _, keepalive, refresh, ending, *updates = bgp_messages(dice)
    return [opening + keepalive + update + refresh for update in updates] + [
        opening + ending,
        opening + keepalive * 3,
    ]


def bgp_message(data: bytes) -> None:
    """It is read alike at both sizes of AS numbers, or refused; what was read as whole can be written again."""
    for four_octet in (True, False):
        for external in (True, False):
            message = messages.decode(data, four_octet=four_octet, external=external)
    if not isinstance(message, Open):
        messages.encode(message)


def attribute_list(data: bytes) -> None:
    for four_octet in (True, False):
        found, troubles = decode_attributes(data, four_octet=four_octet, external=True)
        check(found is not None or bool(troubles) or not data, "neither attributes nor a reason")
        if found is not None:
            encode_attributes(found, four_octet=four_octet)


def bgp_stream(data: bytes) -> None:
    stream = messages.Stream()
    for at in range(0, len(data), 11):
        for whole in stream.feed(data[at : at + 11]):
            check(messages.frame_length(whole) == len(whole), "no whole message")


class _Speaker:
    """A speaker and one peer, who calls again after each talk; made anew now and then."""

    def __init__(self) -> None:
        self._talks = 0

    def __call__(self, data: bytes) -> None:
        if self._talks % 1_000 == 0:
            self._net = Net()
            self._router = self._net.add("us", 1, "10.0.0.1", "203.0.113.0/24")
            self._net.add("peer", 2, "10.0.0.2")
            self._net.peer("us", "peer", "customer")
            self._router.boot()
        self._talks += 1
        speaker = self._router.speaker
        now_ns = self._talks * 200 * SECOND
        called = speaker.accepted(PEER, now_ns)
        if called is None:
            return
        name, session = called
        speaker.connected(name, session, now_ns)
        speaker.receive(name, session, data, now_ns)
        speaker.on_deadline(now_ns + SECOND)
        heard = speaker.ribs.heard[name]
        check(session.state is State.ESTABLISHED or not heard, "routes of a session that is over")
        speaker.lost(name, session, "closed", now_ns + 2 * SECOND)
        check(not heard and not self._router.table, "routes of a peer that is gone")
        self._router.journal.clear()
        self._net.queue.clear()


class _DhcpServer:
    """A server of twenty addresses that hears whatever passes the decoder."""

    def __init__(self) -> None:
        self._heard = 0
        self._server = DhcpServer(
            Settings(
                ip_bytes("192.168.1.1"), 24, ip_bytes("192.168.1.90"), ip_bytes("192.168.1.109"), 3600, (), ()
            )
        )

    def __call__(self, data: bytes) -> None:
        message = dhcp.decode(data)
        self._heard += 1
        server, now_ns = self._server, self._heard * SECOND // 50
        for output in (*server.handle(message, now_ns), *server.on_deadline(now_ns)):
            if hasattr(output, "message"):
                dhcp.encode(output.message)
        check(0 <= server.free(now_ns) <= server.size, "more than the pool")
        check(len(server._bindings) <= server.size, "bindings beyond the pool")
        check(len(server._address_of) <= server.size, "clients beyond the pool")


class _DhcpClient:
    """A client that is always about something."""

    def __init__(self) -> None:
        self._heard = 0

    def __call__(self, data: bytes) -> None:
        message = dhcp.decode(data)
        if self._heard % 200 == 0:
            self._client = DhcpClient(b"\x06\0\0\0\0\1", "laptop", Random(1))
            self._client.start(self._heard * SECOND)
        self._heard += 1
        now_ns = self._heard * SECOND
        exchange = getattr(self._client._state, "exchange", None)
        if exchange is not None:  # it listens to nothing else
            message = message._replace(transaction_id=exchange.transaction_id, client_mac=b"\x06\0\0\0\0\1")
        for output in (*self._client.handle(message, now_ns), *self._client.on_deadline(now_ns)):
            if hasattr(output, "message"):
                dhcp.encode(output.message)


PARSERS = (
    Parser("protocols.bgp.messages.decode", bgp_message, bgp_messages, (BgpError,)),
    Parser("protocols.bgp.messages.Stream.feed", bgp_stream, bgp_talks, (BgpError,)),
    Parser("protocols.bgp.attribute_codec.decode_attributes", attribute_list, attribute_lists, (BgpError,)),
    Parser("protocols.bgp.speaker.Speaker.receive", _Speaker(), bgp_talks, ()),
    Parser("protocols.dhcp.server.DhcpServer.handle", _DhcpServer(), valid.dhcp_messages),
    Parser("protocols.dhcp.client.DhcpClient.handle", _DhcpClient(), valid.dhcp_messages),
)
