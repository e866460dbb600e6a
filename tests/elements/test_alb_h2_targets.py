"""Target groups whose protocol version is HTTP2 or gRPC."""

import asyncio
from random import Random

import pytest
from h2.settings import SettingCodes, Settings

from actors.protocols.alb_causes import Cause
from tests.elements.alb_bed import Bed
from tests.elements.h2_serving import H2Serving, busy, reply, speak_h2
from tests.elements.h2_talk import run_h2


@pytest.fixture
def bed(directory):
    return Bed(directory, protocol="HTTPS")


def causes(bed: Bed) -> list[str]:
    return [error["cause"] for error in bed.net.element("alb").node.errors.last()]


def test_a_request_and_its_answer(bed):
    speak_h2(bed)

    async def story(talk):
        answer = await talk.fetch(("user-agent", "me"), path="/a?b=c")
        assert (answer.status, answer.body) == (200, b"ok")

    run_h2(bed, story)
    [serving] = busy(bed)
    head = serving.heads[1]
    assert (head[":method"], head[":path"], head[":scheme"]) == ("GET", "/a?b=c", "http")
    assert (head[":authority"], head["x-forwarded-for"]) == ("example.com", "10.0.0.100")
    assert head["x-amzn-trace-id"].startswith("Root=1-")
    assert " 200 200 " in bed.log()[0]


def test_targets_are_probed_in_http_2(bed):
    speaking = speak_h2(bed)
    heads = []

    def probe(serving, stream):
        heads.append(serving.heads[stream])
        reply(299)(serving, stream)

    speaking.probe = staticmethod(probe)
    [item] = [item for key, item in bed.items.items() if key.startswith("target-group/")]
    item["health_check"]["Matcher"] = {"HttpCode": "299"}

    async def story(talk):
        assert (await talk.fetch()).status == 200
        [group] = bed.net.element("alb").orders.groups.values()
        assert [str(target.state) for target in group.engine.targets.values()] == ["healthy"]

    run_h2(bed, story)
    assert heads[0][":method"] == "GET"


def test_requests_share_a_connection(bed):
    speaking = speak_h2(bed)
    speaking.answer = staticmethod(
        lambda serving, stream: asyncio.get_running_loop().call_later(1, reply(), serving, stream)
    )

    async def story(talk):
        streams = [talk.begin() for _ in range(20)]
        for stream in streams:
            assert (await talk.reply(stream)).status == 200

    run_h2(bed, story)
    assert [len(serving.heads) for serving in busy(bed)] == [20]


def test_a_target_that_allows_few_streams_gets_more_connections(bed):
    class Narrow(H2Serving):
        answer = staticmethod(
            lambda serving, stream: asyncio.get_running_loop().call_later(1, reply(), serving, stream)
        )

        def connection_made(self, transport):
            few = {SettingCodes.MAX_CONCURRENT_STREAMS: 2}
            self.engine.local_settings = Settings(client=False, initial_values=few)
            super().connection_made(transport)

    speak_h2(bed)
    bed.serving = Narrow

    async def story(talk):
        assert (await talk.fetch()).status == 200
        streams = [talk.begin() for _ in range(5)]
        for stream in streams:
            assert (await talk.reply(stream)).status == 200

    run_h2(bed, story)
    assert sum(len(serving.heads) for serving in busy(bed)) == 6
    assert len(busy(bed)) >= 2


def test_megabytes_up_and_down(bed):
    speaking = speak_h2(bed)
    size = 500_000

    def answer(serving, stream):
        serving.engine.send_headers(stream, [(":status", "200")])

        def send(left):
            while left:
                room = min(serving.engine.local_flow_control_window(stream), 16_384, left)
                if not room:
                    serving.flush()
                    asyncio.get_running_loop().call_later(0.01, send, left)
                    return
                serving.engine.send_data(stream, b"y" * room)
                left -= room
            serving.engine.end_stream(stream)
            serving.flush()

        send(size)

    speaking.answer = staticmethod(answer)

    async def story(talk):
        stream = talk.begin(method="POST", ended=False)
        left = size
        while left:
            room = min(talk.engine.local_flow_control_window(stream), 16_384, left)
            if room:
                talk.send(stream, b"x" * room)
                left -= room
            else:
                talk.news.clear()
                await talk.news.wait()
        talk.send(stream, b"", ended=True)
        assert (await talk.reply(stream)).body == b"y" * size

    run_h2(bed, story)
    [serving] = busy(bed)
    assert serving.bodies[1] == b"x" * size


