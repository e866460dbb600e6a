"""An ALB node between a client and a few targets on one wire, on the virtual clock."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from actors.element import Context, Element
from actors.protocols.http1 import Request, RequestReader, Response, ResponseReader
from actors.runtime.metrics import series_text
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from tests.elements.hub import join

ALB = "10.0.0.10"
TOPIC = "load-balancer-node/alb"
BALANCER_ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"
LISTENER_ARN = (
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"
)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-group/73e2d6bc24d8a067"
GET = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Answer = Callable[["Serving", Request], None]


def say(data: bytes, close: bool = False) -> Answer:
    """A target that always answers this."""

    def answer(serving: "Serving", request: Request) -> None:
        serving.transport.write(data)
        if close:
            serving.transport.close()

    return answer


def silent(serving: "Serving", request: Request) -> None:
    """A target that never answers."""


class Serving(asyncio.Protocol):
    """A target's end of a connection."""

    def __init__(self, target: "Target") -> None:
        self.target = target
        self.reader = RequestReader()
        self.raw: Callable[[bytes], None] | None = None
        """Gets what comes once the connection is no longer HTTP."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.target.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self.target.heard += data
        if self.raw is not None:
            self.raw(data)
            return
        self.reader.feed(data)
        requests = self.reader.requests
        while requests and (requests[0].complete or not self.target.patient):
            request = requests.popleft()
            if request.user_agent.startswith(b"ELB-HealthChecker"):
                self.target.probes.append(data)
                self.target.probe(self, request)
            else:
                self.target.requests.append(request)
                self.target.answer(self, request)
            if request.websocket and self.raw is None:
                self.reader.resume()
            elif request.websocket and (early := self.reader.tunnel()):
                self.raw(early)


class Target(Element):
    """A host with a server on port 80 that answers as it is told; a `patient` one when it has the whole request.

    `heard` is all that was said to it."""

    def __init__(
        self,
        context: Context,
        address: str,
        serving: "Callable[[Target], asyncio.Protocol] | None" = None,
    ) -> None:
        super().__init__(None, context)
        self.serving = serving or Serving
        """What speaks with each client."""
        self.stack = Stack(context)
        self.stack.add_interface("eth0", f"{address}/24")
        self.answer: Answer = say(OK)
        self.probe: Answer = say(OK)
        self.patient = False
        self.heard = b""
        self.requests: list[Request] = []
        self.probes: list[bytes] = []
        self.connections: list[Serving] = []
        self.server: Any = None

    async def start(self) -> None:
        self.server = await self.stack.create_server(lambda: self.serving(self), 80)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)


class Talk(asyncio.Protocol):
    """A client's end of a connection: says bytes, reads responses."""

    def __init__(self) -> None:
        self.reader = ResponseReader()
        self.heard = b""
        self.lost = asyncio.Event()
        self.news = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.news.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()
        self.news.set()

    async def ask(self, data: bytes, method: bytes = b"GET") -> Response:
        """Say this, and wait for one whole response."""
        self.transport.write(data)
        return await self.response(method)

    async def response(self, method: bytes = b"GET") -> Response:
        self.reader = ResponseReader()
        self.reader.expect(method)
        while True:
            heard, self.heard = self.heard, b""
            if heard:
                self.reader.feed(heard)
            response = self.reader.response
            if response is not None and (response.complete or (self.lost.is_set() and self.reader.end())):
                return response
            assert not self.lost.is_set(), "closed before the response was complete"
            self.news.clear()
            await self.news.wait()


class AwsApi(Element):
    """AWS's control plane as a node sees it: topics with items, and nothing behind them."""

    def __init__(self, context: Context, topics: dict[str, dict[str, Any]]) -> None:
        super().__init__(None, context)
        self.topics = topics
        self._history: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def on_frame(self, port: str, frame: bytes) -> None:
        """It has no ports."""

    def put(self, topic: str, key: str, value: Any) -> None:
        """An item is this from now on; None deletes it."""
        items = self.topics.setdefault(topic, {})
        if value is None:
            items.pop(key, None)
        else:
            items[key] = value
        self._history.append((topic, key))
        self._news.set()
        self._news = asyncio.Event()

    async def call_watch(self, topic: str, since: str | None, timeout_s: float) -> dict[str, Any]:
        items = self.topics.setdefault(topic, {})
        if since is None:
            return {"version": str(len(self._history)), "whole": True, "items": dict(items)}
        while True:
            keys = [key for where, key in self._history[int(since) :] if where == topic]
            if keys:
                break
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                break
        changed = {key: items.get(key) for key in dict.fromkeys(keys)}
        return {"version": str(len(self._history)), "whole": False, "items": changed}


