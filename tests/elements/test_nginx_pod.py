import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from actors.element import JOURNEY, CallFailed, Context, Element
from actors.parts.nginx_pages import ETAG, MODIFIED, WELCOME
from actors.protocols.http1 import Response
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire.addresses import mac_for, mac_text
from tests.elements.alb_bed import GET, Talk

POD = "10.0.10.20"
JOURNEY_ID = "67891233abcdef012345678912345678"


class Node(Element):
    """A node without routing: the client sits on the node itself. Its first answers to the kubelet are errors."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.stack = Stack(context)
        self.stack.add_interface("nginx", "10.0.10.10/24")
        self.asked: list[str] = []

    async def call_sandbox(self, pod: str) -> dict[str, Any]:
        self.asked.append(pod)
        if len(self.asked) < 3:
            raise CallFailed("no address yet")
        mac = mac_text(mac_for("node", "nginx"))
        return {"address": f"{POD}/32", "gateway": "169.254.1.1", "gateway_mac": mac, "mtu": 9001}

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)


class Bed:
    """A pod `nginx` on a `node`, where the client is."""

    def __init__(self, directory: Path, **config: Any) -> None:
        self.directory = directory
        self.net = VirtualNetwork(seed=1, directory=directory)
        self.net.add_element("node", Node)
        config = {"service_time": {"distribution": "constant", "value": "1ms"}, **config}
        self.net.add("nginx", "nginx_pod", {"node": "node", "pod": "default/nginx-0", **config})
        self.net.link("veth", ("node", "nginx"), ("nginx", "eth0"), delay="5us", mtu=9001)
        self.run = self.net.run

    async def connect(self) -> Talk:
        _, talk = await self.net.element("node").stack.create_connection(Talk, POD, 80)
        assert isinstance(talk, Talk)
        return talk

    async def ask(self, data: bytes = GET, method: bytes = b"GET") -> Response:
        talk = await self.connect()
        response = await talk.ask(data, method)
        talk.transport.close()
        return response

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.net.journal if entry["kind"] == kind]

    def log(self) -> list[str]:
        return (self.directory / "logs" / "nginx.access.log").read_text().splitlines()


def request(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: a", *fields, "", ""]).encode()


def test_the_page(tmp_path):
    bed = Bed(tmp_path)
    response = bed.run(bed.ask())
    assert (response.status, response.reason) == (200, b"OK")
    assert b"".join(response.body) == WELCOME
    assert 612 <= len(WELCOME) <= 615
    assert [line.partition(b":")[0] for line in response.lines] == [
        b"Server", b"Date", b"Content-Type", b"Last-Modified", b"ETag", b"X-Served-By",
    ]  # fmt: skip
    assert response.lines[:2] == [b"Server: nginx/1.27.3\r\n", b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"]
    assert response.lines[-1] == b"X-Served-By: nginx-0\r\n"
    assert response.fields[b"connection"] == b"keep-alive"


def test_it_asks_its_node_until_it_has_a_network(tmp_path):
    bed = Bed(tmp_path)
    bed.run(bed.ask())
    assert bed.net.element("node").asked == ["default/nginx-0"] * 3


@pytest.mark.parametrize(
    ("line", "fields", "status", "length"),
    [
        ("HEAD /", [], 200, len(WELCOME)),
        ("GET /index.html?x=y", [], 200, len(WELCOME)),
        ("GET /nowhere", [], 404, 153),
        ("HEAD /nowhere", [], 404, 153),
        ("POST /", ["Content-Length: 0"], 405, 157),
        ("GET /", [f"If-None-Match: {ETAG}"], 304, None),
        ("GET /", ['If-None-Match: "other"', f"If-Modified-Since: {MODIFIED}"], 200, len(WELCOME)),
        ("GET /", [f"If-Modified-Since: {MODIFIED}"], 304, None),
    ],
)
def test_answers(tmp_path, line, fields, status, length):
    bed = Bed(tmp_path)

    async def story():
        method = line.split()[0].encode()
        talk = await bed.connect()
        response = await talk.ask(request(line, *fields), method)
        assert response.status == status
        assert response.fields.get(b"content-length") == (None if length is None else b"%d" % length)
        body = b"".join(response.body)
        assert len(body) == (0 if method == b"HEAD" or length is None else length)
        assert (await talk.ask(GET)).status == 200
        talk.transport.close()

    bed.run(story())
    first = bed.log()[0]
    sent = 0 if line.startswith("HEAD") or length is None else length
    assert re.fullmatch(
        r"10\.0\.10\.10 - - \[01/Jan/2026:00:00:00 \+0000\] "
        rf'"{re.escape(line)} HTTP/1\.1" {status} {sent} "-" "-"',
        first,
    )


def test_what_is_no_request_gets_nginxs_400(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        response = await talk.ask(b"NONSENSE\r\n\r\n")
        assert response.status == 400
        assert b"<hr><center>nginx/1.27.3</center>" in b"".join(response.body)
        await talk.lost.wait()

    bed.run(story())


def test_a_connection_is_closed_after_its_last_request(tmp_path):
    bed = Bed(tmp_path, keepalive_requests=3)

    async def story():
        talk = await bed.connect()
        connections = [(await talk.ask(GET)).fields[b"connection"] for _ in range(3)]
        assert connections == [b"keep-alive", b"keep-alive", b"close"]
        await talk.lost.wait()

    bed.run(story())


def test_an_idle_connection_is_closed_after_65_seconds(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        await talk.ask(GET)
        began = bed.net.loop.time()
        await talk.lost.wait()
        assert bed.net.loop.time() - began == pytest.approx(65, abs=0.01)

    bed.run(story())


def test_a_worker_serves_one_request_at_a_time(tmp_path):
    bed = Bed(tmp_path, worker_processes=2, service_time={"distribution": "constant", "value": "10ms"})

    async def story():
        JOURNEY.set(JOURNEY_ID)
        talks = [await bed.connect() for _ in range(4)]
        began = bed.net.loop.time()
        for talk in talks:
            talk.transport.write(GET)
        ends = []
        for talk in talks:
            await talk.response()
            ends.append(bed.net.loop.time() - began)
            talk.transport.close()
        assert ends == pytest.approx([0.010, 0.010, 0.020, 0.020], abs=0.001)

    bed.run(story())
    answers = bed.records("nginx.answer")
    assert sorted(answer["worker"] for answer in answers) == [0, 0, 1, 1]
    assert [round(answer["queued_ms"]) for answer in answers] == [0, 0, 10, 10]
    assert all(answer["service_ms"] == 10 and answer["status"] == 200 for answer in answers)


def test_while_all_workers_serve_connections_wait_in_the_accept_queue(tmp_path):
    bed = Bed(tmp_path, service_time={"distribution": "constant", "value": "1s"})

    async def story():
        JOURNEY.set(JOURNEY_ID)
        busy = await bed.connect()
        busy.transport.write(GET)
        await asyncio.sleep(0.1)
        waiting = [await bed.connect() for _ in range(3)]
        assert len(bed.records("nginx.accept")) == 1
        await busy.response()
        await asyncio.sleep(0.1)
        for talk in [busy, *waiting]:
            talk.transport.abort()

    bed.run(story())
    assert [(entry["queue"], entry["worker"], entry["backlog"]) for entry in bed.records("nginx.accept")] == [
        (0, 0, 511), (2, 0, 511), (1, 0, 511), (0, 0, 511),
    ]  # fmt: skip


def test_worker_connections_are_not_enough(tmp_path):
    bed = Bed(tmp_path, worker_connections=2)

    async def story():
        talks = [await bed.connect() for _ in range(3)]
        await talks[2].lost.wait()
        assert (await talks[1].ask(GET)).status == 200
        for talk in talks:
            talk.transport.abort()

    bed.run(story())
    metrics = bed.net.host("nginx").metrics.values()
    assert metrics['journey_pod_rejected_connections_total{pod="nginx-0"}'] == 1
    assert metrics['journey_pod_requests_total{code_class="2xx",pod="nginx-0"}'] == 1
    assert metrics['journey_pod_inflight_requests{pod="nginx-0"}'] == 0


def test_a_client_that_goes_does_not_hurt(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        for _ in range(3):
            talk = await bed.connect()
            talk.transport.write(GET)
            await asyncio.sleep(0.0005)
            talk.transport.abort()
        assert (await bed.ask()).status == 200

    bed.run(story())


def test_records_belong_to_the_requests_own_journey(tmp_path):
    """A connection that was opened in one journey carries the next request in another, or in none."""
    bed = Bed(tmp_path)

    async def story():
        JOURNEY.set(JOURNEY_ID)
        talk = await bed.connect()
        await talk.ask(GET)
        JOURNEY.set(None)
        await talk.ask(GET)
        JOURNEY.set("f" * 32)
        await talk.ask(GET)
        talk.transport.close()

    bed.run(story())
    assert [entry["journey"] for entry in bed.records("nginx.answer")] == [JOURNEY_ID, "f" * 32]


def test_what_comes_after_the_last_answer_is_not_reset(tmp_path):
    """As nginx with `lingering_close`."""
    bed = Bed(tmp_path, keepalive_requests=1)

    async def story():
        talk = await bed.connect()
        assert (await talk.ask(GET)).fields[b"connection"] == b"close"
        talk.transport.write(GET)
        await talk.lost.wait()
        await asyncio.sleep(1)
        tcp = bed.net.element("nginx").stack.tcp
        assert (tcp.resets_sent.value, tcp.resets_received.value) == (0, 0)

    bed.run(story())
    assert len(bed.log()) == 1
