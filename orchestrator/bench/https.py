"""HTTPS requests a second through the whole world, against aiohttp to aiohttp with TLS directly over loopback.

Run as `python -m orchestrator.bench.https PEM` it is the reference's server: prints its port and serves.
"""

import asyncio
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from orchestrator.bench.figures import Figure, Pair, middle_pair
from orchestrator.bench.scale import scale_to
from orchestrator.world import World

CONCURRENCY = 64
TARGETS, RULES = 100, 100
BODY = b"x" * 615


async def _serve(pem: str) -> None:
    from aiohttp import web

    async def handle(request: Any) -> web.Response:
        return web.Response(body=BODY, content_type="text/html")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(web.Server(handle), "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def _loopback_requests(url: str, ca: Path, domain: str, seconds: float) -> float:
    from aiohttp import ClientSession, TCPConnector

    context = ssl.create_default_context(cafile=str(ca))
    count = 0

    async def client(session: ClientSession) -> None:
        nonlocal count
        while time.perf_counter() < until:
            async with session.get(url, server_hostname=domain) as response:
                await response.read()
            count += 1

    async with ClientSession(connector=TCPConnector(ssl=context, limit=CONCURRENCY)) as session:
        began = time.perf_counter()
        until = began + seconds
        await asyncio.gather(*(client(session) for _ in range(CONCURRENCY)))
        return count / (time.perf_counter() - began)


class Loopback:
    """The reference's server as a process of its own, with a certificate of the world's."""

    def __init__(self, directory: Path, domain: str) -> None:
        self._directory, self._domain = directory, domain

    def __enter__(self) -> "Loopback":
        pem = self._directory / "certs" / f"{self._domain}.pem"
        command = [sys.executable, "-m", "orchestrator.bench.https", str(pem)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        self._url = f"https://127.0.0.1:{int(self._server.stdout.readline())}/"
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.kill()
        self._server.communicate()

    async def requests_per_s(self, seconds: float) -> float:
        return await _loopback_requests(self._url, self._directory / "ca.pem", self._domain, seconds)


async def world_requests_per_s(world: World, seconds: float) -> float:
    """What the laptop counts in a closed loop; raises RuntimeError when requests fail."""
    await world.call(
        "laptop", "load_start", url=world.config.url, concurrency=CONCURRENCY, duration_s=seconds
    )
    while (status := await world.call("laptop", "load_status"))["running"]:
        await asyncio.sleep(0.2)
    if status["errors"]:
        raise RuntimeError(f"requests failed: {status['errors']}")
    return status["requests"] / status["elapsed_s"]


async def measure(world: World, domain: str, seconds: float, rounds: int) -> Figure:
    """The world as it is against loopback."""
    value, reference = await _in_turn(world, domain, seconds, rounds)
    title = f"HTTPS requests, {CONCURRENCY} at once"
    return Figure("https_requests_per_s", title, "/s", value, reference, "aiohttp over loopback", 0.25)


async def measure_many(
    world: World, domain: str, seconds: float, rounds: int, targets: int = TARGETS
) -> Figure:
    """The same with so many pods, chosen by least outstanding requests, and with as many rules as AWS allows."""
    await scale_to(world, targets)
    await fill_rules(world)
    value, reference = await _in_turn(world, domain, seconds, rounds)
    key, title = (
        f"https_requests_per_s_{targets}_targets",
        f"HTTPS requests, {targets} targets, {RULES} rules",
    )
    return Figure(key, title, "/s", value, reference, "aiohttp over loopback", 0.25)


async def fill_rules(world: World) -> None:
    """Give every HTTPS listener as many rules as it may have; the new ones look at the path first, and do not match."""
    for balancer in (await _elbv2(world, "DescribeLoadBalancers"))["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        for listener in (await _elbv2(world, "DescribeListeners", LoadBalancerArn=arn))["Listeners"]:
            if listener["Protocol"] == "HTTPS":
                await _fill(world, listener["ListenerArn"])


async def _fill(world: World, listener: str) -> None:
    rules = [rule for rule in await _rules(world, listener) if rule["Priority"] != "default"]
    moved = [
        {"RuleArn": rule["RuleArn"], "Priority": RULES - len(rules) + number}
        for number, rule in enumerate(rules, 1)
    ]
    await _elbv2(world, "SetRulePriorities", RulePriorities=moved)
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    for priority in range(1, RULES - len(rules) + 1):
        path = {
            "Field": "path-pattern",
            "PathPatternConfig": {"Values": [f"/shop-{priority}/*", f"/*.{priority}"]},
        }
        asked = {"ListenerArn": listener, "Priority": priority, "Conditions": [path], "Actions": [answer]}
        await _elbv2(world, "CreateRule", **asked)


async def _rules(world: World, listener: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = (await _elbv2(world, "DescribeRules", ListenerArn=listener))["Rules"]
    return rules


async def _elbv2(world: World, operation: str, **parameters: Any) -> dict[str, Any]:
    asked = {"service": "elbv2", "operation": operation, "parameters": parameters, "caller": "bench"}
    answer: dict[str, Any] = await world.call("aws-api", "request", **asked)
    if "error" in answer:
        raise RuntimeError(f"{operation}: {answer['error']['message']}")
    return answer


async def _in_turn(world: World, domain: str, seconds: float, rounds: int) -> Pair:
    pairs = []
    with Loopback(world.directory, domain) as loopback:
        await world_requests_per_s(world, 1.0)
        await loopback.requests_per_s(0.5)
        for _ in range(rounds):
            pairs.append(
                (await world_requests_per_s(world, seconds), await loopback.requests_per_s(seconds / 2))
            )
    return middle_pair(pairs)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
