"""What somebody with the AWS SDK sees and does in the default world: the Ingress's load balancer, pods behind it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from orchestrator.config import default_world, load_world
from orchestrator.world import World
from tests.interop.aws_world import Aws

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOON: dict[str, Any] = {"Delay": 1, "MaxAttempts": 30}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aws]:
    async with World(load_world(default_world())) as world:
        assert not world.unsettled
        yield Aws(world, tmp_path_factory.mktemp("home"))


def everything(elb: Any) -> dict[str, Any]:
    """All that is described of the one load balancer."""
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    listeners = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    groups = elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
    return {
        "balancer": balancer,
        "listeners": listeners,
        "rules": [elb.describe_rules(ListenerArn=each["ListenerArn"])["Rules"] for each in listeners],
        "groups": groups,
        "attributes": [
            elb.describe_target_group_attributes(TargetGroupArn=each["TargetGroupArn"])["Attributes"]
            for each in groups
        ],
        "health": [
            elb.describe_target_health(TargetGroupArn=each["TargetGroupArn"])["TargetHealthDescriptions"]
            for each in groups
        ],
    }


async def test_the_ingress_has_a_load_balancer_with_healthy_pods(aws: Aws):
    seen = await aws.aside(lambda: everything(aws.client("elbv2")))
    assert seen["balancer"]["LoadBalancerName"].startswith("k8s-default-")
    assert seen["balancer"]["State"] == {"Code": "active"}
    assert {each["Protocol"] for each in seen["listeners"]} >= {"HTTPS"}
    (health,) = seen["health"]
    assert len(health) >= 2
    assert {each["TargetHealth"]["State"] for each in health} == {"healthy"}
    chosen = {each["Key"]: each["Value"] for each in seen["attributes"][0]}
    assert chosen["load_balancing.algorithm.type"] == "least_outstanding_requests"


async def test_a_pod_in_another_group_comes_into_service_and_leaves_it(aws: Aws):
    def story() -> None:
        elb = aws.client("elbv2")
        seen = everything(elb)
        target = {key: seen["health"][0][0]["Target"][key] for key in ("Id", "Port")}
        vpc = seen["groups"][0]["VpcId"]
        (group,) = elb.create_target_group(Name="two", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")[
            "TargetGroups"
        ]
        arn = group["TargetGroupArn"]
        elb.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}],
        )
        (listener,) = [each for each in seen["listeners"] if each["Protocol"] == "HTTPS"]
        (rule,) = elb.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=4000,
            Conditions=[{"Field": "path-pattern", "Values": ["/two/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": arn}],
        )["Rules"]
        elb.register_targets(TargetGroupArn=arn, Targets=[target])
        which = {"TargetGroupArn": arn, "Targets": [target], "WaiterConfig": SOON}
        elb.get_waiter("target_in_service").wait(**which)
        elb.deregister_targets(TargetGroupArn=arn, Targets=[target])
        elb.get_waiter("target_deregistered").wait(**which)
        elb.delete_rule(RuleArn=rule["RuleArn"])
        elb.delete_target_group(TargetGroupArn=arn)

    await aws.aside(story)


def api_process(world: World) -> int:
    [pid] = [each["pid"] for each in world.ps()["elements"] if each["name"] == "aws-api"]
    return int(pid)


async def test_nothing_is_lost_when_the_api_is_killed(aws: Aws):
    def seen() -> dict[str, Any]:
        return everything(aws.client("elbv2"))

    before = await aws.aside(seen)
    killed = aws.world.kill("aws-api")
    async with asyncio.timeout(20):
        while api_process(aws.world) == killed:
            await asyncio.sleep(0.01)
        await aws.world.until_up("aws-api")
    assert await aws.aside(seen) == before
