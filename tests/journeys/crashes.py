"""One seed, one rollout with kills in it: what it changes, who is killed when, and what must be true in the end."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from orchestrator.journal.checks import no_address_leaks, no_address_twice
from orchestrator.journal.pod_checks import (
    every_add_has_its_del,
    every_sandbox_ends,
    no_address_in_two_sandboxes,
    phases_only_go_on,
)
from tests.journeys.cluster import Cluster, Object, deployment

ROLLOUT_LIMIT_S = 240.0
CALM_LIMIT_S = 60.0
"""How long after a rollout what was torn apart may take to be cleared away."""
COOLDOWN_S = 31.0
LEAK_AGE_S = 301.0
"""ipamd looks for leaked interfaces (older than five minutes) in the five minutes after its start, then every hour."""

POOLS: tuple[tuple[str, Object], ...] = (
    ("t3.medium", {}),
    ("t3.medium", {"WARM_IP_TARGET": 1, "MINIMUM_IP_TARGET": 2}),
    ("m6g.large", {"WARM_IP_TARGET": 2}),
    ("m6g.medium", {"ENABLE_PREFIX_DELEGATION": True}),
    ("t3.small", {"WARM_ENI_TARGET": 0}),
)
"""Instance types and environments of `aws-node`."""


class Kill(NamedTuple):
    """`kill -9`: so long after the one before, of whom, and how long it stays dead.

    With `deaf_s` it dies when it has carried out a request and has not yet answered, if one comes in this time."""

    after_s: float
    victim: str
    down_s: float
    deaf_s: float


class Plan(NamedTuple):
    """What a seed says."""

    nodes: int
    instance_type: str
    env: Object
    pull_s: float
    initial_delay_s: int
    replicas: int
    waits: bool
    """Whether the first rollout is over before something changes."""
    changes: tuple[tuple[float, Object], ...]
    kills: tuple[Kill, ...]
    last_kills: tuple[Kill, ...]
    """While the deployment goes down to nothing."""


def plan_of(seed: int) -> Plan:
    dice = Random(f"crashes {seed}")
    nodes = dice.choice((2, 2, 3))
    instance_type, env = dice.choice(POOLS)
    replicas = dice.randint(0, 6)
    everybody = ["kube-api", "kube-controller-manager", "kube-scheduler", "vpc", "aws-api", "a pod"]
    everybody += [f"{prefix}node-{number}" for prefix in ("", "cni-") for number in range(1, nodes + 1)]
    victims = dice.sample(everybody, dice.randint(1, 4))
    return Plan(
        nodes,
        instance_type,
        env,
        dice.choice((0.0, 0.0, 0.3, 2.0)),
        dice.choice((0, 0, 1, 3)),
        replicas,
        dice.random() < 0.6,
        tuple(_changes(dice)),
        tuple(_kills(dice, victims, dice.randint(1, 8))),
        tuple(_kills(dice, victims, dice.randint(0, 4))),
    )


def _changes(dice: Random) -> list[tuple[float, Object]]:
    changes: list[tuple[float, Object]] = []
    for number in range(dice.choice((1, 1, 2, 3))):
        change: Object = {}
        what = dice.choice(("scale", "restart", "both"))
        if what != "restart":
            change["replicas"] = dice.choice((0, 1, 2, 3, 4, 5, 6, 8))
        if what != "scale":
            change["template"] = {"metadata": {"annotations": {"restarted": str(number)}}}
        changes.append((_while(dice), change))
    return changes


def _while(dice: Random) -> float:
    """Some time, of the order of a management call, a sandbox, or a pod's start."""
    return dice.expovariate(1 / dice.choice((0.001, 0.01, 0.03, 0.2, 3.0)))


def _kills(dice: Random, victims: list[str], number: int) -> list[Kill]:
    return [
        Kill(
            _while(dice),
            dice.choice(victims),
            dice.choice((0.0, 0.0, _while(dice), _while(dice), dice.uniform(30, 400) if rare else 0.0)),
            dice.choice((0.0, 0.0, _while(dice))),
        )
        for rare in (dice.random() < 0.1 for _ in range(number))
    ]


