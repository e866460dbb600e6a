"""The CNI agent: how the plugin answers the kubelet, what it writes, and what it repairs."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from actors.cni_agent import Config
from actors.element import CallFailed
from actors.protocols import cni
from actors.protocols.netlink import Link, Route, Rule, SnatChain, described, parse
from tests.elements.ipam_bed import ENI, Bed, env_of

NO_ADDRESS = "add cmd: failed to assign an IP address to container"
FIRST = ("a" * 12, "nginx-0")
VETH = cni.veth_name("default/nginx-0")
OF_NODE = {SnatChain("AWS-SNAT-CHAIN-0", ("10.0.0.0/16",), "10.0.10.10")}


def of_pod(address: str, veth: str = VETH, sandbox: str = FIRST[0]) -> set[Any]:
    pod = f"{address}/32"
    return {Link(veth, f"cni-{sandbox}", 9001), Route(pod, veth), Rule(512, "main", dst=pod)}


def entries(bed: Bed) -> set[Any]:
    return set(bed.kernel.tables.entries())


def play(story: Callable[[Bed], Awaitable[None]], directory: Path | None = None, **changed: Any) -> Bed:
    """Run the story when the agent is ready."""

    async def whole(bed: Bed) -> None:
        await bed.ready()
        await story(bed)

    return Bed(directory, **changed).play(whole)


def remove(bed: Bed, *wanted: Any) -> None:
    for entry in wanted:
        bed.kernel.tables.apply(parse({"op": "del", **described(entry)}))


# ---- ADD ---------------------------------------------------------------------------------------------------


def test_add_takes_an_address_writes_the_kernel_and_answers_with_a_result():
    async def story(bed: Bed) -> None:
        answer = await bed.add(*FIRST)
        assert answer["code"] == 0
        assert answer["stdout"]["ips"] == [{"address": "10.0.10.4/32", "interface": 1}]
        assert answer["stdout"]["interfaces"][1]["sandbox"] == f"/run/netns/cni-{FIRST[0]}"
        assert entries(bed) == OF_NODE | of_pod("10.0.10.4")

    bed = play(story)
    (added,) = bed.events("cni.add")
    assert (added["pod"], added["sandbox"], added["address"], added["eni"], added["device"]) == (
        "default/nginx-0",
        FIRST[0],
        "10.0.10.4",
        ENI,
        0,
    )
    assert [change["object"] for change in added["written"]] == ["link", "route", "rule"]


def test_a_pod_on_a_secondary_interface_gets_the_rule_for_its_answers():
    async def story(bed: Bed) -> None:
        await bed.pods(9)
        await bed.settle()
        answer = await bed.add(*FIRST)
        address = answer["stdout"]["ips"][0]["address"]
        assert answer["stdout"]["interfaces"][1]["mac"] == "2"
        assert Rule(1536, "2", src=address) in entries(bed)
        own = bed.agent.ipamd.store.enis
        primary = next(eni.primary_address for eni in own.values() if eni.device == 1)
        assert {
            Route("10.0.10.1/32", "eth1", table="2"),
            Route("default", "eth1", "10.0.10.1", "2"),
            Rule(32765, "2", src=f"{primary}/32"),
        } <= entries(bed)

    play(story)


def test_add_twice_is_an_error_and_changes_nothing():
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)
        before = entries(bed)
        answer = await bed.add(*FIRST)
        assert answer["code"] == 1 and "already has an interface eth0" in answer["stdout"]["msg"]
        assert entries(bed) == before

    play(story)


def test_without_a_free_address_it_fails_at_once_as_the_plugin_words_it():
    async def story(bed: Bed) -> None:
        await bed.pods(3)
        began = bed.now_s
        answer = await bed.add(*FIRST)
        assert answer == {"code": 1, "stdout": {"cniVersion": "1.1.0", "code": 999, "msg": NO_ADDRESS}}
        assert bed.now_s - began < 0.01

    bed = play(story, instance_type="t3.small")
    assert bed.metrics()["awscni_no_available_ip_addresses"] == 1


@pytest.mark.parametrize("trouble", ["away", "refuses"])
def test_a_node_in_trouble_is_an_error_that_keeps_no_address(trouble: str):
    async def story(bed: Bed) -> None:
        setattr(bed.kernel, trouble, True)
        answer = await bed.add(*FIRST)
        assert (answer["code"], answer["stdout"]["msg"]) == (1, "add command: failed to setup network")
        assert answer["stdout"]["details"]
        setattr(bed.kernel, trouble, False)
        assert bed.agent.inspect()["assigned_ip_addresses"] == 0
        assert (await bed.add(*FIRST))["code"] == 0

    play(story)


def test_an_agent_that_is_not_ready_says_try_again_later():
    async def story(bed: Bed) -> None:
        assert (await bed.cni("STATUS"))["stdout"]["code"] == 50
        assert (await bed.add(*FIRST))["stdout"]["code"] == 11
        assert (await bed.delete(*FIRST))["stdout"]["code"] == 11
        await bed.ready()
        assert await bed.cni("STATUS") == {"code": 0, "stdout": {}}

    Bed().play(story)


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
def test_the_result_is_in_the_version_of_the_configuration(version: str):
    async def story(bed: Bed) -> None:
        result = (await bed.add(*FIRST, stdin={"cniVersion": version}))["stdout"]
        assert result["cniVersion"] == version
        assert ("mtu" in result["interfaces"][1]) == (version == "1.1.0")
        assert ("version" in result["ips"][0]) == (version == "0.4.0")

    play(story)


def test_mtu_and_prefix_come_from_the_configuration_unless_the_environment_has_them():
    async def of_conf(bed: Bed) -> None:
        await bed.add(*FIRST, stdin={"mtu": "1500", "vethPrefix": "pod"})
        assert Link(f"pod{VETH[3:]}", f"cni-{FIRST[0]}", 1500) in entries(bed)
        await bed.sleep(11)
        assert Link(f"pod{VETH[3:]}", f"cni-{FIRST[0]}", 1500) in entries(bed), "repairs leave it so"

    async def of_env(bed: Bed) -> None:
        await bed.add(*FIRST)
        assert Link(f"x{VETH[3:]}", f"cni-{FIRST[0]}", 1400) in entries(bed)
        conflist = await bed.net.host("node-1").call("cni", "conflist")
        assert (conflist["plugins"][0]["mtu"], conflist["plugins"][0]["vethPrefix"]) == ("1400", "x")

    play(of_conf)
    play(of_env, AWS_VPC_ENI_MTU=1400, AWS_VPC_K8S_CNI_VETHPREFIX="x")


# ---- DEL, CHECK, VERSION, GC -------------------------------------------------------------------------------


def test_check_says_what_is_missing():
    async def story(bed: Bed) -> None:
        result = (await bed.add(*FIRST))["stdout"]
        check = {"prevResult": result}
        assert await bed.cni("CHECK", check, **env_of(*FIRST)) == {"code": 0, "stdout": {}}
        remove(bed, Rule(512, "main", dst="10.0.10.4/32"))
        answer = (await bed.cni("CHECK", check, **env_of(*FIRST)))["stdout"]
        assert answer["code"] == 100 and "'priority': 512" in answer["details"]
        unknown = (await bed.cni("CHECK", check, **env_of("b" * 12)))["stdout"]
        assert unknown["code"] == 100 and "never added" in unknown["msg"]
        assert (await bed.cni("CHECK", **env_of(*FIRST)))["stdout"]["code"] == 7
        other = {"prevResult": {**result, "ips": [{"address": "10.0.10.9/32"}]}}
        assert "10.0.10.9" in (await bed.cni("CHECK", other, **env_of(*FIRST)))["stdout"]["msg"]

    play(story)


def test_del_takes_the_pod_away_and_leaves_the_node():
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)
        assert await bed.delete(*FIRST) == {"code": 0, "stdout": {}}
        assert entries(bed) == OF_NODE
        assert (await bed.delete(*FIRST))["code"] == 0, "a second DEL is no error"
        assert (await bed.delete("never"))["code"] == 0

    bed = play(story)
    assert [(each["pod"], each["reason"]) for each in bed.events("cni.del")] == [
        ("default/nginx-0", "PodDeleted")
    ]


def test_del_of_an_earlier_sandbox_leaves_the_present_one():
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)
        await bed.add("b" * 12, "nginx-0")
        await bed.delete(*FIRST)
        assert entries(bed) == OF_NODE | of_pod("10.0.10.5", sandbox="b" * 12)

    play(story)


def test_versions():
    async def story(bed: Bed) -> None:
        answer = await bed.cni("VERSION", {"cniVersion": "1.0.0"})
        assert answer["stdout"] == {"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0", "1.1.0"]}

    play(story)


def test_garbage_collection_leaves_what_the_runtime_knows():
    async def story(bed: Bed) -> None:
        await bed.pods(3)
        valid = [{"containerID": "s1", "ifname": "eth0"}]
        assert (await bed.cni("GC", {"cni.dev/valid-attachments": valid}))["code"] == 0
        assert [each["container_id"] for each in bed.agent.inspect()["attachments"]] == ["s1"]
        assert len([each for each in entries(bed) if isinstance(each, Link)]) == 1

    play(story)


# ---- what stays right --------------------------------------------------------------------------------------


def test_the_node_is_prepared_before_any_pod_asks():
    async def story(bed: Bed) -> None:
        assert entries(bed) == OF_NODE

    play(story)


def test_excluded_networks_keep_pods_addresses_and_external_snat_writes_no_chain():
    async def chain(bed: Bed) -> None:
        returns = ("10.0.0.0/16", "192.168.0.0/16", "172.16.0.0/12")
        assert bed.kernel.tables.snat == SnatChain("AWS-SNAT-CHAIN-0", returns, "10.0.10.10")

    async def no_chain(bed: Bed) -> None:
        assert bed.kernel.tables.snat is None

    play(chain, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS="192.168.0.0/16, 172.16.0.0/12")
    play(no_chain, AWS_VPC_K8S_CNI_EXTERNALSNAT="true")


def test_what_is_missing_is_written_again_within_the_interval():
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)
        whole = entries(bed)
        remove(bed, Route("10.0.10.4/32", VETH), Rule(512, "main", dst="10.0.10.4/32"))
        await bed.sleep(6)
        assert entries(bed) == whole

    bed = play(story, WARM_ENI_TARGET=0)
    repair = bed.events("cni.repair")[-1]
    assert [change["object"] for change in repair["written"]] == ["route", "rule"]


def test_what_a_sandbox_had_that_is_gone_is_let_go():
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)
        bed.kernel.tables.remove_netns(f"cni-{FIRST[0]}")
        await bed.sleep(6)
        assert entries(bed) == OF_NODE
        assert (
            bed.agent.inspect()["assigned_ip_addresses"],
            bed.agent.inspect()["cooling_ip_addresses"],
        ) == (0, 1)

    bed = play(story, WARM_ENI_TARGET=0)
    assert [each["reason"] for each in bed.events("ipam.release")] == ["SandboxGone"]


@pytest.mark.parametrize("with_file", [True, False])
def test_a_restarted_agent_knows_its_pods_again(with_file: bool, tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)
        await bed.net.restart("cni")
        await bed.ready()
        await bed.sleep(0 if with_file else 6)
        assert bed.agent.inspect()["assigned_ip_addresses"] == 1
        answer = await bed.add("b" * 12)
        assert answer["stdout"]["ips"][0]["address"] == "10.0.10.5/32"
        assert (await bed.delete(*FIRST))["code"] == 0
        assert bed.agent.inspect()["assigned_ip_addresses"] == 1
        assert not entries(bed) & of_pod("10.0.10.4")

    play(story, tmp_path if with_file else None)


def test_a_state_file_that_is_no_longer_readable_is_told(tmp_path: Path):
    async def story(bed: Bed) -> None:
        (tmp_path / "cni.ipam.json").write_text("{")
        await bed.net.restart("cni")
        await bed.ready()

    assert len(play(story, tmp_path).events("ipam.state_file")) == 1


def test_a_node_that_is_away_is_looked_at_again():
    async def story(bed: Bed) -> None:
        bed.kernel.away = True
        await bed.sleep(6)
        assert (await bed.cni("STATUS"))["stdout"]["code"] == 51
        bed.kernel.away = False
        remove(bed, *OF_NODE)
        await bed.sleep(6)
        assert entries(bed) == OF_NODE
        assert (await bed.cni("STATUS"))["code"] == 0

    assert play(story).metrics()["journey_cni_repair_failures_total"] == 1


def test_introspection():
    async def story(bed: Bed) -> None:
        await bed.add(*FIRST)

        async def get(path: str) -> Any:
            return await bed.net.host("node-1").call("cni", "introspect", path=path)

        assert "/v1/enis" in (await get("/"))["AvailableCommands"]
        card = (await get("/v1/enis"))["0"]
        assert (card["TotalIPs"], card["AssignedIPs"]) == (9, 1)
        cidr = card["ENIs"][ENI]["AvailableIPv4Cidrs"]["10.0.10.4/32"]
        assert cidr["IPAddresses"]["10.0.10.4"]["State"] == "assigned"
        assert (await get("/v1/ipamd-env-settings"))["WARM_ENI_TARGET"] == "1"
        assert (await get("/v1/networkutils-env-settings"))["AWS_VPC_K8S_CNI_EXTERNALSNAT"] == "false"
        assert await get("/v1/eni-configs") == {}
        with pytest.raises(CallFailed, match="404"):
            await get("/v1/pods")

    play(story)


# ---- configs -----------------------------------------------------------------------------------------------


def test_the_config_has_no_ports_and_claims_nothing():
    checked = Config.model_validate({"node": "node-1"})
    assert list(checked.port_names()) == [] and list(checked.claims()) == []


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"WARM_ENI_TARGETS": 1}, "Extra inputs are not permitted"),
        ({"WARM_ENI_TARGET": -1}, "greater than or equal to 0"),
        ({"MAX_ENI": 0}, "greater than or equal to 1"),
        ({"ENABLE_PREFIX_DELEGATION": "maybe"}, "valid boolean"),
        ({"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": "10.0.0.1/8"}, "is not an IPv4 prefix"),
        ({"AWS_VPC_ENI_MTU": 100}, "greater than or equal to 576"),
        ({"AWS_VPC_K8S_CNI_VETHPREFIX": "vlan"}, "is not 1 to 4 letters"),
        ({"AWS_VPC_K8S_CNI_VETHPREFIX": "longer"}, "is not 1 to 4 letters"),
    ],
)
def test_a_wrong_config_is_refused_with_the_reason(env: dict[str, Any], words: str):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"node": "node-1", "env": env})
    assert words in str(caught.value)
