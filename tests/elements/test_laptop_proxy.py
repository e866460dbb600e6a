"""Programs that tunnel through a laptop: SOCKS5 and CONNECT, and what ends with what."""

import asyncio
import ssl

import pytest

from actors.parts.clients.proxy import MAX_CONNECT_HEAD, ProxyGuest
from tests.elements.programs import Program
from tests.elements.test_laptop import directory  # noqa: F401
from tests.elements.test_laptop_ingress import SILENT, Visited, scene, visit  # noqa: F401

HELLO = b"\x05\x01\x00"
CONNECT = b"CONNECT packet-journey.com:7 HTTP/1.1\r\nHost: packet-journey.com:7\r\n\r\n"


def socks(host: str, port: int) -> bytes:
    return HELLO + b"\x05\x01\x00\x03" + bytes((len(host),)) + host.encode() + port.to_bytes(2)


class Echo(asyncio.Protocol):
    """Says everything back, and its end too; `bye` breaks off, and `big` says a lot."""

    def connection_made(self, transport):
        self.transport = transport
        self.lost = None
        ECHOES.append(self)

    def data_received(self, data):
        if data == b"bye":
            self.transport.abort()
        elif data.startswith(b"big"):
            self.transport.write(bytes(4_000_000))
        else:
            self.transport.write(data)

    def eof_received(self):
        self.transport.write(b"|end")
        return False

    def connection_lost(self, error):
        self.lost = error or True


ECHOES: list[Echo] = []


async def enter(scene: Visited, room: int = 1 << 30) -> Program:  # noqa: F811
    await visit(scene)
    if (scene.home.stack.tcp.servers.get((bytes(4), 7))) is None:
        ECHOES.clear()
        await scene.home.stack.create_server(Echo, 7)
    return Program(ProxyGuest(scene.net.element("laptop").lobby), room)


def tell(scene: Visited, *pieces: bytes | None, wait_s: float = 2.0, room: int = 1 << 30) -> Program:  # noqa: F811
    """A program that says these, one after another; None is its end."""

    async def story() -> Program:
        program = await enter(scene, room)
        for piece in pieces:
            program.shut() if piece is None else program.say(piece)
            await scene.sleep(wait_s)
        program.gone, program.broken = program.lost, program.was_reset  # as it was before the world ended
        return program

    return scene.run(story)


GRANTED = b"\x05\x00\x05\x00\x00\x01\xc0\xa8\x01\x64"


