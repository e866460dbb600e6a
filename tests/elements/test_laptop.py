"""A laptop, and a home that has all it needs."""

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from actors.element import CallFailed
from actors.laptop import Config
from actors.runtime.virtual import VirtualNetwork
from orchestrator import pki
from tests.elements.home import ROUTER, SITE, Home

URL = f"https://{SITE}/"
JOURNEY = "a" * 32


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    pki.make_authority(path, [SITE])
    return path


class Scene:
    """The laptop at home."""

    def __init__(self, directory: Path, seed: int = 1, **home: Any) -> None:
        self.net = VirtualNetwork(seed, directory)
        self.net.add("laptop", "laptop", {"hostname": "laptop"})
        self.net.add_element("home", lambda context: Home(context, **home))
        self.net.link("wifi", ("laptop", "wifi"), ("home", "lan"), delay="1ms", rate="300mbit")

    @property
    def home(self) -> Home:
        return self.net.element("home")

    async def fetch(self, url: str = URL, **arguments: Any) -> dict[str, Any]:
        return await self.call("fetch", url=url, **arguments)

    async def call(self, verb: str, **arguments: Any) -> Any:
        result = await self.net.host("laptop").answer(verb, arguments)
        json.dumps(result)
        return result

    async def sleep(self, seconds: float) -> None:
        await self.net.host("home").sleep(seconds)

    def run(self, story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def until_connections_are_closed():
            result = await story()
            await self.sleep(1)
            return result

        return self.net.run(until_connections_are_closed())

    def told(self, *kinds: str, element: str = "laptop") -> list[dict[str, Any]]:
        return [
            record
            for record in self.net.journal
            if record["element"] == element and record["kind"].startswith(kinds)
        ]


@pytest.fixture
def scene(directory: Path) -> Scene:
    return Scene(directory)


# ---- DHCP ------------------------------------------------------------------------------------------------------


def test_it_boots_with_an_address_a_router_and_a_dns_server(scene):
    async def story():
        await scene.sleep(1)
        return await scene.call("inspect")

    seen = scene.run(story)
    assert seen["dhcp"] == {"state": "BOUND", "address": "192.168.1.100", "remaining_s": 3599}
    assert seen["dns_servers"] == [ROUTER]
    (default,) = (route for route in seen["routes"] if route["origin"] == "dhcp")
    assert default["next_hop"] == ROUTER
    kinds = [event["kind"] for event in scene.told("dhcp.")]
    taken, given_back = kinds[:4], kinds[4:]
    assert taken == ["dhcp.discover", "dhcp.offer", "dhcp.request", "dhcp.ack"]
    assert given_back == ["dhcp.release", "dhcp.lost"]


def test_the_lease_is_renewed_and_requests_go_on(directory):
    scene = Scene(directory, lease_s=120)

    async def story():
        await scene.sleep(600)
        return await scene.fetch()

    assert scene.run(story)["status"] == 200
    assert len(scene.told("dhcp.discover")) == 1
    assert {event["why"] for event in scene.told("dhcp.ack")} == {"new", "renewed"}


def test_when_the_server_is_gone_for_good_the_address_is_given_up(directory):
    scene = Scene(directory, lease_s=120)

    async def story():
        await scene.sleep(1)
        scene.home.dhcp_up = False
        await scene.sleep(130)
        return await scene.call("inspect"), await scene.fetch(journey=JOURNEY)

    seen, fetched = scene.run(story)
    assert seen["dhcp"]["address"] is None
    assert seen["routes"] == []
    assert (fetched["status"], fetched["phase"]) == (0, "dhcp")
    assert scene.told("journey.failed")[0]["error"].startswith("the network is down")


def test_a_link_that_comes_up_makes_it_look_for_a_lease_at_once(scene):
    async def story():
        scene.home.dhcp_up = False
        await scene.sleep(0.5)
        scene.home.dhcp_up = True
        scene.net.host("laptop").set_carrier("wifi", True)
        await scene.sleep(0.3)
        return await scene.call("inspect")

    seen = scene.run(story)
    assert seen["dhcp"]["state"] == "BOUND"


# ---- the browser -------------------------------------------------------------------------------------------------


def test_a_request_is_answered_and_its_phases_add_up(scene):
    async def story():
        await scene.sleep(1)
        return await scene.fetch(journey=JOURNEY)

    fetched = scene.run(story)
    assert (fetched["status"], fetched["body_bytes"], fetched["error"]) == (200, 7000, None)
    assert fetched["headers"]["X-Served-By"] == "nginx-0"
    phases = fetched["phases"]
    assert list(phases) == ["dns", "tcp", "tls", "first_byte", "download"]
    assert sum(phases.values()) == pytest.approx(fetched["total_ms"], abs=1e-9)
    assert phases["dns"] == pytest.approx(4, abs=0.1), "ARP and the question, there and back"
    assert phases["tcp"] == pytest.approx(2, abs=0.1), "SYN and its answer"
    assert phases["tls"] == pytest.approx(2, abs=0.5), "TLS 1.3 takes one round trip"
    assert phases["first_byte"] == pytest.approx(7, abs=0.5), "a round trip and 5 ms of service"


def test_the_journey_is_told_in_order(scene):
    async def story():
        await scene.sleep(1)
        await scene.fetch(journey=JOURNEY)

    scene.run(story)
    records = [record for record in scene.told("") if record["journey"] == JOURNEY]
    kinds = [
        record["kind"]
        for record in records
        if record["kind"].split(".")[0] in ("journey", "dhcp", "dns", "tls", "http")
        or record["kind"] == "tcp.connect"
    ]
    assert kinds == [
        "journey.start", "dhcp.lease", "dns.cache", "dns.cache", "dns.query", "dns.answer", "tcp.connect",
        "tls.established", "http.request", "http.response", "journey.end",
    ]  # fmt: skip
    (tls,) = scene.told("tls.established")
    assert (tls["version"], tls["server_name"]) == ("TLSv1.3", SITE)
    assert tls["certificate"] == "issued by packet-journey emulated CA"
    (end,) = scene.told("journey.end")
    assert sum(end["phases"].values()) == pytest.approx(end["total_ms"], abs=1e-9)
    assert (end["status"], end["body_bytes"]) == (200, 7000)


def test_without_a_journey_nothing_is_recorded(scene):
    async def story():
        await scene.sleep(1)
        await scene.fetch()

    scene.run(story)
    assert [record["kind"] for record in scene.told("") if not record["kind"].startswith("dhcp.")] == []


def test_a_second_tab_uses_the_dns_cache_but_a_new_connection(scene):
    async def story():
        first = await scene.fetch()
        return first, await scene.fetch(journey=JOURNEY)

    _, again = scene.run(story)
    assert scene.home.queries == [SITE]
    assert len(set(scene.home.connections)) == 2
    assert again["phases"]["dns"] == 0
    caches = [(record["cache"], record["result"]) for record in scene.told("dns.cache")]
    assert caches == [("browser", "hit")]


def test_the_browser_forgets_after_a_minute_and_then_asks_the_operating_system(scene):
    async def story():
        await scene.fetch()
        await scene.sleep(61)
        await scene.fetch(journey=JOURNEY)

    scene.run(story)
    caches = [(record["cache"], record["result"]) for record in scene.told("dns.cache")]
    assert caches == [("browser", "miss"), ("os", "hit")]
    assert scene.home.queries == [SITE]


def test_a_connection_that_is_kept_serves_the_next_request(scene):
    async def story():
        await scene.fetch(keep=True)
        return await scene.fetch(keep=True)

    again = scene.run(story)
    assert len(set(scene.home.connections)) == 1
    assert again["phases"]["tls"] == 0


def test_a_redirect_is_an_answer_and_not_followed(scene):
    async def moved(request):
        return web.Response(status=301, headers={"Location": "https://elsewhere.example/"})

    async def story():
        scene.home.handler = moved
        return await scene.fetch(f"http://{SITE}/")

    fetched = scene.run(story)
    assert (fetched["status"], fetched["phases"]["tls"]) == (301, 0)


def test_another_method_is_sent_as_it_is(scene):
    async def echo(request):
        return web.Response(text=request.method)

    async def story():
        scene.home.handler = echo
        return await scene.fetch(method="DELETE")

    assert scene.run(story)["body_bytes"] == 6


@pytest.mark.parametrize(
    "url, prepare, phase, error",
    [
        ("https://nope.example/", {}, "dns", "nope.example has no IPv4 address"),
        (URL, {"rcode": 3}, "dns", "there is no packet-journey.com (NXDOMAIN)"),
        (URL, {"rcode": 2}, "dns", "packet-journey.com cannot be resolved: 192.168.1.1 says SERVFAIL"),
        (URL, {"dns_up": False}, "dns", "packet-journey.com cannot be resolved: 192.168.1.1 does not answer"),
        (f"https://{SITE}:444/", {}, "tcp", "192.168.1.1:444: "),
        (URL, {"records": {SITE: "192.168.1.77"}}, "tcp", "192.168.1.77:443: no route to host"),
        (f"https://{ROUTER}/", {}, "tls", "the certificate is not good: IP address mismatch"),
        (f"https://{SITE}:80/", {}, "tls", ""),
        (f"http://{SITE}:81/", {}, "first_byte", "Bad status line"),
    ],
)
def test_a_failure_tells_in_which_phase_and_why(scene, url, prepare, phase, error):
    async def story():
        for name, value in prepare.items():
            setattr(scene.home, name, value)
        return await scene.fetch(url, journey=JOURNEY)

    fetched = scene.run(story)
    assert (fetched["status"], fetched["phase"]) == (0, phase), fetched["error"]
    assert error in fetched["error"]
    (told,) = scene.told("journey.failed")
    assert (told["phase"], told["error"]) == (phase, fetched["error"])
    assert sum(fetched["phases"].values()) == pytest.approx(fetched["total_ms"])


def test_when_the_first_address_does_not_answer_the_second_is_tried(scene):
    async def story():
        scene.home.records = {SITE: f"192.168.1.77 {ROUTER}"}
        return await scene.fetch(journey=JOURNEY)

    assert scene.run(story)["status"] == 200
    assert [record["remote"] for record in scene.told("tcp.connect")] == ["192.168.1.77:443", f"{ROUTER}:443"]


def test_an_answer_that_never_comes_is_given_up_after_a_minute(scene):
    async def sleep_on(request):
        await scene.sleep(1000)

    async def story():
        scene.home.handler = sleep_on
        return await scene.fetch()

    fetched = scene.run(story)
    assert (fetched["phase"], fetched["error"]) == ("first_byte", "no answer within 60 s")


@pytest.mark.parametrize("url", ["packet-journey.com", "ftp://packet-journey.com/", "https://", "http://[::"])
def test_what_is_no_url_is_refused(scene, url):
    async def story():
        with pytest.raises(CallFailed, match="is not a URL"):
            await scene.fetch(url)

    scene.run(story)


def test_secrets_are_written_for_wireshark(scene, directory):
    scene.run(scene.fetch)
    assert "CLIENT_TRAFFIC_SECRET_0" in (directory / "tls-keys.log").read_text()


# ---- load ----------------------------------------------------------------------------------------------------------


async def loaded(
    scene: Scene, duration_s: float = 0.5, concurrency: int = 8, url: str = URL
) -> dict[str, Any]:
    await scene.call("load_start", url=url, concurrency=concurrency, duration_s=duration_s)
    while (status := await scene.call("load_status"))["running"]:
        await scene.sleep(0.1)
    return status


def test_users_in_a_closed_loop_are_counted_with_their_latencies(scene):
    status = scene.run(lambda: loaded(scene))
    served = status["requests"]
    assert status["statuses"] == {"200": served}
    assert status["per_pod"] == {"nginx-0": served}
    assert status["errors"] == {}
    assert status["connections"] == {ROUTER: 8}
    assert status["elapsed_s"] == pytest.approx(0.5, abs=0.02)
    latency = status["latency_ms"]
    assert 7 <= latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"] < 30
    assert served == pytest.approx(8 * 500 / 7.1, rel=0.05), "Little's law"


def test_its_histogram_can_be_read_by_others(scene):
    from hdrh.histogram import HdrHistogram

    status = scene.run(lambda: loaded(scene))
    histogram, latency = HdrHistogram.decode(status["hdr"]), status["latency_ms"]
    assert histogram.get_total_count() == status["requests"]
    for percent in (50, 90, 99, 99.9):
        assert histogram.get_value_at_percentile(percent) / 1000 == latency[f"p{percent}"]
    assert histogram.get_max_value() / 1000 == latency["max"]


def test_users_spread_over_the_addresses_of_the_site(scene):
    async def story():
        scene.home.add_address("192.168.1.2")
        scene.home.records = {SITE: f"{ROUTER} 192.168.1.2"}
        return await loaded(scene)

    assert scene.run(story)["connections"] == {ROUTER: 4, "192.168.1.2": 4}
    assert scene.home.queries == [SITE], "they share one question"


def test_bad_answers_are_errors_by_kind(scene):
    async def fail(request):
        return web.Response(status=503)

    async def story():
        scene.home.handler = fail
        return await loaded(scene)

    status = scene.run(story)
    assert status["errors"] == {"http_5xx": status["requests"]}


def test_connections_that_end_are_replaced(scene):
    async def once(request):
        return web.Response(headers={"Connection": "close"})

    async def story():
        scene.home.handler = once
        return await loaded(scene, url=f"http://{SITE}/")

    status = scene.run(story)
    assert status["errors"] == {}
    assert status["requests"] == pytest.approx(sum(status["connections"].values()), abs=8)
    assert status["requests"] > 100


def test_connections_that_break_are_errors_and_replaced(scene):
    async def cut(request):
        request.transport.abort()

    async def story():
        await loaded(scene, 0.5)
        scene.home.handler = cut
        return await loaded(scene, 0.5)

    status = scene.run(story)
    assert status["requests"] == 0
    assert set(status["errors"]) <= {"reset", "closed"}
    assert status["latency_ms"] == {}


@pytest.mark.parametrize(
    "url, kind",
    [
        ("https://nope.example/", "dns_error"),
        (f"https://{SITE}:444/", "refused"),
        (f"https://{ROUTER}/", "tls_error"),
        (f"http://{SITE}:81/", "bad_response"),
    ],
)
def test_users_that_get_no_answer_try_again_and_say_why(scene, url, kind):
    status = scene.run(lambda: loaded(scene, 1, 2, url))
    assert list(status["errors"]) == [kind]
    assert status["errors"][kind] >= 10
    assert status["requests"] == 0


def test_users_do_not_wait_for_an_answer_for_ever(scene):
    async def sleep_on(request):
        await scene.sleep(1000)

    async def story():
        scene.home.handler = sleep_on
        return await loaded(scene)

    status = scene.run(story)
    assert status["errors"] == {"timeout": 8}


def test_a_load_can_be_stopped(scene):
    async def story():
        await scene.call("load_start", url=URL, concurrency=4, duration_s=1000)
        await scene.sleep(1)
        await scene.call("load_stop")
        await scene.sleep(0.1)
        return await scene.call("load_status")

    status = scene.run(story)
    assert not status["running"]
    assert status["elapsed_s"] == pytest.approx(1, abs=0.05)


def test_only_one_load_runs_at_a_time(scene):
    async def story():
        with pytest.raises(CallFailed, match="no load yet"):
            await scene.call("load_status")
        await scene.call("load_start", url=URL, concurrency=1, duration_s=1)
        with pytest.raises(CallFailed, match="running already"):
            await scene.call("load_start", url=URL, concurrency=1, duration_s=1)
        await scene.sleep(2)
        return await loaded(scene, 1)

    assert scene.run(story)["requests"] > 0


@pytest.mark.parametrize(
    "arguments", [{"concurrency": 0, "duration_s": 1}, {"concurrency": 1, "duration_s": 0}]
)
def test_a_load_of_nothing_is_refused(scene, arguments):
    async def story():
        with pytest.raises(CallFailed):
            await scene.call("load_start", url=URL, **arguments)

    scene.run(story)


# ---- the whole --------------------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_journals(directory):
    def journal(seed: int) -> str:
        scene = Scene(directory, seed)

        async def story():
            await scene.fetch(journey=JOURNEY)
            await loaded(scene, 0.5)

        scene.run(story)
        return json.dumps(scene.net.journal)

    assert journal(1) == journal(1) != journal(2)


def test_a_laptop_has_a_name():
    with pytest.raises(ValidationError, match="hostname"):
        Config.model_validate({})
