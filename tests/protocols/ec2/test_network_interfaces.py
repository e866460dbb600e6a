"""EC2's interfaces and addresses: what is given, in which order, and what is refused with which code."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.network_interfaces import Instance, NetworkInterfaces, SubnetPlace, Wanted
from actors.protocols.ec2.records import NetworkInterface, block
from actors.wire.addresses import Prefix, ip_bytes, ip_text

NODE = Instance("i-1", "t3.small", "node-1", "1a")


def ec2(cidr: str = "10.0.10.0/26") -> NetworkInterfaces:
    interfaces = NetworkInterfaces(_exist)
    interfaces.add_subnet("subnet-a", SubnetPlace(Prefix.parse(cidr), "1a"))
    interfaces.add_subnet("subnet-b", SubnetPlace(Prefix.parse("10.0.11.0/28"), "1b"))
    interfaces.add_instance(NODE)
    return interfaces


def _exist(groups: Sequence[str], vpc: str) -> None:
    for group in groups:
        if group not in ("sg-1", "sg-2"):
            raise AwsError("InvalidGroup.NotFound", group)


def with_node(cidr: str = "10.0.10.0/26") -> NetworkInterfaces:
    interfaces = ec2(cidr)
    interfaces.create("eni-1", "subnet-a", ["sg-1"])
    interfaces.attach("eni-1", "i-1", 0, "eni-attach-1", 0)
    return interfaces


def code_of(refused: Any) -> str:
    with pytest.raises(AwsError) as caught:
        refused()
    return caught.value.code


def test_the_lowest_free_addresses_are_given_and_five_are_kept():
    interfaces = ec2("10.0.10.0/28")
    assert interfaces.free_addresses("subnet-a") == 11
    first = interfaces.create("eni-1", "subnet-a", ["sg-1"], Wanted(address_count=2))
    assert first.addresses == ("10.0.10.4", "10.0.10.5", "10.0.10.6")
    rest = interfaces.create("eni-2", "subnet-a", ["sg-1"], Wanted(address_count=7))
    assert rest.addresses[-1] == "10.0.10.14" and interfaces.free_addresses("subnet-a") == 0
    assert (
        code_of(lambda: interfaces.create("eni-3", "subnet-a", ["sg-1"]))
        == "InsufficientFreeAddressesInSubnet"
    )
    interfaces.unassign("eni-1", ["10.0.10.5"])
    assert interfaces.create("eni-3", "subnet-a", ["sg-1"]).addresses == ("10.0.10.5",)


def test_prefixes_are_whole_free_blocks_without_what_aws_keeps():
    interfaces = with_node()
    given, _, prefixes = interfaces.assign("eni-1", Wanted(prefix_count=1))
    assert prefixes == ["10.0.10.16/28"], "the first block has reserved addresses, and so has the last"
    assert ip_bytes("10.0.10.16") in given.held() and len(given.held()) == 17
    interfaces.create("eni-2", "subnet-a", ["sg-1"], Wanted(["10.0.10.40"]))
    assert code_of(lambda: interfaces.assign("eni-1", Wanted(prefix_count=1))) == "InsufficientCidrBlocks"
    assert interfaces.free_addresses("subnet-a") == 59 - 17 - 2
    interfaces.unassign("eni-1", prefixes=["10.0.10.16/28"])
    assert interfaces.free_addresses("subnet-a") == 59 - 1 - 2


def test_what_fails_half_way_has_taken_nothing():
    interfaces = ec2("10.0.10.0/28")
    assert (
        code_of(lambda: interfaces.create("eni-1", "subnet-a", ["sg-1"], Wanted(prefix_count=1)))
        == "InsufficientCidrBlocks"
    )
    assert interfaces.free_addresses("subnet-a") == 11 and not interfaces.by_id


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted(address_count=4), "PrivateIpAddressLimitExceeded"),
        (Wanted(prefix_count=4), "PrivateIpAddressLimitExceeded"),
        (Wanted(), "MissingParameter"),
        (Wanted(["10.0.10.3"]), "InvalidParameterValue"),
        (Wanted(["10.0.10.63"]), "InvalidParameterValue"),
        (Wanted(["10.0.11.9"]), "InvalidParameterValue"),
        (Wanted(["x"]), "InvalidParameterValue"),
        (Wanted(["10.0.10.4"]), "InvalidIPAddress.InUse"),
        (Wanted(["10.0.10.9", "10.0.10.9"]), "InvalidParameterValue"),
        (Wanted(["10.0.10.9"], 1), "InvalidParameterCombination"),
        (Wanted((), 1, 1), "InvalidParameterCombination"),
    ],
)
def test_addresses_that_cannot_be_assigned(wanted: Wanted, code: str):
    interfaces = with_node()
    before = interfaces.known("eni-1"), interfaces.free_addresses("subnet-a")
    assert code_of(lambda: interfaces.assign("eni-1", wanted)) == code
    assert (interfaces.known("eni-1"), interfaces.free_addresses("subnet-a")) == before


def test_what_else_is_refused():
    interfaces = with_node()
    for number in (2, 3, 4):
        interfaces.create(f"eni-{number}", "subnet-a", ["sg-1"])
    interfaces.create("eni-b", "subnet-b", ["sg-1"])
    attach = interfaces.attach
    assert code_of(lambda: attach("eni-9", "i-1", 1, "a", 0)) == "InvalidNetworkInterfaceID.NotFound"
    assert code_of(lambda: attach("eni-2", "i-99", 1, "a", 0)) == "InvalidInstanceID.NotFound"
    assert code_of(lambda: attach("eni-1", "i-1", 1, "a", 0)) == "InvalidNetworkInterface.InUse"
    assert code_of(lambda: attach("eni-b", "i-1", 1, "a", 0)) == "InvalidParameterCombination"
    assert code_of(lambda: attach("eni-2", "i-1", 0, "a", 0)) == "InvalidParameterValue"
    attach("eni-2", "i-1", 1, "a2", 0)
    attach("eni-3", "i-1", 2, "a3", 0)
    assert code_of(lambda: attach("eni-4", "i-1", 3, "a", 0)) == "AttachmentLimitExceeded"
    assert code_of(lambda: interfaces.detach("eni-attach-1")) == "OperationNotPermitted"
    assert code_of(lambda: interfaces.detach("eni-attach-9")) == "InvalidAttachmentID.NotFound"
    assert code_of(lambda: interfaces.delete("eni-2")) == "InvalidParameterValue"
    assert code_of(lambda: interfaces.create("eni-9", "subnet-9", ["sg-1"])) == "InvalidSubnetID.NotFound"
    assert code_of(lambda: interfaces.create("eni-9", "subnet-a", ["x"])) == "InvalidGroup.NotFound"
    assert code_of(lambda: interfaces.modify("eni-1", [])) == "SecurityGroupsPerInterfaceLimitExceeded"
    assert (
        code_of(lambda: interfaces.modify("eni-4", delete_on_termination=True))
        == "InvalidAttachmentID.NotFound"
    )
    assert code_of(lambda: interfaces.unassign("eni-1", ["10.0.10.4"])) == "InvalidParameterValue"
    assert (
        code_of(lambda: interfaces.unassign("eni-1", prefixes=["10.0.10.16/28"])) == "InvalidParameterValue"
    )
    interfaces.detach("a2")
    interfaces.delete("eni-2")
    assert [each.id for each in interfaces.of_instance("i-1")] == ["eni-1", "eni-3"]


class Ec2Machine(RuleBasedStateMachine):
    """Whatever is asked: no address is held twice, counts are right, and records survive the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.ec2 = with_node("10.0.10.0/25")
        self.made = 1

    def attempt(self, do: Any) -> None:
        try:
            do()
        except AwsError:
            pass

    @rule(count=st.integers(0, 4), prefixes=st.integers(0, 3))
    def create(self, count: int, prefixes: int) -> None:
        self.made += 1
        wanted = Wanted((), count, prefixes)
        self.attempt(lambda: self.ec2.create(f"eni-{self.made}", "subnet-a", ["sg-1"], wanted))

    @rule(number=st.integers(1, 9), device=st.integers(0, 3))
    def attach(self, number: int, device: int) -> None:
        self.attempt(lambda: self.ec2.attach(f"eni-{number}", "i-1", device, f"a-{number}", 0))

    @rule(number=st.integers(1, 9))
    def detach_and_delete(self, number: int) -> None:
        self.attempt(lambda: self.ec2.detach(f"a-{number}"))
        self.attempt(lambda: self.ec2.delete(f"eni-{number}"))

    @rule(number=st.integers(1, 9), count=st.integers(0, 4), prefixes=st.integers(0, 2))
    def assign(self, number: int, count: int, prefixes: int) -> None:
        self.attempt(lambda: self.ec2.assign(f"eni-{number}", Wanted((), count, prefixes)))

    @rule(number=st.integers(1, 9), data=st.data())
    def unassign(self, number: int, data: st.DataObject) -> None:
        eni = self.ec2.by_id.get(f"eni-{number}")
        if eni is not None:
            addresses = data.draw(st.lists(st.sampled_from(eni.addresses), max_size=2, unique=True))
            self.attempt(lambda: self.ec2.unassign(eni.id, addresses, eni.prefixes[:1]))

    @invariant()
    def nobody_shares(self) -> None:
        held = [address for eni in self.ec2.by_id.values() for address in eni.held()]
        assert len(held) == len(set(held))
        assert self.ec2.free_addresses("subnet-a") == 128 - 5 - len(held)
        reserved = {f"10.0.10.{last}" for last in (0, 1, 2, 3, 127)}
        assert not reserved & {ip_text(address) for address in held}
        for eni in self.ec2.by_id.values():
            assert NetworkInterface.from_json(eni.to_json()) == eni
            assert all(
                Prefix.parse(prefix).length == 28 and len(block(prefix)) == 16 for prefix in eni.prefixes
            )


TestEc2Machine = Ec2Machine.TestCase
TestEc2Machine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