def test_a_target_that_does_not_read_holds_its_client_up(bed):
    speaking = speak_h2(bed)
    speaking.greedy = False

    async def story(talk):
        stream = talk.begin(method="POST", ended=False)
        sent = 0
        for _ in range(100):
            room = min(talk.engine.local_flow_control_window(stream), 16_384)
            if room:
                talk.send(stream, b"x" * room)
                sent += room
            await asyncio.sleep(0.1)
        assert 65_535 <= sent <= 400_000

    run_h2(bed, story)


@pytest.mark.parametrize(
    ("cause", "answer"),
    [
        (Cause.TARGET_RESET_STREAM, lambda serving, stream: serving.engine.reset_stream(stream, 8)),
        (Cause.TARGET_CLOSED_CONNECTION, lambda serving, stream: serving.transport.close()),
        (Cause.TARGET_RESET_CONNECTION, lambda serving, stream: serving.transport.abort()),
        (Cause.MALFORMED_RESPONSE, lambda serving, stream: serving.transport.write(b"\0\0\0\4\0\0\0\0\1")),
        (Cause.MALFORMED_RESPONSE, reply(body=b"abc", fields=[("content-length", "2")])),
        (Cause.RESPONSE_HEADERS_TOO_LONG, reply(fields=[(f"x-{n}", "a" * 4000) for n in range(9)])),
        (Cause.RESPONSE_TIMEOUT, lambda serving, stream: None),
    ],
)
def test_what_goes_wrong(bed, cause, answer):
    speaking = speak_h2(bed)
    speaking.answer = staticmethod(answer)

    async def story(talk):
        assert (await talk.fetch()).status == cause.status
        speaking.answer = staticmethod(reply())
        assert (await talk.fetch()).status == 200

    run_h2(bed, story)
    assert causes(bed) == [str(cause)]


def test_an_old_target_in_an_http_2_group_is_a_502(bed):
    [item] = [item for key, item in bed.items.items() if key.startswith("target-group/")]
    item["protocol_version"] = "HTTP2"

    async def story(talk):
        await asyncio.sleep(40)  # until it is unhealthy, and gets requests as all are
        assert (await talk.fetch()).status == 502

    run_h2(bed, story)
    assert causes(bed) == ["MalformedResponse"]


def test_a_goaway_lets_what_is_under_way_end(bed):
    speaking = speak_h2(bed)

    def answer(serving, stream):
        from hyperframe.frame import GoAwayFrame

        frame = GoAwayFrame(0)
        frame.last_stream_id = stream
        serving.transport.write(frame.serialize())
        asyncio.get_running_loop().call_later(1, reply(), serving, stream)

    speaking.answer = staticmethod(answer)

    async def story(talk):
        assert (await talk.fetch()).status == 200
        assert (await talk.fetch()).status == 200

    run_h2(bed, story)
    assert len(busy(bed)) == 2


def test_a_client_that_resets_resets_the_targets_stream(bed):
    speaking = speak_h2(bed)
    speaking.answer = staticmethod(lambda serving, stream: None)

    async def story(talk):
        stream = talk.begin()
        await asyncio.sleep(0.5)
        talk.reset(stream)
        await asyncio.sleep(0.5)
        [serving] = busy(bed)
        assert serving.resets == [1]

    run_h2(bed, story)
    assert [line.split()[8] for line in bed.log()] == ["460"]