class Crashes:
    """A cluster in which things are killed by plan."""

    def __init__(self, seed: int, directory: Path | None) -> None:
        self.plan = plan = plan_of(seed)
        self.seed = seed
        nginx: Object = {"service_time": {"distribution": "constant", "value": "1ms"}}
        nginx |= {"pull_time": f"{plan.pull_s}s"} if plan.pull_s else {"present": True}
        self.cluster = Cluster(
            directory,
            seed=seed,
            nodes=plan.nodes,
            instance_type=plan.instance_type,
            env=plan.env,
            node={"images": {"nginx": nginx}},
        )
        self._dice = Random(f"pods {seed}")

    def run(self) -> None:
        """Raises AssertionError with the seed in its message."""
        try:
            self.cluster.play(self._story)
        except BaseException as error:
            raise AssertionError(f"seed {self.seed}: {error!r}\n{self.plan}") from error

    async def _story(self, cluster: Cluster) -> None:
        plan = self.plan
        wanted = deployment(plan.replicas)
        wanted["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["initialDelaySeconds"] = (
            plan.initial_delay_s
        )
        await cluster.apply(wanted)
        if plan.waits:
            await self._until("the first rollout", cluster.rolled_out, ROLLOUT_LIMIT_S)
        kills = cluster.net.host("kubectl").spawn(self._kill(plan.kills), "kills")
        for after_s, change in plan.changes:
            await cluster.sleep(after_s)
            await cluster.patch(change)
        await kills
        await self._until("the rollout", cluster.rolled_out, ROLLOUT_LIMIT_S)
        await self._find_all_well()
        kills = cluster.net.host("kubectl").spawn(self._kill(plan.last_kills), "kills")
        await cluster.patch({"replicas": 0})
        await kills
        await self._until("the end of all pods", cluster.rolled_out, ROLLOUT_LIMIT_S)
        await self._find_nothing_left()
        self._check_journal()

    async def _kill(self, kills: tuple[Kill, ...]) -> None:
        net = self.cluster.net
        for kill in kills:
            await self.cluster.sleep(kill.after_s)
            if kill.victim == "a pod":
                if processes := self.cluster.processes():
                    await net.end(net.host(self._dice.choice(processes)))
                continue
            host = net.host(kill.victim)
            if kill.deaf_s:
                await self.cluster.request_without_answer(host, kill.deaf_s)
            await host.die()
            if kill.down_s:
                await self.cluster.sleep(kill.down_s)
            await net.bring_up(host)

    async def _until(self, what: str, true: Callable[[], Awaitable[bool]], limit_s: float) -> None:
        try:
            await self.cluster.until(true, limit_s)
        except AssertionError:
            raise AssertionError(f"{what} does not end: {await self.cluster.explain()}") from None

    # ---- all is well ---------------------------------------------------------------------------------------

    async def _find_all_well(self) -> None:
        """Everybody agrees, soon."""
        found: list[str] = []

        async def agreed() -> bool:
            found[:] = await self._disagreements()
            return not found

        try:
            await self.cluster.until(agreed, CALM_LIMIT_S)
        except AssertionError:
            raise AssertionError(f"{found}: {await self.cluster.explain()}") from None
        nodes = self.cluster.nodes
        for sandbox in self.cluster.sandboxes().values():
            other = nodes[nodes.index(sandbox["node"]) - 1]
            why = await self.cluster.get(other, sandbox["ip"])
            assert why == "", f"{sandbox['pod']} from {other}: {why}"

    async def _disagreements(self) -> list[str]:
        """Where API, kubelets, processes, ipamd, kernels and EC2 do not say the same."""
        cluster, found = self.cluster, []
        if not await cluster.rolled_out():  # a node that has just been killed is not missed at once
            found.append("not all pods are ready")
        pods = {f"default/{each['metadata']['name']}": each for each in await cluster.objects("Pod")}
        addresses = {name: pod["status"].get("podIP") for name, pod in pods.items()}
        if len(set(addresses.values())) != len(pods):
            found.append(f"pods share addresses: {addresses}")
        sandboxes = cluster.sandboxes()
        if {each["pod"]: each["ip"] for each in sandboxes.values()} != addresses:
            found.append(f"the API has {addresses}, the kubelets have {sandboxes}")
        processes = sorted(name.removeprefix("default/") for name in pods)
        if cluster.processes() != processes:
            found.append(f"of {processes} there run {cluster.processes()}")
        in_ec2 = cluster.in_ec2()
        for node in cluster.nodes:
            here = {
                addresses[name]: name for name, pod in pods.items() if pod["spec"].get("nodeName") == node
            }
            if cluster.held(node) != here:
                found.append(f"{node} has {here}, its ipamd says {cluster.held(node)}")
            routes = {
                each["dst"].removesuffix("/32")
                for each in cluster.of_pods(node)
                if each["object"] == "route" and each["table"] == "main"
            }
            if routes != set(here):
                found.append(f"{node} has {sorted(map(str, here))}, its routes lead to {sorted(routes)}")
            for address in here:
                if in_ec2.get(address) != node:
                    found.append(f"{address} of {node} is at {in_ec2.get(address)} for EC2")
        return found

    # ---- nothing is left -----------------------------------------------------------------------------------

    async def _find_nothing_left(self) -> None:
        left: list[str] = []

        async def clean() -> bool:
            left[:] = self._leftovers()
            return not left

        try:
            await self.cluster.until(clean, CALM_LIMIT_S)
        except AssertionError:
            raise AssertionError(f"left over: {left}: {await self.cluster.explain()}") from None
        await self.cluster.sleep(COOLDOWN_S)
        for node in self.cluster.nodes:
            shown = self.cluster.net.element(f"cni-{node}").inspect()
            assert (shown["assigned_ip_addresses"], shown["cooling_ip_addresses"]) == (0, 0), shown
        await self._find_no_leaked_interface()

    async def _find_no_leaked_interface(self) -> None:
        """An agent that was killed between creating an interface and attaching it finds it again."""
        cluster = self.cluster
        if cluster.unattached():
            await cluster.sleep(LEAK_AGE_S)
            for node in cluster.nodes:
                await cluster.net.restart(f"cni-{node}")
            await cluster.sleep(LEAK_AGE_S + 10)
            assert cluster.unattached() == [], "leaked interfaces"

    def _leftovers(self) -> list[str]:
        cluster, left = self.cluster, []
        left += [f"process {name}" for name in cluster.processes()]
        for node in cluster.nodes:
            left += [f"{node}: {entry}" for entry in cluster.of_pods(node)]
            kernel = cluster.net.element(node).kernel
            left += [f"{node}: netns {name}" for name in kernel.tables.netns]
            ports = set(cluster.net.host(node).ports) - {"eth0"}
            left += [f"{node}: cable {name}" for name in sorted(ports)]
            left += [f"{node}: {address} of {pod}" for address, pod in cluster.held(node).items()]
            left += [f"{node}: {each} in the state file" for each in cluster.written_down(node)]
        return left

    def _check_journal(self) -> None:
        journal = self.cluster.net.journal
        assert self.cluster.net.element("kubectl").wrong_moves == []
        findings = no_address_twice(journal) + no_address_leaks(journal, set())
        findings += every_add_has_its_del(journal, set()) + every_sandbox_ends(journal, set())
        findings += no_address_in_two_sandboxes(journal) + phases_only_go_on(journal)
        assert findings == [], findings
