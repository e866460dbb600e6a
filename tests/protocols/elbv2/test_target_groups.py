"""Target groups, their health checks and attributes, and their targets from registration to the end of draining."""

from typing import Any

import pytest

from tests.protocols.elbv2.bed import INSTANCE, VPC, Bed, fixed, forward, said

CREATE: dict[str, Any] = {"Name": "pods", "Protocol": "HTTP", "Port": 80, "VpcId": VPC, "TargetType": "ip"}


@pytest.fixture
def bed() -> Bed:
    return Bed()


def used(bed: Bed, **parameters: Any) -> str:
    """A target group behind an active load balancer."""
    group = bed.group(**parameters)
    bed.listener(bed.load_balancer(), forward(group))
    bed.wait(60)
    return group


def told(bed: Bed, group: str) -> list[str]:
    """The targets that the nodes know of."""
    items = bed.engine.documents.targets(bed.engine.documents.of_nodes()["alb-1a"], bed.now_ns)
    return [f"{each['address']}:{each['port']}" for each in items[f"targets/{group}"]]


def states(bed: Bed, group: str, *heard: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    described = bed.health(group, *heard)
    return {
        each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason"))
        for each in described
    }


# ---- groups ----------------------------------------------------------------------------------------------------


def test_a_new_group_has_aws_s_defaults(bed: Bed):
    (shown,) = bed.ask("CreateTargetGroup", **CREATE)["TargetGroups"]
    arn = shown.pop("TargetGroupArn")
    assert shown == {
        "TargetGroupName": "pods",
        "Protocol": "HTTP",
        "Port": 80,
        "VpcId": VPC,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
        "TargetType": "ip",
        "ProtocolVersion": "HTTP1",
        "IpAddressType": "ipv4",
        "LoadBalancerArns": [],
    }
    assert bed.ask("CreateTargetGroup", **CREATE)["TargetGroups"][0]["TargetGroupArn"] == arn
    assert bed.refused("CreateTargetGroup", **{**CREATE, "Port": 81}) == (
        "DuplicateTargetGroupName",
        "A target group with the same name 'pods' exists, but with different settings",
    )


def test_a_grpc_group_is_checked_by_its_own_path_and_code(bed: Bed):
    (shown,) = bed.ask("CreateTargetGroup", **CREATE, ProtocolVersion="GRPC")["TargetGroups"]
    assert (shown["HealthCheckPath"], shown["Matcher"]) == ("/AWS.ALB/healthcheck", {"GrpcCode": "12"})


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"Protocol": None}, "ValidationError", "A protocol must be specified"),
        ({"Port": None}, "ValidationError", "A port must be specified"),
        ({"VpcId": None}, "ValidationError", "A VPC ID must be specified"),
        ({"VpcId": "vpc-0"}, "ValidationError", "'vpc-0'"),
        ({"Protocol": "TCP"}, "InvalidConfigurationRequest", "'TCP'"),
        ({"TargetType": "lambda"}, "InvalidConfigurationRequest", "'lambda'"),
        ({"TargetType": "pod"}, "ValidationError", "enum value set"),
        ({"ProtocolVersion": "HTTP3"}, "ValidationError", "HTTP3"),
        ({"IpAddressType": "ipv6"}, "InvalidConfigurationRequest", "ipv6"),
        ({"Name": "a" * 33}, "ValidationError", "Target group name"),
        (
            {"HealthCheckIntervalSeconds": 600},
            "ValidationError",
            "1 validation error detected: Value '600' at 'healthCheckIntervalSeconds' failed to satisfy constraint: "
            "Member must have value less than or equal to 300",
        ),
        (
            {"HealthCheckIntervalSeconds": 5},
            "ValidationError",
            "Health check interval must be greater than the timeout.",
        ),
        (
            {"HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 10},
            "ValidationError",
            "Health check timeout '10' must be smaller than the interval '10'",
        ),
        ({"HealthyThresholdCount": 1}, "ValidationError", "healthyThresholdCount"),
        ({"Matcher": {"HttpCode": "500"}}, "ValidationError", "between 200 and 499"),
        ({"Matcher": {"HttpCode": "ok"}}, "ValidationError", "'ok'"),
        ({"Matcher": {"GrpcCode": "12"}}, "ValidationError", "HttpCode"),
        ({"HealthCheckPort": "0"}, "ValidationError", "'0'"),
        ({"HealthCheckPath": "health"}, "ValidationError", "'/'"),
        ({"HealthCheckProtocol": "TCP"}, "ValidationError", "'TCP'"),
        (
            {"HealthCheckEnabled": False},
            "ValidationError",
            "Health check enabled must be true for target groups",
        ),
    ],
)
def test_groups_that_cannot_be_are_refused(bed: Bed, changed: dict[str, Any], code: str, message: str):
    got, text = bed.refused("CreateTargetGroup", **{**CREATE, **changed})
    assert got == code
    assert message in text


