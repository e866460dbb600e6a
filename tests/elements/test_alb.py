import asyncio
import re
from dataclasses import replace

import pytest

from actors.element import JOURNEY, CallFailed
from actors.wire.baggage import facts_of
from tests.elements.alb_bed import (
    ARN,
    GET,
    OK,
    Bed,
    Talk,
    fixed,
    path,
    rule,
    say,
    silent,
)

JOURNEY_ID = "67891233abcdef012345678912345678"


def status_of(line: str) -> str:
    return line.split()[8]


# ---- what the target gets ----------------------------------------------------------------------------------


def test_a_request_reaches_the_target_with_the_fields_that_an_alb_adds(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        response = await bed.ask(
            b"GET /a?b=c HTTP/1.1\r\nHost: EXAMPLE.com:80\r\nUser-Agent: me\r\nConnection: close\r\n\r\n"
        )
        assert (response.status, response.body) == (200, [b"ok"])

    bed.run(story())
    heard = bed.target().heard.split(b"\r\n\r\n")[-2].split(b"\r\n")
    assert heard[:5] == [
        b"GET /a?b=c HTTP/1.1",
        b"X-Forwarded-For: 10.0.0.100",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Port: 80",
        b"Host: example.com",
    ]
    assert re.fullmatch(rb"X-Amzn-Trace-Id: Root=1-[0-9a-f]{8}-[0-9a-f]{24}", heard[5])
    assert heard[6:] == [b"User-Agent: me"]


@pytest.mark.parametrize(
    ("attributes", "existing", "expected"),
    [
        ({}, b"", b"10.0.0.100"),
        ({}, b"1.1.1.1", b"1.1.1.1, 10.0.0.100"),
        ({"routing.http.xff_header_processing.mode": "preserve"}, b"1.1.1.1", b"1.1.1.1"),
        ({"routing.http.xff_header_processing.mode": "remove"}, b"1.1.1.1", None),
    ],
)
def test_forwarded_for_by_attribute(tmp_path, attributes, existing, expected):
    bed = Bed(tmp_path, attributes=attributes)
    field = b"X-Forwarded-For: " + existing + b"\r\n" if existing else b""
    bed.run(bed.ask(b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n"))
    assert bed.target().requests[0].fields.get(b"x-forwarded-for") == expected


def test_the_clients_port_and_its_host_when_attributes_say_so(tmp_path):
    bed = Bed(
        tmp_path,
        attributes={
            "routing.http.xff_client_port.enabled": "true",
            "routing.http.preserve_host_header.enabled": "true",
        },
    )
    bed.run(bed.ask(b"GET / HTTP/1.1\r\nHost: EXAMPLE.com:80\r\n\r\n"))
    fields = bed.target().requests[0].fields
    assert fields[b"host"] == b"EXAMPLE.com:80"
    assert re.fullmatch(rb"10\.0\.0\.100:\d+", fields[b"x-forwarded-for"])


def test_http_1_0_without_host_gets_the_load_balancers_name_and_a_close(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        response = await talk.ask(b"GET / HTTP/1.0\r\n\r\n")
        assert response.fields[b"connection"] == b"close"
        await talk.lost.wait()

    bed.run(story())
    assert bed.target().requests[0].fields[b"host"] == b"web-1.eu-west-1.elb.amazonaws.com"


# ---- bodies, both ways -------------------------------------------------------------------------------------


def test_a_body_with_length_streams_to_the_target(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().patient = True
        talk = await bed.connect()
        talk.transport.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        await asyncio.sleep(0.5)
        assert bed.target().heard.endswith(b"\r\n\r\nabc")
        assert (await talk.ask(b"def")).status == 200

    bed.run(story())
    assert b"".join(bed.target().requests[0].body) == b"abcdef"


def test_a_chunked_body_stays_chunked(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().patient = True
        talk = await bed.connect()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await talk.ask(head + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n")).status == 200

    bed.run(story())
    [request] = bed.target().requests
    assert request.chunked
    assert b"".join(request.body) == b"abcde"


def test_megabytes_each_way_while_the_other_side_does_not_read(tmp_path):
    """More than all buffers on the way hold, so that who sends has to wait."""
    bed = Bed(tmp_path)
    size = 4_000_000

    async def story():
        for name in ("client", "alb", "t0"):  # whose receive buffers would grow beyond that
            layer = bed.net.element(name).stack.tcp
            layer.settings = replace(layer.settings, moderate_receive_buffer=False)
        target = bed.target()
        target.patient = True
        target.answer = say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size)
        talk = await bed.connect()
        await talk.ask(GET)
        target.connections[-1].transport.pause_reading()
        talk.transport.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        talk.transport.write(b"x" * size)
        await asyncio.sleep(5)
        assert talk.transport.get_write_buffer_size() > size / 2
        talk.transport.pause_reading()
        target.connections[-1].transport.resume_reading()
        await asyncio.sleep(5)
        assert target.connections[-1].transport.get_write_buffer_size() > size / 2
        talk.transport.resume_reading()
        response = await talk.response()
        assert sum(map(len, response.body)) == size

    bed.run(story())
    assert sum(map(len, bed.target().requests[-1].body)) == size


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
    ],
)
def test_responses_pass_through_and_connections_are_used_again(tmp_path, answer, expected):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(answer)
        talk = await bed.connect()
        for _ in range(2):
            response = await talk.ask(GET)
            assert b"".join(response.body) == expected
            assert response.fields[b"connection"] == b"keep-alive"

    bed.run(story())
    assert len(bed.target().connections) - len(bed.target().probes) == 1


def test_a_response_that_ends_with_its_connection_is_chunked_for_the_client(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(b"HTTP/1.1 200 OK\r\n\r\nabc", close=True)
        talk = await bed.connect()
        response = await talk.ask(GET)
        assert (response.chunked, b"".join(response.body)) == (True, b"abc")
        bed.target().answer = say(OK)
        assert (await talk.ask(GET)).status == 200

    bed.run(story())


def test_a_chunked_response_for_http_1_0_ends_with_the_connection(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        talk = await bed.connect()
        response = await talk.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (response.chunked, response.body) == (False, [b"abc"])
        await talk.lost.wait()

    bed.run(story())


def test_head_has_no_body_and_leaves_the_connection_usable(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        bed.target().answer = say(b"HTTP/1.1 200 OK\r\nContent-Length: 615\r\n\r\n")
        response = await talk.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD")
        assert response.fields[b"content-length"] == b"615"
        bed.target().answer = say(OK)
        assert (await talk.ask(GET)).body == [b"ok"]

    bed.run(story())


def test_the_alb_answers_expect_itself(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().patient = True
        talk = await bed.connect()
        talk.transport.write(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        await asyncio.sleep(0.5)
        assert talk.heard == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await talk.ask(b"abc")).status == 200

    bed.run(story())
    assert b"expect" not in bed.target().requests[0].fields


def test_pipelined_requests_are_answered_in_order_and_one_at_a_time(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = lambda serving, request: serving.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.target), request.target)
        )
        talk = await bed.connect()
        talk.transport.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(5)))
        await asyncio.sleep(1)
        assert re.findall(rb"\r\n(/\d)", talk.heard) == [b"/0", b"/1", b"/2", b"/3", b"/4"]

    bed.run(story())
    assert len(bed.target().connections) - len(bed.target().probes) == 1


# ---- what the ALB answers itself ---------------------------------------------------------------------------


def test_the_page_of_an_error_is_awss(tmp_path):
    bed = Bed(tmp_path, targets=0)

    async def story():
        response = await bed.ask()
        assert (response.status, response.reason) == (503, b"Service Temporarily Unavailable")
        assert b"Server: awselb/2.0\r\n" in response.lines
        assert response.fields[b"content-length"] == b"162"
        assert b"".join(response.body) == (
            b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
            b"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n"
        )

    bed.run(story())
    [line] = bed.log()
    assert re.match(r"http \S+ app/web/50dc6c495c0c9188 10\.0\.0\.100:\d+ - -1 -1 -1 503 - 37 \d+ ", line)
    assert (
        bed.metric("journey_alb_requests_total", target_group="web-group", code_class="5xx", source="elb")
        == 1
    )


def test_a_broken_chunk_in_the_middle_of_a_body_is_a_400(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = silent
        talk = await bed.connect()
        talk.transport.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await asyncio.sleep(1)
        assert (await talk.ask(b"zz\r\n")).status == 400
        await talk.lost.wait()

    bed.run(story())


# ---- silence and age ---------------------------------------------------------------------------------------


def test_idle_connections_are_closed_on_both_sides(tmp_path):
    bed = Bed(tmp_path, attributes={"idle_timeout.timeout_seconds": "10"})

    async def story():
        talk = await bed.connect()
        await talk.ask(GET)
        await asyncio.sleep(9)
        assert not talk.lost.is_set()
        await asyncio.sleep(2)
        assert talk.lost.is_set()
        return bed.net.element("alb").inspect()["connections"]

    assert bed.run(story()) == {"client": 0, "target": 0}


def test_a_request_that_stops_in_its_head_is_a_408(tmp_path):
    bed = Bed(tmp_path, attributes={"idle_timeout.timeout_seconds": "10"})

    async def story():
        bed.target().answer = silent
        talk = await bed.connect()
        assert (await talk.ask(b"GET / HT")).status == 408
        assert bed.net.loop.time() > 10

    bed.run(story())


def test_after_its_keep_alive_a_connection_serves_one_more_request(tmp_path):
    bed = Bed(tmp_path, attributes={"client_keep_alive.seconds": "60", "idle_timeout.timeout_seconds": "100"})

    async def story():
        talk = await bed.connect()
        assert (await talk.ask(GET)).fields[b"connection"] == b"keep-alive"
        await asyncio.sleep(61)
        assert (await talk.ask(GET)).fields[b"connection"] == b"close"
        await talk.lost.wait()

    bed.run(story())


# ---- targets -----------------------------------------------------------------------------------------------


def test_connections_to_targets_are_shared_by_all_clients(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        for _ in range(5):
            await bed.ask()

    bed.run(story())
    assert len(bed.target().connections) - len(bed.target().probes) == 1


def test_a_target_that_asks_for_it_gets_a_new_connection_each_time(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        for _ in range(3):
            await bed.ask()

    bed.run(story())
    assert len(bed.target().connections) - len(bed.target().probes) == 3


@pytest.mark.parametrize("algorithm", ["round_robin", "least_outstanding_requests"])
def test_a_slow_target(tmp_path, algorithm):
    """Round robin goes on giving it its share; least outstanding requests does not."""
    bed = Bed(tmp_path, targets=2, group_attributes={"load_balancing.algorithm.type": algorithm})

    async def story():
        bed.target(0).answer = silent
        talks = [await bed.connect() for _ in range(20)]
        for talk in talks:
            talk.transport.write(GET)
            await asyncio.sleep(0.01)

    bed.run(story())
    slow = len(bed.target(0).requests)
    assert slow == (10 if algorithm == "round_robin" else 1)


def test_health_checks_look_like_awss(tmp_path):
    bed = Bed(tmp_path)
    bed.run(asyncio.sleep(0))
    assert bed.target().probes == [
        b"GET / HTTP/1.1\r\nHost: 10.0.0.20\r\nConnection: close\r\n"
        b"User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
    ]


def states(bed: Bed) -> list[tuple[float, str, str]]:
    return [
        (round(entry["t_ns"] / 1e9), entry["to"], entry["reason"]) for entry in bed.records("target.state")
    ]


def test_a_targets_way_down_and_back(tmp_path):
    health_check = {
        "HealthCheckIntervalSeconds": 10,
        "UnhealthyThresholdCount": 2,
        "HealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200-299"},
    }
    bed = Bed(tmp_path, health_check=health_check)

    async def story():
        bed.target().probe = say(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(25)
        assert (await bed.ask()).status == 200  # fail-open
        bed.target().probe = say(b"HTTP/1.1 204 No Content\r\n\r\n")
        await asyncio.sleep(31)

    bed.run(story())
    assert states(bed) == [
        (0, "initial", "Elb.RegistrationInProgress"),
        (0, "initial", "Elb.InitialHealthChecking"),
        (0, "healthy", ""),
        (20, "unhealthy", "Target.ResponseCodeMismatch"),
        (50, "healthy", ""),
    ]
    assert bed.metric("journey_alb_targets", target_group="web-group", state="healthy") == 1
    checks = "journey_alb_health_checks_total"
    assert bed.metric(checks, target_group="web-group", result="mismatch") == 2


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        (silent, "Target.Timeout"),
        (lambda serving, request: serving.transport.abort(), "Target.FailedHealthChecks"),
    ],
)
def test_why_a_target_is_unhealthy(tmp_path, probe, reason):
    bed = Bed(tmp_path, health_check={"HealthCheckIntervalSeconds": 6})

    async def story():
        bed.target().probe = probe
        await asyncio.sleep(20)

    bed.run(story())
    assert states(bed)[-1][1:] == ("unhealthy", reason)


def test_a_deregistered_target_ends_what_it_has_and_gets_nothing_new(tmp_path):
    bed = Bed(tmp_path, targets=2, group_attributes={"deregistration_delay.timeout_seconds": "20"})

    async def story():
        bed.target(0).answer = silent
        waiting = await bed.connect()
        waiting.transport.write(GET)
        await asyncio.sleep(1)
        bed.deregister("10.0.0.20:80")
        await asyncio.sleep(0.01)
        group = bed.net.element("alb").inspect()["target_groups"]["web-group"]
        assert [target["state"] for target in group["targets"]] == ["draining", "healthy"]
        for _ in range(3):
            assert (await bed.ask()).status == 200
        began = bed.net.loop.time()
        assert (await waiting.response()).status == 502
        assert 18 < bed.net.loop.time() - began < 21

    bed.run(story())
    assert len(bed.target(0).requests) == 1
    assert [change[1:] for change in states(bed)[-2:]] == [
        ("draining", "Target.DeregistrationInProgress"),
        ("unused", "Target.NotRegistered"),
    ]


# ---- RegisterTargets, DeregisterTargets, DescribeTargetHealth -------------------------------------------------


async def call(bed: Bed, verb: str, *targets: str | dict, group: str = ARN) -> dict:
    """`10.0.0.20:80` is short for {"Id": "10.0.0.20", "Port": 80}."""
    shapes = [
        {"Id": each.partition(":")[0], "Port": int(each.partition(":")[2])} if isinstance(each, str) else each
        for each in targets
    ]
    arguments = {"target_group": group, **({"targets": shapes} if targets else {})}
    return await bed.net.element("alb").on_call(verb, arguments)


async def health(bed: Bed, *targets: str) -> dict[str, tuple[str, ...]]:
    """State, reason and description of each target, by its address and port."""
    answer = await call(bed, "describe_target_health", *targets)
    return {
        f"{each['Target']['Id']}:{each['Target']['Port']}": tuple(each["TargetHealth"].values())
        for each in answer["TargetHealthDescriptions"]
    }


DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNREGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")


def test_a_registered_target_gets_requests_after_its_first_passing_check(tmp_path):
    bed = Bed(
        tmp_path,
        targets=2,
        registered=0,
        health_check={"HealthCheckIntervalSeconds": 15, "HealthyThresholdCount": 5},
    )

    async def story():
        assert await call(bed, "describe_target_health") == {"TargetHealthDescriptions": []}
        assert (await bed.ask()).status == 503
        bed.register("10.0.0.20:80", "10.0.0.21:80")
        await asyncio.sleep(0.0001)
        assert await health(bed) == dict.fromkeys(
            ("10.0.0.20:80", "10.0.0.21:80"),
            ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
        )
        await asyncio.sleep(0.05)
        answer = await call(bed, "describe_target_health")
        assert answer["TargetHealthDescriptions"][0] == {
            "Target": {"Id": "10.0.0.20", "Port": 80},
            "HealthCheckPort": "80",
            "TargetHealth": {"State": "healthy"},
        }
        for _ in range(4):
            assert (await bed.ask()).status == 200

    bed.run(story())
    assert [len(bed.target(number).requests) for number in (0, 1)] == [2, 2]
    (event,) = bed.records("target.registered")
    assert (event["target_group"], event["targets"]) == ("web-group", ["10.0.0.20:80", "10.0.0.21:80"])


def test_why_a_target_is_not_healthy_in_awss_words(tmp_path):
    bed = Bed(
        tmp_path, targets=3, health_check={"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
    )

    async def story():
        bed.target(0).probe = say(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
        bed.target(1).probe = silent
        bed.target(2).probe = lambda serving, request: serving.transport.abort()
        await asyncio.sleep(20)
        assert await health(bed, "10.0.0.20:80", "10.0.0.21:80", "10.0.0.22:80", "10.0.0.99:80") == {
            "10.0.0.20:80": (
                "unhealthy",
                "Target.ResponseCodeMismatch",
                "Health checks failed with these codes: [500]",
            ),
            "10.0.0.21:80": ("unhealthy", "Target.Timeout", "Request timed out"),
            "10.0.0.22:80": ("unhealthy", "Target.FailedHealthChecks", "Health checks failed"),
            "10.0.0.99:80": UNREGISTERED,
        }

    bed.run(story())


def test_a_draining_target_ends_what_it_has_and_is_gone_after_the_delay(tmp_path):
    bed = Bed(tmp_path, targets=2, group_attributes={"deregistration_delay.timeout_seconds": "20"})

    async def story():
        held: list = []
        assert (await bed.ask()).status == (await bed.ask()).status == 200  # each has an idle connection now
        for number in (0, 1):
            bed.target(number).answer = lambda serving, request: held.append(serving)
        waiting = [await bed.connect(), await bed.connect()]
        for talk in waiting:
            talk.transport.write(GET)
        await asyncio.sleep(1)
        assert len(held) == 2
        probes = len(bed.target(0).probes)
        bed.deregister("10.0.0.20:80")
        await asyncio.sleep(0.01)
        assert await health(bed) == {"10.0.0.20:80": DRAINING, "10.0.0.21:80": ("healthy",)}
        bed.target(1).answer = say(OK)
        for _ in range(3):
            assert (await bed.ask()).status == 200
        await asyncio.sleep(10)
        serving = next(each for each in held if each.target is bed.target(0))
        serving.transport.write(OK)
        done = [talk for talk in waiting if talk.heard or (await asyncio.sleep(0.01)) or talk.heard]
        assert len(done) == 1
        assert (await done[0].response()).status == 200
        assert await health(bed, "10.0.0.20:80") == {"10.0.0.20:80": DRAINING}
        await asyncio.sleep(10)
        assert await health(bed, "10.0.0.20:80") == {"10.0.0.20:80": UNREGISTERED}
        assert len(bed.target(0).probes) == probes
        assert bed.net.element("alb").inspect()["connections"]["target"] == 2  # none to the one that is gone
        waiting[0].transport.abort(), waiting[1].transport.abort()

    bed.run(story())
    assert len(bed.target(0).requests) == 2
    assert [event["targets"] for event in bed.records("target.deregistered")] == [["10.0.0.20:80"]]


def test_a_draining_target_that_is_registered_again_begins_anew(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.deregister("10.0.0.20:80")
        await asyncio.sleep(0.01)
        assert (await bed.ask()).status == 503
        bed.register("10.0.0.20:80")
        await asyncio.sleep(0.0001)
        assert (await health(bed))["10.0.0.20:80"][0] == "initial"
        await asyncio.sleep(0.05)
        assert (await bed.ask()).status == 200
        await asyncio.sleep(400)
        assert await health(bed) == {"10.0.0.20:80": ("healthy",)}

    bed.run(story())


def test_without_a_delay_a_deregistered_target_is_gone_at_once(tmp_path):
    bed = Bed(tmp_path, group_attributes={"deregistration_delay.timeout_seconds": "0"})

    async def story():
        bed.target().answer = silent
        waiting = await bed.connect()
        waiting.transport.write(GET)
        await asyncio.sleep(0.1)
        bed.deregister("10.0.0.20:80")
        assert (await waiting.response()).status == 502
        assert await health(bed) == {}

    bed.run(story())


@pytest.mark.parametrize(
    ("targets", "group", "complaint"),
    [
        (["10.0.0.20:80"], "x", "TargetGroupNotFound: Target groups 'x' not found"),
        ([{"Port": 80}], ARN, "ValidationError: a target is {Id, Port}, not {'Port': 80}"),
        ([{"Id": "10.0.0.1", "Port": 0}], ARN, "ValidationError: Port 0 must lie between 1 and 65535"),
    ],
)
def test_questions_that_are_refused(tmp_path, targets, group, complaint):
    bed = Bed(tmp_path)

    async def story():
        with pytest.raises(CallFailed) as refused:
            await call(bed, "describe_target_health", *targets, group=group)
        assert str(refused.value).startswith(complaint)

    bed.run(story())


def test_targets_come_and_go_while_requests_flow(tmp_path):
    bed = Bed(tmp_path, targets=3, registered=1)
    statuses: list[int] = []

    async def ask_on(number: int) -> None:
        talk = await bed.connect()
        for _ in range(150):
            statuses.append((await talk.ask(GET)).status)
            await asyncio.sleep(0.01)

    async def story():
        clients = [asyncio.create_task(ask_on(number)) for number in range(4)]
        for register, deregister in (("1", "0"), ("2", "1"), ("0", "2"), ("1", "0")):
            bed.register(f"10.0.0.2{register}:80")
            await asyncio.sleep(0.15)
            bed.deregister(f"10.0.0.2{deregister}:80")
            await asyncio.sleep(0.15)
        await asyncio.gather(*clients)

    bed.run(story())
    assert statuses == [200] * 600
    assert all(bed.target(number).requests for number in range(3))


# ---- rules -------------------------------------------------------------------------------------------------


def test_rules_choose_by_path_and_host_and_the_default_answers_the_rest(tmp_path):
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["api.*"]}}
    bed = Bed(
        tmp_path,
        rules=[rule(2, fixed(200, "images"), path("/img/*")), rule(1, fixed(200, "api"), host)],
        default_action=fixed(404),
    )

    async def story():
        talk = await bed.connect()
        answers = []
        for host, target in (("x", "/img/a"), ("api.x", "/img/a"), ("x", "/")):
            response = await talk.ask(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answers.append((response.status, b"".join(response.body)))
        assert answers == [(200, b"images"), (200, b"api"), (404, b"")]

    bed.run(story())
    assert bed.target().requests == []
    assert [(line.split('" ')[5].split()[0], line.split('"')[11]) for line in bed.log()] == [
        ("2", "fixed-response"),
        ("1", "fixed-response"),
        ("0", "fixed-response"),
    ]


# ---- TLS, journeys, the log --------------------------------------------------------------------------------


def test_a_recorded_journey_through_tls(directory, monkeypatch):
    bed = Bed(
        directory,
        targets=2,
        protocol="HTTPS",
        group_attributes={"load_balancing.algorithm.type": "least_outstanding_requests"},
    )
    facts = []
    listen = Talk.data_received
    monkeypatch.setattr(
        Talk, "data_received", lambda *got: (facts.append(facts_of(JOURNEY.get())), listen(*got))
    )

    async def story():
        JOURNEY.set(JOURNEY_ID)
        talk = await bed.connect_securely(server_hostname="example.com")
        await talk.ask(GET)
        await talk.ask(GET)
        talk.transport.close()
        await asyncio.sleep(1)

    bed.run(story())
    mine = [
        entry for entry in bed.net.journal if entry["element"] == "alb" and entry.get("journey") == JOURNEY_ID
    ]
    kinds = [entry["kind"] for entry in mine if entry["kind"].split(".")[0] in ("tls", "alb", "http")]
    request = ["http.request", "alb.rule", "alb.target", "alb.connection", "http.response", "alb.response"]
    assert kinds == ["tls.established", *request, *request]
    by_kind = {entry["kind"]: entry for entry in mine}
    [tls] = [entry for entry in mine if entry["kind"] == "tls.established"]
    assert (tls["version"], tls["server_name"], tls["certificate"]) == (
        "TLSv1.3",
        "example.com",
        "example.com",
    )
    assert tls["handshake_ms"] == pytest.approx(0.2)
    assert by_kind["http.request"]["url"] == "https://example.com:443/"
    assert [entry["reused"] for entry in mine if entry["kind"] == "alb.connection"] == [False, False]
    assert by_kind["alb.target"]["candidates"] == [
        {"target": "10.0.0.20:80", "outstanding": 0, "state": "healthy", "weight": 1.0},
        {"target": "10.0.0.21:80", "outstanding": 0, "state": "healthy", "weight": 1.0},
    ]
    assert by_kind["alb.response"]["status"] == 200
    assert by_kind["alb.response"]["target_ms"] > 0.1
    spent_ms = {name: ns / 1e6 for name, ns in facts[-1].items()}  # what went back with the answer's frames
    told = by_kind["alb.response"]
    assert spent_ms == pytest.approx({"alb_ns": told["request_ms"], "target_ns": told["target_ms"]})
    for number in range(2):
        [request] = bed.target(number).requests
        assert request.fields[b"x-amzn-trace-id"] == b"Root=1-67891233-abcdef012345678912345678"
        assert request.fields[b"x-forwarded-proto"] == b"https"
        assert request.fields[b"x-forwarded-port"] == b"443"
    line = bed.log()[0]
    assert line.startswith("https 20")
    assert '"GET https://example.com:443/ HTTP/1.1" "-" TLS_AES_' in line
    assert ' "Root=1-67891233-abcdef012345678912345678" "example.com" "arn:aws:acm:eu-west-1:' in line


def test_other_traffic_leaves_no_record(directory):
    bed = Bed(directory, protocol="HTTPS")

    async def story():
        talk = await bed.connect_securely(server_hostname="example.com")
        await talk.ask(GET)

    bed.run(story())
    assert [entry for entry in bed.net.journal if entry["journey"] is not None] == []


def test_server_name_chooses_the_certificate(directory):
    bed = Bed(directory, protocol="HTTPS", certificates=["example.com", "other.org"])

    async def story():
        for name in ("example.com", "other.org"):
            talk = await bed.connect_securely(server_hostname=name)
            assert (await talk.ask(GET)).status == 200

    bed.run(story())


def test_the_same_seed_gives_the_same_journal(directory):
    def journal():
        bed = Bed(directory, targets=2, protocol="HTTPS")

        async def story():
            JOURNEY.set(JOURNEY_ID)
            for _ in range(3):
                talk = await bed.connect_securely(server_hostname="example.com")
                await talk.ask(GET)

        bed.run(story())
        return bed.net.journal

    assert journal() == journal()


def test_the_log_is_in_the_file_a_second_after_the_request(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        for count in (1, 2):
            await bed.ask()
            await asyncio.sleep(1.1)
            assert [status_of(line) for line in bed.log()] == ["200"] * count

    bed.run(story())


def test_an_answer_that_comes_before_the_whole_request_ends_both_connections(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        talk = await bed.connect()
        response = await talk.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nabc")
        assert (response.status, response.fields[b"connection"]) == (413, b"close")
        await talk.lost.wait()
        bed.target().answer = say(OK)
        assert (await bed.ask()).status == 200

    bed.run(story())
    assert len(bed.target().connections) - len(bed.target().probes) == 2


def test_requests_go_on_while_junk_arrives(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        dice = bed.net.host("client").random
        for size in (0, 1, 14, 60, 1500):
            bed.net.element("alb").on_frame("eth0", dice.randbytes(size))
        assert (await bed.ask()).status == 200

    bed.run(story())


def test_what_a_client_sends_after_the_last_answer_is_not_reset(tmp_path):
    """Pipelined behind a request that said `Connection: close`."""
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert (await talk.ask(last)).fields[b"connection"] == b"close"
        talk.transport.write(GET)
        await talk.lost.wait()
        await asyncio.sleep(1)
        assert bed.metric("journey_tcp_resets_total", direction="sent") == 0
        assert bed.metric("journey_tcp_resets_total", direction="received") == 0

    bed.run(story())
    assert len(bed.target().requests) == 1
