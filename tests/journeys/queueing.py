"""An open stream of requests through an ALB node to nginx pods, and what queueing theory says of it.

`Queues` measures: clients that come at random, whatever became of those before them, and pods whose service times are
exponential. `central_queue` is the exact model of one queue before some servers: fed with the same arrivals and
service times it says when each request has been answered. The formulas say what the mean comes to.
"""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from heapq import heapify, heapreplace
from math import factorial, sqrt
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Any, NamedTuple

from actors.protocols.http1 import Response
from actors.runtime.virtual import VirtualNetwork
from actors.wire.addresses import mac_for, mac_text
from tests.elements.alb_bed import ALB, GET, TOPIC, AwsApi, Talk, Target, documents
from tests.elements.hub import join

MEAN_SERVICE_S = 0.010


class Served(NamedTuple):
    """One request: when it came, how long it took, and who answered it."""

    arrived_s: float
    took_s: float
    pod: str


class LoggedDice(Random):
    """A pod's dice that remember the service times they gave (all other throws are as they would be)."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.services_s: list[float] = []

    def expovariate(self, lambd: float = 1.0) -> float:
        drawn_ns = super().expovariate(lambd)
        self.services_s.append(round(drawn_ns) / 1e9)
        return drawn_ns


class Queues:
    """`client`, `alb` and pods `pod-0`, `pod-1` ... on one wire that costs next to no time."""

    def __init__(self, directory: Path, pods: int, attributes: dict[str, str], **image: Any) -> None:
        self.net = VirtualNetwork(seed=7, directory=directory)
        self.pods = {f"pod-{number}": f"10.0.0.{20 + number}" for number in range(pods)}
        checks = {
            "HealthCheckIntervalSeconds": 300
        }  # after the first ones nobody but clients keeps pods busy
        items = documents(list(self.pods.values()), group_attributes=attributes, health_check=checks)
        self.net.add_element("aws-api", partial(AwsApi, topics={TOPIC: items}))
        self.net.add("alb", "alb", {"availability_zone": "eu-west-1a", "aws_api": "aws-api"})
        self.net.add_element("client", lambda context: Target(context, "10.0.0.100"))
        for number, name in enumerate(self.pods):
            self.net.add(name, "nginx_pod", {"node": "alb", "pod": f"default/{name}"})
            self.net.host(name).random = LoggedDice(number)
        join(self.net, *((name, "eth0") for name in ("alb", "client", *self.pods)), delay="1us")
        service = {"distribution": "exponential", "mean": f"{MEAN_SERVICE_S * 1e6:.0f}us"}
        self._image = {"service_time": service, "keepalive_requests": 1_000_000, **image}
        self._idle: list[Talk] = []
        self.served: list[Served] = []

    def services_s(self, pod: str) -> list[float]:
        """The service times of the clients' requests, in the order in which the pod got them."""
        dice = self.net.host(pod).random
        assert isinstance(dice, LoggedDice)
        return dice.services_s[self._probes[pod] :]

    def run(self, rate: float, requests: int) -> list[Served]:
        """So many requests at so many a second; in the order in which they came."""
        self.net.run(self._story(rate, requests))
        return sorted(self.served)

    async def _story(self, rate: float, requests: int) -> None:
        for name in self.pods:
            await self._start(name)
        await asyncio.sleep(30)
        self._probes = {name: len(self.net.host(name).random.services_s) for name in self.pods}
        dice, host, due_s = Random(42), self.net.host("client"), 40.0
        async with asyncio.TaskGroup() as clients:
            for _ in range(requests):
                due_s += dice.expovariate(rate)
                await host.sleep(due_s - self.net.loop.time())
                clients.create_task(self._ask())
        for talk in self._idle:
            talk.transport.abort()

    async def _start(self, pod: str) -> None:
        call = partial(self.net.host("client").call, pod)
        gateway = {"gateway": "169.254.1.1", "gateway_mac": mac_text(mac_for("eni-1"))}
        await call("set_up_network", address=f"{self.pods[pod]}/32", mtu=1500, **gateway)
        container = {"name": "nginx", "container_id": pod, "log_path": f"logs/{pod}.log"}
        await call("start_container", image=self._image, command=[], args=[], env={}, **container)

    async def _ask(self) -> None:
        arrived_s = self.net.loop.time()
        talk = self._idle.pop() if self._idle else await self._connect()
        response: Response = await talk.ask(GET)
        assert response.status == 200
        [pod] = [line[13:].strip().decode() for line in response.lines if line.startswith(b"X-Served-By: ")]
        self.served.append(Served(arrived_s, self.net.loop.time() - arrived_s, pod))
        self._idle.append(talk)

    async def _connect(self) -> Talk:
        _, talk = await self.net.element("client").stack.create_connection(Talk, ALB, 80)
        assert isinstance(talk, Talk)
        return talk


# ---- models ------------------------------------------------------------------------------------------------


def central_queue(arrivals_s: Sequence[float], services_s: Sequence[float], servers: int) -> Iterator[float]:
    """Kiefer and Wolfowitz: how long each customer is there who waits in one queue for the first free server."""
    free_s = [0.0] * servers
    heapify(free_s)
    for arrived_s, service_s in zip(arrivals_s, services_s, strict=True):
        done_s = max(arrived_s, free_s[0]) + service_s
        heapreplace(free_s, done_s)
        yield done_s - arrived_s


def model_wait(customers: int, rate: float, servers: int, every: int, seed: int) -> tuple[float, float]:
    """The model's own mean wait in the queue, of so many, and the standard error of that, by the means of 50 batches.

    `every`: only every so-manieth of a Poisson stream of `rate` comes here."""
    dice, batches = Random(seed), 50
    free_s, now_s, means = [0.0] * servers, 0.0, []
    for _ in range(batches):
        waited_s = 0.0
        for _ in range(customers // batches):
            now_s += dice.gammavariate(every, 1 / rate)
            begins_s = max(now_s, free_s[0])
            heapreplace(free_s, begins_s + dice.expovariate(1 / MEAN_SERVICE_S))
            waited_s += begins_s - now_s
        means.append(waited_s * batches / customers)
    return mean(means), stdev(means) / sqrt(batches)


# ---- formulas ----------------------------------------------------------------------------------------------


def wait_m_m_c(rate: float, servers: int) -> float:
    """Erlang's C formula: the mean wait in the queue."""
    load = rate * MEAN_SERVICE_S
    busy = load**servers / factorial(servers) * servers / (servers - load)
    all_busy = busy / (sum(load**k / factorial(k) for k in range(servers)) + busy)
    return all_busy * MEAN_SERVICE_S / (servers - load)


def wait_e_k_m_1(rate: float, every: int) -> float:
    """GI/M/1 with Erlang arrivals, every `every`th of a Poisson stream of `rate`: the mean wait is s / (mu (1 - s)).

    s is the root in (0, 1) of s = A(mu (1 - s)), where A(x) = (rate / (rate + x))^every is the transform of the time
    between arrivals."""
    mu, root = 1 / MEAN_SERVICE_S, 0.5
    for _ in range(200):
        root = (rate / (rate + mu * (1 - root))) ** every
    return root / (mu * (1 - root))