def test_health_checks_can_be_modified(bed: Bed):
    group = used(bed)
    (shown,) = bed.ask(
        "ModifyTargetGroup",
        TargetGroupArn=group,
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=10,
        Matcher={"HttpCode": "200-299"},
    )["TargetGroups"]
    assert (shown["HealthCheckPath"], shown["HealthCheckTimeoutSeconds"]) == ("/health", 5)
    check = bed.engine.documents.of_nodes()["alb-1b"][f"target-group/{group}"]["health_check"]
    assert check == {key: value for key, value in shown.items() if key in check}
    assert (
        bed.refused("ModifyTargetGroup", TargetGroupArn=group, HealthCheckIntervalSeconds=5)[0]
        == "ValidationError"
    )


def test_groups_are_described_by_name_by_arn_and_by_load_balancer(bed: Bed):
    first, second = bed.group("one"), bed.group("two")
    balancer = bed.load_balancer()
    bed.listener(balancer, forward(second))

    def described(**by: Any) -> list[str]:
        return [each["TargetGroupArn"] for each in bed.ask("DescribeTargetGroups", **by)["TargetGroups"]]

    assert described() == [first, second]
    assert described(Names=["two"]) == described(LoadBalancerArn=balancer) == [second]
    assert described(TargetGroupArns=[second, first]) == [first, second]
    assert bed.refused("DescribeTargetGroups", Names=["ghost"]) == (
        "TargetGroupNotFound",
        "One or more target groups not found",
    )
    assert bed.ask("DescribeTargetGroups", TargetGroupArns=[second])["TargetGroups"][0][
        "LoadBalancerArns"
    ] == [balancer]


def test_a_group_in_use_is_not_deleted(bed: Bed):
    group = used(bed)
    assert bed.refused("DeleteTargetGroup", TargetGroupArn=group) == (
        "ResourceInUse",
        f"Target group '{group}' is currently in use by a listener or a rule",
    )
    free = bed.group("free")
    for _ in range(2):
        assert bed.ask("DeleteTargetGroup", TargetGroupArn=free) == {}


# ---- attributes ------------------------------------------------------------------------------------------------

ALGORITHM = "load_balancing.algorithm.type"
MITIGATION = "load_balancing.algorithm.anomaly_mitigation"
FAILOVER = "target_group_health.dns_failover.minimum_healthy_targets"
ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"deregistration_delay.timeout_seconds": "3601"}, "InvalidConfigurationRequest", "between 0 and 3600"),
    (
        {"slow_start.duration_seconds": "5"},
        "InvalidConfigurationRequest",
        "'0' or a number between 30 and 900",
    ),
    ({ALGORITHM: "random"}, "InvalidConfigurationRequest", "weighted_random"),
    ({"stickiness.type": "source_ip"}, "InvalidConfigurationRequest", "lb_cookie, app_cookie"),
    ({"stickiness.app_cookie.cookie_name": "AWSALBAPP-x"}, "InvalidConfigurationRequest", "AWSALB"),
    ({"stickiness.lb_cookie.duration_seconds": "0"}, "InvalidConfigurationRequest", "604800"),
    ({f"{ROUTING}.count": "off"}, "InvalidConfigurationRequest", "1000"),
    ({f"{FAILOVER}.percentage": "101"}, "InvalidConfigurationRequest", "100"),
    ({"lambda.multi_value_headers.enabled": "true"}, "InvalidConfigurationRequest", "not supported"),
    ({"preserve_client_ip.enabled": "true"}, "InvalidConfigurationRequest", "not supported"),
    ({"no.such.key": "1"}, "ValidationError", "Target group attribute key 'no.such.key' is not recognized"),
    (
        {ALGORITHM: "least_outstanding_requests", "slow_start.duration_seconds": "30"},
        "InvalidConfigurationRequest",
        "You cannot enable both slow start and least outstanding requests algorithm on a target group",
    ),
    (
        {ALGORITHM: "weighted_random", "slow_start.duration_seconds": "30"},
        "InvalidConfigurationRequest",
        "You cannot enable both slow start and weighted random algorithm on a target group",
    ),
    (
        {ALGORITHM: "weighted_random", "stickiness.enabled": "true"},
        "InvalidConfigurationRequest",
        "stickiness",
    ),
    ({MITIGATION: "on"}, "InvalidConfigurationRequest", "only with the weighted random algorithm"),
    (
        {"load_balancing.cross_zone.enabled": "false", "stickiness.enabled": "true"},
        "InvalidConfigurationRequest",
        "cross-zone",
    ),
    (
        {"stickiness.enabled": "true", "stickiness.type": "app_cookie"},
        "InvalidConfigurationRequest",
        "cookie_name",
    ),
    (
        {f"{FAILOVER}.count": "1", f"{ROUTING}.count": "2"},
        "InvalidConfigurationRequest",
        "greater than or equal",
    ),
    (
        {f"{FAILOVER}.percentage": "10", f"{ROUTING}.percentage": "20"},
        "InvalidConfigurationRequest",
        "greater than or equal",
    ),
]


