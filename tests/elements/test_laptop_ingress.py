"""Programs that ask a laptop for pages: each request is one of the laptop's, over the emulated network."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from actors.element import JOURNEY, Journey
from actors.parts.clients import lobby as lobbies
from actors.parts.clients.journey_ids import JOURNEYS_AT_ONCE
from actors.parts.clients.visitor import Visitor
from actors.wire.addresses import ip_bytes
from actors.wire.baggage import Laden
from tests.elements.home import SITE
from tests.elements.programs import Program
from tests.elements.test_laptop import URL, Scene, directory  # noqa: F401

PAGE = "http://127.0.0.1:7463/#journey="
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"


SILENT = "192.168.1.200"
"""Somebody answers ARP there, and nothing else."""


class Visited(Scene):
    """A laptop that programs walk in at, and what its home is to do once it is there."""

    def __init__(self, directory) -> None:  # noqa: F811
        super().__init__(directory)
        self.handler: Callable[[web.BaseRequest], Any] | None = None
        self.records: dict[str, str] = {}


@pytest.fixture
def scene(directory) -> Visited:  # noqa: F811
    return Visited(directory)


async def visit(
    scene: Visited, *, proxy: bool = False, room: int = 1 << 30, url: str | None = URL
) -> Program:
    laptop = scene.net.element("laptop")
    home = scene.home
    home.handler = scene.handler or home.handler
    home.records |= scene.records
    home.stack.ip.interfaces["lan"].neighbours.addresses.add(ip_bytes(SILENT))
    if laptop.lobby is None:
        assert await scene.call("open_doors", url=url, page=PAGE) == {}
        laptop.lobby.ingress_port = 8080
    return Program(Visitor(laptop.lobby, proxy=proxy), room)


async def asked(scene: Visited, *requests: bytes, wait_s: float = 3.0, **how) -> bytes:
    """What a program is answered that sends these requests, each after the answer to the one before."""
    program = await visit(scene, **how)
    for request in requests:
        program.say(request)
        await scene.sleep(wait_s)
    return program.heard


def answer(scene, *requests, **how) -> bytes:
    return scene.run(lambda: asked(scene, *requests, **how))


def body_of(heard: bytes) -> bytes:
    return heard.partition(b"\r\n\r\n")[2]


# ---- what comes back -----------------------------------------------------------------------------------------


def test_a_page_comes_with_its_times_and_its_journey(scene):
    heard = answer(scene, GET)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"X-Served-By: nginx-0" in head
    assert body == b"welcome" * 1000
    journey = re.search(rb"Link: <%b([0-9a-f]{32})>; rel=\"describedby\"" % PAGE.encode(), head)[1].decode()
    assert f"X-Amzn-Trace-Id: Root=1-{journey[:8]}-{journey[8:]}".encode() in head
    times = timing(head)
    assert list(times) == ["dns", "connect", "tls", "wait", "total"] and all(times.values())
    assert sum(times.values()) == pytest.approx(2 * times["total"], abs=0.01)
    kinds = [record["kind"] for record in scene.net.journal if record.get("journey") == journey]
    assert kinds[0] == "journey.start" and {"dhcp.lease", "tls.established", "journey.end"} <= set(kinds)


def timing(head: bytes) -> dict[str, float]:
    """Server-Timing, in ms by name."""
    found = re.findall(rb"(\w+)(?:;desc=\"[^\"]*\")?;dur=([\d.]+)", head)
    return {name.decode(): float(value) for name, value in found}


@pytest.mark.parametrize(
    "facts, names",
    [
        ({"alb_ns": 400_000, "target_ns": 900_000}, ["network", "alb", "target"]),
        ({"alb_ns": 0}, ["network", "alb"]),
        (
            {"alb_ns": 10**12, "target_ns": 0},
            ["wait"],
        ),  # by another clock than ours: no part is told for certain
    ],
)
def test_what_the_load_balancer_measured_is_told_as_its_own(scene, facts, names):
    async def served(request):
        response = web.Response()
        with Journey(Laden(JOURNEY.get(), facts)):
            await response.prepare(request)
            await response.write_eof()
        return response

    scene.handler = served
    times = timing(answer(scene, GET))
    assert list(times) == ["dns", "connect", "tls", *names, "total"]
    assert all(times[name] == facts[f"{name}_ns"] / 1e6 for name in names if name in ("alb", "target"))
    assert sum(times.values()) == pytest.approx(2 * times["total"], abs=0.01)


def test_the_next_request_goes_out_on_the_same_connection(scene):
    heard = answer(scene, GET, GET)
    assert heard.count(b"200 OK") == 2 and len(set(scene.home.connections)) == 1
    assert heard.count(b"dns;dur=0.000, connect;dur=0.000, tls;dur=0.000") == 1


def test_requests_sent_ahead_are_answered_in_order(scene):
    async def which(request):
        await scene.sleep(0.1 if request.path == "/1" else 0)
        return web.Response(text=request.path)

    scene.handler = which
    ahead = b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % each for each in (1, 2, 3))
    heard = answer(scene, ahead)
    assert re.findall(rb"\r\n\r\n(/\d)", heard) == [b"/1", b"/2", b"/3"]


def test_head_has_no_body_and_the_next_answer_is_right(scene):
    heard = answer(scene, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", GET)
    first, _, rest = heard.partition(b"\r\n\r\n")
    assert b"Content-Length: 7000" in first and rest.startswith(b"HTTP/1.1 200 OK")


def test_a_client_of_http_1_0_gets_what_it_understands(scene):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        await response.write(b"two")
        return response

    scene.handler = endless
    heard = answer(scene, b"GET / HTTP/1.0\r\n\r\n")
    assert b"Transfer-Encoding" not in heard and b"Connection: close" in heard and heard.endswith(b"onetwo")


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_bodies_of_both_framings_go_up_whole(scene, framing):
    got = []

    async def take(request):
        got.append(await request.read())
        return web.Response(text=request.headers.get("Transfer-Encoding", "none"))

    scene.handler = take
    body = bytes(range(256)) * 800

    async def story():
        program = await visit(scene)
        pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]
        if framing == "chunked":
            program.say(b"POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]
        else:
            program.say(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        for piece in pieces:
            while program.paused:
                await scene.sleep(0.01)
            program.say(piece)
        await scene.sleep(5)
        return program.heard

    heard = scene.run(story)
    assert got == [body] and body_of(heard) == (b"chunked" if framing == "chunked" else b"none")


def test_interim_answers_come_as_they_came(scene):
    async def take(request):
        return web.Response(text=str(len(await request.read())))

    scene.handler = take

    async def story():
        program = await visit(scene)
        program.say(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        await scene.sleep(2)
        first = program.heard
        program.say(b"data")
        await scene.sleep(2)
        return first, program.heard[len(first) :]

    async def with_expectation(request):
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await take(request)

    scene.handler = with_expectation
    first, rest = scene.run(story)
    assert (
        first == b"HTTP/1.1 100 Continue\r\n\r\n"
        and rest.startswith(b"HTTP/1.1 200 OK")
        and rest.endswith(b"4")
    )


class Raw(asyncio.Protocol):
    """A server that keeps what it hears, and answers each request in turn."""

    def __init__(self, answers: list[bytes], heard: list[bytes]) -> None:
        self.answers, self.heard = answers, heard

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.heard.append(data)
        if data.endswith(b"\r\n\r\n") and self.answers:
            self.transport.write(self.answers.pop(0))


def raw_talk(scene: Visited, asked: list[bytes], answers: list[bytes]) -> tuple[bytes, bytes]:
    """What a bare server hears of these requests, and the program of these answers."""
    heard: list[bytes] = []

    async def story():
        program = await visit(scene)
        await scene.home.stack.create_server(lambda: Raw(answers, heard), 8088)
        for each in asked:
            program.say(each)
            await scene.sleep(1)
        return program.heard

    told = scene.run(story)
    return b"".join(heard), told


def request(method: bytes, more: bytes = b"") -> bytes:
    return b"%b http://packet-journey.com:8088/ HTTP/1.1\r\nHost: x\r\n%b\r\n" % (method, more)


def test_any_method_goes_out_as_it_is(scene):
    methods = [b"PROPFIND", b"BREW", b"get", b"M-SEARCH", b"!$"]
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] * len(methods)
    heard, told = raw_talk(scene, [request(method) for method in methods], answers)
    assert re.findall(rb"(\S+) / HTTP/1.1", heard) == methods and told.count(b"200 OK") == len(methods)


def test_trailers_go_both_ways(scene):
    up = b"TE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n"
    body = b"3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
    down = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Took\r\n\r\n"
    down += b"2\r\nok\r\n0\r\nX-Took: 1\r\nSet-Cookie: a=b\r\n\r\n"
    empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    heard, told = raw_talk(scene, [request(b"POST", up) + body, request(b"GET")], [down, empty])
    head, _, content = heard.partition(b"\r\n\r\n")
    assert {b"TE: trailers", b"Connection: TE", b"Trailer: X-Sum"} <= set(head.split(b"\r\n"))
    assert content.startswith(body) and b"TE:" not in content
    assert b"Trailer: X-Took\r\n" in told and b"2\r\nok\r\n0\r\nX-Took: 1\r\n\r\nHTTP/1.1 200" in told


def test_a_chunked_body_ends_once_though_more_is_sent_ahead(scene):
    whole = request(b"POST", b"Transfer-Encoding: chunked\r\n") + b"1\r\na\r\n0\r\n\r\n"
    heard, _ = raw_talk(scene, [whole, request(b"GET"), request(b"GET")], [])
    assert heard.count(b"0\r\n\r\n") == 1


def test_answers_without_content_leave_the_connection_in_order(scene):
    lengthy = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"
    answers = [lengthy, b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]
    _, told = raw_talk(scene, [request(b"GET")] * 3, answers)
    assert re.findall(rb"HTTP/1.1 (\d+)", told) == [b"304", b"204", b"200"] and told.endswith(b"\r\n\r\nok")
    assert b"Transfer-Encoding" not in told and b"Content-Length: 500" in told


def test_a_websocket_goes_through(scene):
    async def talk(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data * 2)
        return socket

    scene.handler = talk
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    async def story():
        program = await visit(scene)
        program.say(upgrade)
        await scene.sleep(2)
        head, program.heard = program.heard, b""
        program.say(b"\x81\x82\0\0\0\0hi")  # a text frame, masked with zeros (RFC 6455 section 5.2)
        await scene.sleep(1)
        said, program.heard = program.heard, b""
        program.say(b"\x88\x80\0\0\0\0")
        await scene.sleep(1)
        return head, said, program.lost

    head, said, lost = scene.run(story)
    assert head.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert said == b"\x81\x04hihi" and lost


# ---- who is faster, and who goes away ------------------------------------------------------------------------


def test_a_program_that_does_not_read_holds_the_server_back(scene):
    sent = []

    async def much(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(400):
            await response.write(bytes(16_384))
            sent.append(16_384)
        return response

    scene.handler = much

    async def story():
        program = await visit(scene, room=10_000)
        program.say(GET)
        await scene.sleep(5)
        stuck = sum(sent)
        program.take()
        await scene.sleep(10)
        return stuck, len(program.heard)

    stuck, heard = scene.run(story)
    assert stuck < 5_000_000 and heard > 400 * 16_384


def test_a_program_that_goes_away_breaks_the_request_off(scene):
    cancelled = []

    async def slow(request):
        try:
            await scene.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return web.Response()

    scene.handler = slow

    async def story():
        program = await visit(scene)
        program.say(GET)
        await scene.sleep(1)
        program.vanish()
        await scene.sleep(1)
        return (await scene.call("inspect"))["tcp"]

    scene.run(story)
    ends = [record for record in scene.net.journal if record["kind"] == "journey.failed"]
    assert "gone away" in ends[0]["error"]
    assert scene.net.element("laptop").lobby._guests == {}


def test_an_answer_that_breaks_off_breaks_off(scene):
    async def half(request):
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly")
        await scene.sleep(0.1)
        request.transport.abort()
        return web.Response()

    scene.handler = half

    async def story():
        program = await visit(scene)
        program.say(GET)
        await scene.sleep(2)
        return program

    program = scene.run(story)
    assert program.heard.endswith(b"only") and program.was_reset


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(scene):
    async def once(request):
        asyncio.get_running_loop().call_later(1, request.transport.close)
        return web.Response()

    scene.handler = once

    async def story():
        program = await visit(scene)
        program.say(GET)
        await scene.sleep(4)
        program.heard = b""
        program.say(GET)
        await scene.sleep(2)
        return program.heard

    assert scene.run(story).startswith(b"HTTP/1.1 200 OK") and len(set(scene.home.connections)) == 2


def test_an_answer_before_the_whole_request_reaches_a_program_that_still_sends(scene):
    async def no(request):
        return web.Response(status=413, text="too much")

    scene.handler = no

    async def story():
        program = await visit(scene)
        program.say(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + bytes(1000))
        await scene.sleep(2)
        told = (program.heard[:12], program.ended, program.lost, program.paused)
        program.say(bytes(100_000))
        await scene.sleep(6)
        return told, program.lost

    (head, ended, lost, paused), lost_later = scene.run(story)
    assert head == b"HTTP/1.1 413" and ended and not lost and not paused and lost_later


# ---- where it goes -------------------------------------------------------------------------------------------


def test_a_host_field_chooses_the_site_where_the_world_knows_it(scene):
    async def who(request):
        return web.Response(text=request.headers["Host"])

    scene.handler = who
    scene.records["other.example"] = "192.168.1.1"
    request = b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n"
    hosts = (b"other.example:80", b"nobody.example", SITE.encode(), b"localhost:8080")
    heard = answer(scene, *(request % host for host in hosts))
    assert re.findall(rb"\r\n\r\n([\w.-]+)(?:HTTP|$)", heard) == [
        b"other.example", SITE.encode(), SITE.encode(), SITE.encode(),
    ]  # fmt: skip


def test_a_whole_url_is_asked_as_a_proxy_would(scene):
    async def who(request):
        return web.Response(text=f"{request.headers['Host']}{request.path_qs}")

    scene.handler = who
    request = (
        b"GET http://packet-journey.com/a?b=c HTTP/1.1\r\nHost: wrong\r\nProxy-Connection: keep-alive\r\n\r\n"
    )
    assert body_of(answer(scene, request, proxy=True)) == b"packet-journey.com/a?b=c"


def test_a_proxy_wants_a_whole_url(scene):
    assert answer(scene, GET, proxy=True).startswith(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize(
    "request_, status",
    [
        (b"BR(EW / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\r\n", 400),
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", 400),
    ],
)
def test_junk_is_refused(scene, request_, status):
    assert answer(scene, request_).startswith(b"HTTP/1.1 %d " % status)


# ---- when there is no answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url, status, words",
    [
        ("http://nowhere.invalid/", 502, b"nowhere.invalid has no IPv4 address"),
        ("http://packet-journey.com:82/", 502, b"refused"),
        ("http://192.168.1.77/", 502, b"192.168.1.77:80"),
        ("http://127.0.0.1/", 403, b"no address of the emulated Internet"),
        ("https://packet-journey.com:81/", 502, b"TLS"),
        ("https://other.example/", 502, b"certificate"),
        ("http://slow.example/", 504, b"does not answer within 10 s"),
    ],
)
def test_the_ingress_says_why_in_words(scene, url, status, words):
    scene.records |= {"other.example": "192.168.1.1", "slow.example": SILENT}
    heard = answer(scene, f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), wait_s=15)
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard
    assert words in body_of(heard)
    journey = re.search(rb"journey ([0-9a-f]{32})", body_of(heard))[1].decode()
    ends = [record for record in scene.net.journal if record.get("journey") == journey]
    assert any(record["kind"] == "journey.failed" for record in ends)


# ---- limits ----------------------------------------------------------------------------------------------------


def test_a_flood_is_answered_and_not_all_recorded(scene):
    async def story():
        program = await visit(scene)
        await scene.sleep(1)
        for _ in range(JOURNEYS_AT_ONCE + 10):
            program.say(GET)
            await scene.sleep(0.02)
        await scene.sleep(3)
        return program.heard

    heard = scene.run(story)
    assert heard.count(b"200 OK") == JOURNEYS_AT_ONCE + 10 == heard.count(b"X-Amzn-Trace-Id")
    assert JOURNEYS_AT_ONCE <= heard.count(b"describedby") < JOURNEYS_AT_ONCE + 10 + 50


def test_there_is_room_for_so_many(scene, monkeypatch):
    monkeypatch.setattr(lobbies, "MOST_VISITORS", 3)

    async def story():
        programs = [await visit(scene) for _ in range(4)]
        await scene.sleep(1)
        return [(program.lost, program.heard[:20]) for program in programs]

    told = scene.run(story)
    assert told == [(False, b"")] * 3 + [(True, b"HTTP/1.1 503 Service")]


def test_who_says_nothing_for_long_is_sent_away(scene):
    async def story():
        program = await visit(scene)
        await scene.sleep(200)
        return program.lost

    assert scene.run(story)


def test_equal_seeds_give_equal_journals(directory):  # noqa: F811
    def journal() -> list:
        scene = Visited(directory)
        answer(scene, GET, b"GET http://nowhere.invalid/ HTTP/1.1\r\nHost: x\r\n\r\n")
        return scene.net.journal

    assert journal() == journal()
