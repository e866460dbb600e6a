"""What changes while a node runs, and what goes on under it."""

import asyncio

import pytest

from tests.elements.alb_bed import ALB, ARN, GET, LISTENER_ARN, OK, Bed, say, silent, target

LISTENER, GROUP = f"listener/{LISTENER_ARN}", f"target-group/{ARN}"


async def settled() -> None:
    await asyncio.sleep(0.1)


def test_a_node_without_load_balancer_listens_on_nothing_and_checks_nobody(tmp_path):
    bed = Bed(tmp_path)
    balancer = bed.items.pop("load-balancer")

    async def story():
        alb = bed.net.element("alb")
        with pytest.raises(ConnectionRefusedError):
            await bed.ask()
        assert alb.inspect()["load_balancer"] is None
        bed.put("load-balancer", balancer)
        await settled()
        assert (await bed.ask()).status == 200
        bed.put("load-balancer", None)
        await settled()
        with pytest.raises(ConnectionRefusedError):
            await bed.ask()
        probes = len(bed.target().probes)
        await asyncio.sleep(100)
        assert len(bed.target().probes) == probes
        assert alb.inspect()["target_groups"] == {}

    bed.run(story())


def test_the_address_comes_and_goes(tmp_path):
    bed = Bed(tmp_path)
    interface = bed.items.pop("interface")

    async def story():
        with pytest.raises(OSError):
            await bed.connect(timeout_s=2)
        bed.put("interface", interface)
        await asyncio.sleep(16)
        talk = await bed.connect()
        assert (await talk.ask(GET)).status == 200
        bed.put("interface", {**interface, "address": "10.0.0.11/24"})
        await talk.lost.wait()
        await asyncio.sleep(16)
        stack = bed.net.element("client").stack
        _, talk = await stack.create_connection(type(talk), "10.0.0.11", 80)
        bed.talks.append(talk)
        assert (await talk.ask(GET)).status == 200
        with pytest.raises(OSError):
            await stack.create_connection(type(talk), ALB, 80, timeout_s=5)

    bed.run(story())


