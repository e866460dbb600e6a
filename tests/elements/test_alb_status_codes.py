"""Every status that an ALB makes by itself, for each documented cause: what the client sees, and what is said of it.

Those of authentication, JWT and AWS WAF are in `test_alb_authentication.py`.
"""

import asyncio
from typing import Any

import pytest

from actors.protocols.alb_causes import Cause
from actors.wire.addresses import ip_bytes
from tests.elements.alb_bed import GET, OK, Bed, say, silent

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"


def judged(bed: Bed, status: int, cause: Cause, target: str | None = None) -> dict[str, Any]:
    """The log, the metric and the ring agree on status and cause; what the ring has."""
    [line] = bed.log()
    assert line.split()[8] == str(status)
    assert line.split()[4] == (target or "-")
    assert bed.metric("journey_alb_errors_total", status=str(status), cause=str(cause)) == 1
    [error] = bed.net.element("alb").node.errors.last()
    assert (error["status"], error["cause"], error["sentence"]) == (status, str(cause), cause.sentence)
    assert error.get("target") == target
    return error


def asked(tmp_path, request: bytes, answer: Any = None, **parts: Any) -> tuple[Bed, int]:
    """What the client gets for one request."""
    bed = Bed(tmp_path, **parts)

    async def story():
        if answer is not None:
            bed.target().answer = answer
        talk = await bed.connect()
        return (await talk.ask(request)).status

    return bed, bed.run(story())


