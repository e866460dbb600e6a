"""HTTP/2 with clients: streams, windows, limits, and what targets and the log see of it."""

import asyncio
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.alb_causes import Cause
from actors.protocols.http2 import request_of
from tests.elements.alb_bed import GET, OK, Bed, say, silent
from tests.elements.h2_talk import H2Talk, connect_h2, run_h2


@pytest.fixture
def bed(directory):
    return Bed(directory, protocol="HTTPS")


def test_a_request_and_what_its_target_gets(bed):
    async def story(talk):
        reply = await talk.fetch(
            ("user-agent", "me"), ("cookie", "a=1"), ("cookie", "b=2"), path="/a?b=c", authority="EXAMPLE.com"
        )
        assert (reply.status, reply.body) == (200, b"ok")
        assert "connection" not in reply.headers

    run_h2(bed, story)
    heard = bed.target().heard.split(b"\r\n\r\n")[-2].split(b"\r\n")
    assert heard[:5] == [
        b"GET /a?b=c HTTP/1.1",
        b"X-Forwarded-For: 10.0.0.100",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Port: 443",
        b"Host: example.com",
    ]
    assert sorted(heard[6:]) == [b"cookie: a=1; b=2", b"user-agent: me"]
    [line] = bed.log()
    assert re.match(
        r"h2 \S+ app/web/\S+ 10\.0\.0\.100:\d+ 10\.0\.0\.20:80 0\.\d+ 0\.\d+ 0\.000 200 200 ", line
    )
    assert '"GET https://example.com:443/a?b=c HTTP/2.0" "me" TLS_AES_' in line


def test_streams_share_a_connection_and_end_in_any_order(directory):
    bed = Bed(directory, protocol="HTTPS")

    def slow(serving, request):
        delay = 2 if request.target == b"/slow" else 0.1
        asyncio.get_running_loop().call_later(delay, serving.transport.write, OK)

    async def story(talk):
        bed.target().answer = slow
        first, second = talk.begin(path="/slow"), talk.begin(path="/fast")
        await talk.reply(second)
        assert not talk.replies[first].ended
        assert (await talk.reply(first)).status == 200

    run_h2(bed, story)
    assert bed.net.element("alb").inspect()["connections"]["client"] <= 1


def test_target_connections_are_shared_with_http_1(bed):
    async def story(talk):
        assert (await talk.fetch()).status == 200
        old = await bed.connect_securely(server_hostname="example.com")
        assert (await old.ask(GET)).status == 200

    run_h2(bed, story)
    assert len(bed.target().connections) - len(bed.target().probes) == 1


def test_without_the_attribute_alpn_has_http_1_only(directory):
    bed = Bed(directory, protocol="HTTPS", attributes={"routing.http2.enabled": "false"})

    async def story():
        with pytest.raises(AssertionError):
            await connect_h2(bed)

    bed.run(story())


def test_a_body_with_and_without_a_length(bed):
    async def story(talk):
        bed.target().patient = True
        stream = talk.begin(("content-length", "6"), method="POST", ended=False)
        talk.send(stream, b"abc")
        await asyncio.sleep(1)
        assert bed.target().heard.endswith(b"\r\n\r\nabc")
        talk.send(stream, b"def", ended=True)
        assert (await talk.reply(stream)).status == 200
        stream = talk.begin(method="POST", ended=False)
        talk.send(stream, b"abc", ended=True)
        assert (await talk.reply(stream)).status == 200

    run_h2(bed, story)
    first, second = bed.target().requests
    assert (b"".join(first.body), first.chunked) == (b"abcdef", False)
    assert (b"".join(second.body), second.chunked) == (b"abc", True)


class Slow(H2Talk):
    """A client that opens no windows."""

    greedy = False


def test_megabytes_wait_for_the_clients_window_and_hold_up_their_target_only(bed):
    size = 2_000_000
    big = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size

    def answer(serving, request):
        serving.transport.write(big if request.target == b"/big" else OK)

    async def story():
        bed.target().answer = answer
        talk = await connect_h2(bed, Slow)
        stream = talk.begin(path="/big")
        await asyncio.sleep(5)
        assert len(talk.replies[stream].body) == 65_535
        assert bed.target().connections[-1].transport.get_write_buffer_size() > size / 2
        talk.engine.increment_flow_control_window(10 * size)
        talk.flush()
        assert (await talk.fetch(path="/small")).body == b"ok"
        talk.engine.increment_flow_control_window(10 * size, stream)
        talk.flush()
        assert len((await talk.reply(stream)).body) == size

    bed.run(story())


