"""What a node does with the balancing engine: shares over time, and what makes a target stand out."""

import asyncio
from typing import Any

import pytest

from tests.elements.alb_bed import ARN, Bed, say

ERROR = say(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
MITIGATING = {
    "load_balancing.algorithm.type": "weighted_random",
    "load_balancing.algorithm.anomaly_mitigation": "on",
}


async def ask(bed: Bed, seconds: float, per_s: int = 20) -> list[int]:
    """Ask at even distances; how many requests each target got."""
    before = [len(bed.target(number).requests) for number in range(len(bed.addresses))]
    for _ in range(round(seconds * per_s)):
        began_s = bed.net.loop.time()
        await bed.ask()
        await asyncio.sleep(1 / per_s - (bed.net.loop.time() - began_s))
    return [len(bed.target(number).requests) - had for number, had in enumerate(before)]


async def anomalies(bed: Bed) -> list[str]:
    answer = await bed.net.element("alb").on_call(
        "describe_target_health", {"target_group": ARN, "include_anomaly_detection": True}
    )
    told: list[dict[str, Any]] = answer["TargetHealthDescriptions"]
    return ["{Result} {MitigationInEffect}".format(**each["AnomalyDetection"]) for each in told]


def test_a_new_target_starts_slowly(tmp_path):
    bed = Bed(tmp_path, targets=3, registered=2, group_attributes={"slow_start.duration_seconds": "100"})

    async def story():
        assert await ask(bed, 1) == [10, 10, 0]
        bed.register("10.0.0.22:80")
        await asyncio.sleep(0.01)  # its first health check
        shares = [(await ask(bed, 20))[2] for _ in range(5)]
        # of 400 requests in twenty seconds, with a weight of 0.1, 0.3 ... beside two of 1
        assert shares == pytest.approx(
            [400 * weight / (2 + weight) for weight in (0.1, 0.3, 0.5, 0.7, 0.9)], abs=2
        )
        assert await ask(bed, 3) == [20, 20, 20]

    bed.run(story())


def test_targets_of_a_new_group_do_not_wait_for_each_other(tmp_path):
    bed = Bed(tmp_path, targets=3, group_attributes={"slow_start.duration_seconds": "100"})

    async def story():
        assert await ask(bed, 3) == [20, 20, 20]

    bed.run(story())


def test_errors_of_a_target_make_it_anomalous_until_it_has_recovered(tmp_path):
    bed = Bed(tmp_path, targets=4, group_attributes=MITIGATING)

    async def story():
        bed.target(1).answer = ERROR
        await ask(bed, 10)
        assert await anomalies(bed) == ["normal no", "anomalous yes", "normal no", "normal no"]
        counts = await ask(bed, 20)
        assert 0 < counts[1] < 400 * 0.05
        bed.target(1).answer = bed.target(0).answer
        await ask(bed, 90)
        assert await anomalies(bed) == ["normal no"] * 4

    bed.run(story())
    results = [(event["result"], event["weight"]) for event in bed.records("target.anomaly")]
    assert results == [("anomalous", 0.05), *(("normal", weight) for weight in (0.1, 0.2, 0.4, 0.8, 1.0))]


def test_connections_that_are_refused_do_so_too(tmp_path):
    bed = Bed(tmp_path, targets=4, group_attributes=MITIGATING)

    async def story():
        bed.target(2).server.close()
        for connection in bed.target(2).connections:
            connection.transport.abort()
        await ask(bed, 10)  # and the health checks have failed no more than once
        assert await anomalies(bed) == ["normal no", "normal no", "anomalous yes", "normal no"]

    bed.run(story())


def test_a_connection_that_is_reset_with_a_request_on_it_counts(tmp_path):
    bed = Bed(tmp_path, targets=3, group_attributes=MITIGATING)

    async def story():
        bed.target(0).answer = lambda serving, request: serving.transport.abort()
        await ask(bed, 10)
        assert (await anomalies(bed))[0] == "anomalous yes"

    bed.run(story())


def test_clients_that_leave_say_nothing_of_a_target(tmp_path):
    bed = Bed(tmp_path, targets=3, group_attributes=MITIGATING)

    async def story():
        bed.target(0).answer = lambda serving, request: None
        for _ in range(100):
            talk = await bed.connect()
            talk.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(0.1)
            talk.transport.abort()
        assert await anomalies(bed) == ["normal no"] * 3

    bed.run(story())
