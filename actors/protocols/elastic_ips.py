"""Elastic IP addresses: public addresses, each standing for one private address (AWS VPC, internet gateways).

One to one and without state: the internet gateway exchanges the address in each packet, in both directions, and drops
what has no counterpart. Traffic between two public addresses of the same gateway is translated twice.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from actors.protocols.translation import Change


class Refusal(Enum):
    """Why a packet is not let through."""

    UNASSOCIATED = "unassociated_address"
    """From outside to a public address that stands for nothing."""
    PRIVATE_DESTINATION = "private_destination"
    """From outside to a private address: those are only reached by their public ones."""
    NO_ELASTIC_IP = "no_elastic_ip"
    """From inside, by an interface without a public address."""


class Exchange(NamedTuple):
    """One address exchanged for another, for the records: `direction` is `in` or `out`."""

    public: bytes
    private: bytes
    direction: str


class Translation(NamedTuple):
    """What to change in the packet, and which exchanges that comes from."""

    change: Change
    exchanges: tuple[Exchange, ...]


class ElasticIps:
    """Which public address stands for which private one."""

    def __init__(self, associations: Mapping[bytes, bytes]) -> None:
        self.private_of: dict[bytes, bytes] = {}
        self.public_of: dict[bytes, bytes] = {}
        for public, private in associations.items():
            self.associate(public, private)

    def associate(self, public: bytes, private: bytes) -> None:
        """Let the public address stand for the private one; raises ValueError when either is taken."""
        if public in self.private_of or private in self.public_of:
            raise ValueError("an address is associated once")
        self.private_of[public] = private
        self.public_of[private] = public

    def disassociate(self, public: bytes) -> None:
        """The public address stands for nothing from now on; raises KeyError when it did not before."""
        del self.public_of[self.private_of.pop(public)]

    def inward(self, destination: bytes) -> Translation | None:
        """For a packet from outside to this address; None when it is not one of ours."""
        private = self.private_of.get(destination)
        if private is None:
            return None
        return Translation(Change(destination=private), (Exchange(destination, private, "in"),))

    def outward(self, source: bytes, destination: bytes) -> Translation | None:
        """For a packet from inside; None when its source has no public address."""
        public = self.public_of.get(source)
        if public is None:
            return None
        exchanges = (Exchange(public, source, "out"),)
        back = self.inward(destination)
        if back is not None:
            return Translation(Change(public, back.change.destination), exchanges + back.exchanges)
        return Translation(Change(public), exchanges)
