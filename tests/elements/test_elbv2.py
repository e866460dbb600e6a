"""Elastic Load Balancing as a service: nodes are told in time, names follow, health is asked for, also after kills."""

from pathlib import Path
from typing import Any

import pytest

from actors.protocols.aws.errors import AwsError
from tests.elements.elbv2_bed import INSTANCE, A, Bed, play

TARGET = {"Id": "10.0.0.20", "Port": 8080}


def test_a_load_balancer_gets_nodes_interfaces_and_a_name():
    async def story(bed: Bed) -> None:
        shown = await bed.load_balancer()
        assert shown["State"] == {"Code": "provisioning"}
        await bed.sleep(30)
        assert bed.node().items == {} and bed.addresses(shown["DNSName"]) == []
        await bed.sleep(30.1)
        interface = bed.node().items["interface"]
        assert (interface["address"], interface["gateway"]) == ("10.0.0.4/24", "10.0.0.1")
        assert bed.node("alb-1b").items["interface"]["address"] == "10.0.1.4/24"
        public = [bed.node(name).items["interface"]["public_ip"] for name in ("alb-1a", "alb-1b")]
        assert bed.addresses(shown["DNSName"]) == public
        described = await bed.request(
            "ec2", "DescribeNetworkInterfaces", NetworkInterfaceIds=[interface["eni"]]
        )
        (found,) = described["NetworkInterfaces"]
        assert found["Description"] == f"ELB app/web/{shown['LoadBalancerArn'][-16:]}"
        assert found["RequesterManaged"] is True and found["SubnetId"] == A

    play(story)


def test_deleting_a_load_balancer_leaves_nothing_of_it():
    async def story(bed: Bed) -> None:
        balancer, _ = await bed.served_group()
        name = bed.node().items["load-balancer"]["dns_name"]
        await bed.ask("DeleteLoadBalancer", LoadBalancerArn=balancer)
        assert bed.addresses(name) == []
        await bed.sleep(2.1)
        assert bed.node().items == {}
        described = await bed.request("ec2", "DescribeNetworkInterfaces")
        assert len(described["NetworkInterfaces"]) == 1
        assert (await bed.load_balancer())["LoadBalancerArn"] != balancer

    play(story)


def test_configuration_reaches_the_nodes_after_its_delay_and_in_order():
    async def story(bed: Bed) -> None:
        balancer, _ = await bed.served_group()

        def ports() -> list[int]:
            items = bed.node().items.items()
            return sorted(value["port"] for key, value in items if key.startswith("listener/"))

        action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        listener = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "DefaultActions": [action]}
        await bed.ask("CreateListener", Port=81, **listener)
        await bed.sleep(1)
        await bed.ask("CreateListener", Port=82, **listener)
        assert ports() == [80]
        await bed.sleep(1)
        assert ports() == [80, 81]
        await bed.sleep(1.1)
        assert ports() == [80, 81, 82]
        assert bed.node("alb-1b").items.keys() == bed.node().items.keys()

    play(story)


def test_a_target_is_told_healthy_draining_and_forgotten():
    async def story(bed: Bed) -> None:
        _, group = await bed.served_group()
        await bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[TARGET])
        assert await bed.health(group) == {"10.0.0.20": ("initial", "Elb.RegistrationInProgress")}
        await bed.sleep(9.8)
        assert bed.node().targets(group) == []
        await bed.sleep(0.2)
        assert bed.node().targets(group) == bed.node("alb-1b").targets(group) == ["10.0.0.20:8080"]
        assert await bed.health(group) == {"10.0.0.20": ("healthy", None)}
        bed.node("alb-1b").healths["10.0.0.20"] = {"State": "unhealthy", "Reason": "Target.Timeout"}
        assert await bed.health(group) == {"10.0.0.20": ("unhealthy", "Target.Timeout")}
        await bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=[TARGET])
        assert await bed.health(group) == {"10.0.0.20": ("draining", "Target.DeregistrationInProgress")}
        assert bed.node().targets(group) == ["10.0.0.20:8080"]
        await bed.sleep(5)
        assert bed.node().targets(group) == []
        await bed.sleep(294)
        assert (await bed.health(group))["10.0.0.20"][0] == "draining"
        await bed.sleep(2)
        assert await bed.health(group) == {}

    play(story)


