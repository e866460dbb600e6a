"""The checks of a journal find what they are there for."""

from typing import Any

from orchestrator.journal.checks import no_address_leaks, no_address_twice

SECOND = 10**9


def ipam(kind: str, sandbox: str, address: str, agent: str = "cni", **more: Any) -> dict[str, Any]:
    return {"t_ns": 0, "element": agent, "kind": kind, "sandbox": sandbox, "address": address, **more}


def ec2(verb: str, second: int = 0, request: Any = None, result: Any = None) -> dict[str, Any]:
    return {
        "t_ns": second * SECOND,
        "element": "aws-api",
        "kind": f"ec2.{verb}",
        "request": request or {},
        "result": result,
    }


def created(eni: str, *addresses: str, second: int = 0) -> dict[str, Any]:
    listed = [{"PrivateIpAddress": address} for address in addresses]
    interface = {"NetworkInterfaceId": eni, "PrivateIpAddresses": listed, "Ipv4Prefixes": []}
    return ec2("create_network_interface", second, {}, {"NetworkInterface": interface})


def test_an_address_may_be_given_again_after_it_was_released():
    records = [
        ipam("ipam.assign", "a", "10.0.0.4"),
        ipam("cni.add", "a", "10.0.0.4"),
        ipam("ipam.assign", "a", "10.0.0.4", restored=True),
        ipam("ipam.release", "a", "10.0.0.4"),
        ipam("ipam.assign", "b", "10.0.0.4"),
    ]
    assert no_address_twice(records) == []
    assert no_address_leaks(records, ["b"]) == []


def test_an_address_that_two_have_is_found_on_one_node_and_on_two():
    for agent in ("cni", "cni-2"):
        (fault,) = no_address_twice(
            [ipam("ipam.assign", "a", "10.0.0.4"), ipam("ipam.assign", "b", "10.0.0.4", agent)]
        )
        assert "10.0.0.4" in fault


def test_a_pod_that_is_told_anothers_address_is_found():
    assert len(no_address_twice([ipam("cni.add", "a", "10.0.0.4")])) == 1
    assert no_address_twice([{**ipam("cni.add", "a", "10.0.0.4"), "error": "no"}]) == []


def test_what_ec2_gives_twice_is_found():
    assert len(no_address_twice([created("eni-1", "10.0.0.4"), created("eni-2", "10.0.0.4")])) == 1
    deleted = ec2("delete_network_interface", 0, {"NetworkInterfaceId": "eni-1"}, {})
    assert no_address_twice([created("eni-1", "10.0.0.4"), deleted, created("eni-2", "10.0.0.4")]) == []


def test_addresses_of_sandboxes_that_are_gone_are_leaks():
    records = [ipam("ipam.assign", "a", "10.0.0.4")]
    assert no_address_leaks(records, []) == ["10.0.0.4: still a's, which is gone"]
    assert no_address_leaks([], ["a"]) == ["a has no address"]
    assert no_address_leaks([*records, ipam("ipam.assign", "a", "10.0.0.5")], ["a"]) == [
        "a has 10.0.0.4, 10.0.0.5"
    ]


def test_interfaces_that_nobody_has_for_long_are_leaks():
    late = ipam("cni.del", "x", "10.0.0.9") | {"t_ns": 5_000 * SECOND}
    attach = ec2(
        "attach_network_interface", 1, {"NetworkInterfaceId": "eni-1"}, {"AttachmentId": "eni-attach-1"}
    )
    detach = ec2("detach_network_interface", 2, {"AttachmentId": "eni-attach-1"}, {})
    delete = ec2("delete_network_interface", 3, {"NetworkInterfaceId": "eni-1"}, {})
    assert len(no_address_leaks([created("eni-1"), late], [])) == 1
    assert no_address_leaks([created("eni-1", second=4_000), late], []) == []
    assert no_address_leaks([created("eni-1"), attach, late], []) == []
    assert len(no_address_leaks([created("eni-1"), attach, detach, late], [])) == 1
    assert no_address_leaks([created("eni-1"), attach, detach, delete, late], []) == []