def attributes(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


@pytest.mark.parametrize(("pairs", "code", "message"), WRONG)
def test_attributes_that_cannot_be_are_refused(bed: Bed, pairs: dict[str, str], code: str, message: str):
    got, text = bed.refused(
        "ModifyTargetGroupAttributes", TargetGroupArn=bed.group(), Attributes=attributes(**pairs)
    )
    assert got == code
    assert message in text


@pytest.mark.parametrize(
    "pairs",
    [
        {ALGORITHM: "weighted_random", MITIGATION: "on"},
        {"slow_start.duration_seconds": "900"},
        {
            "stickiness.enabled": "true",
            "stickiness.type": "app_cookie",
            "stickiness.app_cookie.cookie_name": "sid",
        },
        {"load_balancing.cross_zone.enabled": "false"},
        {f"{FAILOVER}.count": "off", f"{ROUTING}.count": "3"},
        {f"{FAILOVER}.count": "3", f"{ROUTING}.count": "3", f"{FAILOVER}.percentage": "50"},
        {"deregistration_delay.timeout_seconds": "0"},
    ],
)
def test_attributes_that_can_be_are_kept_and_told(bed: Bed, pairs: dict[str, str]):
    group = used(bed)
    answer = bed.ask("ModifyTargetGroupAttributes", TargetGroupArn=group, Attributes=attributes(**pairs))
    assert answer == bed.ask("DescribeTargetGroupAttributes", TargetGroupArn=group)
    now = {each["Key"]: each["Value"] for each in answer["Attributes"]}
    assert {**now, **pairs} == now
    assert bed.engine.documents.of_nodes()["alb-1a"][f"target-group/{group}"]["attributes"] == now


# ---- targets ---------------------------------------------------------------------------------------------------


def test_a_target_is_registered_told_healthy_draining_and_forgotten(bed: Bed):
    group = used(bed)
    target = {"Id": "10.0.10.20", "Port": 8080}
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[target])
    assert told(bed, group) == []
    assert states(bed, group) == {"10.0.10.20": ("initial", "Elb.RegistrationInProgress")}
    assert bed.engine.deadline_ns(bed.now_ns) == bed.now_ns + 10 * 10**9
    bed.wait(10)
    assert told(bed, group) == ["10.0.10.20:8080"]
    assert states(bed, group, said("10.0.10.20", 8080, "healthy")) == {"10.0.10.20": ("healthy", None)}
    bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=[target])
    assert states(bed, group) == {"10.0.10.20": ("draining", "Target.DeregistrationInProgress")}
    assert told(bed, group) == ["10.0.10.20:8080"]
    bed.wait(5)
    assert told(bed, group) == []
    bed.wait(294.9)
    assert states(bed, group) == {"10.0.10.20": ("draining", "Target.DeregistrationInProgress")}
    bed.wait(0.1)
    assert states(bed, group) == {}
    assert bed.engine.deadline_ns(bed.now_ns) is None


def test_draining_survives_a_restart(bed: Bed):
    group = used(bed)
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}])
    bed.wait(10)
    bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}])
    again = Bed(bed.tables)
    again.now_ns = bed.now_ns
    again.wait(299)
    assert states(again, group)["10.0.10.20"][0] == "draining"
    again.wait(1)
    assert states(again, group) == {}