def test_instances_are_told_by_their_address():
    async def story(bed: Bed) -> None:
        _, group = await bed.served_group(TargetType="instance", Port=30_080)
        await bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": INSTANCE}])
        await bed.sleep(10.1)
        assert bed.node().targets(group) == ["10.0.0.50:30080"]
        assert await bed.health(group) == {INSTANCE: ("healthy", None)}
        with pytest.raises(AwsError, match="InvalidTarget"):
            await bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[{"Id": "i-00000000000000000"}])

    play(story)


def test_a_node_that_is_away_is_left_out():
    async def story(bed: Bed) -> None:
        _, group = await bed.served_group()
        await bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[TARGET])
        await bed.sleep(10)
        bed.node("alb-1b").mute = True
        assert await bed.health(group) == {"10.0.0.20": ("healthy", None)}
        bed.node("alb-1a").mute = True
        assert await bed.health(group) == {"10.0.0.20": ("initial", "Elb.RegistrationInProgress")}

    play(story)


def zones(bed: Bed) -> list[tuple[str, str]]:
    events = [entry for entry in bed.net.journal if entry["kind"] == "elbv2.zone"]
    return [(each["availability_zone"], each["state"]) for each in events]


def test_an_unhealthy_zone_leaves_the_name_and_comes_back():
    async def story(bed: Bed) -> None:
        await bed.served_group()
        name = bed.node().items["load-balancer"]["dns_name"]
        first, second = bed.addresses(name)
        bed.node("alb-1a").zone_is_healthy = False
        await bed.sleep(10.1)
        assert bed.addresses(name) == [second]
        bed.node("alb-1b").zone_is_healthy = False
        await bed.sleep(10.1)
        assert bed.addresses(name) == [first, second], "when all zones fail, all stay"
        bed.node("alb-1a").zone_is_healthy = bed.node("alb-1b").zone_is_healthy = True
        await bed.sleep(10.1)
        assert bed.addresses(name) == [first, second]
        await bed.net.host("alb-1b").die()
        await bed.sleep(12.1)
        assert bed.addresses(name) == [first]

    bed = play(story)
    assert zones(bed) == [
        ("eu-west-1a", "unhealthy"),
        ("eu-west-1b", "unhealthy"),
        ("eu-west-1a", "healthy"),
        ("eu-west-1b", "healthy"),
        ("eu-west-1b", "unhealthy"),
    ]


def test_what_was_under_way_goes_on_after_a_kill(tmp_path: Path):
    async def story(bed: Bed) -> None:
        async def kill() -> None:
            await bed.net.host("aws-api").die()
            await bed.sleep(1)
            await bed.net.restart("aws-api")
            await bed.begin()

        shown = await bed.load_balancer()
        await kill()
        await bed.sleep(59)
        assert bed.addresses(shown["DNSName"])
        await bed.ask("DeleteLoadBalancer", LoadBalancerArn=shown["LoadBalancerArn"])
        _, group = await bed.served_group()
        before = dict(bed.node().items)
        await bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[TARGET])
        await kill()
        await bed.sleep(5)
        assert bed.node().items == before
        await bed.sleep(5)
        assert bed.node().targets(group) == ["10.0.0.20:8080"]
        await bed.ask("DeregisterTargets", TargetGroupArn=group, Targets=[TARGET])
        await kill()
        await bed.sleep(298)
        assert (await bed.health(group))["10.0.0.20"][0] == "draining"
        await bed.sleep(2)
        assert await bed.health(group) == {}

    play(story, tmp_path)


