"""The verdict of the `aws` CLI and of boto3 on EC2: what is described, made, changed and refused."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from actors.protocols.ec2.ids import resource_id
from tests.interop.aws_world import Aws, aws_world
from tests.tools import needs

pytestmark = pytest.mark.asyncio(loop_scope="module")

VPC, NODES = resource_id("vpc", "vpc"), resource_id("sg", "vpc", "nodes")
SUBNET = resource_id("subnet", "vpc", "private")
ENIS = [f"eni-{number:017x}" for number in range(8)]
INTERFACES = "".join(
    f"      {eni}: {{port: node, subnet: private, private_ips: [10.0.10.{number + 4}], security_groups: [nodes]}}\n"
    for number, eni in enumerate(ENIS)
)
WORLD = f"""
version: 1
url: https://packet-journey.com/
elements:
  aws-api: {{kind: aws_api, control_plane: {{latency: {{ec2: {{default: 1ms}}}}}}}}
  aws-edge:
    kind: aws_edge
    asn: 16509
    interfaces: {{vpc: 169.254.255.0/31}}
    internet_gateway: vpc
    announces: [198.51.100.0/24]
    routes: [{{to: 10.0.0.0/16, via: 169.254.255.1}}]
    elastic_ips: {{198.51.100.7: 10.0.10.4}}
    aws_api: aws-api
  vpc:
    kind: vpc
    aws_api: aws-api
    cidr: 10.0.0.0/16
    internet_gateway: {{port: igw, address: 169.254.255.1/31, peer: 169.254.255.0}}
    subnets:
      private: {{cidr: 10.0.10.0/24, availability_zone: eu-west-1a, route_table: main, tags: {{tier: backend}}}}
    route_tables:
      main: [{{destination: 10.0.0.0/16, target: local}}, {{destination: 0.0.0.0/0, target: igw}}]
    security_groups:
      nodes: {{ingress: [{{protocol: tcp, ports: 80, source: nodes}}]}}
    network_interfaces:
{INTERFACES}    instances:
      node: {{instance_id: i-0c2d, instance_type: m5.4xlarge}}
  node: {{kind: isp_as, asn: 64500, interfaces: {{eth0: 10.0.10.4/24}}}}
links:
  edge-vpc: {{between: [aws-edge.vpc, vpc.igw], delay: 100us}}
  vpc-node: {{between: [vpc.node, node.eth0], delay: 50us}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aws]:
    async with aws_world(tmp_path_factory.mktemp("ec2"), WORLD) as running:
        await until_adopted(running)
        yield running


async def until_adopted(aws: Aws) -> None:
    def wait() -> None:
        ec2 = aws.client("ec2")
        while not (ec2.describe_vpcs()["Vpcs"] and ec2.describe_addresses()["Addresses"]):
            time.sleep(0.05)

    await aws.aside(wait)


@needs("aws")
async def test_the_cli_looks_at_what_the_world_began_with(aws: Aws):
    found = await aws.cli(
        "ec2", "describe-network-interfaces",
        "--filters", f"Name=subnet-id,Values={SUBNET}", "Name=attachment.device-index,Values=0",
    )  # fmt: skip
    (eni,) = found["NetworkInterfaces"]
    assert eni["NetworkInterfaceId"] == ENIS[0] and eni["Association"]["PublicIp"] == "198.51.100.7"


async def test_boto3_looks_at_instances_groups_and_subnets(aws: Aws):
    def story() -> None:
        ec2: Any = aws.client("ec2")
        (reservation,) = ec2.describe_instances()["Reservations"]
        assert [each["InstanceType"] for each in reservation["Instances"]] == ["m5.4xlarge"]
        (group,) = ec2.describe_security_groups(GroupIds=[NODES])["SecurityGroups"]
        (permission,) = group["IpPermissions"]
        assert permission["UserIdGroupPairs"] == [{"GroupId": NODES, "UserId": "123456789012"}]
        tagged = [{"Name": "tag:tier", "Values": ["back*"]}]
        (subnet,) = ec2.describe_subnets(Filters=tagged)["Subnets"]
        assert subnet["AvailableIpAddressCount"] == 251 - len(ENIS)

    await aws.aside(story)


