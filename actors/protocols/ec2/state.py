"""All that EC2 knows of an account in one region: VPCs, subnets, routes, instances, interfaces, groups, addresses.

VPCs with their subnets, routes and instances are as they were handed over; the rest changes by EC2's verbs.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.addresses import PublicAddresses
from actors.protocols.ec2.ids import not_found
from actors.protocols.ec2.network_interfaces import NetworkInterfaces
from actors.protocols.ec2.security_groups import SecurityGroups
from actors.protocols.ec2.tags import Tags, type_of


@dataclass(frozen=True)
class Route:
    """A route: to the VPC itself (`local`) or to its internet gateway, by its id."""

    destination: str
    gateway: str


@dataclass(frozen=True)
class RouteTable:
    """The routes of the subnets that are associated with it; the main one is that of all others."""

    id: str
    vpc: str
    routes: tuple[Route, ...]
    subnets: tuple[str, ...]
    main: bool


@dataclass(frozen=True)
class Vpc:
    """A VPC: the element that carries its packets, its block, its internet gateway."""

    id: str
    element: str
    cidr: str
    internet_gateway: str | None


@dataclass
class Ec2State:
    """One account, one region."""

    region: str
    account: str
    vpcs: dict[str, Vpc] = field(default_factory=dict)
    route_tables: dict[str, RouteTable] = field(default_factory=dict)
    groups: SecurityGroups = field(default_factory=SecurityGroups)
    addresses: PublicAddresses = field(default_factory=PublicAddresses)
    tags: Tags = field(default_factory=Tags)
    interfaces: NetworkInterfaces = field(init=False)

    def __post_init__(self) -> None:
        self.interfaces = NetworkInterfaces(self.groups.check)

    def vpc(self, vpc_id: str) -> Vpc:
        """Raises `AwsError`."""
        if vpc_id not in self.vpcs:
            raise not_found("vpc", vpc_id)
        return self.vpcs[vpc_id]

    def vpc_of(self, eni: str) -> Vpc:
        """The VPC that a network interface is in."""
        return self.vpcs[self.interfaces.subnets[self.interfaces.by_id[eni].subnet].vpc]

    def exists(self, resource: str) -> bool:
        """Whether there is a resource with this id."""
        return any(resource in known for known in self._by_id()) or any(
            rule.id == resource for group in self.groups.by_id.values() for rule in group.rules
        )

    def check_exists(self, resource: str) -> None:
        """Raises `AwsError`: what is tagged must be there."""
        if self.exists(resource):
            return
        if type_of(resource) is None:
            raise AwsError("InvalidID", f"The ID '{resource}' is not valid")
        raise not_found(resource.rpartition("-")[0], resource)

    def holder(self, private_ip: str) -> str | None:
        """The network interface that has a private address, in whichever VPC."""
        for eni, interface in self.interfaces.by_id.items():
            if private_ip in interface.addresses:
                return eni
        return None

    def _by_id(self) -> tuple[Container[str | None], ...]:
        gateways = [vpc.internet_gateway for vpc in self.vpcs.values()]
        interfaces = self.interfaces
        known: tuple[Container[Any], ...] = (self.vpcs, self.route_tables, self.groups.by_id, gateways)
        return (*known, self.addresses.by_id, interfaces.by_id, interfaces.subnets, interfaces.instances)
