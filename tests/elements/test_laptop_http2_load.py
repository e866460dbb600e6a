"""A load that speaks HTTP/2: streams share connections, windows hold content back, and what a server will not do."""

import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from actors.element import CallFailed
from tests.elements import test_laptop
from tests.elements.h2_serving import H2Answer, H2Serving, reply
from tests.elements.home import SITE
from tests.elements.test_laptop import Scene
from tests.elements.test_laptop_load import until_over
from tests.elements.test_laptop_open_load import opened

directory, scene = test_laptop.directory, test_laptop.scene

URL = f"https://{SITE}:8443/"
OK = reply(200, b"ok", [("content-length", "2"), ("x-served-by", "nginx-0")])


class Server:
    """What speaks HTTP/2 at the site's port 8443; `answer` can be changed."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.connections: list[H2Serving] = []
        self.answer: Callable[[H2Serving, int], None] = OK
        self.settings: dict[SettingCodes, int] = {}
        self.greedy = True

    async def start(self) -> None:
        server = self

        class Serving(H2Serving):
            greedy = server.greedy

            def answer(self, stream: int) -> None:
                server.answer(self, stream)

            def connection_made(self, transport: Any) -> None:
                self.engine.local_settings = Settings(client=False, initial_values=server.settings)
                super().connection_made(transport)

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.scene.home.context.directory / "certs" / f"{SITE}.pem")
        tls.set_alpn_protocols(["h2"])
        await self.scene.home.stack.create_server(lambda: Serving(self), 8443, ssl=tls)  # type: ignore[arg-type]

    @property
    def heads(self) -> list[dict[str, str]]:
        return [head for each in self.connections for head in each.heads.values()]


def after(seconds: float, answer: H2Answer = OK) -> H2Answer:
    """An answer that takes so long."""

    def later(serving: H2Serving, stream: int) -> None:
        context = serving.target.scene.home.context  # type: ignore[attr-defined]
        context.call_at(context.now_ns() + round(seconds * 1e9), answer, serving, stream)

    return later


def goaway(serving: H2Serving, last: int, code: int = 0) -> None:
    """A GOAWAY frame after which this end goes on."""
    frame = GoAwayFrame(0)
    frame.last_stream_id, frame.error_code = last, code
    serving.transport.write(frame.serialize())


def load(
    scene: Scene, change: Callable[[Server], None] = lambda server: None, **options: Any
) -> tuple[dict[str, Any], Server]:
    """A load on the server, and what it was told. An open model, unless users are given."""
    server = Server(scene)
    change(server)

    async def story() -> dict[str, Any]:
        await server.start()
        users = options.pop("users", 0)
        given = {"url": URL, "http": "2", **options}
        if not users:
            return await opened(scene, **{"arrivals": "uniform", **given})
        await scene.call("load_plan", stages=[{"duration_s": 2, "users": users}], **given)
        return await until_over(scene)

    return scene.run(story), server


# ---- streams -------------------------------------------------------------------------------------------------------


def test_requests_share_one_connection(scene):
    """Each takes half a second: with HTTP/1.1, fifty connections."""
    status, server = load(scene, lambda server: setattr(server, "answer", after(0.5)), rate=100)
    assert status["statuses"] == {"200": 200} and status["errors"] == {}
    assert len(server.connections) == sum(status["connections"].values()) == 1
    assert status["per_pod"] == {"nginx-0": 200}
    assert status["latency_ms"]["p50"] == pytest.approx(502, abs=2)
    assert server.heads[0] == {
        ":method": "GET", ":scheme": "https", ":path": "/", ":authority": f"{SITE}:8443",
        "user-agent": "packet-journey-load", "accept": "*/*",
    }  # fmt: skip


def test_users_share_it_too(scene):
    status, server = load(scene, lambda server: setattr(server, "answer", after(0.1)), users=40)
    assert 40 * 18 <= status["requests"] <= 40 * 20 and status["errors"] == {}
    assert len(server.connections) == 1


def test_another_connection_is_opened_when_all_are_full(scene):
    def few(server: Server) -> None:
        server.settings, server.answer = {SettingCodes.MAX_CONCURRENT_STREAMS: 10}, after(0.5)

    status, server = load(scene, few, users=40)
    assert len(server.connections) == 4 and status["errors"] == {}
    assert status["requests"] >= 40 * 3


def test_at_the_bound_requests_wait_for_a_stream(scene):
    def few(server: Server) -> None:
        server.settings, server.answer = {SettingCodes.MAX_CONCURRENT_STREAMS: 10}, after(0.5)

    status, server = load(scene, few, rate=40, max_connections=1)
    assert status["statuses"] == {"200": 80} and len(server.connections) == 1
    assert status["service_ms"]["max"] < 510 < 1500 < status["latency_ms"]["max"]


def test_new_visitors_have_connections_of_their_own(scene):
    status, server = load(scene, rate=100, keepalive=0.7, seed=3)
    assert status["statuses"] == {"200": 200}
    lonely = [each for each in server.connections if len(each.heads) == 1]
    assert len(lonely) == len(server.connections) - 1 == pytest.approx(60, abs=20)


def test_new_visitors_take_the_place_of_an_idle_connection_at_the_bound(scene):
    status, server = load(scene, rate=40, keepalive=0.5, max_connections=1, seed=1)
    assert status["statuses"] == {"200": 80} and len(server.connections) > 20


def test_methods_contents_and_expectations_are_as_with_http_1(scene):
    requests = [
        {"path": "/", "method": "HEAD", "name": "head"},
        {"path": "/cart", "method": "POST", "body": "x", "expect": {"contains": "ok"}, "name": "post"},
        {"path": "/", "expect": {"contains": "nowhere"}, "name": "wrong"},
    ]

    def answer(serving: H2Serving, stream: int) -> None:
        head = serving.heads[stream][":method"] == "HEAD"
        serving.engine.send_headers(stream, [(":status", "200"), ("content-length", "2")], end_stream=head)
        if not head:
            serving.engine.send_data(stream, b"ok", end_stream=True)
        serving.flush()

    status, server = load(scene, lambda server: setattr(server, "answer", answer), rate=60, requests=requests)
    told = {name: (each["requests"] > 20, each["failed"]) for name, each in status["per_request"].items()}
    assert told["head"] == told["post"] == (True, 0)
    assert status["errors"] == {"unexpected": told["wrong"][1]}
    posted = [each.bodies[stream] for each in server.connections for stream in each.heads
              if each.heads[stream][":method"] == "POST"]  # fmt: skip
    assert set(posted) == {b"x"}


# ---- windows -------------------------------------------------------------------------------------------------------


def test_content_waits_for_the_server_s_windows(scene):
    """65,535 bytes go out at once (RFC 9113, section 6.9.2); the rest when a window is opened, a second later."""

    def stingy(server: Server) -> None:
        server.greedy = False

    async def story() -> dict[str, Any]:
        server = Server(scene)
        stingy(server)
        await server.start()
        requests = [{"path": "/", "method": "POST", "body_bytes": 100_000}]
        await scene.call("load_plan", url=URL, http="2", requests=requests,
                         stages=[{"duration_s": 0.1, "rate": 10}], arrivals="uniform")  # fmt: skip
        await scene.sleep(1)
        [serving] = server.connections
        [stream] = serving.bodies
        assert len(serving.bodies[stream]) == 65_535
        serving.engine.acknowledge_received_data(65_535, stream)
        serving.flush()
        status = await until_over(scene)
        assert len(serving.bodies[stream]) == 100_000
        return status

    status = scene.run(story)
    assert status["statuses"] == {"200": 1} and status["latency_ms"]["p50"] > 900


def test_windows_are_opened_for_answers(scene):
    """A megabyte in all, through windows of 64 kB."""

    def answer(serving: H2Serving, stream: int) -> None:
        serving.engine.send_headers(stream, [(":status", "200"), ("content-length", "20000")])
        for left in (1, 0):
            serving.engine.send_data(stream, bytes(10_000), end_stream=not left)
        serving.flush()

    status, server = load(scene, lambda server: setattr(server, "answer", answer), rate=25)
    assert status["statuses"] == {"200": 50} and len(server.connections) == 1


# ---- what goes wrong -----------------------------------------------------------------------------------------------


def every(number: int, instead: H2Answer) -> H2Answer:
    """Every so many-th request is treated in another way."""
    seen = Counter[str]()

    def answer(serving: H2Serving, stream: int) -> None:
        seen["requests"] += 1
        (OK if seen["requests"] % number else instead)(serving, stream)

    return answer


def reset_with(code: ErrorCodes) -> H2Answer:
    def answer(serving: H2Serving, stream: int) -> None:
        serving.engine.reset_stream(stream, code)
        serving.flush()

    return answer


@pytest.mark.parametrize("model", [{"rate": 100}, {"users": 10, "think_s": 0.1}])
def test_a_stream_that_is_reset_is_an_error_and_the_connection_lives_on(scene, model):
    answer = every(10, reset_with(ErrorCodes.INTERNAL_ERROR))
    status, server = load(scene, lambda server: setattr(server, "answer", answer), **model)
    total = len(server.heads)
    assert total >= 180
    assert status["errors"] == {"stream_reset": total // 10} and status["requests"] == total - total // 10
    assert len(server.connections) == 1


def test_a_stream_that_was_refused_is_sent_again_and_counts_once(scene):
    answer = every(10, reset_with(ErrorCodes.REFUSED_STREAM))
    status, server = load(scene, lambda server: setattr(server, "answer", answer), rate=100)
    assert status["statuses"] == {"200": 200} and status["errors"] == {} and status["retries"] == 0
    assert len(server.heads) > 215


def test_a_server_that_refuses_everything_is_not_asked_for_ever(scene):
    refuse = reset_with(ErrorCodes.REFUSED_STREAM)
    status, server = load(scene, lambda server: setattr(server, "answer", refuse), rate=50)
    assert status["errors"] == {"unprocessed": 100} and len(server.heads) == 400


@pytest.mark.parametrize("model", [{"rate": 100}, {"users": 10, "think_s": 0.1}])
def test_goaway_ends_a_connection_without_losing_a_request(scene, model):
    """The server minds what it has, says so, and does not look at what came too late."""

    def leave(serving: H2Serving, stream: int) -> None:
        if stream > 41:
            return
        after(0.05)(serving, stream)
        if stream == 41:
            goaway(serving, 41)

    status, server = load(scene, lambda server: setattr(server, "answer", leave), **model)
    assert status["errors"] == {} and status["requests"] == status["offered"]
    assert len(server.connections) == pytest.approx(status["requests"] / 21, abs=2)
    assert all(each.transport.is_closing() for each in server.connections)


def test_goaway_with_an_error_fails_what_may_have_been_looked_at(scene):
    """Of the ten that are under way, the seven up to the last stream; the others go to a new connection."""

    def fail(serving: H2Serving, stream: int) -> None:
        if serving is not serving.target.connections[0]:
            OK(serving, stream)
        elif stream == 19:
            goaway(serving, 13, ErrorCodes.INTERNAL_ERROR)

    status, server = load(
        scene, lambda server: setattr(server, "answer", fail), users=10, think_s=0.1, timeout_s=1.0
    )
    assert status["errors"] == {"goaway": 7} and len(server.connections) == 2
    assert status["requests"] > 100


def test_a_client_that_retries_asks_again_after_a_goaway_with_an_error(scene):
    def fail(serving: H2Serving, stream: int) -> None:
        if serving is serving.target.connections[0]:
            goaway(serving, stream, ErrorCodes.INTERNAL_ERROR)
        else:
            OK(serving, stream)

    status, _ = load(scene, lambda server: setattr(server, "answer", fail), rate=10, retries=1)
    assert status["errors"] == {} and status["retries"] == 1 and status["statuses"] == {"200": 20}


def test_who_waits_too_long_is_given_up_and_the_others_are_not(scene):
    answer = every(10, lambda serving, stream: None)
    status, server = load(scene, lambda server: setattr(server, "answer", answer), rate=100, timeout_s=0.5)
    assert status["errors"] == {"timeout": 20} and status["requests"] == 180
    assert len(server.connections) == 1 and len(server.connections[0].resets) == 20


def test_a_connection_on_which_nothing_comes_any_more_is_replaced(scene):
    def dead(serving: H2Serving, stream: int) -> None:
        if serving is not serving.target.connections[0]:
            OK(serving, stream)

    status, server = load(scene, lambda server: setattr(server, "answer", dead), rate=100, timeout_s=0.5)
    assert len(server.connections) == 2
    assert status["errors"]["timeout"] == pytest.approx(55, abs=6)


def test_what_is_no_http_2_is_an_error(scene):
    def rude(serving: H2Serving, stream: int) -> None:
        serving.transport.write(b"\0\0\1\0\0\0\0\0\0?")

    status, _ = load(scene, lambda server: setattr(server, "answer", rude), rate=10)
    assert status["errors"] == {"bad_response": 20}


def test_a_site_that_does_not_speak_it_is_told_so(scene):
    status, _ = load(scene, rate=10, url=f"https://{SITE}/")
    assert status["errors"] == {"no_http2": 20} and status["requests"] == 0


def test_a_site_without_tls_is_refused(scene):
    with pytest.raises(CallFailed, match=r"HTTP/2 is agreed on in TLS: http://packet-journey.com/ has none"):
        load(scene, rate=10, url=f"http://{SITE}/")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_server_does_each_request_has_one_outcome(scene, seed, caplog):
    """Answers, late ones, resets, refusals, GOAWAYs of every kind, ends of the connection, silence: by dice."""
    dice = Random(seed)

    def ok(serving: H2Serving, stream: int) -> None:
        with suppress(ProtocolError):  # the client has gone meanwhile, or has had enough of it
            OK(serving, stream)

    def whatever(serving: H2Serving, stream: int) -> None:
        last = dice.choice([0, stream - 2, stream, 2**31 - 1])
        deeds: list[Callable[[], None]] = [
            lambda: reset_with(dice.choice(list(ErrorCodes)))(serving, stream),
            lambda: goaway(serving, last),
            lambda: goaway(serving, last, ErrorCodes.ENHANCE_YOUR_CALM),
            serving.transport.close,
            serving.transport.abort,
            lambda: None,
            lambda: serving.transport.write(dice.randbytes(30)),
            lambda: after(dice.random(), ok)(serving, stream),
        ]
        if dice.random() < 0.2:
            dice.choice(deeds)()
        else:
            ok(serving, stream)

    def settings(server: Server) -> None:
        server.answer, server.settings = (
            whatever,
            {SettingCodes.MAX_CONCURRENT_STREAMS: dice.choice([1, 5, 100])},
        )

    model = {"rate": 150} if seed % 2 else {"users": 30, "think_s": 0.05}
    status, _ = load(scene, settings, keepalive=0.8, retries=seed % 3, seed=seed, timeout_s=0.4, **model)
    assert status["offered"] == status["requests"] + sum(status["errors"].values()) > 150
    assert (status["inflight"], len(scene.net.element("laptop").load.run.pool)) == (0, 0)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_equal_seeds_give_equal_figures(directory: Path):
    def figures() -> dict[str, Any]:
        answer = every(7, after(0.3, reset_with(ErrorCodes.REFUSED_STREAM)))
        status, _ = load(
            Scene(directory),
            lambda server: setattr(server, "answer", answer),
            rate=100,
            keepalive=0.8,
            seed=5,
            arrivals="poisson",
        )
        return status

    assert figures() == figures()
