"""What a load asks for and how: mixes, new visitors, traces, users, changes while it runs, a generator that is late."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from actors.element import CallFailed
from orchestrator.load.validity import doubts
from orchestrator.page.latencies import percentile_ms
from tests.elements import test_laptop
from tests.elements.test_laptop import URL, Scene
from tests.elements.test_laptop_open_load import opened

directory, scene = test_laptop.directory, test_laptop.scene


async def until_over(scene: Scene) -> dict[str, Any]:
    while (status := await scene.call("load_status"))["running"]:
        await scene.sleep(0.1)
    return status


async def users(scene: Scene, stages: list[dict[str, float]], **options: Any) -> dict[str, Any]:
    await scene.call("load_plan", url=URL, stages=stages, **options)
    return await until_over(scene)


def heard(scene: Scene, status: int = 200) -> list[tuple[str, ...]]:
    """What the site is asked from now on."""
    asked: list[tuple[str, ...]] = []

    async def serve(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        asked.append((request.method, request.path_qs, request.headers["Host"], str(len(body))))
        return web.Response(status=status, text="welcome home")

    scene.home.handler = serve
    return asked


def test_latencies_of_the_last_seconds_are_those_that_the_load_reports(scene):
    async def story():
        heard(scene)
        await scene.call("latencies", more=True)
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 4, "rate": 100}], seed=3)
        counts: Counter[int] = Counter()
        for _ in range(6):
            await scene.sleep(1)
            counts.update(dict(await scene.call("latencies", more=True)))
        return counts, await until_over(scene)

    counts, status = scene.run(story)
    assert counts.total() == status["requests"] > 300
    for name, percent in (("p50", 50), ("p99", 99)):
        assert percentile_ms(counts, percent) == pytest.approx(status["latency_ms"][name], rel=0.05)


# ---- what is asked for ---------------------------------------------------------------------------------------------

MIX = [
    {"path": "/", "weight": 3},
    {"path": "/cart?id=1", "method": "POST", "body_bytes": 100, "host": "shop.example", "name": "cart"},
    {"path": "/", "method": "HEAD"},
]


def test_a_mix_is_asked_for_by_weight_with_methods_sizes_and_hosts(scene):
    async def story():
        asked = heard(scene)
        return await opened(scene, 100, 3, requests=MIX, seed=1, arrivals="uniform"), Counter(asked)

    status, asked = scene.run(story)
    site = test_laptop.SITE
    get, cart = asked["GET", "/", site, "0"], asked["POST", "/cart?id=1", "shop.example", "100"]
    head = asked["HEAD", "/", site, "0"]
    assert get + cart + head == status["offered"] == status["requests"] == 300
    assert (get, cart, head) == (
        pytest.approx(180, abs=25),
        pytest.approx(60, abs=18),
        pytest.approx(60, abs=18),
    )
    told = status["per_request"]
    assert {name: each["requests"] for name, each in told.items()} == {
        "GET /": get,
        "cart": cart,
        "HEAD /": head,
    }
    assert all(each["failed"] == 0 and each["latency_ms"]["p50"] > 1 for each in told.values())
    assert sum(status["connections"].values()) < 12, (
        "an answer to HEAD has no content, and its connection stays"
    )


def test_a_seed_asks_for_the_same_at_the_same_moments(directory: Path):
    def asked(seed: int) -> list[Any]:
        scene = Scene(directory)

        async def story():
            asked = heard(scene)
            await opened(scene, 50, 1, requests=MIX, seed=seed)
            return asked

        return scene.run(story)

    assert asked(1) == asked(1) != asked(2)


def test_an_answer_that_is_not_expected_is_an_error_and_one_that_is_is_none(scene):
    async def story():
        heard(scene, 404)
        seen = {}
        for name, expect in (
            ("none", {}),
            ("status", {"status": ["404"]}),
            ("class", {"status": ["2xx", "3xx"]}),
            ("text", {"status": ["4xx"], "contains": "home"}),
            ("no text", {"contains": "sweet home"}),
        ):
            status = await opened(scene, 20, 1, requests=[{"expect": expect}], arrivals="uniform")
            seen[name] = status["errors"]
        return seen

    assert scene.run(story) == {
        "none": {"http_4xx": 20},
        "status": {},
        "class": {"unexpected": 20},
        "text": {},
        "no text": {"unexpected": 20},
    }


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"path": "cart"}, "'cart' is not a path such as /products?page=2"),
        ({"method": "GE T"}, "'GE T' is not a method such as POST"),
        ({"method": "CONNECT"}, "CONNECT asks for a tunnel, which no load needs"),
        ({"host": "a b"}, "'a b' is not a host such as api.packet-journey.com"),
        ({"headers": {"Content-Length": "3"}}, "Content-Length is not set here: say body or body_bytes"),
        ({"headers": {"X-Two": "a\r\nb"}}, "X-Two has a value of printable text, not 'a\\r\\nb'"),
        ({"headers": {"": "x"}}, "'' is not the name of a header field"),
        ({"body": "x", "body_bytes": 1}, "body is the text of it, body_bytes its size: give one of them"),
        ({"body_bytes": 1e9}, "a body has up to 10,000,000 bytes, not 1000000000.0"),
        ({"weight": 0}, "a weight is above 0, not 0"),
        ({"expect": {"status": ["9xx"]}}, "'9xx' is not a status such as 200 or 2xx"),
        ({"url": "x"}, "unknown key 'url'; a request has path, method, host, headers, body, body_bytes, weight, name, "
         "expect"),
    ],
)  # fmt: skip
def test_a_request_that_is_none_is_refused(scene, request_, message):
    async def story():
        with pytest.raises(CallFailed) as raised:
            await opened(scene, requests=[{}, request_])
        assert str(raised.value) == f"laptop: request 2: {message}"

    scene.run(story)


# ---- connections ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keepalive", [0.0, 0.7, 1.0])
def test_new_visitors_open_connections_of_their_own(directory: Path, keepalive: float):
    scene = Scene(directory)
    status = scene.run(lambda: opened(scene, 100, 3, keepalive=keepalive, seed=3, arrivals="uniform"))
    assert status["requests"] == status["offered"] == 300 and status["errors"] == {}
    opened_ = sum(status["connections"].values())
    assert opened_ == pytest.approx(300 * (1 - keepalive), abs=25)
    assert opened_ >= 300 if keepalive == 0 else opened_ < 130
    with_handshake = status["latency_ms"]["p90"] > 1.5 * status["service_ms"]["p90"]
    assert with_handshake == (keepalive < 1), "opening a connection is part of what a visitor waits for"


def test_new_visitors_take_the_place_of_idle_connections_at_the_bound(scene):
    async def story():
        return await opened(scene, 40, 3, keepalive=0.5, max_connections=2, seed=1, arrivals="uniform")

    status = scene.run(story)
    assert status["requests"] == status["offered"] == 120 and status["errors"] == {}
    assert len(scene.home.connections) == 120


def test_new_visitors_who_get_no_connection_say_why(scene):
    url = f"https://{test_laptop.SITE}:444/"
    status = scene.run(lambda: opened(scene, 20, 1, url, keepalive=0.0, arrivals="uniform"))
    assert status["errors"] == {"refused": 20} and not status["running"]


# ---- a trace -------------------------------------------------------------------------------------------------------


def test_a_trace_says_when_and_what(scene):
    async def story():
        asked: list[tuple[float, str]] = []
        await asyncio.sleep(1)  # by then the laptop has its address
        began_s = scene.net.loop.time()

        async def serve(request: web.BaseRequest) -> web.Response:
            asked.append((round(scene.net.loop.time() - began_s, 1), request.path))
            return web.Response()

        scene.home.handler = serve
        due_us, requests = [0, 0, 500_000, 1_500_000], [{"path": "/a"}, {"path": "/b"}]
        await scene.call(
            "load_trace", url=URL, due_us=due_us, which=[0, 1, 1, 0], duration_s=3, requests=requests
        )
        return asked, await until_over(scene)

    asked, status = scene.run(story)
    assert sorted(asked) == [(0.0, "/a"), (0.0, "/b"), (0.5, "/b"), (1.5, "/a")]
    assert (status["offered"], status["arrivals"], status["duration_s"]) == (4, "trace", 3)


@pytest.mark.parametrize(
    ("due_us", "which", "message"),
    [
        ([], None, "a trace needs a moment at which something is due"),
        ([5, 3], None, "the moments of a trace begin at 0 or later, and do not go back"),
        ([-1], None, "the moments of a trace begin at 0 or later, and do not go back"),
        ([1, 2], [0, 1], "a trace says of each moment which of the requests is due"),
    ],
)
def test_a_trace_that_is_none_is_refused(scene, due_us, which, message):
    async def story():
        with pytest.raises(CallFailed) as raised:
            await scene.call("load_trace", url=URL, due_us=due_us, which=which, duration_s=1)
        assert str(raised.value) == f"laptop: {message}"

    scene.run(story)


# ---- users ---------------------------------------------------------------------------------------------------------


def test_a_closed_model_has_stages_of_users(scene):
    async def story():
        stages = [{"duration_s": 2, "users": 2, "users_at_end": 10}, {"duration_s": 1, "users": 4}]
        await scene.call("load_plan", url=URL, stages=stages)
        seen = []
        while (status := await scene.call("load_status"))["running"]:
            seen.append((status["users"], status["inflight"], status["open_connections"]))
            await scene.sleep(0.5)
        return seen, status

    seen, status = scene.run(story)
    assert [user for user, _, _ in seen[:6]] == [2, 4, 6, 8, 4, 4]
    assert all(abs(inflight - wanted) <= 1 for wanted, inflight, _ in seen[1:4])
    assert seen[5] == (4, 4, 4), "connections that nobody needs any more are closed"
    assert status["executor"] == "closed" and status["offered"] == status["requests"] > 2000 / 7


def test_users_think_between_their_requests(scene):
    status = scene.run(lambda: users(scene, [{"duration_s": 5, "users": 3}], think_s=0.1))
    assert status["requests"] == pytest.approx(3 * 5 / 0.107, rel=0.05)
    assert status["dispatch_lag_ms"]["max"] == 0.0


def test_a_closed_model_has_a_warm_up_a_mix_and_new_visitors_too(scene):
    async def story():
        asked = heard(scene)
        stages = [{"duration_s": 2, "users": 2}]
        return await users(
            scene, stages, warm_up_s=1.0, think_s=0.05, requests=MIX, keepalive=0.5, seed=1
        ), asked

    status, asked = scene.run(story)
    assert len(asked) > 1.8 * status["requests"] and status["elapsed_s"] == pytest.approx(1, abs=0.1)
    assert set(status["per_request"]) == {"GET /", "cart", "HEAD /"}
    assert sum(status["connections"].values()) == pytest.approx(len(asked) / 2, rel=0.3)


def test_each_model_has_options_of_its_own(scene):
    async def story():
        with pytest.raises(CallFailed, match="max_inflight is an open model's: this load is closed"):
            await users(scene, [{"duration_s": 1, "users": 1}], max_inflight=3)
        with pytest.raises(CallFailed, match="think_s is a closed model's: this load is open"):
            await opened(scene, think_s=1)

    scene.run(story)


# ---- changes while it runs -----------------------------------------------------------------------------------------


def test_the_rate_is_set_and_the_load_paused_resumed_and_stopped_while_it_runs(scene):
    async def story():
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 100, "rate": 20}], arrivals="uniform")
        counts, words = [], []
        for do, rate in (("set", 100), ("pause", None), ("resume", None), ("stop", None)):
            await scene.sleep(1)
            counts.append((await scene.call("load_status"))["offered"])
            words.append((await scene.call("load_change", do=do, rate=rate))["what"])
        return counts, words, await until_over(scene)

    counts, words, status = scene.run(story)
    assert words == ["rate 20/s to 100/s", "load paused", "load resumed", "load stopped"]
    assert counts == [
        pytest.approx(20, abs=1),
        pytest.approx(120, abs=2),
        counts[1],
        pytest.approx(220, abs=4),
    ]
    assert not status["running"] and status["elapsed_s"] == pytest.approx(4, abs=0.1)
    events = [record["what"] for record in scene.net.journal if record["kind"] == "load.changed"]
    assert events == words


def test_some_requests_are_recorded_while_somebody_looks_on(scene):
    async def story():
        assert not await scene.call("load_watch", per_s=10), "there is no load to be watched"
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 3, "rate": 20}], arrivals="uniform")
        seen = []
        for per_s in (10, 1000, 0):
            assert await scene.call("load_watch", per_s=per_s)
            before = len(ended())
            await scene.sleep(0.95)
            seen.append(len(ended()) - before)
        return seen

    def ended():
        return [record for record in scene.net.journal if record["kind"] == "journey.end"]

    half, all_of_them, none = scene.run(story)
    assert half == pytest.approx(10, abs=2) and all_of_them == pytest.approx(20, abs=2) and none <= 1


def test_a_load_ends_in_time_though_it_was_paused(scene):
    async def story():
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 3, "rate": 20}])
        await scene.sleep(1)
        await scene.call("load_change", do="pause")
        return await until_over(scene)

    status = scene.run(story)
    assert not status["running"] and status["offered"] < 30
    assert scene.net.loop.time() < 6


def test_users_are_set_while_they_run(scene):
    async def story():
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 4, "users": 2}])
        seen = []
        for do, number in (("set", 8), ("set", 1), ("pause", None), ("resume", None)):
            await scene.sleep(0.5)
            status = await scene.call("load_status")
            seen.append((status["users"], status["inflight"]))
            await scene.call("load_change", do=do, users=number)
        await scene.sleep(0.5)
        return seen, await scene.call("load_status")

    seen, status = scene.run(story)
    assert seen == [(2, 2), (8, 8), (1, 1), (0, 0)]
    assert (status["users"], status["inflight"]) == (1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do": "resume"}, "the load is not paused"),
        ({"do": "set", "users": 3}, "this is an open model: set its rate, such as 800/s, not 3 users"),
        ({"do": "set", "rate": 1e9}, "a rate is at most 100,000 requests a second, not 1e+09"),
        ({"do": "double"}, "a load can be told to pause, resume, set or stop, not 'double'"),
    ],
)
def test_a_change_that_is_none_is_refused(scene, change, message):
    async def story():
        await scene.call("load_plan", url=URL, stages=[{"duration_s": 1, "rate": 20}])
        with pytest.raises(CallFailed) as raised:
            await scene.call("load_change", **change)
        await until_over(scene)
        with pytest.raises(CallFailed, match="the load has ended"):
            await scene.call("load_change", do="pause")
        return str(raised.value)

    assert scene.run(story) == message


# ---- a generator that is late --------------------------------------------------------------------------------------


def test_a_generator_that_stalls_makes_the_run_invalid_and_says_by_how_much(directory: Path):
    """200 ms in which the laptop gets no time: its requests leave late, and their latencies count from when due."""

    def run(stall_s: float) -> dict[str, Any]:
        scene = Scene(directory)

        async def story():
            await scene.call(
                "load_plan", url=URL, stages=[{"duration_s": 5, "rate": 100}], arrivals="uniform"
            )
            await scene.sleep(2)
            scene.net.host("laptop").stall(stall_s)
            return await until_over(scene)

        return scene.run(story)

    still, stalled = run(0.0), run(0.2)
    assert still["offered"] == stalled["offered"] == 500, "none of them is forgotten"
    assert doubts(still) == [] and still["dispatch_lag_ms"]["max"] == 0.0
    assert stalled["dispatch_lag_ms"]["max"] == pytest.approx(200, rel=0.05)
    assert stalled["latency_ms"]["max"] > 200 > 30 > stalled["service_ms"]["p99"]
    (why,) = doubts(stalled)
    late = stalled["dispatch_lag_ms"]
    assert why == (
        f"the generator sent requests later than they were due: p99 {late['p99']:.1f} ms (5 ms are believed) and "
        f"max {late['max']:.1f} ms (100 ms are believed)"
    )