# ---- 4XX: the client's doing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "request_bytes"),
    [
        (Cause.MALFORMED_REQUEST, b"NONSENSE\r\n\r\n"),
        (Cause.MALFORMED_REQUEST, b"GET / HTTP/1.1\r\n\r\n"),
        (Cause.MALFORMED_REQUEST, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (Cause.MALFORMED_REQUEST, HEAD + b"Content-Length: x\r\n\r\n"),
        (Cause.MALFORMED_REQUEST, HEAD + b"X-A: b\r\n folded\r\n\r\n"),
        (Cause.MALFORMED_REQUEST, HEAD + b"Host: b\r\n\r\n"),
        (Cause.MALFORMED_REQUEST, b"GET ftp://example.com/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (Cause.MALFORMED_REQUEST, b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n"),
        (Cause.HEADER_TOO_LONG, HEAD + b"X-A: " + b"a" * 16_400 + b"\r\n\r\n"),
        (Cause.HEADERS_TOO_LONG, HEAD + b"X-A: aaaaaaaaaaa\r\n" * 5_000 + b"\r\n"),
        (Cause.DESYNC_MITIGATION, HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        (Cause.METHOD_NOT_ALLOWED, b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (Cause.REQUEST_LINE_TOO_LONG, b"GET /" + b"a" * 16_400 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        (Cause.TOO_MANY_FORWARDED, HEAD + b"X-Forwarded-For: " + b"1.1.1.1, " * 30 + b"1.1.1.1\r\n\r\n"),
        (
            Cause.UNSUPPORTED_TRANSFER_ENCODING,
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        ),
        (Cause.UNSUPPORTED_VERSION, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (Cause.UNSUPPORTED_VERSION, b"GET / HTTP/3.7\r\n\r\n"),
    ],
)
def test_a_request_that_no_target_gets(tmp_path, cause, request_bytes):
    bed, status = asked(tmp_path, request_bytes)
    assert status == cause.status
    assert bed.target().requests == []
    assert judged(bed, status, cause)["target_ms"] is None
    assert " -1 -1 -1 " in bed.log()[0]


def test_400_client_closed_mid_request(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().patient = True
        talk = await bed.connect()
        talk.transport.write(POST)
        await asyncio.sleep(1)
        talk.transport.close()
        await asyncio.sleep(1)

    bed.run(story())
    judged(bed, 400, Cause.CLIENT_CLOSED_MID_REQUEST, "10.0.0.20:80")


def test_408_client_timeout(tmp_path):
    bed = Bed(tmp_path, attributes={"idle_timeout.timeout_seconds": "20"})

    async def story():
        bed.target().patient = True
        talk = await bed.connect()
        assert (await talk.ask(POST)).status == 408
        assert 20 <= asyncio.get_running_loop().time() < 21

    bed.run(story())
    judged(bed, 408, Cause.CLIENT_TIMEOUT, "10.0.0.20:80")


def test_460_client_closed(tmp_path):
    bed = Bed(tmp_path)

    def outstanding() -> int:
        [target] = bed.net.element("alb").inspect()["target_groups"]["web-group"]["targets"]
        return target["outstanding"]

    async def story():
        bed.target().answer = silent
        talk = await bed.connect()
        talk.transport.write(GET)
        await asyncio.sleep(1)
        assert outstanding() == 1
        talk.transport.close()
        await asyncio.sleep(1)
        assert outstanding() == 0

    bed.run(story())
    judged(bed, 460, Cause.CLIENT_CLOSED, "10.0.0.20:80")
    assert " 0.000 -1 -1 460 - " in bed.log()[0]


@pytest.mark.parametrize(
    ("version", "cause"),
    [("HTTP2", Cause.HTTP1_TO_HTTP2_TARGETS), ("GRPC", Cause.HTTP1_TO_GRPC_TARGETS)],
)
def test_464_protocol_version(tmp_path, version, cause):
    bed = Bed(tmp_path)
    item = next(key for key in bed.items if key.startswith("target-group/"))
    bed.items[item]["protocol_version"] = version
    assert bed.run(bed.ask()).status == 464
    judged(bed, 464, cause)


# ---- 502: refused, reset, unreachable, closed ----------------------------------------------------------------


def test_502_target_refused_connection(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().server.close()
        return (await bed.ask()).status

    assert bed.run(story()) == 502
    judged(bed, 502, Cause.TARGET_REFUSED_CONNECTION, "10.0.0.20:80")
    assert " 10.0.0.20:80 -1 -1 -1 502 - " in bed.log()[0]
    assert bed.metric("journey_alb_target_connection_errors_total") == 1


def test_502_target_unreachable(tmp_path):
    """The VPC's router, or a host, answers with ICMP."""
    bed = Bed(tmp_path)

    async def story():
        alb, target = bed.net.element("alb"), bed.target()

        def complain(port: str, frame: bytes) -> None:
            alb.stack.tcp.on_unreachable(
                ip_bytes("10.0.0.10"),
                ip_bytes("10.0.0.20"),
                frame[34:],
                OSError(113, "no route to host"),
            )

        for connection in target.connections:
            connection.transport.abort()
        await asyncio.sleep(0.1)
        target.on_frame = complain
        return (await bed.ask()).status

    assert bed.run(story()) == 502
    judged(bed, 502, Cause.TARGET_UNREACHABLE, "10.0.0.20:80")


@pytest.mark.parametrize(
    ("cause", "answer"),
    [
        (Cause.TARGET_CLOSED_CONNECTION, lambda serving, request: serving.transport.close()),
        (Cause.TARGET_CLOSED_CONNECTION, say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", close=True)),
        (Cause.TARGET_RESET_CONNECTION, lambda serving, request: serving.transport.abort()),
        (Cause.MALFORMED_RESPONSE, say(b"SSH-2.0-OpenSSH_9.2\r\n")),
        (Cause.MALFORMED_RESPONSE, say(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")),
        (
            Cause.MALFORMED_RESPONSE,
            say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        ),
        (Cause.RESPONSE_HEADERS_TOO_LONG, say(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n")),
        (
            Cause.RESPONSE_HEADERS_TOO_LONG,
            say(b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaaaaaaaaa\r\n" * 2_500 + b"\r\n"),
        ),
    ],
)
def test_502_in_the_middle(tmp_path, cause, answer):
    bed, status = asked(tmp_path, GET, answer)
    assert status == 502
    error = judged(bed, 502, cause, "10.0.0.20:80")
    assert error["chosen"] == {
        "target": "10.0.0.20:80",
        "outstanding": 0,
        "state": "healthy",
        "healthy_targets": 1,
        "state_now": "healthy",
    }
    assert [each["target"] for each in error["targets_now"]] == ["10.0.0.20:80"]


def test_502_deregistration_delay_elapsed(tmp_path):
    bed = Bed(tmp_path, group_attributes={"deregistration_delay.timeout_seconds": "5"})

    async def story():
        bed.target().answer = silent
        talk = await bed.connect()
        talk.transport.write(GET)
        await asyncio.sleep(1)
        bed.deregister("10.0.0.20:80")
        assert (await talk.response()).status == 502

    bed.run(story())
    error = judged(bed, 502, Cause.DEREGISTRATION_DELAY_ELAPSED, "10.0.0.20:80")
    assert (error["chosen"]["state"], error["chosen"]["state_now"]) == ("healthy", "unused")


# ---- 503: nobody to send to ----------------------------------------------------------------------------------


def test_503_no_targets(tmp_path):
    bed, status = asked(tmp_path, GET, targets=0)
    assert status == 503
    judged(bed, 503, Cause.NO_TARGETS)


def test_503_all_targets_unused(tmp_path):
    """Nobody has passed the first health checks yet."""
    bed = Bed(tmp_path, targets=2, registered=0)

    async def story():
        bed.target().on_frame = lambda port, frame: None
        bed.register("10.0.0.20:80")
        await asyncio.sleep(0.2)
        return (await bed.ask()).status

    assert bed.run(story()) == 503
    error = judged(bed, 503, Cause.ALL_TARGETS_UNUSED)
    assert [each["state"] for each in error["targets_now"]] == ["initial"]


# ---- 504: silence --------------------------------------------------------------------------------------------


def test_504_connect_timeout(tmp_path):
    bed = Bed(tmp_path, health_check={"HealthCheckIntervalSeconds": 300})

    async def story():
        bed.target().on_frame = lambda port, frame: None
        return (await bed.ask()).status

    assert bed.run(story()) == 504
    error = judged(bed, 504, Cause.CONNECT_TIMEOUT, "10.0.0.20:80")
    assert error["total_ms"] == pytest.approx(10_000, abs=100)
    assert " 10.0.0.20:80 -1 -1 -1 504 - " in bed.log()[0]


def test_504_response_timeout(tmp_path):
    bed, status = asked(tmp_path, GET, silent, attributes={"idle_timeout.timeout_seconds": "7"})
    assert status == 504
    assert judged(bed, 504, Cause.RESPONSE_TIMEOUT, "10.0.0.20:80")["total_ms"] == pytest.approx(
        7_000, abs=100
    )
    assert " 10.0.0.20:80 0.000 -1 -1 504 - " in bed.log()[0]


def test_504_incomplete_response(tmp_path):
    bed, status = asked(tmp_path, GET, say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"))
    assert status == 504
    judged(bed, 504, Cause.INCOMPLETE_RESPONSE, "10.0.0.20:80")


# ---- what is no error of the load balancer's ----------------------------------------------------------------


def test_a_targets_own_503_is_passed_on_and_kept_without_a_cause(tmp_path):
    page = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"
    bed, status = asked(tmp_path, GET, say(page))
    assert status == 503
    [error] = bed.net.element("alb").node.errors.last()
    assert (error["source"], error["cause"]) == ("target", None)
    assert error["sentence"] == "The target itself answered 503."
    assert " 10.0.0.20:80 0.000 0.000 0.000 503 503 " in bed.log()[0]


def test_a_broken_off_answer_keeps_its_status_and_has_a_cause(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + b"x" * 2000, close=True
        )
        talk = await bed.connect()
        talk.transport.write(GET)
        await talk.lost.wait()
        assert talk.heard.endswith(b"\r\n\r\n" + b"x" * 2000)

    bed.run(story())
    assert judged(bed, 200, Cause.TARGET_CLOSED_CONNECTION, "10.0.0.20:80")["broken_off"]


def test_a_request_is_explained_by_the_root_of_its_trace(tmp_path):
    root = "1-67891233-abcdef012345678912345678"
    bed, _ = asked(tmp_path, HEAD + f"X-Amzn-Trace-Id: Root={root}\r\n\r\n".encode(), silent)

    errors = bed.net.element("alb").node.errors
    error = errors.find(root)
    assert error["cause"] == "ResponseTimeout"
    assert error["request"] == "GET http://a:80/ HTTP/1.1"
    assert errors.find(f"Root={root}") is error
    assert errors.find("1-0-0") is None


def test_the_ring_is_bounded_and_newest_first(tmp_path, monkeypatch):
    bed = Bed(tmp_path, targets=0)

    async def story():
        talk = await bed.connect()
        for number in range(30):
            await talk.ask(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        return await bed.net.element("alb").call_errors(3)

    errors = bed.run(story())
    assert [error["request"].split()[1][-3:] for error in errors] == ["/29", "/28", "/27"]


def test_every_cause_has_a_status_and_a_sentence():
    for cause in Cause:
        assert 400 <= cause.status < 600
        assert cause.sentence.endswith(".")


def test_what_is_recorded_of_a_502(tmp_path):
    from actors.element import JOURNEY

    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = lambda serving, request: serving.transport.close()
        JOURNEY.set("67891233abcdef012345678912345678")
        assert (await bed.ask()).status == 502
        bed.target().answer = say(OK)
        assert (await bed.ask()).status == 200

    bed.run(story())
    bad, good = bed.records("alb.response")
    assert (bad["status"], bad["source"], bad["cause"]) == (502, "elb", "TargetClosedConnection")
    assert bad["sentence"].startswith("The target closed the connection (FIN)")
    assert (bad["target"], bad["target_status"]) == ("10.0.0.20:80", None)
    assert (good["status"], good["source"], good["cause"]) == (200, "target", None)
    assert good["total_ms"] >= good["target_ms"] > 0