def test_what_is_refused_leaves_nothing_behind():
    async def story(bed: Bed) -> None:
        def everything() -> Any:
            store = bed.plane.store
            return {name: dict(table.texts) for name, table in store._tables.items()}

        await bed.served_group()
        before = everything()
        for operation, parameters, code in (
            ("CreateLoadBalancer", {"Name": "two", "Subnets": [A, "subnet-0"]}, "SubnetNotFound"),
            (
                "CreateTargetGroup",
                {"Name": "two", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0"},
                "ValidationError",
            ),
            ("DescribeLoadBalancers", {"Names": ["two"]}, "LoadBalancerNotFound"),
            ("CreateTrustStore", {"Name": "two"}, "InvalidAction"),
        ):
            with pytest.raises(AwsError) as caught:
                await bed.ask(operation, **parameters)
            assert caught.value.code == code
        assert everything() == before

    play(story)


def test_two_runs_are_alike():
    async def story(bed: Bed) -> None:
        _, group = await bed.served_group()
        await bed.ask("RegisterTargets", TargetGroupArn=group, Targets=[TARGET])
        await bed.sleep(20)
        await bed.health(group)

    assert play(story).net.journal == play(story).net.journal


def test_policies_are_those_of_the_nodes():
    async def story(bed: Bed) -> None:
        name = "ELBSecurityPolicy-TLS13-1-2-2021-06"
        (policy,) = (await bed.ask("DescribeSSLPolicies", Names=[name]))["SslPolicies"]
        assert policy["SslProtocols"] == ["TLSv1.2", "TLSv1.3"]
        assert policy["Ciphers"][0] == {"Name": "TLS_AES_128_GCM_SHA256", "Priority": 1}

    play(story)


def test_a_load_balancer_that_is_gone_has_no_web_acl():
    async def story(bed: Bed) -> None:
        balancer = (await bed.load_balancer())["LoadBalancerArn"]
        visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
        made = await bed.request(
            "wafv2",
            "CreateWebACL",
            Name="acl",
            Scope="REGIONAL",
            DefaultAction={"Allow": {}},
            VisibilityConfig=visible,
        )
        acl = made["Summary"]["ARN"]
        await bed.request("wafv2", "AssociateWebACL", WebACLArn=acl, ResourceArn=balancer)
        assert f"association/{balancer}" in bed.plane.topics.topic("web-acls").items
        await bed.ask("DeleteLoadBalancer", LoadBalancerArn=balancer)
        assert f"association/{balancer}" not in bed.plane.topics.topic("web-acls").items

    play(story)


def told_at_the_end(killed_after: int | None, directory: Path) -> dict[str, Any]:
    """What the nodes have been told when a customer is done, with a kill after one of the steps."""
    directory.mkdir()

    async def story(bed: Bed) -> None:
        _, group = await bed.served_group()
        listener = next(key for key in bed.node().items if key.startswith("listener/")).partition("/")[2]
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        path = [{"Field": "path-pattern", "Values": ["/a"]}]
        delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]
        steps: list[tuple[str, dict[str, Any]]] = [
            ("ModifyTargetGroupAttributes", {"TargetGroupArn": group, "Attributes": delay}),
            ("RegisterTargets", {"TargetGroupArn": group, "Targets": [TARGET, {"Id": "10.0.1.20"}]}),
            ("CreateRule", {"ListenerArn": listener, "Priority": 1, "Conditions": path, "Actions": [fixed]}),
            ("DeregisterTargets", {"TargetGroupArn": group, "Targets": [{"Id": "10.0.1.20"}]}),
            ("ModifyListener", {"ListenerArn": listener, "Port": 8080}),
            ("ModifyTargetGroup", {"TargetGroupArn": group, "HealthCheckPath": "/health"}),
        ]
        for number, (operation, parameters) in enumerate(steps):
            await bed.ask(operation, **parameters)
            if number == killed_after:
                await bed.net.host("aws-api").die()
                await bed.sleep(0.5)
                await bed.net.restart("aws-api")
                await bed.begin()
            await bed.sleep(3)
        await bed.sleep(30)
        told["items"] = {name: bed.node(name).items for name in ("alb-1a", "alb-1b")}
        told["health"] = await bed.health(group)

    told: dict[str, Any] = {}
    play(story, directory)
    for items in told["items"].values():
        items["interface"].pop("eni")  # ids of interfaces have the time in them
    return told


@pytest.mark.parametrize("killed_after", range(6))
def test_a_kill_after_any_step_changes_nothing_in_the_end(killed_after: int, tmp_path: Path):
    assert told_at_the_end(killed_after, tmp_path / "a") == told_at_the_end(None, tmp_path / "b")
