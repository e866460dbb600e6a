"""Pods that misbehave on demand: each mode, switched while the pod runs."""

import asyncio
from random import Random
from typing import Any

import pytest

from actors.element import CallFailed
from actors.parts.pod.modes import KEYS, BadMode, Fate, Modes
from tests.elements.alb_bed import GET, Talk
from tests.elements.test_nginx_pod import POD, Bed

PROBE = b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.32\r\n\r\n"
CHECK = b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"


class Ending(Talk):
    """A client's end that remembers how it ended."""

    error: Exception | None = None

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error
        super().connection_lost(error)


async def told(bed: Bed, **settings: Any) -> dict[str, Any]:
    return await bed.call("set", **settings)


def test_latency_is_waited_for_without_keeping_the_worker_busy(tmp_path):
    bed = Bed(tmp_path, worker_processes=1)

    async def story():
        changed = await told(bed, latency="200ms")
        assert changed["changed"] == {"latency": {"from": "off", "to": "200ms"}}
        began_s = bed.now_s
        talks = [await bed.connect() for _ in range(3)]
        responses = await asyncio.gather(*(talk.ask(GET) for talk in talks))
        assert [response.status for response in responses] == [200] * 3
        assert 0.2 < bed.now_s - began_s < 0.21  # one worker, three requests of 200 ms at once
        await told(bed, latency="off")
        began_s = bed.now_s
        assert (await talks[0].ask(GET)).status == 200
        assert bed.now_s - began_s < 0.002
        for talk in talks:
            talk.transport.close()

    bed.run(story())
    assert [event["changed"]["latency"]["to"] for event in bed.records("pod.mode")] == ["200ms", "off"]


def test_service_time_keeps_the_worker_busy(tmp_path):
    bed = Bed(tmp_path, worker_processes=1)

    async def story():
        await told(bed, service_time="100ms")
        began_s = bed.now_s
        await asyncio.gather(*(bed.ask() for _ in range(3)))
        assert 0.3 < bed.now_s - began_s < 0.31

    bed.run(story())


def test_a_share_of_errors_by_the_pods_own_dice(tmp_path):
    def statuses(seed_of_bed: Any) -> list[int]:
        bed = Bed(seed_of_bed)

        async def story():
            await told(bed, errors="20%", error_status="503")
            talk = await bed.connect()
            found = [(await talk.ask(GET)).status for _ in range(200)]
            talk.transport.close()
            return found

        return bed.run(story())

    found = statuses(tmp_path / "a")
    assert set(found) == {200, 503} and 25 <= found.count(503) <= 55
    assert statuses(tmp_path / "b") == found


