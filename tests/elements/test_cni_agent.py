"""The CNI agent: what it writes for a pod, how it answers the kubelet, and what it repairs."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from actors.cni_agent import Config
from actors.element import CallFailed, Context, Element
from actors.protocols.netlink import Link, NetlinkError, Route, Rule, SnatChain, described, parse
from actors.protocols.node_tables import NodeTables
from actors.runtime.virtual import VirtualNetwork

FIRST = {"pod": "default/nginx-0", "port": "nginx-0", "container_id": "c0ffee", "netns": "/run/netns/x"}
SECOND = {"pod": "default/nginx-1", "port": "nginx-1", "container_id": "c1ffee", "netns": "/run/netns/y"}


class Kernel(Element):
    """A node reduced to its kernel's tables, which can be away or refuse."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.tables = NodeTables()
        for device, netns in (("eth0", "nginx-0"), ("eth1", "nginx-1")):
            self.tables.add_device(device)
            self.tables.add_netns(netns)
        self.sandboxes: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.away = False
        self.refuses = False

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")

    async def call_network_state(self) -> dict[str, Any]:
        if self.away:
            raise CallFailed("the node is away")
        addresses = ["10.0.10.10", "10.0.10.40"]
        return {
            "interfaces": [
                {"device": device, "address": address, "gateway": "10.0.10.1"}
                for device, address in enumerate(addresses)
            ],
            "sandboxes": self.sandboxes,
            "entries": [described(entry) for entry in self.tables.entries()],
        }

    async def call_netlink(self, changes: list[dict[str, Any]]) -> int:
        if self.refuses:
            raise CallFailed("RTNETLINK answers: Operation not permitted")
        for change in changes:
            try:
                self.tables.apply(parse(change))
            except NetlinkError as error:
                raise CallFailed(str(error)) from None
        self.changes += changes
        return len(changes)


def config(**changed: Any) -> dict[str, Any]:
    return {
        "node": "node",
        "vpc_cidrs": ["10.0.0.0/16"],
        "addresses": {
            "default/nginx-0": {"address": "10.0.10.20", "device": 0},
            "default/nginx-1": {"address": "10.0.10.41", "device": 1},
        },
        **changed,
    }


class World:
    """An agent and its node's kernel."""

    def __init__(self, **changed: Any) -> None:
        self.net = VirtualNetwork(seed=1)
        self.net.add_element("node", Kernel)
        self.net.add("cni", "cni_agent", config(**changed))

    @property
    def kernel(self) -> Kernel:
        return self.net.element("node")

    async def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return await self.net.host("node").call("cni", verb, **arguments)

    async def settle(self, seconds: float = 0.1) -> None:
        await self.net.host("node").sleep(seconds)

    def entries(self) -> set[Any]:
        return set(self.kernel.tables.entries())

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.net.journal if record["kind"] == kind]


def play(story: Callable[[World], Awaitable[None]], **changed: Any) -> World:
    """Build a world and run the story in it, a moment after its start."""
    world = World(**changed)

    async def whole() -> None:
        await world.settle()
        await story(world)

    world.net.run(whole())
    return world


def of_pod(address: str, veth: str, port: str) -> set[Any]:
    return {Link(veth, port, 9001), Route(f"{address}/32", veth), Rule(512, "main", dst=f"{address}/32")}


OF_NODE = {
    SnatChain("AWS-SNAT-CHAIN-0", ("10.0.0.0/16",), "10.0.10.10"),
    Route("10.0.10.1/32", "eth1", table="2"),
    Route("default", "eth1", "10.0.10.1", "2"),
    Rule(32765, "2", src="10.0.10.40/32"),
}


# ---- ADD ---------------------------------------------------------------------------------------------------


def test_add_writes_veth_route_and_rule_and_answers_with_a_result():
    async def story(world: World) -> None:
        result = await world.call("add", **FIRST)
        veth = result["interfaces"][0]["name"]
        assert world.entries() == OF_NODE | of_pod("10.0.10.20", veth, "nginx-0")
        assert result["ips"] == [{"address": "10.0.10.20/32", "interface": 1}]
        assert result["interfaces"][1]["sandbox"] == "/run/netns/x"

    (added,) = play(story).events("cni.add")
    assert (added["pod"], added["address"], added["device"], added["table"]) == (
        "default/nginx-0",
        "10.0.10.20",
        0,
        "main",
    )
    assert [change["object"] for change in added["written"]] == ["link", "route", "rule"]


