import asyncio
import re
import signal
from collections.abc import Coroutine
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
    """A node without routing, where the client is; it is told when containers end."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.stack = Stack(context)
        self.stack.add_interface("nginx", "10.0.10.10/24")
        self.away = False
        self.ends: list[tuple[str, str, int]] = []

    async def call_container_exited(
        self, pod: str, container: str, container_id: str, exit_code: int
    ) -> None:
        if self.away:
            raise CallFailed("the node is away")
        self.ends.append((container, container_id, exit_code))

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)


class Bed:
    """A pod `nginx` on a `node`, where the client is; `run` starts a container with nginx in it first."""

    def __init__(self, directory: Path, **image: Any) -> None:
        self.directory = directory
        self.net = VirtualNetwork(seed=1, directory=directory)
        self.net.add_element("node", Node)
        self.net.add("nginx", "nginx_pod", {"node": "node", "pod": "default/nginx-0"})
        self.net.link("veth", ("node", "nginx"), ("nginx", "eth0"), delay="5us", mtu=9001)
        self.image = {"service_time": {"distribution": "constant", "value": "1ms"}, **image}
        self.ids = 0

    @property
    def node(self) -> Node:
        return self.net.element("node")

    @property
    def now_s(self) -> float:
        return self.net.loop.time()

    def run(self, story: Coroutine[Any, Any, Any], *, nginx: bool = True) -> Any:
        async def whole() -> Any:
            try:
                mac = mac_text(mac_for("node", "nginx"))
                network = {"address": f"{POD}/32", "gateway": "169.254.1.1", "gateway_mac": mac, "mtu": 9001}
                await self.call("set_up_network", **network)
                if nginx:
                    assert await self.start() == {"started": True}
                return await story
            finally:
                story.close()

        return self.net.run(whole())

    async def call(self, verb: str, **arguments: Any) -> Any:
        return await self.net.host("node").call("nginx", verb, **arguments)

    async def sleep(self, seconds: float) -> None:
        await self.net.host("node").sleep(seconds)

    async def start(self, *command: str, name: str = "nginx", image: Any = None, env: Any = None) -> Any:
        self.ids += 1
        return await self.call(
            "start_container",
            name=name,
            container_id=f"id-{self.ids}",
            image=self.image if image is None else image,
            command=list(command),
            args=[],
            env=env or {},
            log_path=f"logs/pods/{name}/{self.ids - 1}.log",
        )

    async def signal(self, number: int, name: str = "nginx") -> None:
        await self.call("stop_container", name=name, signal=int(number))

    async def exec(self, *command: str, timeout_s: float | None = None) -> Any:
        return await self.call("exec", container="nginx", command=list(command), timeout_s=timeout_s)

    async def connect(self, port: int = 80) -> Talk:
        _, talk = await self.node.stack.create_connection(Talk, POD, port)
        assert isinstance(talk, Talk)
        return talk

    async def ask(self, data: bytes = GET, method: bytes = b"GET") -> Response:
        talk = await self.connect()
        response = await talk.ask(data, method)
        talk.transport.close()
        return response

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.net.journal if entry["kind"] == kind]

    def lines(self, name: str = "nginx", restart: int = 0) -> list[str]:
        """What a container has said, each line as `stream text`."""
        path = self.directory / f"logs/pods/{name}/{restart}.log"
        parts = [line.split(" ", 3) for line in path.read_text().splitlines()]
        assert all(full == "F" for _, _, full, _ in parts)
        return [f"{stream} {text}" for _, stream, _, text in parts]

    def log(self) -> list[str]:
        """nginx's access log."""
        return [line.removeprefix("stdout ") for line in self.lines() if line.startswith("stdout ")]


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
        rf'"{re.escape(line)} HTTP/1\.1" {status} {sent} "-" "-" "-"',
        first,
    )


