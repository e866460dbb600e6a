"""Elastic IPs: one public address for one private, in both directions."""

import pytest

from actors.protocols.elastic_ips import ElasticIps, Exchange
from actors.protocols.translation import Change
from actors.wire.addresses import ip_bytes

PUBLIC, PRIVATE, FAR = ip_bytes("198.51.100.10"), ip_bytes("10.0.0.10"), ip_bytes("203.0.113.10")
OTHER_PUBLIC, OTHER_PRIVATE = ip_bytes("198.51.100.20"), ip_bytes("10.0.1.20")


def two() -> ElasticIps:
    return ElasticIps({PUBLIC: PRIVATE, OTHER_PUBLIC: OTHER_PRIVATE})


def test_inward_the_destination_is_exchanged():
    translation = two().inward(PUBLIC)
    assert translation is not None and translation.change == Change(destination=PRIVATE)
    assert translation.exchanges == (Exchange(PUBLIC, PRIVATE, "in"),)


def test_outward_the_source_is():
    translation = two().outward(PRIVATE, FAR)
    assert translation is not None and translation.change == Change(source=PUBLIC)


def test_between_two_public_addresses_both_are():
    translation = two().outward(PRIVATE, OTHER_PUBLIC)
    assert translation is not None and translation.change == Change(PUBLIC, OTHER_PRIVATE)
    assert [exchange.direction for exchange in translation.exchanges] == ["out", "in"]


def test_without_an_association_there_is_no_translation():
    addresses = two()
    addresses.disassociate(PUBLIC)
    assert addresses.inward(PUBLIC) is None and addresses.outward(PRIVATE, FAR) is None
    assert addresses.inward(OTHER_PUBLIC) is not None


def test_an_address_is_associated_once():
    for public, private in ((PUBLIC, FAR), (FAR, PRIVATE)):
        with pytest.raises(ValueError, match="once"):
            two().associate(public, private)
    with pytest.raises(KeyError):
        two().disassociate(FAR)