def test_a_listener_that_goes_ends_what_it_has_begun(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        held: list = []
        idle, busy = await bed.connect(), await bed.connect()
        await idle.ask(GET)
        bed.target().answer = lambda serving, request: held.append(serving)
        busy.transport.write(GET)
        await settled()
        bed.put(LISTENER, None)
        await settled()
        assert idle.lost.is_set()
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()
        assert not busy.lost.is_set()
        held[0].transport.write(OK)
        response = await busy.response()
        assert (response.status, response.fields[b"connection"]) == (200, b"close")
        await busy.lost.wait()

    bed.run(story())
    assert bed.metric("journey_tcp_resets_total", direction="sent") == 1  # to the client that came too late


def test_a_listener_moves_to_another_port(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.change(LISTENER, port=8080)
        await settled()
        talk = await bed.connect(8080)
        assert (await talk.ask(GET)).status == 200
        with pytest.raises(ConnectionRefusedError):
            await bed.connect(80)

    bed.run(story())
    assert bed.target().requests[0].fields[b"x-forwarded-port"] == b"8080"


def test_the_algorithm_changes_with_requests_outstanding(tmp_path):
    bed = Bed(tmp_path, targets=2)

    async def story():
        bed.target(0).answer = silent
        for _ in range(4):
            talk = await bed.connect()
            talk.transport.write(GET)
        await settled()
        bed.change(GROUP, attributes={"load_balancing.algorithm.type": "least_outstanding_requests"})
        await settled()
        group = bed.net.element("alb").inspect()["target_groups"]["web-group"]
        assert group["algorithm"] == "least_outstanding_requests"
        assert [each["outstanding"] for each in group["targets"]] == [2, 0]
        for _ in range(6):
            assert (await bed.ask()).status == 200
        bed.change(GROUP, attributes={})
        await settled()

    bed.run(story())
    assert [len(bed.target(number).requests) for number in (0, 1)] == [2, 8]
    told = [
        name for name in bed.net.host("alb").metrics.values() if name.startswith("journey_alb_config_info")
    ]
    assert told == [
        'journey_alb_config_info{algorithm="round_robin",deregistration_delay="300",'
        'slow_start="0",target_group="web-group"}'
    ]


def test_the_client_keep_alive_is_that_of_when_the_connection_was_opened(tmp_path):
    attributes = {"client_keep_alive.seconds": "60", "idle_timeout.timeout_seconds": "1000"}
    bed = Bed(tmp_path, attributes=attributes)

    async def story():
        talk = await bed.connect()
        await talk.ask(GET)
        bed.change("load-balancer", attributes={**attributes, "client_keep_alive.seconds": "6000"})
        await asyncio.sleep(100)
        assert (await talk.ask(GET)).fields[b"connection"] == b"close"
        other = await bed.connect()
        await asyncio.sleep(100)
        assert (await other.ask(GET)).fields[b"connection"] == b"keep-alive"

    bed.run(story())


def test_header_attributes_take_effect_from_the_next_request(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        await talk.ask(GET)
        bed.change("load-balancer", attributes={"routing.http.xff_header_processing.mode": "remove"})
        await settled()
        await talk.ask(GET)

    bed.run(story())
    assert [b"x-forwarded-for" in request.fields for request in bed.target().requests] == [True, False]


def test_a_listener_adds_fields_to_answers_and_may_hide_who_answers(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(
            b"HTTP/1.1 200 OK\r\nX-Frame-Options: SAMEORIGIN\r\nContent-Length: 0\r\n\r\n"
        )
        talk = await bed.connect()
        assert b"X-Frame-Options: SAMEORIGIN\r\n" in (await talk.ask(GET)).lines
        attributes = {
            "routing.http.response.x_frame_options.header_value": "DENY",
            "routing.http.response.server.enabled": "false",
            "routing.http.response.content_security_policy.header_value": "",
        }
        bed.change(LISTENER, attributes=attributes)
        await settled()
        assert (await talk.ask(GET)).lines == [b"X-Frame-Options: DENY\r\n"]
        refused = await talk.ask(b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert refused.status == 405
        assert b"X-Frame-Options: DENY\r\n" in refused.lines
        assert not any(line.startswith(b"Server:") for line in refused.lines)

    bed.run(story())


def test_health_checks_begin_anew_when_their_settings_change(tmp_path):
    bed = Bed(tmp_path, health_check={"HealthCheckIntervalSeconds": 300})

    async def story():
        probes = len(bed.target().probes)
        bed.change(GROUP, health_check={"HealthCheckIntervalSeconds": 10, "HealthCheckPath": "/ready"})
        await settled()
        assert len(bed.target().probes) == probes + 1
        assert b"GET /ready HTTP/1.1" in bed.target().probes[-1]
        assert (await bed.ask()).status == 200
        await asyncio.sleep(35)
        assert len(bed.target().probes) == probes + 4

    bed.run(story())
    assert [entry["to"] for entry in bed.records("target.state")] == ["initial", "initial", "healthy"]


def test_a_group_that_vanishes_is_forgotten_with_its_targets(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = silent
        talk = await bed.connect()
        talk.transport.write(GET)
        await settled()
        bed.put(GROUP, None)
        bed.put(f"targets/{ARN}", None)
        assert (await talk.response()).status == 502
        assert (await bed.ask()).status == 503
        probes = len(bed.target().probes)
        await asyncio.sleep(60)
        assert len(bed.target().probes) == probes

    bed.run(story())


def test_a_node_that_is_killed_comes_back_with_all_that_it_was_told(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.change(LISTENER, port=8080)
        await settled()
        await bed.net.restart("alb")
        await asyncio.sleep(16)  # the client's ARP entry outlives the node, and its connections do not
        talk = await bed.connect(8080)
        assert (await talk.ask(GET)).status == 200

    bed.run(story())


def test_a_load_balancer_that_goes_with_its_interface_leaves_no_connection_behind(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = silent
        talk = await bed.connect()
        talk.transport.write(GET)
        await settled()
        for key in list(bed.items):
            bed.put(key, None)
        await settled()
        assert bed.net.element("alb").inspect()["connections"] == {"client": 0, "target": 0}

    bed.run(story())


def test_targets_that_move_between_groups_by_one_change_of_everything(tmp_path):
    """aws-api was away, and tells everything when it is back: only what differs is touched."""
    bed = Bed(tmp_path, targets=2, registered=1)

    async def story():
        talk = await bed.connect()
        assert (await talk.ask(GET)).status == 200
        states = len(bed.records("target.state"))
        bed.put(f"targets/{ARN}", [target("10.0.0.20:80"), target("10.0.0.21:80")])
        await settled()
        new = bed.records("target.state")[states:]
        assert {entry["target"] for entry in new} == {"10.0.0.21:80"}
        assert (await talk.ask(GET)).status == 200

    bed.run(story())