class Bed:
    """`client`, `alb`, its `aws-api`, and targets `t0` (10.0.0.20), `t1` (10.0.0.21) ... on one wire of 100 us."""

    def __init__(
        self,
        directory: Path,
        targets: int = 1,
        protocol: str = "HTTP",
        registered: int | None = None,
        **parts: Any,
    ) -> None:
        """The first `registered` targets are registered from the start; all of them if it does not say."""
        self.directory = directory
        self.addresses = [f"10.0.0.{20 + number}" for number in range(targets)]
        self.talks: list[Talk] = []
        self.serving: Callable[[Target], asyncio.Protocol] = Serving
        """What speaks with each client of the targets, if it is set before the world runs."""
        self.net = VirtualNetwork(seed=1, directory=directory)
        self.items = items = documents(self.addresses[:registered], protocol, **parts)
        self.net.add_element("aws-api", partial(AwsApi, topics={TOPIC: items}))
        stands = {"availability_zone": "eu-west-1a", "aws_api": "aws-api", "waf": parts.get("waf")}
        self.net.add("alb", "alb", stands)
        self.net.add_element("client", lambda context: Target(context, "10.0.0.100"))
        for number, address in enumerate(self.addresses):
            self.net.add_element(
                f"t{number}", lambda context, address=address: Target(context, address, self.serving)
            )
        names = ["alb", "client", *(f"t{number}" for number in range(targets))]
        join(self.net, *((name, "eth0") for name in names), delay="50us")

    # ---- AWS's side ----------------------------------------------------------------------------------------

    def put(self, key: str, value: Any) -> None:
        """The control plane changes an item, or deletes it."""
        self.net.element("aws-api").put(TOPIC, key, value)

    def change(self, key: str, **changes: Any) -> None:
        """Some of an item's keys are different from now on."""
        self.put(key, {**self.items[key], **changes})

    def register(self, *names: str, group: str = ARN) -> None:
        """RegisterTargets, as it reaches the node: `10.0.0.20:80`."""
        targets = self.items.get(f"targets/{group}", [])
        self.put(
            f"targets/{group}", targets + [new for name in names if (new := target(name)) not in targets]
        )

    def deregister(self, *names: str, group: str = ARN) -> None:
        """DeregisterTargets."""
        gone = [target(name) for name in names]
        self.put(f"targets/{group}", [each for each in self.items[f"targets/{group}"] if each not in gone])

    # ---- the story -----------------------------------------------------------------------------------------

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Wait for the first health checks, then run the story."""

        async def wait_and_run() -> Any:
            await asyncio.sleep(0.1)
            try:
                return await story
            finally:
                for talk in self.talks:
                    talk.transport.abort()

        return self.net.run(wait_and_run())

    def target(self, number: int = 0) -> Target:
        target: Target = self.net.element(f"t{number}")
        return target

    async def connect(self, port: int = 80, **options: Any) -> Talk:
        stack = self.net.element("client").stack
        _, talk = await stack.create_connection(Talk, ALB, port, **options)
        assert isinstance(talk, Talk)
        self.talks.append(talk)
        return talk

    async def connect_securely(self, alpn: str | None = None, **options: Any) -> Talk:
        context = ssl.create_default_context(cafile=self.directory / "ca.pem")
        if alpn is not None:
            context.set_alpn_protocols([alpn])
        return await self.connect(443, ssl=context, **options)

    async def ask(self, data: bytes = GET, method: bytes = b"GET") -> Response:
        """One request on a connection of its own."""
        talk = await self.connect()
        response = await talk.ask(data, method)
        talk.transport.close()
        return response

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.net.journal if entry["kind"] == kind]

    def log(self) -> list[str]:
        """The access log's lines; to be read when the run is over."""
        return (self.directory / "logs" / "alb.access.log").read_text().splitlines()

    def metric(self, name: str, **labels: str) -> float:
        metrics = self.net.host("alb").metrics
        return metrics.values()[series_text(name, sorted(labels.items()))]