@pytest.mark.parametrize("junk", [b"NONSENSE\r\n\r\n", b"get / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_is_no_request_gets_nginxs_400(tmp_path, junk):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        response = await talk.ask(junk)
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


@pytest.mark.parametrize(("directive", "idle_s"), [({}, 65), ({"keepalive_timeout": "200ms"}, 0.2)])
def test_an_idle_connection_is_closed_after_its_timeout(tmp_path, directive, idle_s):
    bed = Bed(tmp_path, **directive)

    async def story():
        talk = await bed.connect()
        for _ in range(3):
            await talk.ask(GET)
            await bed.sleep(idle_s / 2)
        began = bed.net.loop.time()
        await talk.lost.wait()
        assert bed.net.loop.time() - began == pytest.approx(idle_s / 2, abs=0.01)

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


def test_nginx_listens_on_every_port_that_it_was_given_and_its_workers_serve_them_all(tmp_path):
    bed = Bed(tmp_path, listen=[8080, 8081], service_time={"distribution": "constant", "value": "1s"})

    async def story():
        JOURNEY.set(JOURNEY_ID)
        with pytest.raises(ConnectionRefusedError):
            await bed.connect(80)
        busy = await bed.connect(8080)
        busy.transport.write(GET)
        await asyncio.sleep(0.1)
        waiting = await bed.connect(8081)
        assert len(bed.records("nginx.accept")) == 1
        assert (await busy.response()).status == 200
        assert (await waiting.ask(GET)).status == 200
        for talk in (busy, waiting):
            talk.transport.abort()
        await bed.call("set", refuse="on")
        for port in (8080, 8081):
            with pytest.raises(ConnectionRefusedError):
                await bed.connect(port)
        await bed.call("set", refuse="off")
        (await bed.connect(8081)).transport.abort()

    bed.run(story())
    assert [(entry["queue"], entry["worker"]) for entry in bed.records("nginx.accept")][:2] == [
        (0, 0),
        (0, 0),
    ]


def test_a_pod_that_finds_one_of_its_ports_taken_opens_none(tmp_path):
    bed = Bed(tmp_path, listen=[8081])

    async def story():
        await bed.start(name="other", image={"program": "nginx", "listen": [8080, 8081]})
        await bed.sleep(3)
        assert bed.node.ends == [("other", "id-2", 1)]
        with pytest.raises(ConnectionRefusedError):
            await bed.connect(8080)

    bed.run(story())
    assert "bind() to 0.0.0.0:8081 failed" in bed.lines("other", 1)[0]


def test_worker_connections_are_not_enough(tmp_path):
    """Those that are idle make room, the one that has been so longest first; who finds all of them busy is rejected."""
    bed = Bed(tmp_path, worker_connections=2)

    async def story():
        talks = [await bed.connect() for _ in range(2)]
        assert (await talks[0].ask(GET)).status == 200
        talks.append(await bed.connect())
        await talks[1].lost.wait()
        assert not talks[0].lost.is_set()
        await bed.call("set", latency="100ms")  # the worker goes on meanwhile
        answers = [asyncio.ensure_future(talks[number].ask(GET)) for number in (0, 2)]
        await bed.sleep(0.01)
        talks.append(await bed.connect())
        await talks[3].lost.wait()
        assert [(await answer).status for answer in answers] == [200, 200]
        for talk in talks:
            talk.transport.abort()
        await bed.sleep(2)

    bed.run(story())
    metrics = bed.net.host("nginx").metrics.values()
    assert metrics['journey_pod_rejected_connections_total{pod="nginx-0"}'] == 1
    assert metrics['journey_pod_requests_total{code_class="2xx",pod="nginx-0"}'] == 3
    assert metrics['journey_pod_inflight_requests{pod="nginx-0"}'] == 0
    said = [line.split("[", 1)[1] for line in bed.lines() if "not enough" in line]
    assert said == [
        "warn] 1#1: 2 worker_connections are not enough, reusing connections",
        "alert] 1#1: 2 worker_connections are not enough",
    ]


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


# ---- signals -----------------------------------------------------------------------------------------------


def test_sigquit_lets_requests_end_closes_what_is_idle_and_refuses_the_rest(tmp_path):
    bed = Bed(tmp_path, worker_processes=4, service_time={"distribution": "constant", "value": "1s"})

    async def story():
        idle, busy = await bed.connect(), await bed.connect()
        await idle.ask(GET)
        busy.transport.write(GET)
        await bed.sleep(0.1)
        began = bed.now_s
        await bed.signal(signal.SIGQUIT)
        await idle.lost.wait()
        assert bed.now_s - began < 0.01
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()
        assert bed.node.ends == []
        response = await busy.response()
        assert (response.status, response.fields[b"connection"]) == (200, b"close")
        await busy.lost.wait()
        await bed.sleep(0.01)
        assert bed.now_s - began == pytest.approx(0.9, abs=0.02)
        assert bed.node.ends == [("nginx", "id-1", 0)]

    bed.run(story())
    assert [line for line in bed.lines() if "notice" in line][-2:] == [
        "stderr 2026/01/01 00:00:01 [notice] 1#1: signal 3 (SIGQUIT) received, shutting down",
        "stderr 2026/01/01 00:00:02 [notice] 1#1: exit",
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, 137)])
def test_sigterm_and_sigkill_cut_requests_off(tmp_path, number, code):
    bed = Bed(tmp_path, service_time={"distribution": "constant", "value": "1s"})

    async def story():
        talk = await bed.connect()
        talk.transport.write(GET)
        await bed.sleep(0.1)
        await bed.signal(number)
        await talk.lost.wait()
        await bed.sleep(0.01)
        assert talk.heard == b"" and bed.now_s < 0.2
        assert bed.node.ends == [("nginx", "id-1", code)]
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()
        await bed.sleep(2)

    bed.run(story())
    assert bed.log() == []


