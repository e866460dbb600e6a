"""The verdict of the `aws` CLI and of boto3 on Elastic Load Balancing: what is made, looked at, changed, deleted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from actors.protocols.ec2.ids import resource_id
from tests.interop.aws_world import Aws, aws_world
from tests.tools import needs

pytestmark = pytest.mark.asyncio(loop_scope="module")

VPC, GROUP = resource_id("vpc", "vpc"), resource_id("sg", "vpc", "alb")
SUBNETS = [resource_id("subnet", "vpc", "public-1a"), resource_id("subnet", "vpc", "public-1b")]
DELAYS = "{load_balancer_provisioning: 1s, configuration: 100ms, target_registration: 1s, target_deregistration: 1s}"
WORLD = f"""
version: 1
url: https://packet-journey.com/
elements:
  aws-api:
    kind: aws_api
    load_balancer_nodes: {{alb-1a: eu-west-1a, alb-1b: eu-west-1b}}
    certificates: [packet-journey.com]
    control_plane: {{delays: {DELAYS}}}
  aws-edge:
    kind: aws_edge
    asn: 16509
    interfaces: {{vpc: 169.254.255.0/31}}
    internet_gateway: vpc
    announces: [198.51.100.0/24]
    routes: [{{to: 10.0.0.0/16, via: 169.254.255.1}}]
    aws_api: aws-api
  vpc:
    kind: vpc
    aws_api: aws-api
    cidr: 10.0.0.0/16
    internet_gateway: {{port: igw, address: 169.254.255.1/31, peer: 169.254.255.0}}
    subnets:
      public-1a: {{cidr: 10.0.0.0/24, availability_zone: eu-west-1a, route_table: public}}
      public-1b: {{cidr: 10.0.1.0/24, availability_zone: eu-west-1b, route_table: public}}
    route_tables:
      public: [{{destination: 10.0.0.0/16, target: local}}, {{destination: 0.0.0.0/0, target: igw}}]
    security_groups:
      alb:
        ingress: [{{protocol: all, source: 0.0.0.0/0}}]
        egress: [{{protocol: all, destination: 0.0.0.0/0}}]
    ports: [alb-1a, alb-1b]
    network_interfaces: {{}}
  alb-1a: {{kind: alb, availability_zone: eu-west-1a, aws_api: aws-api}}
  alb-1b: {{kind: alb, availability_zone: eu-west-1b, aws_api: aws-api}}
links:
  edge-vpc: {{between: [aws-edge.vpc, vpc.igw], delay: 100us}}
  vpc-alb-1a: {{between: [vpc.alb-1a, alb-1a.eth0], delay: 50us}}
  vpc-alb-1b: {{between: [vpc.alb-1b, alb-1b.eth0], delay: 50us}}