# ---- documents ---------------------------------------------------------------------------------------------


def target(name: str, zone: str = "eu-west-1a") -> dict[str, Any]:
    """`10.0.0.20:80`, as a target item has it."""
    address, _, port = name.partition(":")
    return {"id": address, "port": int(port), "address": address, "availability_zone": zone}


def group_arn(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/73e2d6bc24d8a067"


def forward(*names: str, **weights: int) -> dict[str, Any]:
    """A forward action to these groups; `forward("a", b=3)`."""
    groups = [{"TargetGroupArn": group_arn(name), "Weight": 1} for name in names]
    groups += [{"TargetGroupArn": group_arn(name), "Weight": weight} for name, weight in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


def fixed(status: int, body: str = "", content_type: str = "text/plain") -> dict[str, Any]:
    config = {"StatusCode": str(status), "MessageBody": body, "ContentType": content_type}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def redirect(status: int = 301, **parts: str) -> dict[str, Any]:
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": f"HTTP_{status}", **parts}}


def rule(priority: int, action: dict[str, Any], *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "arn": f"{LISTENER_ARN}/{priority}",
        "priority": str(priority),
        "conditions": list(conditions),
        "actions": [action],
        **more,
    }


def path(*values: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def documents(addresses: list[str], protocol: str = "HTTP", **parts: Any) -> dict[str, Any]:
    """A topic's items. `parts` replace `attributes`, `rules`, `group_attributes`, `health_check` and so on.

    `groups` are further target groups by name, each with what it has other than the first, and its `targets`."""
    certificates = parts.get("certificates", ["example.com"]) if protocol == "HTTPS" else []
    rules = [*parts.get("rules", []), {**rule(0, parts.get("default_action", forward("web-group")))}]
    rules[-1]["priority"] = "default"
    listener: dict[str, Any] = {
        "arn": LISTENER_ARN,
        "port": 443 if protocol == "HTTPS" else parts.get("port", 80),
        "protocol": protocol,
        "ssl_policy": parts.get("ssl_policy", "ELBSecurityPolicy-TLS13-1-2-2021-06")
        if certificates
        else None,
        "certificates": [
            {"arn": f"arn:aws:acm:eu-west-1:123456789012:certificate/{domain}", "domain": domain}
            for domain in certificates
        ],
        "attributes": {},
        "rules": rules,
    }
    items: dict[str, Any] = {
        "interface": {"eni": "eni-1", "address": f"{ALB}/24", "gateway": "10.0.0.1"},
        "load-balancer": {
            "arn": BALANCER_ARN,
            "name": "web",
            "id": "50dc6c495c0c9188",
            "dns_name": "Web-1.eu-west-1.elb.amazonaws.com",
            "scheme": "internet-facing",
            "type": "application",
            "availability_zones": ["eu-west-1a", "eu-west-1b"],
            "attributes": parts.get("attributes", {}),
        },
        f"listener/{LISTENER_ARN}": listener,
    }
    groups = {
        "web-group": {
            "attributes": parts.get("group_attributes", {}),
            "health_check": parts.get("health_check", {"HealthCheckIntervalSeconds": 15}),
            "targets": [target(f"{address}:80") for address in addresses],
            **parts.get("group", {}),
        },
        **parts.get("groups", {}),
    }
    for name, group in groups.items():
        items[f"target-group/{group_arn(name)}"] = {
            "arn": group_arn(name),
            "name": name,
            "protocol": "HTTP",
            "protocol_version": "HTTP1",
            "port": 80,
            "target_type": "ip",
            "health_check": {"HealthCheckIntervalSeconds": 15},
            "attributes": {},
            **{key: value for key, value in group.items() if key != "targets"},
        }
        items[f"targets/{group_arn(name)}"] = group.get("targets", [])
    return items