def test_a_container_starts_again_where_one_has_ended(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await bed.signal(signal.SIGQUIT)
        await bed.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()
        assert await bed.start() == {"started": True}
        assert (await bed.ask()).status == 200
        with pytest.raises(CallFailed, match="container nginx runs already"):
            await bed.start()

    bed.run(story())
    assert len([line for line in bed.lines(restart=1) if line.startswith("stdout")]) == 1


def test_the_end_is_told_until_the_node_hears_it(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.node.away = True
        await bed.signal(signal.SIGTERM)
        await bed.sleep(5)
        bed.node.away = False
        await bed.sleep(3)
        assert bed.node.ends == [("nginx", "id-1", 0)]

    bed.run(story())


def test_before_nginx_runs_connections_are_refused(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        with pytest.raises(ConnectionRefusedError):
            await bed.connect()

    bed.run(story(), nginx=False)


def test_two_nginxes_in_one_pod_share_its_port_badly(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await bed.start(name="other")
        await bed.sleep(3)
        assert bed.node.ends == [("other", "id-2", 1)]
        assert (await bed.ask()).status == 200

    bed.run(story())
    said = bed.lines("other", 1)
    assert said[:2] == ["stderr nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)"] * 2
    assert said[5:] == ["stderr nginx: [emerg] still could not bind()"]


# ---- other programs ----------------------------------------------------------------------------------------

BUSYBOX = {"program": "command"}


@pytest.mark.parametrize(
    ("command", "code", "after_s", "said"),
    [
        (["true"], 0, 0, []),
        (["false"], 1, 0, []),
        (["sh"], 0, 0, []),
        (["echo", "a", "b"], 0, 0, ["stdout a b"]),
        (["sleep", "5"], 0, 5, []),
        (["sleep", "x"], 1, 0, ["stderr sleep: invalid time interval 'x'"]),
        (
            ["sh", "-c", "echo one; sleep 2 && echo two; exit 7; echo three"],
            7,
            2,
            ["stdout one", "stdout two"],
        ),
        (["sh", "-c", "false && echo no || echo $HOSTNAME-$WHO"], 0, 0, ["stdout nginx-0-me"]),
        (["sh", "-c", "nothere"], 127, 0, ["stderr sh: 1: nothere: not found"]),
        (["sh", "-c", "echo a | cat"], 2, 0, ["stderr sh: 1: this shell has no '|'; it knows ;, && and ||"]),
        (["sh", "-c", "exec echo x; echo y"], 0, 0, ["stdout x"]),
    ],
)
def test_commands(tmp_path, command, code, after_s, said):
    bed = Bed(tmp_path)

    async def story():
        assert await bed.start(*command, name="c", image=BUSYBOX, env={"WHO": "me"}) == {"started": True}
        began = bed.now_s
        while not bed.node.ends:
            await bed.sleep(0.001)
        assert bed.node.ends == [("c", "id-1", code)]
        assert bed.now_s - began == pytest.approx(after_s, abs=0.01)

    bed.run(story(), nginx=False)
    assert (bed.lines("c") if said else []) == said


def test_a_program_that_is_not_there_cannot_be_started(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        for command in ("nginx", "python"):
            answer = await bed.start(command, name="c", image=BUSYBOX)
            assert answer == {
                "exit_code": 128,
                "error": "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
                "runc create failed: unable to start container process: exec: "
                f'"{command}": executable file not found in $PATH: unknown',
            }
        await bed.sleep(1)
        assert bed.node.ends == []

    bed.run(story(), nginx=False)


def test_process_1_without_a_handler_lives_until_sigkill(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await bed.start("sleep", "infinity", name="c", image=BUSYBOX)
        await bed.signal(signal.SIGTERM, "c")
        await bed.sleep(10)
        assert bed.node.ends == []
        await bed.signal(signal.SIGKILL, "c")
        await bed.sleep(0.1)
        assert bed.node.ends == [("c", "id-1", 137)]

    bed.run(story(), nginx=False)


def test_exec(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        assert await bed.exec("echo", "hi") == {"exit_code": 0, "output": "hi"}
        assert await bed.exec("sh", "-c", "echo a; exit 3") == {"exit_code": 3, "output": "a"}
        assert 'exec: "cat": executable file not found' in (await bed.exec("cat", "/tmp/x"))["error"]
        assert await bed.exec("sleep", "9", timeout_s=1) == {"timed_out": True}
        assert await bed.exec("nginx", "-s", "quit") == {"exit_code": 0, "output": ""}
        await bed.sleep(0.01)
        assert bed.node.ends == [("nginx", "id-1", 0)]
        assert await bed.exec("true") == {"error": 'container not running ("nginx")'}

    bed.run(story())


def test_an_exec_ends_with_its_container(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        asked = asyncio.ensure_future(bed.exec("sleep", "9"))
        await bed.sleep(0.1)
        await bed.signal(signal.SIGTERM)
        assert await asked == {"exit_code": 137, "output": ""}

    bed.run(story())


def test_a_shell_becomes_its_last_command_and_nginx_hears_signals(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        await bed.start("sh", "-c", "sleep 1; nginx -g 'daemon off;'")
        await bed.sleep(1.1)
        assert (await bed.ask()).status == 200
        await bed.signal(signal.SIGTERM)
        await bed.sleep(0.1)
        assert bed.node.ends == [("nginx", "id-1", 0)]
        await bed.start("nginx")
        await bed.sleep(0.1)
        assert bed.node.ends[1:] == [("nginx", "id-2", 0)], "a daemon is not what a container lives by"

    bed.run(story(), nginx=False)