@pytest.mark.parametrize("pieces", [1, 2, 30])
def test_a_tunnel_by_socks_carries_bytes(scene, pieces):  # noqa: F811
    whole = socks("packet-journey.com", 7)
    size = -(-len(whole) // pieces)
    program = tell(scene, *(whole[at : at + size] for at in range(0, len(whole), size)), b"hello", wait_s=0.5)
    assert program.heard[:10] == GRANTED and program.heard[12:] == b"hello" and not program.gone


def test_what_is_said_too_early_is_kept(scene):  # noqa: F811
    assert tell(scene, socks("packet-journey.com", 7) + b"early").heard[12:] == b"early"


def test_connect_does_the_same(scene):  # noqa: F811
    head, _, rest = tell(scene, CONNECT + b"early", b"hello").heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and rest == b"earlyhello"


def test_half_of_a_tunnel_can_be_closed(scene):  # noqa: F811
    program = tell(scene, CONNECT, b"hello", None)
    assert program.heard.endswith(b"hello|end") and program.ended and not program.broken


def test_what_the_server_breaks_off_breaks_off(scene):  # noqa: F811
    program = tell(scene, CONNECT, b"bye")
    assert program.gone and program.broken


def test_what_the_program_breaks_off_breaks_off(scene):  # noqa: F811
    async def story():
        program = await enter(scene)
        program.say(CONNECT)
        await scene.sleep(2)
        program.vanish()
        await scene.sleep(1)

    scene.run(story)
    assert isinstance(ECHOES[0].lost, ConnectionResetError)
    assert scene.net.element("laptop").lobby._guests == {}


def test_who_goes_away_while_the_connection_is_being_opened_leaves_nothing(scene):  # noqa: F811
    async def story():
        program = await enter(scene)
        scene.home.records["slow.example"] = SILENT
        program.say(socks("slow.example", 7))
        await scene.sleep(2)
        program.vanish()
        await scene.sleep(1)
        return (await scene.call("inspect"))["tcp"]

    told = scene.run(story)
    assert told["connections"] == [] if "connections" in told else True


def test_a_program_that_does_not_read_holds_the_server_back(scene):  # noqa: F811
    async def story():
        program = await enter(scene, room=100_000)
        program.say(CONNECT)
        await scene.sleep(2)
        program.say(b"big")
        await scene.sleep(5)
        waiting = ECHOES[0].transport.get_write_buffer_size()
        program.take()
        await scene.sleep(5)
        return waiting, len(program.heard)

    waiting, heard = scene.run(story)
    assert waiting > 2_000_000 and heard > 4_000_000


@pytest.mark.parametrize(
    "host, port, code",
    [
        ("nowhere.invalid", 80, 4),
        ("packet-journey.com", 9, 5),
        ("slow.example", 80, 6),
        ("192.168.1.77", 80, 4),
        ("127.0.0.1", 22, 2),
        ("224.0.0.1", 22, 2),
        ("packet-journey.com", 0, 2),
    ],
)
def test_socks_says_why_there_is_no_connection(scene, host, port, code):  # noqa: F811
    scene.records["slow.example"] = SILENT
    program = tell(scene, socks(host, port), wait_s=15)
    assert program.heard == b"\x05\x00\x05" + bytes((code,)) + b"\x00\x01" + bytes(6) and program.gone


@pytest.mark.parametrize(
    "target, status",
    [
        (b"nowhere.invalid:80", 502),
        (b"127.0.0.1:22", 403),
        (b"slow.example:80", 504),
        (b"packet-journey.com", 400),
        (b"[::1]:80", 400),
        (b":80", 400),
        (b"packet-journey.com:70000", 400),
    ],
)
def test_connect_says_why_too(scene, target, status):  # noqa: F811
    scene.records["slow.example"] = SILENT
    program = tell(scene, b"CONNECT %b HTTP/1.1\r\n\r\n" % target, wait_s=15)
    assert program.heard.startswith(b"HTTP/1.1 %d " % status) and program.gone


def test_ipv6_and_udp_are_refused_in_the_protocols_own_words(scene):  # noqa: F811
    ipv6 = tell(scene, HELLO + b"\x05\x01\x00\x04" + bytes(16) + b"\x00\x50")
    assert ipv6.heard == b"\x05\x00\x05\x08\x00\x01" + bytes(6) and ipv6.gone


def test_plain_requests_work_at_the_same_port(scene):  # noqa: F811
    program = tell(scene, b"GET http://packet-journey.com/ HTTP/1.1\r\nHost: packet-journey.com\r\n\r\n")
    assert program.heard.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "said, wait_s", [(b"CONNECT " + b"x" * MAX_CONNECT_HEAD, 1), (b"\x05", 40), (b"\x04\x01\x00\x50", 1)]
)
def test_who_does_not_come_to_the_point_is_sent_away(scene, said, wait_s):  # noqa: F811
    assert tell(scene, said, wait_s=wait_s).gone


def test_the_programs_own_tls_ends_at_the_site(scene, directory):  # noqa: F811
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=directory / "ca.pem")
    tls = context.wrap_bio(incoming, outgoing, server_hostname="packet-journey.com")

    async def story():
        program = await enter(scene)
        program.say(socks("packet-journey.com", 443))
        await scene.sleep(2)
        program.heard = b""
        for _ in range(3):
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                program.say(outgoing.read())
                await scene.sleep(1)
                incoming.write(program.heard)
                program.heard = b""
        tls.write(b"GET / HTTP/1.1\r\nHost: packet-journey.com\r\n\r\n")
        program.say(outgoing.read())
        await scene.sleep(1)
        incoming.write(program.heard)
        return tls.read(100)

    assert scene.run(story).startswith(b"HTTP/1.1 200 OK")