@needs("aws")
async def test_the_cli_makes_a_group_and_is_told_why_not(aws: Aws):
    made = await aws.cli(
        "ec2", "create-security-group", "--group-name", "web", "--description", "x", "--vpc-id", VPC,
        "--tag-specifications", "ResourceType=security-group,Tags=[{Key=a,Value=b}]",
    )  # fmt: skip
    group = made["GroupId"]
    rule = ("--group-id", group, "--protocol", "tcp", "--port", "443", "--cidr", "0.0.0.0/0")
    same = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}
    ec2: Any = aws.client("ec2")
    await aws.aside(lambda: ec2.authorize_security_group_ingress(**same))
    assert await aws.refusal("ec2", "authorize-security-group-ingress", *rule) == (
        "An error occurred (InvalidPermission.Duplicate) when calling the AuthorizeSecurityGroupIngress operation: "
        'the specified rule "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW" already exists'
    )
    assert "(DryRunOperation)" in await aws.refused(lambda: ec2.describe_vpcs(DryRun=True))

    def unmade() -> None:
        (permission,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
        ec2.delete_security_group(GroupId=group)
        with pytest.raises(ClientError, match=r"\(InvalidGroup.NotFound\)"):
            ec2.delete_security_group(GroupId=group)
        with pytest.raises(ClientError, match=r"\(UnsupportedOperation\)"):
            ec2.create_vpc(CidrBlock="10.9.0.0/16")

    await aws.aside(unmade)


async def test_pages_of_boto3_have_everything_once(aws: Aws):
    def pages() -> list[str]:
        found = (
            aws.client("ec2")
            .get_paginator("describe_network_interfaces")
            .paginate(PaginationConfig={"PageSize": 5})
        )
        lengths = [[each["NetworkInterfaceId"] for each in one["NetworkInterfaces"]] for one in found]
        assert [len(each) for each in lengths] == [5, 3]
        return [each for page in lengths for each in page]

    assert await aws.aside(pages) == ENIS


async def test_boto3_waits_for_an_interface_and_moves_an_elastic_ip(aws: Aws):
    def story() -> None:
        ec2: Any = aws.client("ec2")
        eni = ec2.create_network_interface(SubnetId=SUBNET)["NetworkInterface"]
        own = {"NetworkInterfaceId": eni["NetworkInterfaceId"]}
        ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=list(own.values()))
        address = ec2.allocate_address(Domain="vpc")
        ec2.associate_address(AllocationId=address["AllocationId"], **own)
        (shown,) = ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"]
        assert shown["PrivateIpAddress"] == eni["PrivateIpAddress"]
        with pytest.raises(ClientError) as caught:
            ec2.release_address(AllocationId=address["AllocationId"])
        assert caught.value.response["Error"]["Code"] == "InvalidIPAddress.InUse"
        ec2.delete_network_interface(**own)
        ec2.release_address(AllocationId=address["AllocationId"])

    await aws.aside(story)


async def test_boto3_finds_tags(aws: Aws):
    def story() -> None:
        ec2: Any = aws.client("ec2")
        ec2.create_tags(Resources=[VPC], Tags=[{"Key": "env", "Value": "test"}])
        tags = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["vpc"]}])["Tags"]
        assert {each["Key"]: each["Value"] for each in tags} == {"Name": "vpc", "env": "test"}
        ec2.delete_tags(Resources=[VPC], Tags=[{"Key": "env"}])
        (vpc,) = ec2.describe_vpcs(VpcIds=[VPC])["Vpcs"]
        assert vpc["Tags"] == [{"Key": "Name", "Value": "vpc"}]

    await aws.aside(story)