def test_registering_what_drains_begins_anew(bed: Bed):
    group = used(bed)
    target = [{"Id": "10.0.10.20", "Port": 80}]
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=target)
    bed.wait(10)
    bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=target)
    bed.wait(20)
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=target)
    assert states(bed, group)["10.0.10.20"] == ("initial", "Elb.RegistrationInProgress")
    bed.wait(300)
    assert told(bed, group) == ["10.0.10.20:80"]
    assert states(bed, group, said("10.0.10.20", 80, "healthy"))["10.0.10.20"] == ("healthy", None)


def test_a_target_without_port_has_the_group_s_and_is_deregistered_on_all(bed: Bed):
    group = used(bed)
    bed.ask(
        "RegisterTargets",
        TargetGroupArn=group,
        Targets=[{"Id": "10.0.10.20"}, {"Id": "10.0.10.20", "Port": 81}],
    )
    bed.wait(10)
    assert told(bed, group) == ["10.0.10.20:80", "10.0.10.20:81"]
    bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}, {"Id": "10.9.9.9"}])
    bed.wait(5)
    assert told(bed, group) == []


def test_without_deregistration_delay_a_target_is_gone_when_the_nodes_know(bed: Bed):
    group = used(bed)
    none = attributes(**{"deregistration_delay.timeout_seconds": "0"})
    bed.ask("ModifyTargetGroupAttributes", TargetGroupArn=group, Attributes=none)
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}])
    bed.wait(10)
    bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}])
    bed.wait(5)
    assert states(bed, group) == {} and told(bed, group) == []


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ({"Id": "pod"}, "ValidationError", "'pod' is not a valid IPv4 address"),
        ({"Id": "8.8.8.8"}, "ValidationError", "not within a private range"),
        ({"Id": "10.0.10.20", "Port": 0}, "ValidationError", "port"),
        ({"Id": ""}, "ValidationError", "A target ID must be specified"),
        (
            {"Id": "10.0.10.20", "AvailabilityZone": "all"},
            "ValidationError",
            "The IP address '10.0.10.20' is within the VPC, and cannot have its Availability Zone overridden to 'all' "
            "from 'eu-west-1a'",
        ),
        (
            {"Id": "172.16.0.1"},
            "ValidationError",
            "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, since the "
            "IP address '172.16.0.1' is outside the VPC",
        ),
        ({"Id": "172.16.0.1", "AvailabilityZone": "mars"}, "ValidationError", "'mars'"),
    ],
)
def test_targets_that_cannot_be_are_refused(bed: Bed, target: dict[str, Any], code: str, message: str):
    got, text = bed.refused("RegisterTargets", TargetGroupArn=bed.group(), Targets=[target])
    assert got == code
    assert message in text


def test_instances_have_the_address_of_their_interface(bed: Bed):
    group = used(bed, TargetType="instance", Port=30080)
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": INSTANCE}])
    bed.wait(10)
    assert told(bed, group) == ["10.0.10.5:30080"]
    assert states(bed, group, said(INSTANCE, 30080, "healthy")) == {INSTANCE: ("healthy", None)}
    for wrong, code in (
        ({"Id": "i-0"}, "InvalidTarget"),
        ({"Id": "10.0.10.5"}, "ValidationError"),
        ({"Id": INSTANCE, "AvailabilityZone": "eu-west-1a"}, "ValidationError"),
    ):
        assert bed.refused("RegisterTargets", TargetGroupArn=group, Targets=[wrong])[0] == code


def test_a_thousand_targets_and_no_more(bed: Bed):
    group = used(bed)
    many = [{"Id": f"10.0.10.{n % 250}", "Port": 1000 + n // 250} for n in range(1000)]
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=many)
    one = [{"Id": "10.0.10.20", "Port": 9}]
    assert bed.refused("RegisterTargets", TargetGroupArn=group, Targets=one)[0] == "TooManyTargets"
    other = bed.group("other")
    bed.ask("RegisterTargets", TargetGroupArn=other, Targets=one)
    (balancer,) = bed.ask("DescribeTargetGroups", TargetGroupArns=[group])["TargetGroups"][0][
        "LoadBalancerArns"
    ]
    parameters = {
        "LoadBalancerArn": balancer,
        "Protocol": "HTTP",
        "Port": 81,
        "DefaultActions": [forward(other)],
    }
    assert bed.refused("CreateListener", **parameters)[0] == "TooManyTargets"


# ---- health ----------------------------------------------------------------------------------------------------


def test_a_target_s_health_is_what_all_nodes_agree_on(bed: Bed):
    group = used(bed)
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}])
    bed.wait(10)

    def heard(*answers: tuple[str, str]) -> tuple[str, str | None]:
        return states(bed, group, *(said("10.0.10.20", 80, *answer) for answer in answers))["10.0.10.20"]

    healthy, checking = ("healthy", ""), ("initial", "Elb.InitialHealthChecking")
    timeout, unknown = ("unhealthy", "Target.Timeout"), ("unused", "Target.NotRegistered")
    assert heard(healthy, healthy) == ("healthy", None)
    assert heard(healthy, checking) == checking
    assert heard(healthy, timeout) == timeout
    assert heard(timeout, checking) == checking
    assert heard(healthy) == ("healthy", None), "a node that is away is left out"
    assert heard() == heard(healthy, unknown) == ("initial", "Elb.RegistrationInProgress")
    assert heard(healthy, ("unused", "Target.NotInUse")) == ("healthy", None), "cross-zone is off"


