"""Attributes of load balancers and target groups, by AWS's names, through AWS's API."""

from typing import Any, NamedTuple

from orchestrator.config.errors import suggestion
from orchestrator.settings.words import ALB, TARGET_GROUP, Calls, Changed, Target, refuse

AWS_API = "aws_api"
CALLER = "journey"
SHORT = {
    "algorithm": "load_balancing.algorithm.type",
    "anomaly_mitigation": "load_balancing.algorithm.anomaly_mitigation",
    "client_keep_alive": "client_keep_alive.seconds",
    "cross_zone": "load_balancing.cross_zone.enabled",
    "deregistration_delay": "deregistration_delay.timeout_seconds",
    "http2": "routing.http2.enabled",
    "idle_timeout": "idle_timeout.timeout_seconds",
    "slow_start": "slow_start.duration_seconds",
    "stickiness": "stickiness.enabled",
}
"""What people say, for what AWS calls it."""


class Resource(NamedTuple):
    """A load balancer or a target group, with its attributes."""

    kind: str
    name: str
    arn: str
    attributes: dict[str, str]


async def change(world: Calls, target: Target, settings: dict[str, str]) -> list[Changed]:
    """Modify attributes: all in one call for each resource. Raises `RequestFailed`, with AWS's words if it refuses."""
    resources = await _resources(world, target)
    wanted: dict[str, tuple[Resource, dict[str, str]]] = {}
    for key, value in settings.items():
        name = SHORT.get(key, key)
        resource = _owner(resources, name, key)
        wanted.setdefault(resource.arn, (resource, {}))[1][name] = value
    changed = []
    for resource, values in wanted.values():
        await _modify(world, resource, values)
        changed += [
            Changed(_target(resource), key, resource.attributes[key], value)
            for key, value in values.items()
            if resource.attributes[key] != value
        ]
    return changed


async def read(world: Calls, target: Target) -> dict[str, Any]:
    """The attributes of a load balancer and of its target groups, or of one target group."""
    resources = await _resources(world, target)
    return {
        "target": str(target),
        "resources": [
            {"target": str(_target(each)), "name": each.name, "arn": each.arn, "settings": each.attributes}
            for each in resources
        ],
    }


def _target(resource: Resource) -> Target:
    return Target(resource.kind, resource.name)


def _owner(resources: list[Resource], name: str, said: str) -> Resource:
    """Which of these has the attribute; target groups come first, for AWS calls some alike."""
    owners = [each for each in resources if name in each.attributes]
    groups = [each for each in owners if each.kind == TARGET_GROUP] or owners
    if not groups:
        known = {key for each in resources for key in each.attributes} | SHORT.keys()
        raise refuse(f"no attribute {said!r}{suggestion(said, known, otherwise='attributes are')}")
    if len(groups) > 1:
        names = ", ".join(str(_target(each)) for each in groups)
        raise refuse(f"{name} is an attribute of {len(groups)} target groups: say which, of {names}")
    return groups[0]


# ---- AWS's side ----------------------------------------------------------------------------------------------------


async def _resources(world: Calls, target: Target) -> list[Resource]:
    """What a target stands for: one target group, or a load balancer with its target groups."""
    if target.kind == TARGET_GROUP:
        groups = (await ask(world, "DescribeTargetGroups"))["TargetGroups"]
        group = _named(groups, "TargetGroupName", target, "target group")
        return [await _group(world, group)]
    balancers = (await ask(world, "DescribeLoadBalancers"))["LoadBalancers"]
    balancer = _named(balancers, "LoadBalancerName", target, "load balancer")
    arn = balancer["LoadBalancerArn"]
    groups = (await ask(world, "DescribeTargetGroups", LoadBalancerArn=arn))["TargetGroups"]
    attributes = await ask(world, "DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
    own = Resource(ALB, balancer["LoadBalancerName"], arn, _plain(attributes))
    return [own, *[await _group(world, each) for each in groups]]


async def _group(world: Calls, group: dict[str, Any]) -> Resource:
    arn = group["TargetGroupArn"]
    attributes = await ask(world, "DescribeTargetGroupAttributes", TargetGroupArn=arn)
    return Resource(TARGET_GROUP, group["TargetGroupName"], arn, _plain(attributes))


def _named(found: list[dict[str, Any]], key: str, target: Target, what: str) -> dict[str, Any]:
    """The one of this name, or of which this is the only beginning; without a name, the only one."""
    names = [each[key] for each in found]
    hits = [name for name in names if name == target.name] or [
        name for name in names if name.startswith(target.name)
    ]
    if len(hits) == 1:
        return found[names.index(hits[0])]
    if not names:
        raise refuse(f"there is no {what} yet")
    if not hits:
        raise refuse(
            f"there is no {what} {target.name!r}{suggestion(target.name, names, otherwise='there are')}"
        )
    raise refuse(f"there are {len(hits)} {what}s: say which, of {', '.join(hits)}")


async def _modify(world: Calls, resource: Resource, values: dict[str, str]) -> None:
    what = "TargetGroup" if resource.kind == TARGET_GROUP else "LoadBalancer"
    attributes = [{"Key": key, "Value": value} for key, value in values.items()]
    arguments: dict[str, Any] = {f"{what}Arn": resource.arn, "Attributes": attributes}
    await ask(world, f"Modify{what}Attributes", **arguments)


async def registered(world: Calls) -> set[str] | None:
    """All targets that are registered and not deregistered, as `10.0.10.4:80`; None where there is no AWS API."""
    if AWS_API not in world.kinds().values():
        return None
    found = set()
    for group in (await ask(world, "DescribeTargetGroups"))["TargetGroups"]:
        health = await ask(world, "DescribeTargetHealth", TargetGroupArn=group["TargetGroupArn"])
        for each in health["TargetHealthDescriptions"]:
            if each["TargetHealth"]["State"] != "draining":
                found.add(f"{each['Target']['Id']}:{each['Target']['Port']}")
    return found


def _plain(answer: dict[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in answer["Attributes"]}


async def ask(world: Calls, operation: str, *, service: str = "elbv2", **parameters: Any) -> dict[str, Any]:
    """A request to the AWS API. Raises `RequestFailed`, with AWS's words if it refuses."""
    element = next((name for name, kind in world.kinds().items() if kind == AWS_API), None)
    if element is None:
        raise refuse("this world has no AWS API (an element of kind aws_api)")
    answer: dict[str, Any] = await world.call(
        element, "request", service=service, operation=operation, parameters=parameters, caller=CALLER
    )
    if (error := answer.get("error")) is not None:
        words = (
            f"An error occurred ({error['code']}) when calling the {operation} operation: {error['message']}"
        )
        raise refuse(words)
    return answer
