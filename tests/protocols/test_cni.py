"""The VPC CNI's names, numbers and results, as its own code and the CNI specification have them."""

import pytest

from actors.protocols import cni
from actors.protocols.cni import Attachment, CniError, NetworkInterface
from actors.protocols.instance_types import LIMITS
from actors.protocols.netlink import Change, Link, Route, Rule, SnatChain


def attachment(device: int = 0) -> Attachment:
    return Attachment("c0ffee", "eth0", "/run/netns/nginx-0", "default/nginx", "10.0.10.20", device, 9001)


@pytest.mark.parametrize(
    ("pod", "name"),
    [("default/nginx", "enic440f455693"), ("kube-system/coredns-1", "eni5adc4ab58e2")],
)
def test_the_veth_has_the_name_that_the_plugin_gives_it(pod: str, name: str):
    assert cni.veth_name(pod) == name


def test_a_pod_on_the_primary_interface_needs_a_route_and_one_rule():
    assert cni.pod_entries(attachment()) == [
        Link("enic440f455693", "nginx-0", 9001),
        Route("10.0.10.20/32", "enic440f455693"),
        Rule(512, "main", dst="10.0.10.20/32"),
    ]


def test_a_pod_on_a_secondary_interface_answers_by_that_interfaces_table():
    assert cni.pod_entries(attachment(device=1))[3:] == [Rule(1536, "2", src="10.0.10.20/32")]


def test_each_secondary_interface_has_a_table_of_its_own():
    interfaces = [
        NetworkInterface(0, "10.0.10.10", "10.0.10.1"),
        NetworkInterface(1, "10.0.10.40", "10.0.10.1"),
    ]
    assert cni.node_entries(interfaces, ["10.0.0.0/16", "192.168.0.0/16"], external_snat=False) == [
        SnatChain("AWS-SNAT-CHAIN-0", ("10.0.0.0/16", "192.168.0.0/16"), "10.0.10.10"),
        Route("10.0.10.1/32", "eth1", table="2"),
        Route("default", "eth1", "10.0.10.1", "2"),
        Rule(32765, "2", src="10.0.10.40/32"),
    ]


def test_with_external_snat_nothing_is_translated():
    assert cni.node_entries([NetworkInterface(0, "10.0.10.10", "10.0.10.1")], [], external_snat=True) == []


@pytest.mark.parametrize(("device", "table"), [(0, 254), (1, 2), (2, 3)])
def test_tables_are_numbered_by_device(device: int, table: int):
    assert cni.table_of(device) == table


def test_repairs_are_what_is_missing_and_nothing_else():
    wanted = cni.pod_entries(attachment())
    assert cni.repairs(wanted, wanted) == []
    assert cni.repairs(wanted, wanted[:1]) == [Change("replace", entry) for entry in wanted[1:]]


def test_removals_are_what_is_there_last_written_first():
    entries = cni.pod_entries(attachment())
    assert cni.removals(attachment(), entries) == [Change("del", entry) for entry in reversed(entries)]
    assert cni.removals(attachment(), []) == []


def test_the_result_has_the_shape_of_the_specification_and_the_plugins_habits():
    result = cni.add_result(attachment(device=1))
    assert result["cniVersion"] == "1.1.0"
    assert [interface["name"] for interface in result["interfaces"]] == [
        "enic440f455693",
        "eth0",
        "dummyc440f455693",
    ]
    host, container, dummy = result["interfaces"]
    assert "sandbox" not in host and container["sandbox"] == "/run/netns/nginx-0"
    assert (container["mac"], dummy["mac"], dummy["sandbox"]) == ("2", "0", "1")
    assert result["ips"] == [{"address": "10.0.10.20/32", "interface": 1}]
    assert result["routes"][1] == {"dst": "0.0.0.0/0", "gw": "169.254.1.1"}


def test_an_error_is_an_object_with_code_and_message():
    assert CniError(7, "no", "because").described() == {
        "cniVersion": "1.1.0",
        "code": 7,
        "msg": "no",
        "details": "because",
    }


def test_max_pods_is_what_amazon_says():
    assert (LIMITS["m5.large"].max_pods, LIMITS["t3.small"].max_pods, LIMITS["m5.24xlarge"].max_pods) == (
        29,
        11,
        737,
    )