def test_a_pod_on_the_secondary_interface_gets_the_rule_for_its_answers():
    async def story(world: World) -> None:
        await world.call("add", **SECOND)
        assert Rule(1536, "2", src="10.0.10.41/32") in world.entries()

    play(story)


def test_add_again_writes_nothing_and_answers_alike():
    async def story(world: World) -> None:
        first = await world.call("add", **FIRST)
        written = len(world.kernel.changes)
        assert await world.call("add", **FIRST) == first
        assert len(world.kernel.changes) == written

    play(story)


def test_a_pod_without_an_address_fails_at_once_as_the_plugin_words_it():
    async def story(world: World) -> None:
        answer = await world.call("add", **{**FIRST, "pod": "default/web-0"})
        assert answer == {
            "cniVersion": "1.1.0",
            "code": 999,
            "msg": "add cmd: failed to assign an IP address to container",
        }

    world = play(story)
    values = world.net.host("cni").metrics.values()
    assert values['journey_cni_assign_failures_total{reason="no_address"}'] == 1


@pytest.mark.parametrize("trouble", ["away", "refuses"])
def test_a_node_in_trouble_is_an_error_and_asking_again_works(trouble: str):
    async def story(world: World) -> None:
        setattr(world.kernel, trouble, True)
        answer = await world.call("add", **FIRST)
        assert (answer["code"], answer["msg"]) == (999, "add command: failed to setup network")
        assert answer["details"]
        setattr(world.kernel, trouble, False)
        assert "code" not in await world.call("add", **FIRST)

    play(story)


@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        ({"container_id": "-"}, "CNI_CONTAINERID"),
        ({"ifname": "a/b"}, "CNI_IFNAME"),
        ({"pod": "x"}, "CNI_ARGS"),
    ],
)
def test_a_wrong_request_is_error_4_with_the_variables_name(wrong: dict[str, str], variable: str):
    async def story(world: World) -> None:
        for verb in ("add", "del", "check"):
            request = {**FIRST, **wrong}
            if verb != "add":
                del request["port"], request["netns"]
            answer = await world.call(verb, **request)
            assert answer["code"] == 4 and answer["msg"].startswith(variable)

    play(story)


def test_arguments_that_are_not_there_are_refused():
    async def story(world: World) -> None:
        with pytest.raises(CallFailed, match="missing 2 required positional arguments"):
            await world.call("add", pod="default/nginx-0")

    play(story)


# ---- CHECK and DEL -----------------------------------------------------------------------------------------

OF_FIRST = {"pod": "default/nginx-0", "container_id": "c0ffee"}


def test_check_says_what_is_missing():
    async def story(world: World) -> None:
        await world.call("add", **FIRST)
        assert await world.call("check", **OF_FIRST) == {}
        world.kernel.tables.apply(
            parse({"op": "del", "object": "rule", "priority": 512, "dst": "10.0.10.20/32"})
        )
        answer = await world.call("check", **OF_FIRST)
        assert answer["code"] == 100 and "'priority': 512" in answer["details"]
        unknown = await world.call("check", pod="default/nginx-1", container_id="c0ffee")
        assert unknown["code"] == 100 and "never added" in unknown["msg"]

    play(story)


def test_del_takes_the_pod_away_and_leaves_the_node():
    async def story(world: World) -> None:
        await world.call("add", **FIRST)
        assert await world.call("del", **OF_FIRST) == {}
        assert world.entries() == OF_NODE
        assert await world.call("del", **OF_FIRST) == {}, "a second DEL is no error"

    assert [event["pod"] for event in play(story).events("cni.del")] == ["default/nginx-0"]


def test_del_of_what_is_half_gone_or_never_was_succeeds():
    async def story(world: World) -> None:
        result = await world.call("add", **FIRST)
        link = {"object": "link", "ifname": result["interfaces"][0]["name"], "netns": "nginx-0", "mtu": 9001}
        world.kernel.tables.apply(parse({"op": "del", **link}))
        assert await world.call("del", **OF_FIRST) == {}
        assert world.entries() == OF_NODE
        assert await world.call("del", pod="default/web-0", container_id="abc") == {}

    play(story)