def test_a_request_that_stalls_is_never_answered_and_its_end_hurts_nobody(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await told(bed, stall=True)
        talk = await bed.connect()
        asking = asyncio.ensure_future(talk.ask(GET))
        await bed.sleep(300)
        assert not asking.done()
        assert bed.net.element("nginx").inspect()["containers"]["nginx"]["inflight_requests"] == 1
        asking.cancel()
        talk.transport.close()
        await bed.sleep(1)
        assert bed.net.element("nginx").inspect()["containers"]["nginx"]["inflight_requests"] == 0
        await told(bed, stall="off")
        assert (await bed.ask()).status == 200

    bed.run(story())


@pytest.mark.parametrize(("mode", "reset"), [("close", False), ("reset", True)])
def test_a_connection_ends_in_place_of_an_answer(tmp_path, mode, reset):
    bed = Bed(tmp_path)

    async def story():
        await told(bed, **{mode: "on"})
        _, talk = await bed.node.stack.create_connection(Ending, POD, 80)
        talk.transport.write(GET)
        await talk.lost.wait()
        return talk

    talk = bed.run(story())
    assert not talk.heard
    assert isinstance(talk.error, ConnectionResetError) is reset


def test_refuse_closes_the_listening_socket_alone(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        await told(bed, refuse="on")
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()
        assert (await talk.ask(GET)).status == 200  # what is open lives on
        await bed.signal(9)
        await bed.start()
        await bed.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()  # a container that is started again is no better
        await told(bed, refuse="off")
        assert (await bed.ask()).status == 200

    bed.run(story())


def test_probes_can_fail_alone(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await told(bed, readiness="fail")
        assert [(await bed.ask(data)).status for data in (GET, PROBE, CHECK)] == [200, 503, 200]
        await told(bed, readiness="off", health_check="fail")
        assert [(await bed.ask(data)).status for data in (GET, PROBE, CHECK)] == [200, 200, 503]

    bed.run(story())


def test_modes_for_one_path(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await told(bed, errors="100%", path="/index.html")
        assert (await bed.ask()).status == 200
        assert (await bed.ask(b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n")).status == 500

    bed.run(story())


def test_a_connection_is_closed_once_it_is_an_hour_old(tmp_path):
    bed = Bed(tmp_path, keepalive_time="60s")

    async def story():
        talk = await bed.connect()
        for _ in range(2):
            assert (await talk.ask(GET)).keep_alive
            await bed.sleep(31)
        assert not (await talk.ask(GET)).keep_alive
        await talk.lost.wait()

    bed.run(story())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latncy": "1s"}, "unknown key 'latncy', did you mean 'latency'?"),
        ({"colour": "red"}, f"unknown key 'colour'; a pod has {', '.join(KEYS)}"),
        ({"latency": "200"}, "'200' is not a time; write it like 200ms, uniform(50ms,300ms), "
         "exponential(200ms) or lognormal(100ms,1s)"),
        ({"latency": "normal(1s)"}, "latency: unknown distribution 'normal'; there are constant, uniform, "
         "exponential, lognormal"),
        ({"latency": "uniform(1s)"}, "latency: uniform takes 2 durations (low, high), not 1"),
        ({"latency": "uniform(2s,1s)"}, "latency: low must not be above high"),
        ({"errors": "120%"}, "errors: '120%' is more than 100%"),
        ({"errors": "0%"}, "errors: 0% of requests is what errors=off says"),
        ({"errors": "20"}, "errors: '20' is not a share; write it like 1%"),
        ({"error_status": "503"}, "error_status does nothing without errors"),
        ({"errors": "1%", "error_status": "299"}, "error_status: '299' is not an error that nginx has a page for; "
         "those are 400, 404, 405, 408, 413, 416, 429, 500, 502, 503, 504"),
        ({"refuse": "10%"}, "refuse: it is on or off, not '10%'"),
        ({"readiness": "on"}, "readiness: it can fail, or be off (nginx answers as ever), not 'on'"),
        ({"latency": "1s", "path": "healthz"}, "path: 'healthz' is not a path such as /healthz"),
    ],
)  # fmt: skip
def test_what_a_pod_cannot_be_set_to(settings, message):
    modes = Modes()
    modes.change({"stall": "1%"})
    with pytest.raises(BadMode) as raised:
        modes.change({"close": "on", **settings})
    assert str(raised.value) == message
    assert modes.shown() == {"stall": "1%"}  # all or nothing


def test_the_call_names_the_pod_and_inspect_shows_what_is_on(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        with pytest.raises(CallFailed, match=r"^nginx: unknown key 'x'"):
            await told(bed, x=1)
        assert bed.net.element("nginx").inspect()["modes"] == "none"
        shown = await told(bed, latency="exponential(20ms)", errors="5%")
        assert bed.net.element("nginx").inspect()["modes"] == {"latency": "exponential(20ms)", "errors": "5%"}
        assert shown["modes"]["stall"] == "off"

    bed.run(story())


def test_a_distribution_is_drawn_anew_for_each_request():
    modes, dice = Modes(), Random(1)
    modes.change({"latency": "uniform(50ms, 300ms)"})
    delays = {modes.fate("/", "", dice).delay_ns for _ in range(100)}
    assert len(delays) == 100 and all(50e6 <= delay <= 300e6 for delay in delays)
    modes.change({"latency": "off"})
    assert not modes.active and modes.fate("/", "", dice) == Fate("answer", None, 0)
