"""WebSockets through an ALB: the upgrade passes, then bytes both ways until one end closes."""

import asyncio
import re

import pytest

from orchestrator.pki import make_authority
from tests.elements.alb_bed import GET, OK, Bed, say

UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def switching(early: bytes = b""):
    """A target that switches protocols and then says back what it hears; `early` is what it says first."""

    def answer(serving, request):
        serving.raw = lambda data: serving.transport.write(b"echo " + data)
        serving.transport.write(SWITCH + early)

    return answer


async def head(talk) -> bytes:
    while b"\r\n\r\n" not in talk.heard:
        talk.news.clear()
        await talk.news.wait()
    got, _, talk.heard = talk.heard.partition(b"\r\n\r\n")
    return got


async def heard(talk, count: int) -> bytes:
    while len(talk.heard) < count and not talk.lost.is_set():
        talk.news.clear()
        await talk.news.wait()
    got, talk.heard = talk.heard, b""
    return got


def test_bytes_pass_both_ways_until_the_client_closes(tmp_path):
    bed = Bed(tmp_path, group_attributes={"load_balancing.algorithm.type": "least_outstanding_requests"})

    async def story():
        bed.target().answer = switching(b"hello")
        talk = await bed.connect()
        talk.transport.write(UPGRADE)
        got = await head(talk)
        assert got.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Upgrade: websocket\r\nConnection: upgrade" in got
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in got
        assert await heard(talk, 5) == b"hello"
        talk.transport.write(b"\x81\x02hi")
        assert await heard(talk, 9) == b"echo \x81\x02hi"
        assert outstanding(bed) == 1
        assert not (tmp_path / "logs" / "alb.access.log").exists()
        talk.transport.close()
        await asyncio.sleep(0.5)
        assert outstanding(bed) == 0

    bed.run(story())
    [line] = bed.log()
    assert re.match(r"ws \S+ \S+ \S+ 10\.0\.0\.20:80 0\.\d+ 0\.\d+ 0\.000 101 101 \d+ \d+ ", line)
    received, sent = map(int, line.split()[10:12])
    assert received == len(UPGRADE) + 4
    assert sent > len(SWITCH)
    asked = bed.target().heard.lower()
    assert b"upgrade: websocket\r\nconnection: upgrade" in asked
    assert b"sec-websocket-version: 13" in asked


def outstanding(bed: Bed) -> int:
    [group] = bed.net.element("alb").orders.groups.values()
    return sum(target.outstanding for target in group.engine.targets.values())


def test_the_target_closes(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = switching()
        talk = await bed.connect()
        talk.transport.write(UPGRADE)
        await head(talk)
        bed.target().connections[-1].transport.close()
        await talk.lost.wait()

    bed.run(story())
    assert [line.split()[0] for line in bed.log()] == ["ws"]


def test_a_frame_that_the_client_sends_ahead_of_the_answer(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = switching()
        talk = await bed.connect()
        talk.transport.write(UPGRADE + b"early")
        await head(talk)
        assert await heard(talk, 10) == b"echo early"

    bed.run(story())


def test_silence_ends_it_and_bytes_of_either_side_do_not(tmp_path):
    bed = Bed(tmp_path, attributes={"idle_timeout.timeout_seconds": "30"})

    async def story():
        bed.target().answer = switching()
        loop = asyncio.get_running_loop()
        talk = await bed.connect()
        talk.transport.write(UPGRADE)
        await head(talk)
        serving = bed.target().connections[-1]
        for number in range(6):
            await asyncio.sleep(20)
            if number % 2:
                talk.transport.write(b"x")
            else:
                serving.transport.write(b"y")
        last = loop.time()
        await talk.lost.wait()
        assert 30 <= loop.time() - last < 31

    bed.run(story())
    assert [line.split()[8] for line in bed.log()] == ["101"]


def test_a_target_that_does_not_switch_answers_as_usual(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(OK)
        talk = await bed.connect()
        assert (await talk.ask(UPGRADE + GET)).status == 200
        assert (await talk.response()).status == 200

    bed.run(story())
    assert [line.split()[0] for line in bed.log()] == ["http", "http"]


def test_nobody_to_switch(tmp_path):
    bed = Bed(tmp_path, targets=0)

    async def story():
        talk = await bed.connect()
        assert (await talk.ask(UPGRADE)).status == 503
        assert (await talk.ask(GET)).status == 503

    bed.run(story())


def test_megabytes_wait_for_who_does_not_read(tmp_path):
    bed = Bed(tmp_path)
    size = 2_000_000

    async def story():
        bed.target().answer = switching()
        talk = await bed.connect()
        talk.transport.write(UPGRADE)
        await head(talk)
        serving = bed.target().connections[-1]
        serving.transport.pause_reading()
        talk.transport.write(b"x" * size)
        await asyncio.sleep(5)
        assert talk.transport.get_write_buffer_size() > size / 2
        count = 0

        def counting(data):
            nonlocal count
            count += len(data)

        serving.raw = counting
        serving.transport.resume_reading()
        await asyncio.sleep(5)
        assert count == size

    bed.run(story())


def test_the_deregistration_delay_ends_it(tmp_path):
    bed = Bed(tmp_path, group_attributes={"deregistration_delay.timeout_seconds": "5"})

    async def story():
        bed.target().answer = switching()
        talk = await bed.connect()
        talk.transport.write(UPGRADE)
        await head(talk)
        bed.deregister("10.0.0.20:80")
        began = asyncio.get_running_loop().time()
        await talk.lost.wait()
        assert 5 <= asyncio.get_running_loop().time() - began < 6

    bed.run(story())


@pytest.fixture
def directory(tmp_path):
    make_authority(tmp_path, ["example.com"])
    return tmp_path


def test_over_tls_its_type_is_wss(directory):
    bed = Bed(directory, protocol="HTTPS")

    async def story():
        bed.target().answer = switching()
        talk = await bed.connect_securely(server_hostname="example.com")
        talk.transport.write(UPGRADE)
        await head(talk)
        talk.transport.write(b"x")
        assert await heard(talk, 6) == b"echo x"
        talk.transport.close()
        await asyncio.sleep(0.5)

    bed.run(story())
    [line] = bed.log()
    assert line.startswith("wss ")
    assert '"GET https://a:443/chat HTTP/1.1"' in line
