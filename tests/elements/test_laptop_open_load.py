"""The open model: requests come at a rate, whatever becomes of those before them."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from actors.element import CallFailed
from tests.elements import test_laptop
from tests.elements.home import ROUTER, SITE
from tests.elements.test_laptop import URL, Scene, loaded

directory, scene = test_laptop.directory, test_laptop.scene


async def opened(
    scene: Scene, rate: float = 100, duration_s: float = 2, url: str = URL, **options: Any
) -> Any:
    stages = options.pop("stages", [{"duration_s": duration_s, "rate": rate}])
    await scene.call("load_plan", url=url, stages=stages, **options)
    while (status := await scene.call("load_status"))["running"]:
        await scene.sleep(0.1)
    return status


def test_requests_come_at_the_rate(scene):
    status = scene.run(lambda: opened(scene, arrivals="uniform"))
    assert status["offered"] == status["requests"] == 200
    assert status["statuses"] == {"200": 200} and status["per_pod"] == {"nginx-0": 200}
    assert status["errors"] == status["dropped"] == {}
    assert status["requests_per_s"] == pytest.approx(100, rel=0.02)
    assert status["dispatch_lag_ms"]["max"] == 0.0, "the virtual clock is never late"
    assert sum(status["connections"].values()) < 12, "connections are kept and shared"
    assert status["per_pod_ms"]["nginx-0"]["p50"] == pytest.approx(status["latency_ms"]["p50"], rel=0.02)


def test_a_plan_has_stages(scene):
    stages = [{"duration_s": 2, "rate": 0, "rate_at_end": 100}, {"duration_s": 1, "rate": 50}]
    status = scene.run(lambda: opened(scene, stages=stages, arrivals="uniform"))
    assert status["offered"] == 150 and status["duration_s"] == 3


def test_what_is_due_in_the_warm_up_is_sent_and_not_counted(scene):
    status = scene.run(lambda: opened(scene, 100, 3, arrivals="uniform", warm_up_s=1.0))
    assert status["offered"] == status["requests"] == 200
    assert (status["duration_s"], status["elapsed_s"]) == (2, pytest.approx(2, abs=0.05))
    assert len(scene.home.connections) == 300


def test_a_seed_gives_the_same_arrivals_whatever_the_laptop_did_before(directory: Path):
    def offered(fetches: int) -> list[int]:
        scene = Scene(directory)

        async def story() -> Any:
            for _ in range(fetches):
                await scene.fetch()
            return [(await opened(scene, 100, 1, seed=seed))["offered"] for seed in range(5)]

        return scene.run(story)

    assert offered(0) == offered(3)


def test_a_stall_is_seen_by_the_open_model_and_not_by_the_closed_one(directory: Path):
    """Both send 100 requests a second to a site that stands still for a second."""

    def run(load: Any) -> dict[str, Any]:
        scene = Scene(directory)
        stalled_until_s = 0.0

        async def serve(request: web.BaseRequest) -> web.Response:
            left_s = stalled_until_s - scene.net.loop.time()
            await scene.sleep(max(left_s, 0.005))
            return web.Response(headers={"X-Served-By": "nginx-0"})

        async def story() -> Any:
            nonlocal stalled_until_s
            await scene.fetch()
            scene.home.handler = serve
            stalled_until_s = scene.net.loop.time() + 2
            return await load(scene)

        return scene.run(story)

    closed = run(lambda scene: loaded(scene, 10, 1))
    opened_ = run(lambda scene: opened(scene, 100, 10, arrivals="uniform"))
    assert closed["latency_ms"]["p99"] < 20
    assert opened_["latency_ms"]["p99"] > 1700
    assert opened_["latency_ms"]["p50"] < 20


def test_latency_counts_from_when_a_request_was_due(scene):
    """With one connection and 5 ms (and some) a request, 300 a second queue up at the client."""
    status = scene.run(lambda: opened(scene, 300, 1, arrivals="uniform", max_connections=1))
    assert status["connections"] == {ROUTER: 1}
    assert status["service_ms"]["p99"] < 12 < 500 < status["latency_ms"]["p99"]


def test_beyond_max_inflight_arrivals_are_dropped_and_counted(scene):
    async def sleep_on(request):
        await scene.sleep(1)
        return web.Response()

    async def story():
        scene.home.handler = sleep_on
        return await opened(scene, 100, 1, max_inflight=20, arrivals="uniform")

    status = scene.run(story)
    assert status["offered"] == 100
    assert status["dropped"] == {"max_inflight": 80} and status["requests"] == 20


def test_who_waits_too_long_is_given_up_and_counts_with_that_time(scene):
    async def sleep_on(request):
        await scene.sleep(1000)

    async def story():
        scene.home.handler = sleep_on
        return await opened(scene, 20, 1, timeout_s=2.0, max_connections=5, arrivals="uniform")

    status = scene.run(story)
    assert status["errors"] == {"timeout": 20} and status["requests"] == 0
    assert status["latency_ms"]["p50"] == pytest.approx(2000, rel=0.01)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://nope.example/", "dns_error"),
        (f"https://{SITE}:444/", "refused"),
        (f"https://{ROUTER}/", "tls_error"),
        (f"http://{SITE}:81/", "bad_response"),
    ],
)
def test_every_request_without_an_answer_says_why(scene, url, kind):
    status = scene.run(lambda: opened(scene, 20, 1, url, arrivals="uniform"))
    assert status["errors"] == {kind: 20}
    assert status["requests"] == 0


def test_errors_of_the_site_and_broken_connections(scene):
    answers = iter(range(10_000))

    async def serve(request):
        number = next(answers)
        if number % 3 == 0:
            request.transport.abort()
        return web.Response(status=503 if number % 3 == 1 else 200)

    async def story():
        scene.home.handler = serve
        return await opened(scene, 30, 3, arrivals="uniform")

    status = scene.run(story)
    assert status["statuses"] == {"200": 30, "503": 30}
    broken = {kind: count for kind, count in status["errors"].items() if kind != "http_5xx"}
    assert set(broken) <= {"reset", "closed"} and sum(broken.values()) == 30


def test_it_can_be_stopped(scene):
    async def story():
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 1000, "rate": 50}])
        with pytest.raises(CallFailed, match="running already"):
            await scene.call("load_start", url=URL, concurrency=1, duration_s=1)
        await scene.sleep(2)
        await scene.call("load_stop")
        await scene.sleep(0.2)
        return await scene.call("load_status")

    status = scene.run(story)
    assert not status["running"] and status["elapsed_s"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": []}, "a load needs a stage"),
        ({"rate": -1}, "a rate is at most 100,000 requests a second, not -1"),
        ({"rate": 0}, "a stage needs a rate above 0"),
        ({"duration_s": 0}, "a stage lasts longer than 0 s"),
        ({"arrivals": "bursty"}, "arrivals are poisson or uniform, not 'bursty'"),
        ({"max_connections": 0}, "a load has between 1 and 10000 connections, not 0"),
        ({"max_inflight": 0}, "max_inflight is 1 or more, not 0"),
        ({"warm_up_s": 2.0}, "the warm-up ends before the load does, not after 2 s"),
        ({"timeout_s": 0}, "a request is given longer than 0 s"),
        (
            {"users": 3},
            "unknown option 'users'; a load has arrivals, max_connections, max_inflight, timeout_s, seed, "
            "warm_up_s, trace_every, trace_ids, retries, retry_wait_s, requests, keepalive, paused, phase",
        ),
        ({"stages": [{"rate": 3}]}, "a stage has duration_s, rate and perhaps rate_at_end, not rate"),
    ],
)
def test_a_plan_that_is_none_is_refused(scene, options, message):
    async def story():
        with pytest.raises(CallFailed) as raised:
            await opened(scene, **options)
        assert str(raised.value) == f"laptop: {message}"

    scene.run(story)
