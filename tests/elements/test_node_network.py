"""A node with the real kubelet, CNI and VPC: packets find the pods, whichever interface their addresses are on."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from actors.runtime.virtual import VirtualNetwork
from actors.wire import tcp
from actors.wire.addresses import mac_for
from orchestrator.journal.checks import no_address_leaks, no_address_twice
from tests.elements import node_bed
from tests.elements.cards import Card, ends, tcp_packet
from tests.elements.ipam_bed import vpc_config
from tests.elements.node_bed import Bed

ALB, ALB_ENI = "10.0.10.200", "eni-0a1b"
PODS = 12


class Cluster(Bed):
    """`node-1`, an m5.large, and a card that stands for the load balancer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.net = VirtualNetwork(seed=1, directory=directory)
        self.net.add("kube-api", "kube_api", {})
        vpc = vpc_config("m5.large", "10.0.10.0/24", ("10.0.10.10",))
        anything = {
            "ingress": [{"protocol": "all", "source": "10.0.0.0/16"}],
            "egress": [{"protocol": "all", "destination": "0.0.0.0/0"}],
        }
        alb = {"port": "alb", "subnet": "private", "private_ips": [ALB], "security_groups": ["nodes"]}
        interfaces = {**vpc["network_interfaces"], ALB_ENI: alb}
        vpc |= {"network_interfaces": interfaces, "security_groups": {"nodes": anything}}
        self.net.add("aws-api", "aws_api", {})
        self.net.add("vpc", "vpc", {**vpc, "aws_api": "aws-api"})
        image = {"present": True, "service_time": {"distribution": "constant", "value": "1ms"}}
        node = {
            "instance_type": "m5.large",
            "availability_zone": "eu-west-1a",
            "instance_id": "i-0123456789abcdef0",
            "cni": "cni",
            "images": {"nginx": image},
        }
        self.net.add("node-1", "eks_node", node)
        self.net.add("cni", "cni_agent", {"node": "node-1"})
        self.net.add_element("alb", lambda context: Card(context, mac_for(ALB_ENI), (ALB,)))
        self.net.link("eni", ("vpc", "node-1"), ("node-1", "eth0"), delay="50us", mtu=9001)
        self.net.link("alb", ("vpc", "alb"), ("alb", "eth0"), delay="50us", mtu=9001)
        self.net.add_element("tester", node_bed.Tester)

    async def addresses(self) -> dict[str, str]:
        return {f"web-{n}": (await self.status(f"web-{n}")).get("podIP", "") for n in range(PODS)}

    async def all_answer(self, source_port: int) -> None:
        """Each pod is asked for a connection, and answers from its own address."""
        router = self.net.element("vpc").fabric.interfaces.subnets["private"].gateway_mac
        card = self.net.element("alb")
        addresses = await self.addresses()
        for address in addresses.values():
            card.put(router, tcp_packet(f"{ALB}:{source_port}", f"{address}:80", tcp.SYN))
        await self.sleep(0.1)
        answers = {
            ends(packet) for packet in card.packets()
        }  # among them those to earlier questions, sent again
        assert {each for each in answers if each.endswith(f":{source_port}")} == {
            f"{address}:80 > {ALB}:{source_port}" for address in addresses.values()
        }
        card.taken()

    def devices(self) -> set[int]:
        return {each["device"] for each in self.net.element("cni").inspect()["attachments"]}


def play(story: Callable[[Cluster], Awaitable[None]], directory: Path) -> Cluster:
    cluster = Cluster(directory)

    async def whole(_: Bed) -> None:
        for number in range(PODS):
            await cluster.create(f"web-{number}")
        for number in range(PODS):
            await cluster.until_ready(f"web-{number}")
        await story(cluster)

    cluster.play(whole)
    assert no_address_twice(cluster.net.journal) == []
    return cluster


def test_pods_on_every_interface_answer(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        assert cluster.devices() == {0, 1}
        await cluster.all_answer(40_000)

    play(story, tmp_path)


def test_pods_are_reached_while_the_cni_is_dead_and_after_it_and_the_vpc_came_back(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        await cluster.net.host("cni").die()
        await cluster.all_answer(40_000)
        await cluster.net.restart("cni")
        await cluster.net.restart("vpc")
        await cluster.sleep(8)
        await cluster.all_answer(40_001)

    play(story, tmp_path)


def test_a_node_that_lost_power_gets_its_pods_back_with_other_addresses(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        before = await cluster.addresses()
        await cluster.net.restart("node-1")
        await cluster.sleep(90)
        for number in range(PODS):
            await cluster.until_ready(f"web-{number}")
        assert await cluster.addresses() != before
        await cluster.all_answer(40_000)

    cluster = play(story, tmp_path)
    last = [each for each in cluster.net.journal if each["kind"] == "cni.add" and "error" not in each][-PODS:]
    assert no_address_leaks(cluster.net.journal, {each["sandbox"] for each in last}) == []


def test_when_all_pods_are_gone_nothing_is_left_but_one_interface(tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        for number in range(PODS):
            await cluster.client.delete("Pod", f"web-{number}", "default")
        await cluster.sleep(150)
        assert list(cluster.node.kernel.interfaces) == ["eni-0c2d"]
        kinds = [each["object"] for each in cluster.node.kernel.network_state()["entries"]]
        assert kinds == ["snat"]

    assert no_address_leaks(play(story, tmp_path).net.journal, []) == []
