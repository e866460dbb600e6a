"""A node, a subnet, an instance's interfaces are full: pods wait with the words that EKS users know, nothing crashes,
and what one pod gives back lets one other start."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from actors.protocols.kubernetes.workloads.pods import is_ready
from tests.journeys.cluster import Cluster, Object

NO_ADDRESS = re.compile(
    r"(\(combined from similar events\): )?"
    r"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
    r'"[0-9a-f]{64}": plugin type="aws-cni" name="aws-cni" failed \(add\): '
    r"add cmd: failed to assign an IP address to container"
)
TOO_MANY = (
    "0/2 nodes are available: 2 Too many pods. preemption: 0/2 nodes are available: "
    "2 No preemption victims found for incoming pod."
)
COOLDOWN_S = 30.0
SANDBOX_RETRY_S = 15.0
"""The kubelet tries again after 10 to 15 s."""
SUBNET_PAUSE_S = 120.0


def pod(number: int) -> Object:
    container = {"name": "nginx", "image": "nginx:1.27", "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number}", "namespace": "default"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


async def create(cluster: Cluster, number: int) -> None:
    for each in range(number):
        await cluster.insist(lambda each=each: cluster.client.create("Pod", pod(each)))


async def ready(cluster: Cluster) -> set[str]:
    return {each["metadata"]["name"] for each in await cluster.objects("Pod") if is_ready(each)}


async def until_ready(cluster: Cluster, number: int, limit_s: float = 60.0) -> set[str]:
    async def enough() -> bool:
        return len(await ready(cluster)) >= number

    await cluster.until(enough, limit_s)
    return await ready(cluster)


async def waiting(cluster: Cluster) -> list[Object]:
    return [each for each in await cluster.objects("Pod") if not is_ready(each)]


def reason(pod: Object) -> str:
    statuses = pod["status"].get("containerStatuses")
    return statuses[0]["state"].get("waiting", {}).get("reason", "") if statuses else ""


async def one_follows(cluster: Cluster, within_s: float) -> float:
    """Delete a pod that runs: exactly one of those that wait takes its place, after how long; the others go on
    waiting."""
    before = await ready(cluster)
    waited = len(await waiting(cluster))
    began_s = cluster.now_s
    leaves = min(before)
    await cluster.delete_pod(leaves)

    async def another() -> bool:
        now = await ready(cluster)
        return leaves not in now and len(now) == len(before)

    took_s = await cluster.until(another, within_s) - began_s
    await cluster.sleep(2 * SANDBOX_RETRY_S)
    assert len(await ready(cluster) - before) == 1
    assert len(await waiting(cluster)) == waited - 1
    return took_s


async def find_no_address_told(cluster: Cluster) -> None:
    messages = await cluster.events("FailedCreatePodSandBox")
    assert messages != []
    assert [each for each in messages if not NO_ADDRESS.fullmatch(each)] == []


def told(cluster: Cluster, kind: str) -> list[Object]:
    return [each for each in cluster.net.journal if each["kind"] == kind]


def refused(cluster: Cluster, operation: str) -> list[Any]:
    requests = [each for each in told(cluster, "aws.request") if each["operation"] == operation]
    return [(each["t_ns"] / 1e9, each["error"]) for each in requests if "error" in each]


def test_a_node_with_its_most_pods_takes_no_more_until_one_leaves(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        await create(cluster, 8)
        await until_ready(cluster, 6)
        await cluster.sleep(20)
        left = await waiting(cluster)
        assert [each["spec"].get("nodeName") for each in left] == [None, None]
        for each in left:
            (scheduled,) = each["status"]["conditions"]
            assert scheduled["reason"] == "Unschedulable"
            assert scheduled["message"] == TOO_MANY
        assert set(await cluster.events("FailedScheduling")) == {TOO_MANY}
        assert await one_follows(cluster, 10) < 5

    Cluster(tmp_path, node={"max_pods": 3}).play(story)


def test_a_subnet_is_filled_to_its_last_address(tmp_path: Path):
    """A /28 has 16 addresses, AWS keeps 5, the node has 1: there are 10 for pods."""

    async def story(cluster: Cluster) -> None:
        await create(cluster, 12)
        await until_ready(cluster, 10, 300)
        await cluster.sleep(60)
        subnets = await cluster.ask(
            "aws-api", "request", service="ec2", operation="DescribeSubnets", parameters={}, caller="t"
        )
        assert subnets["Subnets"][0]["AvailableIpAddressCount"] == 0
        left = await waiting(cluster)
        assert [(each["status"]["phase"], reason(each)) for each in left] == [
            ("Pending", "ContainerCreating")
        ] * 2
        await find_no_address_told(cluster)
        assert COOLDOWN_S <= await one_follows(cluster, 60) <= COOLDOWN_S + SANDBOX_RETRY_S + 2

    cluster = Cluster(
        tmp_path,
        nodes=1,
        instance_type="m5.4xlarge",
        cidr="10.0.16.0/28",
        env={"WARM_IP_TARGET": 1},
        node={"max_pods": 20},
    ).play(story)
    assert len(cluster.in_ec2()) == 11


def test_a_full_subnet_is_left_alone_for_two_minutes(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        await create(cluster, 11)
        await until_ready(cluster, 10, 300)
        await cluster.sleep(400)
        refusals = refused(cluster, "AssignPrivateIpAddresses")
        times = [at for at, code in refusals if code == "InsufficientFreeAddressesInSubnet"]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert len(pauses) >= 2
        assert all(SUBNET_PAUSE_S <= each <= SUBNET_PAUSE_S + 6 for each in pauses), times
        assert "InsufficientFreeAddressesInSubnet" in told(cluster, "ipam.error")[0]["error"]

    Cluster(
        tmp_path, nodes=1, instance_type="m5.4xlarge", cidr="10.0.16.0/28", env={"WARM_IP_TARGET": 1}
    ).play(story)


def test_all_interfaces_of_an_instance_are_full(tmp_path: Path):
    """An m6g.medium has 2 interfaces with 3 addresses each for pods, and room for 8 pods: EKS counts two pods of the
    host's own network, which are not here."""

    async def story(cluster: Cluster) -> None:
        await create(cluster, 8)
        await until_ready(cluster, 6, 120)
        await cluster.sleep(60)
        left = await waiting(cluster)
        assert [reason(each) for each in left] == ["ContainerCreating"] * 2
        assert {each["spec"]["nodeName"] for each in left} == {"node-1"}
        await find_no_address_told(cluster)
        assert len(told(cluster, "ec2.attach_network_interface")) == 1
        assert refused(cluster, "CreateNetworkInterface") == []
        shown = await cluster.ask("cni-node-1", "inspect")
        assert (shown["total_ip_addresses"], shown["assigned_ip_addresses"]) == (6, 6)
        assert COOLDOWN_S <= await one_follows(cluster, 60) <= COOLDOWN_S + SANDBOX_RETRY_S + 2

    Cluster(tmp_path, nodes=1, instance_type="m6g.medium").play(story)


def test_whoever_is_killed_while_all_is_full_nothing_more_is_given_away(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        await create(cluster, 8)
        before = await until_ready(cluster, 6, 120)
        for victim in (
            "cni-node-1",
            "vpc",
            "aws-api",
            "kube-api",
            "kube-scheduler",
            "kube-controller-manager",
        ):
            await cluster.net.restart(victim)
            await cluster.sleep(20)
            assert await ready(cluster) == before, victim
        await cluster.net.restart("node-1")
        await cluster.sleep(60)
        assert len(await ready(cluster)) == 6
        assert len(set(cluster.held("node-1"))) == 6
        await one_follows(cluster, 60)

    Cluster(tmp_path, nodes=1, instance_type="m6g.medium").play(story)
