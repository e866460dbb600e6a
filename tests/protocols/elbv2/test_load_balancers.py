"""CreateLoadBalancer and what is about load balancers: names, nodes, attributes, and each refusal."""

from typing import Any

import pytest

from actors.protocols.elbv2.documents import addresses
from actors.protocols.elbv2.names import dns_name
from tests.protocols.elbv2.bed import ACCOUNT, DEFAULT_GROUP, GROUP, REGION, VPC, A, B, Bed, fixed, forward

CREATE: dict[str, Any] = {"Name": "web", "Subnets": [A, B], "SecurityGroups": [GROUP]}


def attributes_of(bed: Bed, arn: str) -> dict[str, str]:
    answer = bed.ask("DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
    return {each["Key"]: each["Value"] for each in answer["Attributes"]}


def test_a_new_load_balancer_is_provisioned_then_active_and_has_nodes_and_addresses():
    bed = Bed()
    (shown,) = bed.ask("CreateLoadBalancer", **CREATE)["LoadBalancers"]
    arn = shown["LoadBalancerArn"]
    assert arn.startswith(f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/web/")
    assert shown["DNSName"] == dns_name(ACCOUNT, REGION, "web", "internet-facing")
    assert shown["CanonicalHostedZoneId"] == "Z32O12XQLNTSW2"
    assert shown["State"] == {"Code": "provisioning"} and shown["CreatedTime"] == "at 0 s"
    assert [each["ZoneName"] for each in shown["AvailabilityZones"]] == ["eu-west-1a", "eu-west-1b"]
    assert (shown["VpcId"], shown["Scheme"], shown["Type"]) == (VPC, "internet-facing", "application")
    assert {each["port"]: each["description"] for each in bed.network.interfaces.values()} == {
        "alb-1a": f"ELB app/web/{arn[-16:]}",
        "alb-1b": f"ELB app/web/{arn[-16:]}",
    }
    assert bed.engine.documents.of_nodes() == {"alb-1a": {}, "alb-1b": {}}
    assert addresses(bed.engine.state) == {}
    bed.wait(60)
    (shown,) = bed.ask("DescribeLoadBalancers", Names=["web"])["LoadBalancers"]
    assert shown["State"] == {"Code": "active"}
    assert addresses(bed.engine.state) == {shown["DNSName"]: ["198.51.100.1", "198.51.100.2"]}
    document = bed.engine.documents.of_nodes()["alb-1b"]
    assert document["interface"] == {
        "eni": "eni-2",
        "address": "10.0.2.10/24",
        "gateway": "10.0.2.1",
        "public_ip": "198.51.100.2",
    }
    assert document["load-balancer"]["availability_zones"] == ["eu-west-1a", "eu-west-1b"]


def test_a_zone_that_is_unhealthy_leaves_the_name_unless_all_are():
    bed = Bed()
    bed.load_balancer()
    bed.wait(60)
    (found,) = addresses(bed.engine.state, lambda arn, zone: zone != "eu-west-1a").values()
    assert found == ["198.51.100.2"]
    (found,) = addresses(bed.engine.state, lambda arn, zone: False).values()
    assert found == ["198.51.100.1", "198.51.100.2"]


def test_names_are_the_same_in_every_world():
    assert dns_name(ACCOUNT, REGION, "web", "internet-facing") == "web-9376117908.eu-west-1.elb.amazonaws.com"
    internal = dns_name(ACCOUNT, REGION, "web", "internal")
    assert internal == "internal-" + dns_name(ACCOUNT, REGION, "web", "internet-facing")
    assert Bed().load_balancer() == Bed().load_balancer()


def test_an_internal_one_has_private_addresses_only():
    bed = Bed()
    bed.network.internet_gateway = False
    bed.load_balancer(Scheme="internal")
    bed.wait(60)
    ((name, found),) = addresses(bed.engine.state).items()
    assert name.startswith("internal-web-") and found == ["10.0.1.10", "10.0.2.10"]


def test_creating_it_again_with_the_same_settings_answers_the_one_there_is():
    bed = Bed()
    first = bed.ask("CreateLoadBalancer", **CREATE)
    assert bed.ask("CreateLoadBalancer", **{**CREATE, "Subnets": [B, A]}) == first
    assert bed.refused("CreateLoadBalancer", **{**CREATE, "Scheme": "internal"}) == (
        "DuplicateLoadBalancerName",
        "A load balancer with the same name 'web' exists, but with different settings",
    )
    code, _ = bed.refused("CreateLoadBalancer", **CREATE, Tags=[{"Key": "a", "Value": "b"}])
    assert code == "DuplicateLoadBalancerName"


def test_a_load_balancer_without_groups_gets_the_default_one():
    bed = Bed()
    bed.ask("CreateLoadBalancer", Name="web", Subnets=[A, B])
    assert bed.ask("DescribeLoadBalancers")["LoadBalancers"][0]["SecurityGroups"] == [DEFAULT_GROUP]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"Name": "a" * 33}, "ValidationError", "cannot be longer than '32' characters"),
    ({"Name": "a.b"}, "ValidationError", "alphanumeric characters or hyphens(-)"),
    ({"Name": "-a"}, "ValidationError", "cannot begin or end with '-'"),
    ({"Name": "internal-a"}, "ValidationError", "cannot begin with 'internal-'"),
    ({"Type": "network"}, "OperationNotPermitted", "'network' are not offered"),
    ({"Type": "classic"}, "ValidationError", "enum value set: [application, network, gateway]"),
    ({"Scheme": "public"}, "ValidationError", "enum value set: [internet-facing, internal]"),
    ({"IpAddressType": "dualstack"}, "InvalidConfigurationRequest", "IPv6 CIDR blocks"),
    ({"Subnets": [A]}, "ValidationError", "At least two subnets in two different Availability Zones must be"),
    ({"Subnets": []}, "ValidationError", "either subnets or subnet mappings"),
    ({"Subnets": [A, "subnet-0"]}, "SubnetNotFound", "The subnet ID 'subnet-0' does not exist"),
    (
        {"Subnets": [A, B, "subnet-full"]},
        "InvalidConfigurationRequest",
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    ),
    (
        {"Subnets": [A, "subnet-full"]},
        "InvalidSubnet",
        "Not enough IP space available in subnet-full. ELB requires",
    ),
    ({"Subnets": [A, "subnet-c"]}, "AvailabilityZoneNotSupported", "eu-west-1c"),
    ({"Subnets": [A, "subnet-elsewhere"]}, "InvalidConfigurationRequest", "same VPC"),
    ({"SecurityGroups": ["sg-0"]}, "InvalidSecurityGroup", "'sg-0' does not exist"),
    ({"Tags": [{"Key": "aws:a"}]}, "ValidationError", "reserved"),
    ({"Tags": [{"Key": "a"}, {"Key": "a"}]}, "DuplicateTagKeys", "'a'"),
    ({"Tags": [{"Key": f"k{n}"} for n in range(51)]}, "TooManyTags", "50"),
]


