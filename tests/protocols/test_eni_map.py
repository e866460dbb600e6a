"""The mapping service: who holds which address, and what EC2 would refuse."""

import pytest

from actors.protocols.eni_map import Eni, EniError, EniMap, Subnet
from actors.wire.addresses import Prefix, ip_bytes, mac_for

PRIMARY, SECONDARY, FREE = ip_bytes("10.0.10.10"), ip_bytes("10.0.10.20"), ip_bytes("10.0.10.30")


def eni(**changed: object) -> Eni:
    return Eni("eni-1", "node-1", "private", (PRIMARY, SECONDARY), ("nodes",))._replace(**changed)  # type: ignore[arg-type]


def empty() -> EniMap:
    return EniMap({"private": Subnet("private", Prefix.parse("10.0.10.0/24"), "private", bytes(6))})


def with_eni() -> EniMap:
    interfaces = empty()
    interfaces.attach(eni())
    return interfaces


def test_an_interface_is_found_by_id_mac_and_every_address():
    interfaces = with_eni()
    found = interfaces.by_id["eni-1"]
    assert interfaces.by_mac[mac_for("eni-1")] is found
    assert interfaces.by_address[PRIMARY] is interfaces.by_address[SECONDARY] is found
    assert interfaces.groups_of(SECONDARY) == ("nodes",)
    assert interfaces.groups_of(FREE) == ()


def test_detaching_frees_the_addresses():
    interfaces = with_eni()
    interfaces.detach("eni-1")
    assert (interfaces.by_id, interfaces.by_mac, interfaces.by_address) == ({}, {}, {})


def test_secondary_addresses_come_and_go():
    interfaces = with_eni()
    interfaces.assign("eni-1", FREE)
    assert interfaces.by_address[FREE].addresses == (PRIMARY, SECONDARY, FREE)
    interfaces.unassign("eni-1", SECONDARY)
    assert SECONDARY not in interfaces.by_address
    assert interfaces.by_address[PRIMARY].addresses == (PRIMARY, FREE)


def test_groups_change_for_all_addresses_at_once():
    interfaces = with_eni()
    interfaces.set_groups("eni-1", ("alb",))
    assert interfaces.groups_of(PRIMARY) == interfaces.groups_of(SECONDARY) == ("alb",)


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (eni(id="eni-1", addresses=(FREE,)), "InvalidNetworkInterface.InUse", "attached already"),
        (eni(id="eni-2", subnet="nowhere"), "InvalidSubnetID.NotFound", "no subnet 'nowhere'"),
        (eni(id="eni-2", addresses=()), "InvalidParameterValue", "needs a private address"),
        (eni(id="eni-2"), "InvalidIPAddress.InUse", "10.0.10.10 is in use by eni-1"),
        (eni(id="eni-2", addresses=(FREE, FREE)), "InvalidIPAddress.InUse", "in use by eni-2 itself"),
        (eni(id="eni-2", addresses=(ip_bytes("10.0.9.9"),)), "InvalidParameterValue", "does not fall within"),
    ],
)
def test_what_cannot_be_attached_is_refused_with_ec2s_code(wrong: Eni, code: str, words: str):
    with pytest.raises(EniError, match=words) as caught:
        with_eni().attach(wrong)
    assert caught.value.code == code


@pytest.mark.parametrize("last", [0, 1, 2, 3, 255])
def test_the_addresses_that_aws_keeps_are_not_given_away(last: int):
    with pytest.raises(EniError, match="reserved"):
        with_eni().assign("eni-1", ip_bytes(f"10.0.10.{last}"))


def test_unknown_interfaces_and_addresses_are_refused():
    interfaces = with_eni()
    for refused in (
        lambda: interfaces.detach("eni-9"),
        lambda: interfaces.assign("eni-9", FREE),
        lambda: interfaces.set_groups("eni-9", ()),
        lambda: interfaces.unassign("eni-1", FREE),
        lambda: interfaces.unassign("eni-1", PRIMARY),
    ):
        with pytest.raises(EniError):
            refused()
    assert interfaces.by_id["eni-1"] == eni()


def test_a_failed_change_changes_nothing():
    interfaces = with_eni()
    with pytest.raises(EniError):
        interfaces.attach(eni(id="eni-2", addresses=(FREE, PRIMARY)))
    assert FREE not in interfaces.by_address and "eni-2" not in interfaces.by_id
