"""What Elastic Load Balancing asks of its neighbours in AWS: EC2, ACM, and its own stock of nodes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Subnet(NamedTuple):
    """A subnet of EC2, by its id."""

    id: str
    vpc_id: str
    availability_zone: str
    free_addresses: int


class Instance(NamedTuple):
    """An EC2 instance and its primary private address."""

    id: str
    vpc_id: str
    availability_zone: str
    address: str


class Network(Protocol):
    """EC2, as a neighbour in the same process. What changes something is in effect when it returns."""

    def subnet(self, subnet_id: str) -> Subnet | None: ...

    def vpc_exists(self, vpc_id: str) -> bool: ...

    def has_internet_gateway(self, vpc_id: str) -> bool: ...

    def is_group_of(self, group_id: str, vpc_id: str) -> bool:
        """Whether there is such a security group in this VPC."""

    def default_security_group(self, vpc_id: str) -> str: ...

    def zone_of(self, vpc_id: str, address: str) -> str | None:
        """The zone of the subnet that this address lies in; None outside the VPC's subnets."""

    def instance(self, instance_id: str) -> Instance | None: ...

    def create_interface(
        self, *, subnet_id: str, groups: Sequence[str], port: str, description: str, public: bool
    ) -> dict[str, Any]:
        """A network interface for a node at this port of the VPC, with a public address if `public`.

        Answers {"eni", "address": "10.0.0.10/24", "gateway": "10.0.0.1", "public_ip"?}. Raises AwsError."""

    def release_interface(self, eni: str) -> None:
        """Delete it, and give its public address back; nothing happens if it is gone."""

    def set_groups(self, eni: str, groups: Sequence[str]) -> None: ...


class Certificates(Protocol):
    """ACM."""

    def domain(self, arn: str) -> str | None:
        """The domain of an issued certificate; None if there is no such certificate."""


class World(NamedTuple):
    """Everything that is not Elastic Load Balancing's own; `nodes` are its nodes in stock with their zones."""

    network: Network
    certificates: Certificates
    nodes: dict[str, str]
    ssl_policies: dict[str, dict[str, Any]]
    """Security policies that the nodes have, by name, in DescribeSSLPolicies' shape."""