@pytest.mark.parametrize(("changed", "code", "message"), REFUSED)
def test_what_cannot_be_is_refused(changed: dict[str, Any], code: str, message: str):
    got, said = Bed().refused("CreateLoadBalancer", **{**CREATE, **changed})
    assert got == code
    assert message in said


def test_a_vpc_without_internet_gateway_has_no_internet_facing_ones():
    bed = Bed()
    bed.network.internet_gateway = False
    assert bed.refused("CreateLoadBalancer", **CREATE) == (
        "InvalidSubnet",
        f"VPC {VPC} has no internet gateway",
    )


def test_there_are_as_many_as_there_are_nodes():
    bed = Bed()
    first = bed.load_balancer()
    code, message = bed.refused("CreateLoadBalancer", **{**CREATE, "Name": "other"})
    assert code == "TooManyLoadBalancers" and "eu-west-1a" in message
    bed.ask("DeleteLoadBalancer", LoadBalancerArn=first)
    assert bed.load_balancer("other") != first
    assert bed.load_balancer("other") != first


def test_deleting_takes_its_listeners_and_interfaces_and_leaves_target_groups():
    bed = Bed()
    arn, group = bed.load_balancer(), bed.group()
    listener = bed.listener(arn, forward(group))
    bed.rule(listener, 1, fixed())
    assert bed.refused("DeleteTargetGroup", TargetGroupArn=group)[0] == "ResourceInUse"
    assert bed.ask("DeleteLoadBalancer", LoadBalancerArn=arn) == {}
    assert bed.ask("DeleteLoadBalancer", LoadBalancerArn=arn) == {}
    assert not bed.network.interfaces
    assert not bed.tables.values()["elbv2/rules"] and not bed.tables.values()["elbv2/listeners"]
    assert bed.refused("DescribeListeners", ListenerArns=[listener])[0] == "ListenerNotFound"
    assert bed.ask("DescribeTargetGroups")["TargetGroups"][0]["LoadBalancerArns"] == []