"""
SOON: dict[str, Any] = {"Delay": 1, "MaxAttempts": 30}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aws]:
    async with aws_world(tmp_path_factory.mktemp("elbv2"), WORLD) as running:
        yield running


class Made:
    """A load balancer, a listener and a target group, by their ARNs."""

    load_balancer = listener = group = ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(aws: Aws) -> Made:
    """Made by boto3, and waited for as its waiter does."""

    def make() -> Made:
        elb, things = aws.client("elbv2"), Made()
        (balancer,) = elb.create_load_balancer(Name="web", Subnets=SUBNETS, SecurityGroups=[GROUP])[
            "LoadBalancers"
        ]
        things.load_balancer = balancer["LoadBalancerArn"]
        assert balancer["State"]["Code"] == "provisioning" and balancer["CreatedTime"].tzinfo is not None
        elb.get_waiter("load_balancer_available").wait(
            LoadBalancerArns=[things.load_balancer], WaiterConfig=SOON
        )
        (group,) = elb.create_target_group(Name="pods", Protocol="HTTP", Port=80, VpcId=VPC, TargetType="ip")[
            "TargetGroups"
        ]
        things.group = group["TargetGroupArn"]
        forward = {"Type": "forward", "TargetGroupArn": things.group}
        (listener,) = elb.create_listener(
            LoadBalancerArn=things.load_balancer, Protocol="HTTP", Port=80, DefaultActions=[forward]
        )["Listeners"]
        things.listener = listener["ListenerArn"]
        return things

    things: Made = await aws.aside(make)
    return things


@needs("aws")
async def test_the_cli_and_boto3_describe_all_of_it(aws: Aws, made: Made):
    (balancer,) = (await aws.cli("elbv2", "describe-load-balancers", "--names", "web"))["LoadBalancers"]
    assert balancer["State"] == {"Code": "active"} and balancer["SecurityGroups"] == [GROUP]
    assert balancer["DNSName"].endswith(".eu-west-1.elb.amazonaws.com")

    def the_rest() -> None:
        elb = aws.client("elbv2")
        (listener,) = elb.describe_listeners(LoadBalancerArn=made.load_balancer)["Listeners"]
        assert listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"] == [
            {"TargetGroupArn": made.group, "Weight": 1}
        ]
        (rule,) = elb.describe_rules(ListenerArn=made.listener)["Rules"]
        assert rule["Priority"] == "default" and rule["IsDefault"] is True
        (group,) = elb.describe_target_groups(Names=["pods"])["TargetGroups"]
        assert group["LoadBalancerArns"] == [made.load_balancer] and group["HealthCheckIntervalSeconds"] == 30

    await aws.aside(the_rest)


async def test_boto3_changes_attributes(aws: Aws, made: Made):
    attribute = {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"}

    def story() -> None:
        elb = aws.client("elbv2")
        changed = elb.modify_target_group_attributes(TargetGroupArn=made.group, Attributes=[attribute])
        assert attribute in changed["Attributes"]
        described = elb.describe_target_group_attributes(TargetGroupArn=made.group)
        assert described["Attributes"] == changed["Attributes"]

    await aws.aside(story)


@needs("aws")
async def test_the_cli_makes_a_rule(aws: Aws, made: Made):
    (rule,) = (
        await aws.cli(
            "elbv2",
            "create-rule",
            "--listener-arn",
            made.listener,
            "--priority",
            "10",
            "--conditions",
            "Field=path-pattern,Values=/img/*",
            "--actions",
            "Type=fixed-response,FixedResponseConfig={StatusCode=404,ContentType=text/plain,MessageBody=none}",
        )
    )["Rules"]
    assert rule["Conditions"][0]["PathPatternConfig"] == {"Values": ["/img/*"]}
    await aws.aside(lambda: aws.client("elbv2").delete_rule(RuleArn=rule["RuleArn"]))


@needs("aws")
async def test_both_are_refused_in_aws_s_words(aws: Aws, made: Made):
    said = await aws.refusal("elbv2", "describe-load-balancers", "--names", "ghost")
    assert said == (
        "An error occurred (LoadBalancerNotFound) when calling the DescribeLoadBalancers operation: "
        "Load balancers '[ghost]' not found"
    )
    elb = aws.client("elbv2")
    said = await aws.refused(lambda: elb.delete_target_group(TargetGroupArn=made.group))
    assert "(ResourceInUse)" in said and "is currently in use by a listener or a rule" in said
    both = [
        {"Key": "slow_start.duration_seconds", "Value": "30"},
        {"Key": "load_balancing.algorithm.type", "Value": "weighted_random"},
    ]
    said = await aws.refused(
        lambda: elb.modify_target_group_attributes(TargetGroupArn=made.group, Attributes=both)
    )
    assert "(InvalidConfigurationRequest)" in said
    assert "You cannot enable both slow start and weighted random algorithm on a target group" in said


@needs("aws")
async def test_the_cli_registers_a_target_and_boto3_sees_it_go(aws: Aws, made: Made):
    group, target = ("--target-group-arn", made.group), ("--targets", "Id=10.0.0.77,Port=8080")
    elb = aws.client("elbv2")
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}

    def described() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = elb.describe_target_health(TargetGroupArn=made.group)[
            "TargetHealthDescriptions"
        ]
        return found

    await aws.aside(lambda: elb.modify_target_group_attributes(TargetGroupArn=made.group, Attributes=[delay]))
    await aws.cli("elbv2", "register-targets", *group, *target)
    told = await aws.aside(
        lambda: elb.describe_target_health(TargetGroupArn=made.group, Include=["AnomalyDetection"])
    )
    (found,) = told["TargetHealthDescriptions"]
    assert found["Target"] == {"Id": "10.0.0.77", "Port": 8080, "AvailabilityZone": "eu-west-1a"}
    assert found["TargetHealth"]["State"] == "initial" and found["HealthCheckPort"] == "8080"
    assert found["AnomalyDetection"] == {"Result": "normal", "MitigationInEffect": "no"}

    def go() -> None:
        which = {"TargetGroupArn": made.group, "Targets": [{"Id": "10.0.0.77", "Port": 8080}]}
        elb.deregister_targets(**which)
        (found,) = described()
        assert found["TargetHealth"]["Reason"] == "Target.DeregistrationInProgress"
        elb.get_waiter("target_deregistered").wait(**which, WaiterConfig=SOON)
        assert described() == []

    await aws.aside(go)


async def test_boto3_pages_and_raises_the_modelled_errors(aws: Aws, made: Made):
    def story() -> None:
        elb = aws.client("elbv2")
        for number in range(3):
            elb.create_target_group(
                Name=f"spare-{number}", Protocol="HTTP", Port=80, VpcId=VPC, TargetType="ip"
            )
        pages = list(elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 3}))
        assert [len(page["TargetGroups"]) for page in pages] == [3, 1]
        for page in pages:
            for group in page["TargetGroups"]:
                if group["TargetGroupName"] != "pods":
                    elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
        with pytest.raises(elb.exceptions.DuplicateTargetGroupNameException):
            elb.create_target_group(Name="pods", Protocol="HTTP", Port=81, VpcId=VPC, TargetType="ip")
        with pytest.raises(ClientError) as refused:
            elb.create_load_balancer(Name="other", Subnets=SUBNETS[:1])
        assert refused.value.response["Error"]["Code"] == "ValidationError"

    await aws.aside(story)


async def test_deleting_ends_it(aws: Aws, made: Made):
    def story() -> None:
        elb = aws.client("elbv2")
        elb.delete_load_balancer(LoadBalancerArn=made.load_balancer)
        elb.get_waiter("load_balancers_deleted").wait(
            LoadBalancerArns=[made.load_balancer], WaiterConfig=SOON
        )
        elb.delete_target_group(TargetGroupArn=made.group)
        assert elb.describe_target_groups()["TargetGroups"] == []

    await aws.aside(story)
    found = await aws.aside(lambda: aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"])
    assert found == []