def test_megabytes_wait_for_the_target_and_let_other_streams_pass(directory):
    bed = Bed(directory, targets=2, protocol="HTTPS")
    size = 1_000_000

    def deaf(serving, request):
        if request.target == b"/deaf":
            serving.transport.pause_reading()
        else:
            serving.transport.write(OK)

    async def story(talk):
        for number in (0, 1):
            bed.target(number).answer = deaf
        stream = talk.begin(method="POST", path="/deaf", ended=False)
        sent = 0
        while sent < size:
            room = min(talk.engine.local_flow_control_window(stream), 16_384, size - sent)
            if room:
                talk.send(stream, b"x" * room)
                sent += room
            else:
                talk.news.clear()
                try:
                    await asyncio.wait_for(talk.news.wait(), 5)
                except TimeoutError:
                    break
        assert 65_535 <= sent < size
        talk.engine.increment_flow_control_window(1)
        for _ in range(2):
            assert (await talk.fetch()).status == 200

    run_h2(bed, story)


def test_a_hundred_and_twenty_eight_streams_and_not_one_more(bed):
    async def story(talk):
        bed.target().answer = silent
        await asyncio.sleep(0.1)
        assert talk.engine.remote_settings.max_concurrent_streams == 128
        talk.engine.remote_settings.update({3: 1000})
        talk.engine.remote_settings.acknowledge()
        streams = [talk.begin() for _ in range(129)]
        await asyncio.sleep(1)
        assert [talk.replies[stream].reset for stream in streams] == [None] * 128 + [7]

    run_h2(bed, story)
    assert len(bed.target().requests) == 128


def test_one_stream_that_is_reset_harms_no_other(bed):
    async def story(talk):
        bed.target().answer = lambda serving, request: asyncio.get_running_loop().call_later(
            1, serving.transport.write, OK
        )
        gone, stays = talk.begin(path="/gone"), talk.begin(path="/stays")
        await asyncio.sleep(0.5)
        talk.reset(gone)
        assert (await talk.reply(stays)).status == 200

    run_h2(bed, story)
    assert sorted(line.split()[8] for line in bed.log()) == ["200", "460"]


@pytest.mark.parametrize(
    ("more", "pseudo"),
    [
        ((("Upper", "x"),), {}),
        ((("connection", "close"),), {}),
        ((("te", "gzip"),), {}),
        ((("x", "a\r\nb: c"),), {}),
        ((), {"path": ""}),
        ((), {"method": ""}),
        ((), {"path": "nonsense"}),
        ((), {"authority": ""}),
        ((("content-length", "5"),), {}),
        ((("content-length", "x"),), {}),
        ((("content-length", "1"), ("content-length", "2")), {}),
    ],
)
def test_a_malformed_request_costs_its_stream_only(bed, more, pseudo):
    async def story(talk):
        assert (await talk.fetch(*more, **pseudo)).status == 400
        assert (await talk.fetch()).status == 200

    run_h2(bed, story)
    assert len(bed.target().requests) == 1
    assert [line.split()[8] for line in bed.log()] == ["400", "200"]


@pytest.mark.parametrize("pieces", [[b"abcdef"], [b"abc", b"de"], [b"abc"]])
def test_content_that_is_not_as_long_as_it_said_is_a_400(bed, pieces):
    async def story(talk):
        bed.target().patient = True
        stream = talk.begin(("content-length", "4"), method="POST", ended=False)
        await asyncio.sleep(0.1)
        for piece in pieces[:-1]:
            talk.send(stream, piece)
        talk.send(stream, pieces[-1], ended=True)
        assert (await talk.reply(stream)).status == 400
        assert (await talk.fetch()).status == 200

    run_h2(bed, story)


def test_expect_is_answered_by_the_load_balancer(bed):
    async def story(talk):
        bed.target().patient = True
        stream = talk.begin(("expect", "100-continue"), method="POST", ended=False)
        await asyncio.sleep(1)
        assert talk.replies[stream].interim == ["100"]
        talk.send(stream, b"x", ended=True)
        assert (await talk.reply(stream)).status == 200

    run_h2(bed, story)
    assert b"expect" not in bed.target().heard.lower()


def test_an_early_answer_ends_the_stream(bed):
    async def story(talk):
        bed.target().answer = say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        stream = talk.begin(method="POST", ended=False)
        talk.send(stream, b"abc")
        assert (await talk.reply(stream)).status == 413
        bed.target().answer = say(OK)
        assert (await talk.fetch()).status == 200

    run_h2(bed, story)