def test_deletion_protection_protects():
    bed = Bed()
    arn = bed.load_balancer()
    on = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    bed.ask("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=on)
    assert bed.refused("DeleteLoadBalancer", LoadBalancerArn=arn) == (
        "OperationNotPermitted",
        f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
    )


def test_a_new_load_balancer_s_id_is_not_that_of_the_one_before():
    bed = Bed()
    first = bed.load_balancer()
    bed.ask("DeleteLoadBalancer", LoadBalancerArn=first)
    second = bed.load_balancer()
    assert first.rsplit("/", 1)[0] == second.rsplit("/", 1)[0] and first != second


def test_subnets_and_groups_can_be_set():
    bed = Bed(nodes={"a": "eu-west-1a", "b": "eu-west-1b", "c": "eu-west-1c"})
    arn = bed.load_balancer()
    bed.wait(60)
    answer = bed.ask("SetSubnets", LoadBalancerArn=arn, Subnets=[A, "subnet-c"])
    assert [each["ZoneName"] for each in answer["AvailabilityZones"]] == ["eu-west-1a", "eu-west-1c"]
    documents = bed.engine.documents.of_nodes()
    assert documents["b"] == {} and documents["a"]["interface"]["eni"] == "eni-1"
    assert documents["c"]["load-balancer"]["availability_zones"] == ["eu-west-1a", "eu-west-1c"]
    bed.ask("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=[DEFAULT_GROUP])
    assert [each["groups"] for each in bed.network.interfaces.values()] == [[DEFAULT_GROUP]] * 2
    assert (
        bed.refused("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=["sg-0"])[0]
        == "InvalidSecurityGroup"
    )
    assert bed.refused("SetSubnets", LoadBalancerArn=arn, Subnets=[A])[0] == "ValidationError"
    assert bed.refused("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="dualstack")[0] == (
        "InvalidConfigurationRequest"
    )
    assert bed.ask("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4") == {"IpAddressType": "ipv4"}


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("idle_timeout.timeout_seconds", "0", "InvalidConfigurationRequest"),
        ("idle_timeout.timeout_seconds", "4001", "InvalidConfigurationRequest"),
        ("idle_timeout.timeout_seconds", "soon", "InvalidConfigurationRequest"),
        ("client_keep_alive.seconds", "59", "InvalidConfigurationRequest"),
        ("routing.http.desync_mitigation_mode", "lax", "InvalidConfigurationRequest"),
        ("routing.http2.enabled", "yes", "InvalidConfigurationRequest"),
        ("load_balancing.cross_zone.enabled", "false", "InvalidConfigurationRequest"),
        ("zonal_shift.config.enabled", "true", "InvalidConfigurationRequest"),
        ("dns_record.client_routing_policy", "any_availability_zone", "InvalidConfigurationRequest"),
        ("no.such.key", "true", "ValidationError"),
    ],
)
def test_attributes_that_cannot_be_are_refused(key: str, value: str, code: str):
    bed = Bed()
    arn = bed.load_balancer()
    attributes = [{"Key": key, "Value": value}]
    got, message = bed.refused("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=attributes)
    assert got == code and f"'{key}'" in message


def test_logs_need_a_bucket_and_there_is_none():
    bed = Bed()
    arn = bed.load_balancer()
    on = {"Key": "access_logs.s3.enabled", "Value": "true"}
    bucket = {"Key": "access_logs.s3.bucket", "Value": "logs"}
    code, message = bed.refused("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=[on])
    assert code == "InvalidConfigurationRequest" and "cannot be empty" in message
    _, message = bed.refused("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=[on, bucket])
    assert message == "Access Denied for bucket: logs. Please check S3bucket permission"


def test_attributes_are_what_they_were_set_to():
    bed = Bed()
    arn = bed.load_balancer()
    before = attributes_of(bed, arn)
    assert before["idle_timeout.timeout_seconds"] == "60" and before["client_keep_alive.seconds"] == "3600"
    new = [{"Key": "idle_timeout.timeout_seconds", "Value": "4000"}]
    bed.ask("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=new)
    assert attributes_of(bed, arn) == {**before, "idle_timeout.timeout_seconds": "4000"}
    bed.wait(60)
    document = bed.engine.documents.of_nodes()["alb-1a"]["load-balancer"]
    assert document["attributes"] == attributes_of(bed, arn)


def test_who_is_not_there_is_not_found():
    bed = Bed()
    arn = bed.load_balancer()
    missing = arn[:-16] + "0" * 16
    assert bed.refused("DescribeLoadBalancers", Names=["ghost"]) == (
        "LoadBalancerNotFound",
        "Load balancers '[ghost]' not found",
    )
    assert bed.refused("DescribeLoadBalancers", LoadBalancerArns=[missing])[0] == "LoadBalancerNotFound"
    assert bed.refused("DescribeLoadBalancers", LoadBalancerArns=["nope"]) == (
        "ValidationError",
        "'nope' is not a valid load balancer ARN",
    )
    code, message = bed.refused("DescribeLoadBalancerAttributes")
    assert (
        code == "ValidationError"
        and "Value null at 'loadBalancerArn' failed to satisfy constraint" in message
    )


def test_pages_follow_one_another():
    nodes = {f"a{n}": "eu-west-1a" for n in range(5)} | {f"b{n}": "eu-west-1b" for n in range(5)}
    bed = Bed(nodes=nodes)
    made = [bed.load_balancer(f"lb-{n}") for n in range(5)]
    found, parameters, sizes = [], {"PageSize": 2}, []
    while True:
        answer = bed.ask("DescribeLoadBalancers", **parameters)
        found += [each["LoadBalancerArn"] for each in answer["LoadBalancers"]]
        sizes.append(len(answer["LoadBalancers"]))
        if "NextMarker" not in answer:
            break
        parameters = {"PageSize": 2, "Marker": answer["NextMarker"]}
    assert found == made and sizes == [2, 2, 1]
    assert bed.refused("DescribeLoadBalancers", Marker="?")[0] == "ValidationError"
    assert bed.refused("DescribeLoadBalancers", PageSize=401)[0] == "ValidationError"