def test_the_deregistration_delay(bed):
    speaking = speak_h2(bed)
    speaking.answer = staticmethod(lambda serving, stream: None)
    [item] = [item for key, item in bed.items.items() if key.startswith("target-group/")]
    item["attributes"]["deregistration_delay.timeout_seconds"] = "5"

    async def story(talk):
        stream = talk.begin()
        await asyncio.sleep(0.5)
        bed.deregister("10.0.0.20:80")
        assert (await talk.reply(stream)).status == 502

    run_h2(bed, story)
    assert causes(bed) == ["DeregistrationDelayElapsed"]


# ---- gRPC ----------------------------------------------------------------------------------------------------

GRPC = (("content-type", "application/grpc"), ("te", "trailers"))


@pytest.fixture
def grpc(bed):
    speaking = speak_h2(bed, "GRPC")
    speaking.probe = staticmethod(
        reply(body=b"", fields=[("content-type", "application/grpc"), ("grpc-status", "12")])
    )
    speaking.answer = staticmethod(
        reply(
            body=b"\0\0\0\0\2hi",
            fields=[("content-type", "application/grpc")],
            trailers=[("grpc-status", "0"), ("grpc-message", "")],
        )
    )
    return bed


def test_a_grpc_call_with_its_trailers(grpc):
    async def story(talk):
        stream = talk.begin(*GRPC, method="POST", path="/helloworld.Greeter/SayHello", ended=False)
        talk.send(stream, b"\0\0\0\0\1x", ended=True)
        answer = await talk.reply(stream)
        assert (answer.status, answer.body) == (200, b"\0\0\0\0\2hi")
        assert answer.trailers == {"grpc-status": "0", "grpc-message": ""}
        [group] = grpc.net.element("alb").orders.groups.values()
        assert [str(target.state) for target in group.engine.targets.values()] == ["healthy"]

    run_h2(grpc, story)
    [serving] = busy(grpc)
    assert serving.heads[1]["te"] == "trailers"
    assert serving.bodies[1] == b"\0\0\0\0\1x"
    [line] = grpc.log()
    assert line.startswith("grpcs ")


@pytest.mark.parametrize("matcher", ["0", "0-11", "13,14"])
def test_a_grpc_probe_with_another_status_fails(grpc, matcher):
    [item] = [item for key, item in grpc.items.items() if key.startswith("target-group/")]
    item["health_check"]["Matcher"] = {"GrpcCode": matcher}

    async def story(talk):
        [group] = grpc.net.element("alb").orders.groups.values()
        await asyncio.sleep(40)
        assert [str(target.state) for target in group.engine.targets.values()] == ["unhealthy"]

    run_h2(grpc, story)


def test_464_grpc_needs_post(grpc):
    async def story(talk):
        assert (await talk.fetch(*GRPC)).status == 464

    run_h2(grpc, story)
    assert causes(grpc) == ["GrpcNeedsPost"]


def test_464_grpc_to_http1_targets(bed):
    async def story(talk):
        assert (await talk.fetch(*GRPC, method="POST")).status == 464

    run_h2(bed, story)
    assert causes(bed) == ["GrpcToHttp1Targets"]


def test_spoiled_answers_cost_their_request_and_no_other(bed, caplog):
    speaking = speak_h2(bed)
    bed.items["load-balancer"]["attributes"]["idle_timeout.timeout_seconds"] = "5"
    dice = Random(3)

    def answer(serving, stream):
        serving.engine.send_headers(stream, [(":status", "200"), ("content-length", "5"), ("x", "y" * 30)])
        serving.engine.send_data(stream, b"hello", end_stream=True)
        data = bytearray(serving.engine.data_to_send())
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data))
            if dice.random() < 0.7:
                data[at] = dice.randrange(256)
            else:
                data[at:at] = dice.randbytes(dice.randint(1, 5))
        serving.transport.write(bytes(data))

    async def story(talk):
        for _ in range(120):
            speaking.answer = staticmethod(answer)
            spoiled = await talk.fetch()
            assert spoiled.reset is not None or 200 <= spoiled.status < 600
            speaking.answer = staticmethod(reply())
            assert (await talk.fetch()).status in (200, 502, 504)
        await asyncio.sleep(20)

    run_h2(bed, story)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert bed.net.element("alb").inspect()["connections"]["target"] == 0