def test_del_of_an_earlier_sandbox_leaves_the_present_one():
    async def story(world: World) -> None:
        await world.call("add", **FIRST)
        before = world.entries()
        await world.call("add", **{**FIRST, "container_id": "c2ffee"})
        assert await world.call("del", **OF_FIRST) == {}
        assert world.entries() == before

    play(story)


# ---- the loop ----------------------------------------------------------------------------------------------


def test_the_node_is_prepared_before_any_pod_asks():
    async def story(world: World) -> None:
        assert world.entries() == OF_NODE

    play(story)


def test_excluded_networks_keep_pods_addresses_and_external_snat_writes_no_chain():
    async def chain(world: World) -> None:
        assert world.kernel.tables.snat == SnatChain(
            "AWS-SNAT-CHAIN-0", ("10.0.0.0/16", "192.168.0.0/16"), "10.0.10.10"
        )

    async def no_chain(world: World) -> None:
        assert world.kernel.tables.snat is None

    play(chain, exclude_snat_cidrs=["192.168.0.0/16"])
    play(no_chain, external_snat=True)


def test_what_is_missing_is_written_again_within_the_interval():
    async def story(world: World) -> None:
        result = await world.call("add", **FIRST)
        world.kernel.sandboxes = [{**FIRST, "ifname": "eth0"}]
        whole = world.entries()
        route = {"object": "route", "dst": "10.0.10.20/32", "dev": result["interfaces"][0]["name"]}
        world.kernel.tables.apply(parse({"op": "del", **route}))
        assert world.entries() != whole
        await world.settle(2)
        assert world.entries() == whole

    world = play(story, check_interval="2s")
    (_, repair) = world.events("cni.repair")
    assert [change["object"] for change in repair["written"]] == ["route"]


def test_a_restarted_agent_knows_its_pods_again_from_the_node():
    async def story(world: World) -> None:
        await world.call("add", **FIRST)
        world.kernel.sandboxes = [{**FIRST, "ifname": "eth0"}]
        await world.net.restart("cni")
        await world.settle()
        assert await world.call("check", **OF_FIRST) == {}
        assert await world.call("del", **OF_FIRST) == {}
        assert world.entries() == OF_NODE

    play(story)


def test_a_pod_whose_sandbox_is_gone_is_not_wired_behind_the_kubelets_back():
    async def story(world: World) -> None:
        await world.call("add", **FIRST)
        world.kernel.sandboxes = []
        for entry in [entry for entry in world.entries() if isinstance(entry, Link)]:
            world.kernel.tables.apply(parse({"op": "del", **described(entry)}))
        await world.settle(6)
        assert not [entry for entry in world.entries() if isinstance(entry, Link)]

    play(story)


def test_a_node_that_is_away_is_looked_at_again():
    async def story(world: World) -> None:
        world.kernel.away = True
        await world.settle(6)
        world.kernel.away = False
        world.kernel.tables.apply(parse({"op": "del", **described(world.kernel.tables.snat)}))  # type: ignore[arg-type]
        await world.settle(6)
        assert world.entries() == OF_NODE

    world = play(story)
    assert world.net.host("cni").metrics.values()["journey_cni_repair_failures_total"] == 1


# ---- configs -----------------------------------------------------------------------------------------------


def test_the_config_has_no_ports_and_claims_the_pods_addresses():
    checked = Config.model_validate(config())
    assert list(checked.port_names()) == []
    assert [claim.value for claim in checked.claims()] == ["10.0.10.20", "10.0.10.41"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"vpc_cidrs": []}, "at least 1 item"),
        ({"vpc_cidrs": ["10.0.0.1/16"]}, "is not an IPv4 prefix"),
        ({"addresses": {"nginx": {"address": "10.0.10.20"}}}, "does not name a namespace and a pod"),
        (
            {"addresses": {"a/b": {"address": "10.0.0.9"}, "a/c": {"address": "10.0.0.9"}}},
            "a/b has 10.0.0.9 already",
        ),
        ({"addresses": {"a/b": {"address": "10.0.0.9", "device": 15}}}, "less than or equal to 14"),
        ({"check_interval": 5}, "needs a unit"),
        ({"check_interval": 0}, "greater than 0"),
    ],
)
def test_a_wrong_config_is_refused_with_the_reason(changed: dict[str, Any], words: str):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(config(**changed))
    assert words in str(caught.value)
