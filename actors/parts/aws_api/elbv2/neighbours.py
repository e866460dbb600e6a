"""EC2, ACM and the nodes' security policies, as the engine of Elastic Load Balancing asks for them."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from actors.parts.aws_api.ec2.load_balancers import LoadBalancerInterfaces
from actors.parts.aws_api.ec2.service import Ec2
from actors.parts.aws_api.plane import Plane
from actors.parts.load_balancer.tls_policies import POLICIES
from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.world import Instance, Subnet, World
from actors.wire.addresses import Prefix, ip_bytes


def world_of(plane: Plane) -> World:
    """All that the engine asks of others."""
    return World(Ec2Network(plane), IssuedCertificates(plane), plane.load_balancer_nodes, ssl_policies())


class Ec2Network:
    """EC2, which runs in the same process."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    @property
    def _ec2(self) -> LoadBalancerInterfaces:
        ec2 = self._plane.services[Ec2.name]
        assert isinstance(ec2, Ec2)
        return ec2.load_balancers

    def subnet(self, subnet_id: str) -> Subnet | None:
        try:
            facts = self._ec2.subnet(subnet_id)
        except AwsError:
            return None
        return Subnet(facts.id, facts.vpc, facts.availability_zone, facts.free_addresses)

    def vpc_exists(self, vpc_id: str) -> bool:
        return self._ec2.vpc_exists(vpc_id)

    def has_internet_gateway(self, vpc_id: str) -> bool:
        return self._ec2.has_internet_gateway(vpc_id)

    def is_group_of(self, group_id: str, vpc_id: str) -> bool:
        try:
            self._ec2.check_groups([group_id], vpc_id)
        except AwsError:
            return False
        return True

    def default_security_group(self, vpc_id: str) -> str:
        return self._ec2.default_group(vpc_id)

    def zone_of(self, vpc_id: str, address: str) -> str | None:
        wanted = ip_bytes(address)
        for facts in self._ec2.subnets():
            if facts.vpc == vpc_id and wanted in Prefix.parse(facts.cidr):
                return facts.availability_zone
        return None

    def instance(self, instance_id: str) -> Instance | None:
        address = self._ec2.instance_address(instance_id)
        vpc, zone = self._ec2.instance_vpc(instance_id), self._ec2.instance_zone(instance_id)
        if address is None or vpc is None or zone is None:
            return None
        return Instance(instance_id, vpc, zone, address)

    def create_interface(
        self, *, subnet_id: str, groups: Sequence[str], port: str, description: str, public: bool
    ) -> dict[str, Any]:
        made = self._ec2.create(
            port=port, subnet=subnet_id, groups=groups, description=description, internet_facing=public
        )
        interface = {"eni": made.eni, "address": made.address, "gateway": made.gateway}
        return interface if made.public_ip is None else {**interface, "public_ip": made.public_ip}

    def release_interface(self, eni: str) -> None:
        self._ec2.release(eni)

    def set_groups(self, eni: str, groups: Sequence[str]) -> None:
        self._ec2.set_groups(eni, groups)


class IssuedCertificates:
    """ACM: certificates have the ARNs that follow from their domains."""

    def __init__(self, plane: Plane) -> None:
        self._domains = {
            plane.arn("acm", f"certificate/{uuid5(NAMESPACE_DNS, domain)}"): str(domain)
            for domain in plane.certificates
        }

    def domain(self, arn: str) -> str | None:
        return self._domains.get(arn)


def ssl_policies() -> dict[str, dict[str, Any]]:
    """The nodes' security policies in DescribeSSLPolicies' shape."""
    described = {}
    for name, policy in POLICIES.items():
        described[name] = {
            "Name": name,
            "SslProtocols": list(policy.versions),
            "Ciphers": [
                {"Name": cipher, "Priority": number} for number, cipher in enumerate(policy.suites, 1)
            ],
            "SupportedLoadBalancerTypes": ["application"],
        }
    return described
