"""Target groups: how targets are spoken to and checked, and by which attributes requests are spread."""

from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2 import attributes, health_checks, tags
from actors.protocols.elbv2.names import is_arn
from actors.protocols.elbv2.state import Record, State, by_age
from actors.protocols.elbv2.validation import (
    Parameters,
    between,
    invalid,
    misconfigured,
    name_of,
    one_of,
    page,
    required,
)
from actors.protocols.elbv2.world import World

MAX_GROUPS = 3000
VERSIONS = ("HTTP1", "HTTP2", "GRPC")


class TargetGroups:
    """CreateTargetGroup and all that is about one, but its targets."""

    def __init__(self, state: State, world: World) -> None:
        self._state, self._world = state, world

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateTargetGroup. One that is there already with the same settings is the answer."""
        state = self._state
        name = name_of(parameters, "Target group")
        settings = self._settings(parameters)
        new_tags = tags.given(parameters)
        for _, other in state.target_groups.items():
            if other["TargetGroup"]["TargetGroupName"] == name:
                return self._again(other, settings, new_tags)
        if len(list(state.target_groups.items())) >= MAX_GROUPS:
            raise AwsError(
                "TooManyTargetGroups",
                "You've reached the limit on the number of target groups for your AWS account",
            )
        arn = state.arn(f"targetgroup/{name}/{state.new_id('target-group', name)}")
        record = {
            "TargetGroup": {"TargetGroupArn": arn, "TargetGroupName": name, **settings},
            "Attributes": attributes.defaults(attributes.TARGET_GROUP),
            "Sequence": state.sequence(),
        }
        state.target_groups.put(arn, record)
        if new_tags:
            state.tags.put(arn, new_tags)
        return {"TargetGroups": [self._described(record)]}

    def _again(self, other: Record, settings: dict[str, Any], new_tags: dict[str, str]) -> dict[str, Any]:
        group = other["TargetGroup"]
        same_tags = new_tags == (self._state.tags.get(group["TargetGroupArn"]) or {})
        if not same_tags or any(group.get(key) != value for key, value in settings.items()):
            name = group["TargetGroupName"]
            raise AwsError(
                "DuplicateTargetGroupName",
                f"A target group with the same name '{name}' exists, but with different settings",
            )
        return {"TargetGroups": [self._described(other)]}

    def _settings(self, parameters: Parameters) -> dict[str, Any]:
        target_type = one_of(
            parameters.get("TargetType") or "instance", "TargetType", ("instance", "ip", "lambda", "alb")
        )
        if target_type not in ("instance", "ip"):
            misconfigured(f"Target type '{target_type}' is not supported by the nodes of load balancers here")
        protocol = parameters.get("Protocol")
        if not protocol:
            invalid("A protocol must be specified")
        if protocol not in ("HTTP", "HTTPS"):
            misconfigured(
                f"Protocol '{protocol}' is for Network and Gateway Load Balancers, which are not offered here"
            )
        version = parameters.get("ProtocolVersion") or "HTTP1"
        if version not in VERSIONS:
            invalid(f"Protocol version '{version}' must be one of '[{', '.join(VERSIONS)}]'")
        if parameters.get("IpAddressType", "ipv4") != "ipv4":
            misconfigured("IP address type 'ipv6' is not supported: subnets here have IPv4 addresses only")
        if parameters.get("TargetControlPort") is not None:
            misconfigured("Target control ports are not supported by the nodes of load balancers here")
        port, vpc = parameters.get("Port"), parameters.get("VpcId")
        if port is None:
            invalid("A port must be specified")
        if not vpc:
            invalid("A VPC ID must be specified")
        if not self._world.network.vpc_exists(vpc):
            invalid(f"The VPC ID '{vpc}' is not found")
        return {
            "Protocol": protocol,
            "Port": between(port, "Port", 1, 65535),
            "VpcId": vpc,
            **health_checks.settings(parameters, {}, target_type, version),
            "TargetType": target_type,
            "ProtocolVersion": version,
            "IpAddressType": "ipv4",
        }

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyTargetGroup: its health checks."""
        record = self._state.target_group(required(parameters, "TargetGroupArn"))
        old = record["TargetGroup"]
        checks = health_checks.settings(parameters, old, old["TargetType"], old["ProtocolVersion"])
        new = {**record, "TargetGroup": {**old, **checks}}
        self._state.target_groups.put(old["TargetGroupArn"], new)
        return {"TargetGroups": [self._described(new)]}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteTargetGroup, with its targets; one that does not exist is deleted already."""
        arn = required(parameters, "TargetGroupArn")
        if not is_arn("target group", arn):
            invalid(f"'{arn}' is not a valid target group ARN")
        if self._state.users_of(arn):
            raise AwsError(
                "ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule"
            )
        for table in (self._state.target_groups, self._state.targets, self._state.tags):
            table.delete(arn)
        return {}

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeTargetGroups: all, a load balancer's, or by ARN or name."""
        state = self._state
        by = [key for key in ("LoadBalancerArn", "TargetGroupArns", "Names") if parameters.get(key)]
        if len(by) > 1:
            invalid(
                "You can specify only one of a load balancer ARN, target group ARNs, and target group names"
            )
        if parameters.get("LoadBalancerArn"):
            state.load_balancer(parameters["LoadBalancerArn"])
            wanted = state.groups_of(parameters["LoadBalancerArn"])
            records = [state.target_groups.get(arn) for arn in wanted]
        elif parameters.get("TargetGroupArns"):
            records = [self._one(arn) for arn in dict.fromkeys(parameters["TargetGroupArns"])]
        else:
            records = [record for _, record in state.target_groups.items()]
        if names := parameters.get("Names"):
            records = [each for each in records if each["TargetGroup"]["TargetGroupName"] in names]
            if len(records) < len(set(names)):
                raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        shown = [(by_age(each), self._described(each)) for each in sorted(records, key=by_age)]
        return page(shown, parameters, "TargetGroups")

    def _one(self, arn: Any) -> Record:
        if is_arn("target group", arn) and self._state.target_groups.get(arn) is None:
            raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        return self._state.target_group(arn)

    def _described(self, record: Record) -> dict[str, Any]:
        group = record["TargetGroup"]
        return {**group, "LoadBalancerArns": self._state.users_of(group["TargetGroupArn"])}