def test_targets_that_are_not_used_say_why(bed: Bed):
    group = bed.group()
    outside = {"Id": "172.16.0.1", "AvailabilityZone": "eu-west-1c"}
    bed.world.nodes["alb-1c"] = "eu-west-1c"
    bed.ask(
        "RegisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}, outside, {"Id": "10.0.1.10"}]
    )
    assert states(bed, group)["10.0.10.20"] == ("unused", "Target.NotInUse")
    bed.listener(bed.load_balancer(), forward(group))
    assert states(bed, group)["10.0.10.20"] == ("initial", "Elb.RegistrationInProgress")
    bed.wait(60)
    found = states(bed, group)
    assert found["172.16.0.1"] == ("unused", "Target.NotInUse")
    assert found["10.0.1.10"] == ("unused", "Target.IpUnusable"), "it is the load balancer's own"
    (asked,) = bed.health(group, Targets=[{"Id": "10.0.10.99"}])
    assert asked == {
        "Target": {"Id": "10.0.10.99", "Port": 80},
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    }


def test_anomaly_detection_is_told_when_asked_for(bed: Bed):
    group = used(bed)
    bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": "10.0.10.20"}])
    bed.wait(10)
    one, other = said("10.0.10.20", 80, "healthy"), said("10.0.10.20", 80, "healthy")
    other["TargetHealthDescriptions"][0]["AnomalyDetection"] = {
        "Result": "anomalous",
        "MitigationInEffect": "no",
    }
    assert "AnomalyDetection" not in bed.health(group, one, other)[0]
    (described,) = bed.health(group, one, other, Include=["AnomalyDetection"])
    assert described["AnomalyDetection"] == {"Result": "anomalous", "MitigationInEffect": "no"}
    assert described["HealthCheckPort"] == "80"


# ---- tags, limits, policies ------------------------------------------------------------------------------------


def test_tags_come_and_go(bed: Bed):
    group, balancer = bed.group(Tags=[{"Key": "a", "Value": "1"}]), bed.load_balancer()
    bed.ask("AddTags", ResourceArns=[group, balancer], Tags=[{"Key": "b", "Value": "2"}])
    bed.ask("RemoveTags", ResourceArns=[group], TagKeys=["a", "z"])
    assert bed.ask("DescribeTags", ResourceArns=[group, balancer])["TagDescriptions"] == [
        {"ResourceArn": group, "Tags": [{"Key": "b", "Value": "2"}]},
        {"ResourceArn": balancer, "Tags": [{"Key": "b", "Value": "2"}]},
    ]
    assert bed.refused("DescribeTags", ResourceArns=["arn:aws:s3:::x"])[0] == "ValidationError"
    missing = group[:-16] + "0" * 16
    assert bed.refused("AddTags", ResourceArns=[missing], Tags=[{"Key": "a"}])[0] == "TargetGroupNotFound"


def test_limits_and_policies_are_told(bed: Bed):
    limits = {each["Name"]: each["Max"] for each in bed.ask("DescribeAccountLimits")["Limits"]}
    assert limits["rules-per-application-load-balancer"] == "100"
    assert [each["Name"] for each in bed.ask("DescribeSSLPolicies")["SslPolicies"]] == list(
        bed.world.ssl_policies
    )
    assert bed.refused("DescribeSSLPolicies", Names=["Mine"])[0] == "SSLPolicyNotFound"
    listener = bed.listener(bed.load_balancer(), fixed())
    assert bed.ask("DescribeListenerCertificates", ListenerArn=listener) == {"Certificates": []}
