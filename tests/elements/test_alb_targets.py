"""Targets of all kinds: instances, HTTPS, other zones, zones that are not enabled, and what is told of them."""

import asyncio
import ssl

import pytest

from orchestrator.pki import make_authority
from tests.elements.alb_bed import ARN, Bed, Serving, group_arn, say, silent, target

GROUP = f"target-group/{ARN}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pki")
    make_authority(directory, ["example.com"])
    return directory


async def healths(bed: Bed, *asked: dict, **more) -> dict[str, tuple[str, ...]]:
    arguments = {"target_group": ARN, **({"targets": list(asked)} if asked else {}), **more}
    answer = await bed.net.element("alb").on_call("describe_target_health", arguments)
    return {
        f"{each['Target']['Id']}:{each['Target']['Port']}": tuple(each["TargetHealth"].values())[:2]
        for each in answer["TargetHealthDescriptions"]
    }


def test_an_instance_is_reached_at_its_address_and_told_of_by_its_id(tmp_path):
    instance = {**target("10.0.0.20:80"), "id": "i-0c2d00000000000a1"}
    bed = Bed(tmp_path, group={"target_type": "instance", "targets": [instance]})

    async def story():
        assert (await bed.ask()).status == 200
        assert await healths(bed) == {"i-0c2d00000000000a1:80": ("healthy",)}
        assert await healths(bed, {"Id": "i-0c2d00000000000a1"}, {"Id": "10.0.0.20"}) == {
            "i-0c2d00000000000a1:80": ("healthy",),
            "10.0.0.20:80": ("unused", "Target.NotRegistered"),
        }

    bed.run(story())


def test_a_target_may_be_registered_with_several_ports(tmp_path):
    bed = Bed(tmp_path, group={"targets": [target("10.0.0.20:80"), target("10.0.0.20:8080")]})

    async def story():
        assert await healths(bed) == {
            "10.0.0.20:80": ("healthy",),
            "10.0.0.20:8080": ("initial", "Elb.InitialHealthChecking"),
        }

    bed.run(story())


# ---- HTTPS towards targets ---------------------------------------------------------------------------------


def secure_bed(tmp_path, **group) -> Bed:
    targets = [target("10.0.0.20:443")]
    group = {"protocol": "HTTPS", "port": 443, "targets": targets, **group}
    return Bed(tmp_path, group=group)


async def serve_tls(bed: Bed, authority, **limits) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "certs" / "example.com.pem")
    for name, value in limits.items():
        setattr(context, name, value)
    host = bed.target()
    await host.stack.create_server(lambda: Serving(host), 443, ssl=context)


def test_requests_and_health_checks_over_tls_whatever_the_certificate_says(tmp_path, authority):
    bed = secure_bed(tmp_path, health_check={"HealthCheckProtocol": "HTTPS", "HealthCheckIntervalSeconds": 5})

    async def story():
        await serve_tls(bed, authority)
        await asyncio.sleep(6)
        assert await healths(bed) == {"10.0.0.20:443": ("healthy",)}
        for _ in range(3):
            assert (await bed.ask()).status == 200

    bed.run(story())
    assert len(bed.target().requests) == 3
    assert b"Host: 10.0.0.20\r\n" in bed.target().probes[0]


def test_a_check_may_use_another_port_and_plain_http(tmp_path, authority):
    bed = secure_bed(tmp_path, health_check={"HealthCheckPort": "80", "HealthCheckIntervalSeconds": 5})

    async def story():
        await serve_tls(bed, authority)
        assert await healths(bed) == {"10.0.0.20:443": ("healthy",)}
        assert (await bed.ask()).status == 200

    bed.run(story())


PLAIN_CHECK = {"HealthCheckPort": "80", "HealthCheckIntervalSeconds": 300}


def test_a_target_that_speaks_no_tls_is_a_502(tmp_path):
    bed = secure_bed(tmp_path, health_check=PLAIN_CHECK)

    class Plain(asyncio.Protocol):
        def connection_made(self, transport) -> None:
            transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def story():
        await bed.target().stack.create_server(Plain, 443)
        assert (await bed.ask()).status == 502

    bed.run(story())
    assert bed.metric("journey_alb_target_tls_negotiation_errors_total") == 1
    assert bed.metric("journey_alb_target_connection_errors_total") == 0


