"""The VPC that the cluster is in, and what the model's engine is told of it."""

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Any

from actors.parts.load_balancer_controller.aws import Aws
from actors.protocols.aws.errors import AwsError
from actors.protocols.load_balancer_controller.groups import Member
from actors.protocols.load_balancer_controller.listeners import wants_discovery
from actors.protocols.load_balancer_controller.model import Facts

Object = dict[str, Any]


class Vpc:
    """Looks at AWS; only what cannot change is remembered. Raises `AwsError`."""

    def __init__(self, aws: Aws, vpc_id: str | None, cluster: str) -> None:
        self._aws, self.cluster = aws, cluster
        self._wanted = vpc_id
        self._found: Object | None = None
        self._domains: dict[str, list[str]] = {}
        """Domains of certificates by ARN: these never change."""

    async def facts(self, members: Iterable[Member]) -> Facts:
        """All that decides about a load balancer for these Ingresses, as it is now."""
        vpc_id = await self.id()
        discovers = wants_discovery(members)
        subnets, groups, certificates = await asyncio.gather(
            self._aws.all("ec2", "DescribeSubnets", "Subnets", Filters=of_vpc(vpc_id)),
            self.security_groups(),
            self._certificates() if discovers else _none(),
        )
        return Facts(vpc_id, self.cluster, subnets, groups, certificates)

    async def id(self) -> str:
        return str((await self._vpc())["VpcId"])

    async def holds(self, address: str) -> bool:
        """Whether an address is of the VPC."""
        vpc, ip = await self._vpc(), ipaddress.ip_address(address)
        blocks = [each["CidrBlock"] for each in vpc.get("CidrBlockAssociationSet") or ()]
        return any(ip in ipaddress.ip_network(block) for block in blocks or [vpc["CidrBlock"]])

    async def security_groups(self) -> list[Object]:
        filters = of_vpc(await self.id())
        return await self._aws.all("ec2", "DescribeSecurityGroups", "SecurityGroups", Filters=filters)

    async def _vpc(self) -> Object:
        if self._found is None:
            chosen = {"VpcIds": [self._wanted]} if self._wanted else {}
            vpcs = await self._aws.all("ec2", "DescribeVpcs", "Vpcs", **chosen)
            if len(vpcs) != 1:
                names = ", ".join(each["VpcId"] for each in vpcs)
                raise AwsError(
                    "InvalidVpcID.NotFound", f"there must be one VPC, or vpc_id: there are {names or 'none'}"
                )
            self._found = vpcs[0]
        return self._found

    async def _certificates(self) -> dict[str, list[str]]:
        """Domains of all issued certificates, by ARN."""
        listed = await self._aws.all(
            "acm", "ListCertificates", "CertificateSummaryList", CertificateStatuses=["ISSUED"]
        )
        arns = [each["CertificateArn"] for each in listed]
        new = [arn for arn in arns if arn not in self._domains]
        answers = await asyncio.gather(
            *(self._aws.call("acm", "DescribeCertificate", CertificateArn=arn) for arn in new)
        )
        for arn, answer in zip(new, answers, strict=True):
            certificate = answer["Certificate"]
            self._domains[arn] = certificate.get("SubjectAlternativeNames") or [certificate["DomainName"]]
        return {arn: self._domains[arn] for arn in sorted(arns)}


async def _none() -> dict[str, list[str]]:
    return {}


def of_vpc(vpc_id: str) -> list[Object]:
    """The filter."""
    return [{"Name": "vpc-id", "Values": [vpc_id]}]