def test_head_and_chunks(bed):
    async def story(talk):
        bed.target().answer = say(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        reply = await talk.fetch()
        assert (reply.body, "transfer-encoding" in reply.headers) == (b"abc", False)
        bed.target().answer = say(b"HTTP/1.1 200 OK\r\nContent-Length: 615\r\n\r\n")
        reply = await talk.fetch(method="HEAD")
        assert (reply.body, reply.headers["content-length"]) == (b"", "615")

    run_h2(bed, story)


def test_a_response_that_breaks_off_resets_its_stream(bed):
    async def story(talk):
        bed.target().answer = say(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 2000, close=True
        )
        reply = await talk.fetch()
        assert (reply.status, reply.reset) == (200, 2)
        bed.target().answer = say(OK)
        assert (await talk.fetch()).status == 200

    run_h2(bed, story)


def test_the_pages_of_the_load_balancers_own(directory):
    bed = Bed(directory, targets=0, protocol="HTTPS")

    async def story(talk):
        reply = await talk.fetch()
        assert (reply.status, reply.headers["server"]) == (503, "awselb/2.0")
        assert b"<h1>503 Service Temporarily Unavailable</h1>" in reply.body
        assert (await talk.fetch(method="HEAD")).body == b""

    run_h2(bed, story)


def test_after_its_keep_alive_a_connection_serves_one_more_request_and_says_goaway(directory):
    bed = Bed(
        directory,
        protocol="HTTPS",
        attributes={"client_keep_alive.seconds": "60", "idle_timeout.timeout_seconds": "100"},
    )

    async def story(talk):
        await asyncio.sleep(61)
        assert (await talk.fetch()).status == 200
        await talk.lost.wait()
        assert (talk.goaway.error_code, talk.goaway.last_stream_id) == (0, 1)

    run_h2(bed, story)


def test_ten_thousand_requests_and_goaway(bed, monkeypatch):
    monkeypatch.setattr("actors.parts.load_balancer.h2_client.MAX_REQUESTS", 10)

    async def story(talk):
        for _ in range(10):
            assert (await talk.fetch()).status == 200
        await talk.lost.wait()
        assert talk.goaway.last_stream_id == 19

    run_h2(bed, story)


def test_pings_do_not_keep_a_connection_alive(directory):
    bed = Bed(directory, protocol="HTTPS", attributes={"idle_timeout.timeout_seconds": "30"})

    async def story(talk):
        assert (await talk.fetch()).status == 200
        began = asyncio.get_running_loop().time()
        while not talk.lost.is_set():
            talk.engine.ping(b"12345678")
            talk.flush()
            await asyncio.sleep(5)
        assert 30 <= asyncio.get_running_loop().time() - began < 36

    run_h2(bed, story)


def test_a_client_that_stops_in_the_middle_of_its_request_is_a_408(bed):
    async def story(talk):
        bed.target().patient = True
        stream = talk.begin(method="POST", ended=False)
        reply = await talk.reply(stream)
        assert reply.status == 408
        assert asyncio.get_running_loop().time() >= 60

    run_h2(bed, story)


def test_a_client_that_goes_leaves_460s(bed):
    async def story(talk):
        bed.target().answer = silent
        talk.begin()
        talk.begin()
        await asyncio.sleep(1)
        talk.transport.close()
        await asyncio.sleep(1)

    run_h2(bed, story)
    assert [line.split()[8] for line in bed.log()] == ["460", "460"]
    assert bed.net.element("alb").inspect()["connections"]["client"] == 0


def test_junk_ends_the_connection_in_order(bed):
    async def story(talk):
        talk.transport.write(b"\xff" * 100)
        await talk.lost.wait()
        assert (await (await connect_h2(bed)).fetch()).status == 200

    run_h2(bed, story)


NAMES = st.sampled_from([b":method", b":path", b":scheme", b":authority", b"host", b"te", b"cookie", b"x"])


@given(st.lists(st.tuples(NAMES | st.binary(max_size=9), st.binary(max_size=9)), max_size=9), st.booleans())
def test_any_header_list_is_a_request_or_has_a_cause(headers, ended):
    request = request_of(headers, ended)
    assert request.error is None or isinstance(request.error, Cause)
    if request.error is None:
        assert request.method and request.target[:1] in (b"/", b"*")
        head = b"".join(request.lines)
        assert head.count(b"\r\n") == len(request.lines)


def spoiled(dice: Random) -> bytes:
    """What a client might say, with a few octets wrong, missing or too many."""
    talk = H2Talk()
    engine = talk.engine
    engine.initiate_connection()
    fields = [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "a"), ("x", "y" * 50)]
    engine.send_headers(1, fields)
    engine.send_data(1, b"abc", end_stream=True)
    engine.send_headers(3, [*fields, ("content-length", "3")])
    engine.send_data(3, b"abc")
    engine.ping(b"12345678")
    engine.reset_stream(3)
    engine.send_headers(5, fields, end_stream=True)
    engine.increment_flow_control_window(100)
    data = bytearray(engine.data_to_send())
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(24, len(data))
        match dice.randrange(3):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                del data[at : at + dice.randint(1, 9)]
            case _:
                data[at:at] = dice.randbytes(dice.randint(1, 9))
    return bytes(data)


def test_spoiled_frames_harm_nobody_else(bed, caplog):
    async def story(talk):
        dice = Random(7)
        bed.target().patient = True
        for _ in range(150):
            other = await bed.connect_securely(server_hostname="example.com", alpn="h2")
            other.transport.write(spoiled(dice))
        await asyncio.sleep(1)
        assert (await talk.fetch()).status == 200
        await asyncio.sleep(200)

    run_h2(bed, story)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert bed.net.element("alb").inspect()["connections"]["client"] == 0