def test_a_target_that_closes_in_the_handshake_is_a_502(tmp_path):
    bed = secure_bed(tmp_path, health_check=PLAIN_CHECK)

    class Closing(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            self.transport.close()

        def connection_made(self, transport) -> None:
            self.transport = transport

    async def story():
        await bed.target().stack.create_server(Closing, 443)
        assert (await bed.ask()).status == 502

    bed.run(story())
    assert bed.metric("journey_alb_errors_total", status="502", cause="TargetTlsFailed") == 1


def test_a_handshake_that_takes_ten_seconds_is_a_504(tmp_path):
    bed = secure_bed(tmp_path, health_check=PLAIN_CHECK)

    async def story():
        await bed.target().stack.create_server(asyncio.Protocol, 443)
        began = bed.net.loop.time()
        assert (await bed.ask()).status == 504
        assert bed.net.loop.time() - began == pytest.approx(10, abs=0.1)

    bed.run(story())
    assert bed.metric("journey_alb_errors_total", status="504", cause="TargetTlsTimeout") == 1


# ---- zones -------------------------------------------------------------------------------------------------


def zoned(tmp_path, *zones: str, **more) -> Bed:
    targets = [target(f"10.0.0.{20 + number}:80", zone) for number, zone in enumerate(zones)]
    return Bed(tmp_path, targets=len(zones), group={"targets": targets, **more})


HOME_ONLY = {"load_balancing.cross_zone.enabled": "false"}


async def ask_six(bed: Bed) -> list[int]:
    for _ in range(6):
        await bed.ask()
    return [len(bed.target(number).requests) for number in range(len(bed.addresses))]


def test_targets_in_a_zone_that_is_not_enabled_are_not_used(tmp_path):
    bed = zoned(tmp_path, "eu-west-1a", "eu-west-1c")

    async def story():
        assert await healths(bed) == {
            "10.0.0.20:80": ("healthy",),
            "10.0.0.21:80": ("unused", "Target.NotInUse"),
        }
        assert await ask_six(bed) == [6, 0]
        zones = [*bed.items["load-balancer"]["availability_zones"], "eu-west-1c"]
        bed.change("load-balancer", availability_zones=zones)
        await asyncio.sleep(0.1)
        assert (await healths(bed))["10.0.0.21:80"] == ("healthy",)
        assert await ask_six(bed) == [9, 3]

    bed.run(story())


def test_only_targets_in_zones_that_are_not_enabled_is_a_503(tmp_path):
    bed = zoned(tmp_path, "eu-west-1c")

    async def story():
        assert (await bed.ask()).status == 503

    bed.run(story())
    assert bed.metric("journey_alb_errors_total", status="503", cause="AllTargetsUnused") == 1


def test_without_cross_zone_a_node_keeps_to_its_zone_and_takes_all_again_with_it(tmp_path):
    bed = zoned(tmp_path, "eu-west-1a", "eu-west-1b", "all", attributes=HOME_ONLY)

    async def story():
        assert await ask_six(bed) == [3, 0, 3]
        assert set(await healths(bed)) == {"10.0.0.20:80", "10.0.0.21:80", "10.0.0.22:80"}
        bed.change(GROUP, attributes={})
        await asyncio.sleep(0.1)
        assert await ask_six(bed) == [5, 2, 5]

    bed.run(story())


def test_without_cross_zone_a_zone_without_targets_is_a_503(tmp_path):
    bed = zoned(tmp_path, "eu-west-1b", attributes=HOME_ONLY)

    async def story():
        assert (await bed.ask()).status == 503

    bed.run(story())
    assert bed.metric("journey_alb_errors_total", status="503", cause="ZoneWithoutTargets") == 1


async def zone_health(bed: Bed) -> tuple[bool, bool, bool]:
    """The zone's, and the group's `dns` and `routing`."""
    answer = await bed.net.element("alb").on_call("zone_health", {})
    group = answer["target_groups"][ARN]
    return answer["healthy"], group["dns"], group["routing"]


def test_a_zone_is_unhealthy_for_dns_when_too_few_targets_are(tmp_path):
    attributes = {
        "target_group_health.dns_failover.minimum_healthy_targets.count": "2",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    }
    bed = Bed(
        tmp_path, targets=2, group_attributes=attributes, health_check={"HealthCheckIntervalSeconds": 6}
    )

    async def story():
        assert await zone_health(bed) == (True, True, True)
        bed.target(0).probe = silent
        await asyncio.sleep(30)
        assert await zone_health(bed) == (False, False, True)
        bed.target(1).probe = silent
        await asyncio.sleep(30)
        assert await zone_health(bed) == (False, False, False)
        assert (await bed.ask()).status == 200
        bed.change(GROUP, attributes={})
        await asyncio.sleep(0.1)
        assert await zone_health(bed) == (False, False, False)

    bed.run(story())
    assert bed.metric("journey_alb_zone_healthy", target_group="web-group", kind="dns") == 0
    assert bed.metric("journey_alb_unhealthy_routing_requests_total", target_group="web-group") == 1


def test_a_zone_is_healthy_as_long_as_one_of_its_groups_is(tmp_path):
    groups = {
        "other": {"targets": [target("10.0.0.21:80")], "health_check": {"HealthCheckIntervalSeconds": 6}}
    }
    bed = Bed(tmp_path, targets=2, registered=1, groups=groups)

    async def story():
        bed.target(1).probe = silent
        await asyncio.sleep(30)
        answer = await bed.net.element("alb").on_call("zone_health", {})
        assert answer["healthy"]
        assert not answer["target_groups"][group_arn("other")]["dns"]

    bed.run(story())


# ---- what is told ------------------------------------------------------------------------------------------


def test_it_tells_until_when_a_target_drains_and_no_longer(tmp_path):
    bed = Bed(tmp_path, targets=2, group_attributes={"deregistration_delay.timeout_seconds": "30"})
    context = bed.net.host("alb")

    def ends() -> dict[str, float]:
        name = "journey_alb_target_deregistration_end_timestamp_seconds"
        return {series: end for series, end in context.metrics.values().items() if series.startswith(name)}

    async def story():
        assert ends() == {}
        bed.deregister("10.0.0.20:80")
        await asyncio.sleep(0.1)
        began_s = context.unix_ns() / 1e9
        [(series, end)] = ends().items()
        assert 'target="10.0.0.20:80"' in series and end == pytest.approx(began_s + 30, abs=0.5)
        bed.register("10.0.0.20:80")
        await asyncio.sleep(0.1)
        assert ends() == {}
        bed.deregister("10.0.0.21:80")
        await asyncio.sleep(29)
        assert len(ends()) == 1
        await asyncio.sleep(2)
        assert ends() == {}

    bed.run(story())


def test_all_initial_is_a_503_until_the_first_check_passes(tmp_path):
    bed = Bed(tmp_path)
    passing = bed.target

    async def story():
        assert (await bed.ask()).status == 200
        bed.target().probe = silent
        bed.deregister("10.0.0.20:80")
        await asyncio.sleep(0.1)
        bed.register("10.0.0.20:80")
        await asyncio.sleep(0.1)
        assert await healths(bed) == {"10.0.0.20:80": ("initial", "Elb.InitialHealthChecking")}
        assert (await bed.ask()).status == 503
        passing().probe = say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(20)
        assert (await bed.ask()).status == 200

    bed.run(story())


def test_anomaly_detection_is_told_when_it_is_asked_for(tmp_path):
    attributes = {
        "load_balancing.algorithm.type": "weighted_random",
        "load_balancing.algorithm.anomaly_mitigation": "on",
    }
    bed = Bed(tmp_path, targets=4, group_attributes=attributes)

    async def anomalies() -> list[tuple[str, str]]:
        arguments = {"target_group": ARN, "include_anomaly_detection": True}
        answer = await bed.net.element("alb").on_call("describe_target_health", arguments)
        return [tuple(each["AnomalyDetection"].values()) for each in answer["TargetHealthDescriptions"]]

    async def story():
        assert await anomalies() == [("normal", "no")] * 4
        bed.target(2).answer = say(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
        for _ in range(400):
            await bed.ask()
            await asyncio.sleep(0.05)
        assert await anomalies() == [
            ("normal", "no"),
            ("normal", "no"),
            ("anomalous", "yes"),
            ("normal", "no"),
        ]

    bed.run(story())
    assert bed.metric("journey_alb_mitigated_targets", target_group="web-group") == 1


def test_bytes_of_requests_and_answers_are_counted(tmp_path):
    bed = Bed(tmp_path)
    bed.run(bed.ask())
    [line] = bed.log()
    received, sent = line.split()[10:12]
    assert bed.metric("journey_alb_processed_bytes_total") == int(received) + int(sent)


def test_what_inspect_tells_of_a_target(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await bed.ask()
        [told] = bed.net.element("alb").inspect()["target_groups"]["web-group"]["targets"]
        assert told == {
            "target": "10.0.0.20:80",
            "id": "10.0.0.20",
            "state": "healthy",
            "reason": "",
            "zone": "eu-west-1a",
            "anomaly": "normal",
            "outstanding": 0,
            "served": 1,
            "open_connections": 1,
            "last_health_check_status": 200,
        }

    bed.run(story())
