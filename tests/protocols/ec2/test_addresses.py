"""Public addresses: which are given, to whom, what they stand for, and what is refused."""

from typing import Any

import pytest

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.addresses import ELB, PublicAddress, PublicAddresses
from actors.wire.addresses import Prefix


def pool(*prefixes: str) -> PublicAddresses:
    addresses = PublicAddresses()
    addresses.pools += [Prefix.parse(each) for each in prefixes or ("198.51.100.0/29",)]
    return addresses


def code_of(refused: Any) -> str:
    with pytest.raises(AwsError) as caught:
        refused()
    return caught.value.code


def test_the_lowest_that_is_free_is_given_until_the_pool_is_empty():
    addresses = pool()
    given = [addresses.allocate(service=ELB).public_ip for _ in range(6)]
    assert given == [f"198.51.100.{last}" for last in range(1, 7)]
    assert code_of(lambda: addresses.allocate()) == "InsufficientAddressCapacity"
    assert code_of(lambda: pool("198.51.100.0/32").allocate()) == "InsufficientAddressCapacity"


def test_an_account_has_five_and_services_have_their_own():
    addresses = pool("198.51.100.0/24")
    for _ in range(7):
        addresses.allocate(service=ELB)
    for _ in range(5):
        addresses.allocate()
    assert code_of(lambda: addresses.allocate()) == "AddressLimitExceeded"
    addresses.allocate(service=ELB)


def test_an_address_may_be_asked_for_by_name():
    addresses = pool()
    assert addresses.allocate("198.51.100.4").public_ip == "198.51.100.4"
    for text in ("198.51.100.4", "203.0.113.1"):
        assert code_of(lambda text=text: addresses.allocate(text)) == "InvalidAddress.NotFound"


def test_one_stands_for_one():
    addresses = pool()
    one, other = addresses.allocate(), addresses.allocate()
    addresses.associate(one, "10.0.0.4", again=False)
    one = addresses.known(one.id)
    assert addresses.associate(one, "10.0.0.4", again=False) == [one]
    assert (
        code_of(lambda: addresses.associate(other, "10.0.0.4", again=False)) == "Resource.AlreadyAssociated"
    )
    assert code_of(lambda: addresses.associate(one, "10.0.0.5", again=False)) == "Resource.AlreadyAssociated"
    changed = addresses.associate(other, "10.0.0.4", again=True)
    assert [(each.public_ip, each.private_ip) for each in changed] == [
        ("198.51.100.1", None),
        ("198.51.100.2", "10.0.0.4"),
    ]
    held = addresses.of_private("10.0.0.4")
    assert held is not None and addresses.associated(held.association or "") == held
    assert code_of(lambda: addresses.release(held)) == "InvalidIPAddress.InUse"
    addresses.release(addresses.disassociate(held))
    assert list(addresses.by_id) == [one.id]
    assert PublicAddress.from_json(held.to_json()) == held


def test_what_is_a_services_own_is_not_the_customers():
    addresses = pool()
    own = addresses.allocate(service=ELB)
    assert code_of(lambda: addresses.known(own.id)) == "InvalidAllocationID.NotFound"
    assert code_of(lambda: addresses.by_public_ip(own.public_ip)) == "InvalidAddress.NotFound"
    assert code_of(lambda: addresses.associated("eipassoc-1")) == "InvalidAssociationID.NotFound"
