"""The parts of a VPC's config, and what each becomes in the engines."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from actors.parts.config_fields import Address, AddressWithMask, Cidr, Part, fault
from actors.protocols.eni_map import Eni, EniMap, Subnet
from actors.protocols.security_groups import parse_ports
from actors.units import SECOND, Duration
from actors.wire.addresses import Prefix, ip_bytes, mac_for
from actors.wire.malformed import Malformed


def _check_ports(ports: int | str | None) -> int | str | None:
    if ports is not None:
        parse_ports(ports)
    return ports


Ports = Annotated[int | str | None, AfterValidator(_check_ports)]


class RuleConfig(Part):
    """What is allowed, and to or from which peer."""

    protocol: Literal["tcp", "udp", "icmp", "all"] = Field(description="all is every protocol and every port")
    ports: Ports = Field(default=None, description="80, 1024-65535 or all; for tcp and udp only")

    @property
    @abstractmethod
    def peer(self) -> str:
        """A CIDR block, or a security group of this VPC."""

    @model_validator(mode="after")
    def _check_ports(self) -> "RuleConfig":
        needs_ports = self.protocol in ("tcp", "udp")
        if needs_ports and self.ports is None:
            raise ValueError(f"{self.protocol} needs ports, such as 443, 1024-65535 or all")
        if not needs_ports and self.ports is not None:
            raise fault(("ports",), f"{self.protocol} has no ports", self.ports)
        return self


class IngressRule(RuleConfig):
    """What may enter."""

    source: str = Field(description="a CIDR block, or a security group of this VPC")

    @property
    def peer(self) -> str:
        return self.source


class EgressRule(RuleConfig):
    """What may leave."""

    destination: str = Field(description="a CIDR block, or a security group of this VPC")

    @property
    def peer(self) -> str:
        return self.destination


AwsTags = dict[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=256)]]
"""Tags of a resource, beside `Name`, which is the name that it has in the config."""


class InstanceConfig(Part):
    """An EC2 instance, by the port of the VPC that it is at; its zone is that of its first network interface."""

    instance_id: str = Field(pattern="^i-[0-9a-f]+$", description="its id, as the instance itself has it")
    instance_type: str = Field(description="says how many interfaces and addresses it may have")
    tags: AwsTags = Field(default={}, description="its tags, beside Name")


class SecurityGroupConfig(Part):
    """What may enter and leave the interfaces in this group; what no rule allows is dropped."""

    tags: AwsTags = Field(
        default={},
        description="its tags, beside Name; kubernetes.io/cluster/<name>: owned says whose nodes are in it",
    )

    ingress: tuple[IngressRule, ...] = Field(default=(), description="what may enter")
    egress: tuple[EgressRule, ...] = Field(default=(), description="what may leave")


class SubnetConfig(Part):
    """A subnet; AWS keeps its first four addresses and its last."""

    cidr: Cidr = Field(description="a part of the VPC's")
    availability_zone: str = Field(description="such as eu-west-1a")
    route_table: str = Field(description="the route table of its packets")
    tags: AwsTags = Field(
        default={},
        description='its tags, beside Name; kubernetes.io/role/elb: "1" lets controllers find it for load balancers '
        "that face the Internet, kubernetes.io/role/internal-elb for internal ones",
    )


class RouteConfig(Part):
    """A route: inside the VPC (`local`) or to its internet gateway (`igw`)."""

    destination: Cidr = Field(description="where packets are going; the longest match wins")
    target: Literal["local", "igw"] = Field(description="local is the VPC itself, igw its internet gateway")


class InternetGateway(Part):
    """Where the VPC meets AWS's edge: a port, our address on that link, and the edge's."""

    port: str = Field(default="igw", description="the port that leads to AWS's edge")
    address: AddressWithMask = Field(description="our address on that link")
    peer: Address = Field(description="the edge's address there")


class NetworkInterface(Part):
    """An elastic network interface (ENI); the first private address is the primary one."""

    port: str = Field(description="the port at which the instance is plugged in")
    subnet: str = Field(description="the subnet it lies in")
    private_ips: tuple[Address, ...] = Field(
        min_length=1, description="its addresses; the first is the primary one"
    )
    secondary_private_ip_address_count: int = Field(
        default=0, ge=0, le=49, description="so many more, the lowest that are free in its subnet"
    )
    security_groups: tuple[str, ...] = Field(
        min_length=1,
        max_length=16,
        description="the groups whose rules hold for it; one that allows is enough",
    )
    source_dest_check: bool = Field(
        default=True, description="drop packets that are neither from nor to its addresses"
    )

    @property
    def address_count(self) -> int:
        """How many private addresses it has in all."""
        return len(self.private_ips) + self.secondary_private_ip_address_count


def _between(low_s: int, high_s: int) -> AfterValidator:
    def check(duration_ns: int) -> int:
        if not low_s * SECOND <= duration_ns <= high_s * SECOND:
            raise ValueError(f"AWS takes {low_s}s to {high_s}s here")
        return duration_ns

    return AfterValidator(check)


class ConnectionTracking(Part):
    """How long tracked connections may stay silent (EC2's ConnectionTrackingConfiguration), and how many an ENI has."""

    tcp_established_timeout: Annotated[Duration, _between(60, 432_000)] = Field(
        default=432_000 * SECOND, description="an established TCP connection"
    )
    udp_stream_timeout: Annotated[Duration, _between(60, 180)] = Field(
        default=180 * SECOND, description="a UDP flow that has seen more than one answer"
    )
    udp_timeout: Annotated[Duration, _between(30, 60)] = Field(
        default=30 * SECOND, description="a UDP flow of one request and one answer"
    )
    max_connections: int = Field(default=100_000, gt=0, description="per interface; AWS publishes no figure")


def is_prefix(text: str) -> bool:
    try:
        Prefix.parse(text)
    except Malformed:
        return False
    return True


def subnet_of(name: str, subnet: SubnetConfig, vpc: str) -> Subnet:
    return Subnet(name, Prefix.parse(subnet.cidr), subnet.route_table, mac_for(vpc, name, "router"))


def eni_of(eni_id: str, eni: NetworkInterface) -> Eni:
    addresses = tuple(ip_bytes(address) for address in eni.private_ips)
    return Eni(eni_id, eni.port, eni.subnet, addresses, eni.security_groups, eni.source_dest_check)


def eni_map(subnets: dict[str, SubnetConfig], vpc: str) -> EniMap:
    """The mapping service of the VPC with this name, with no interfaces attached yet."""
    return EniMap({name: subnet_of(name, subnet, vpc) for name, subnet in subnets.items()})
