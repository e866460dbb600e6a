"""The load balancer controller with the API server's and AWS's own answers, on the virtual clock."""

import asyncio
from typing import Any

import pytest

from actors.parts.kubernetes.client import ApiError
from tests.elements.controller_bed import World, ingress, ingress_class, play, service
from tests.elements.test_alb_controller_kills import make, unmake

Object = dict[str, Any]

OURS = "aws-load-balancer-controller"


def requests(world: World, *operations: str) -> list[str]:
    """Operations that the controller has asked AWS for, of these."""
    return [
        entry["operation"]
        for entry in world.net.journal
        if entry["kind"] == "aws.request" and entry["caller"] == OURS and entry["operation"] in operations
    ]


def changes(world: World) -> list[str]:
    """All that the controller has asked AWS to change."""
    return [
        entry["operation"]
        for entry in world.net.journal
        if entry["kind"] == "aws.request"
        and entry["caller"] == OURS
        and not entry["operation"].startswith(("Describe", "List"))
    ]


# ---- Ingresses -------------------------------------------------------------------------------------------


def test_an_ingress_becomes_a_load_balancer_and_goes_with_it():
    async def story(world: World) -> None:
        before = await world.picture()
        await make(world)
        picture = await world.picture()
        (name,) = picture["load_balancers"]
        assert name.startswith("k8s-default-web-")
        assert {
            key.rpartition(":")[2]: [rule[2] for rule in rules] for key, rules in picture["listeners"].items()
        } == {
            "80": ["redirect"],
            "443": ["forward", "fixed-response"],
        }
        assert picture["targets"] == ["10.0.10.20", "10.0.11.20"]
        assert picture["bindings"] == picture["target_groups"]
        managed, backend = (each for each in picture["security_groups"] if each.startswith("k8s-"))
        assert picture["security_groups"][managed] == ["tcp 443 0.0.0.0/0", "tcp 80 0.0.0.0/0"]
        assert picture["security_groups"]["nodes"] == ["-1 None nodes", f"tcp 80 {backend}"]
        ((_, finalizers, status),) = picture["ingresses"]
        assert finalizers == ["ingress.k8s.aws/resources"]
        (balancer,) = await world.load_balancers()
        assert status == {"loadBalancer": {"ingress": [{"hostname": balancer["DNSName"].lower()}]}}
        assert ("Normal", "SuccessfullyReconciled", "Successfully reconciled") in await world.events("web")
        await unmake(world)
        assert await world.picture() == before

    play(story)


def test_things_are_made_in_the_controllers_order():
    world = play(make)
    assert [each for each in changes(world) if each.startswith("Create")] == [
        "CreateTargetGroup",
        "CreateSecurityGroup",
        "CreateSecurityGroup",
        "CreateLoadBalancer",
        "CreateListener",
        "CreateListener",
        "CreateRule",
    ]


def test_what_has_not_changed_is_left_alone():
    async def story(world: World) -> None:
        await make(world)
        before = changes(world)
        await world.net.restart("alb-controller")
        await asyncio.sleep(1)
        await world.settle()
        assert changes(world) == before

    play(story)


def test_a_change_of_an_annotation_is_the_only_change_in_aws():
    async def story(world: World) -> None:
        await make(world)
        before = len(changes(world))
        says = {
            "target-group-attributes": "load_balancing.algorithm.type=least_outstanding_requests",
            "healthcheck-path": "/ready",
            "load-balancer-attributes": "idle_timeout.timeout_seconds=30",
        }
        prefix = "alb.ingress.kubernetes.io/"
        annotations = {prefix + key: value for key, value in says.items()}
        await world.kube.patch("Ingress", "web", {"metadata": {"annotations": annotations}}, "default")
        await asyncio.sleep(0.5)
        await world.settle()
        assert sorted(changes(world)[before:]) == [
            "ModifyLoadBalancerAttributes",
            "ModifyTargetGroup",
            "ModifyTargetGroupAttributes",
        ]
        (group,) = await world.target_groups()
        assert group["HealthCheckPath"] == "/ready"

    play(story)


def test_rules_come_go_and_change():
    async def story(world: World) -> None:
        await make(world)
        await world.serve("api", 0)
        value = await world.kube.get("Ingress", "web", "default")
        paths = value["spec"]["rules"][0]["http"]["paths"]
        backend = {"service": {"name": "api", "port": {"number": 80}}}
        paths.append({"path": "/api", "pathType": "Prefix", "backend": backend})
        await world.kube.update("Ingress", value)
        await asyncio.sleep(1)
        await world.settle()
        picture = await world.picture()
        rules = next(rules for key, rules in picture["listeners"].items() if key.endswith(":443"))
        assert [rule[0] for rule in rules] == ["1", "2", "default"] and "/api/*" in rules[0][1]
        assert len(picture["target_groups"]) == 2
        value = await world.kube.get("Ingress", "web", "default")
        value["spec"]["rules"][0]["http"]["paths"].pop()
        await world.kube.update("Ingress", value)
        await asyncio.sleep(5)
        await world.settle()
        assert len((await world.picture())["target_groups"]) == 1
        assert len((await world.picture())["bindings"]) == 1

    play(story)


@pytest.mark.parametrize(
    ("says", "reason", "words"),
    [
        ({"scheme": "public"}, "FailedBuildModel", "Failed build model due to unknown scheme: public"),
        ({"wafv2_acl_arn": "x"}, "FailedBuildModel", "is not emulated: there is no AWS WAF"),
        ({"listen_ports": '[{"HTTPS": 443}]'}, "FailedBuildModel", "no certificate found for host: no.where"),
        (
            {"target_group_attributes": "slow_start.duration_seconds=5"},
            "FailedDeployModel",
            "Failed deploy model due to operation error Elastic Load Balancing v2: ModifyTargetGroupAttributes, "
            "api error InvalidConfigurationRequest: ",
        ),
    ],
)
def test_what_cannot_be_made_is_told_in_an_event(says: dict[str, str], reason: str, words: str):
    async def story(world: World) -> None:
        await world.serve()
        await world.kube.create("Ingress", ingress(host="no.where", **says))
        await asyncio.sleep(1)
        (event, *_) = await world.events("web")
        assert event[:2] == ("Warning", reason) and words in event[2]

    world = play(story)
    tries = len(requests(world, "DescribeSubnets"))
    assert 4 <= tries <= 12  # 5 ms, 10 ms, 20 ms, ...


def test_an_ingress_of_another_class_or_of_none_is_left_alone():
    async def story(world: World) -> None:
        await world.kube.create("IngressClass", {**ingress_class("other"), "spec": {"controller": "x.io/y"}})
        for name, of_class in (("a", "other"), ("b", None)):
            value = ingress(name)
            value["spec"]["ingressClassName"] = of_class
            await world.kube.create(
                "Ingress", {**value, "spec": {k: v for k, v in value["spec"].items() if v}}
            )
        unknown = ingress("c")
        unknown["spec"]["ingressClassName"] = "missing"
        await world.kube.create("Ingress", unknown)
        await asyncio.sleep(1)
        assert await world.load_balancers() == []
        events = await world.events()
        assert [each[1] for each in events] == ["FailedLoadGroupID"]
        assert 'invalid ingress class: ingressclasses.networking.k8s.io "missing" not found' in events[0][2]
        await world.kube.create("IngressClass", ingress_class("missing"))
        await asyncio.sleep(1)
        assert len(await world.load_balancers()) == 1

    play(story)


def test_members_of_a_group_share_a_load_balancer_and_may_leave_it():
    async def story(world: World) -> None:
        await world.serve("a", 0)
        await world.serve("b", 0)
        for name in "ab":
            await world.kube.create("Ingress", ingress(name, f"{name}.example", group__name="shared"))
        await asyncio.sleep(1)
        await world.settle()
        picture = await world.picture()
        (name,) = picture["load_balancers"]
        assert name.startswith("k8s-shared-") and len(picture["target_groups"]) == 2
        assert {tuple(each[1]) for each in picture["ingresses"]} == {("group.ingress.k8s.aws/shared",)}
        gone = {"metadata": {"annotations": {"alb.ingress.kubernetes.io/group.name": None}}}
        await world.kube.patch("Ingress", "b", gone, "default")
        await asyncio.sleep(15)
        await world.settle()
        picture = await world.picture()
        assert sorted(each.rpartition("-")[0] for each in picture["load_balancers"]) == [
            "k8s-default-b",
            "k8s-shared",
        ]
        assert [each[1] for each in picture["ingresses"]] == [
            ["group.ingress.k8s.aws/shared"],
            ["ingress.k8s.aws/resources"],
        ]
        for name in "ab":
            await world.kube.delete("Ingress", name, "default")
        await asyncio.sleep(15)
        assert (await world.picture())["ingresses"] == []
        assert not [name for name in await world.security_groups() if name.startswith("k8s-")]

    world = World(certificates=())

    async def tell() -> None:
        world.net.element("aws-api").plane.load_balancer_nodes.update(
            {"alb-2a": "eu-west-1a", "alb-2b": "eu-west-1b"}
        )
        await world.prepare()
        await story(world)

    world.net.run(tell())


def test_parameters_of_the_class():
    async def story(world: World) -> None:
        parameters = {
            "apiVersion": "elbv2.k8s.aws/v1beta1",
            "kind": "IngressClassParams",
            "metadata": {"name": "ours"},
            "spec": {"group": {"name": "everybody"}, "loadBalancerName": "front"},
        }
        await world.kube.create("IngressClassParams", parameters)
        reference = {"apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": "ours"}
        await world.kube.create("IngressClass", ingress_class("with", parameters=reference))
        value = ingress()
        value["spec"]["ingressClassName"] = "with"
        await world.serve()
        await world.kube.create("Ingress", value)
        await asyncio.sleep(1)
        await world.settle()
        assert [each["LoadBalancerName"] for each in await world.load_balancers()] == ["front"]
        assert (await world.picture())["ingresses"][0][1] == ["group.ingress.k8s.aws/everybody"]
        wrong = {**parameters, "metadata": {"name": "x"}, "spec": {"scheme": "public"}}
        with pytest.raises(ApiError, match='Unsupported value: "public"'):
            await world.kube.create("IngressClassParams", wrong)

    play(story)


def test_a_service_that_comes_late():
    async def story(world: World) -> None:
        await world.kube.create("Ingress", ingress())
        await asyncio.sleep(1)
        (name,) = (await world.picture())["listeners"]
        assert (await world.picture())["listeners"][name][0][2] == "fixed-response"
        await world.serve()
        await asyncio.sleep(1)
        await world.settle()
        assert (await world.picture())["listeners"][name][0][2] == "forward"
        assert sorted(await world.targets()) == ["10.0.10.20", "10.0.11.20"]

    play(story)


# ---- TargetGroupBindings ---------------------------------------------------------------------------------


async def user_group(world: World, name: str = "mine", **parameters: Any) -> str:
    """A target group that a user has made."""
    (vpc,) = (await world.aws("ec2", "DescribeVpcs"))["Vpcs"]
    known = {"Protocol": "HTTP", "Port": 80, "VpcId": vpc["VpcId"], "TargetType": "ip", **parameters}
    answer = await world.aws("elbv2", "CreateTargetGroup", Name=name, **known)
    return str(answer["TargetGroups"][0]["TargetGroupArn"])


def binding(arn: str, name: str = "mine", **spec: Any) -> Object:
    return {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "serviceRef": {"name": "web", "port": "http"},
            "targetGroupARN": arn,
            "targetType": "ip",
            **spec,
        },
    }


def test_a_binding_of_a_users_target_group():
    async def story(world: World) -> None:
        await world.serve(pods=3)
        arn = await user_group(world)
        await world.kube.create("TargetGroupBinding", binding(arn))
        await world.settle()
        assert sorted(await world.targets()) == ["10.0.10.20", "10.0.10.21", "10.0.11.20"]
        there = await world.kube.get("TargetGroupBinding", "mine", "default")
        assert there["status"] == {"observedGeneration": 1}
        assert len(there["metadata"]["annotations"]["elbv2.k8s.aws/checkpoint"]) == 40
        assert there["metadata"]["finalizers"] == ["elbv2.k8s.aws/resources"]
        await world.kube.delete("Pod", "web-0", "default", grace_period_seconds=0)
        await world.put_slice(terminating=("web-1",))
        await world.settle()
        assert [key for key, state in (await world.targets()).items() if state != "draining"] == [
            "10.0.10.21"
        ]
        await world.kube.delete("TargetGroupBinding", "mine", "default")
        await asyncio.sleep(1)
        assert not [state for state in (await world.targets()).values() if state != "draining"]
        assert (await world.kube.list("TargetGroupBinding")).items == []

    play(story)


def test_targets_are_deregistered_before_others_are_registered():
    async def story(world: World) -> None:
        await world.serve(pods=1)
        await world.kube.create("TargetGroupBinding", binding(await user_group(world)))
        await world.settle()
        await world.pod("web-1", 1)
        await world.put_slice(terminating=("web-0",))
        await world.settle()

    world = play(story)
    both = requests(world, "RegisterTargets", "DeregisterTargets")
    assert both == ["RegisterTargets", "DeregisterTargets", "RegisterTargets"]


def test_a_service_that_goes_takes_its_targets_along():
    async def story(world: World) -> None:
        await world.serve()
        await world.kube.create("TargetGroupBinding", binding(await user_group(world)))
        await world.settle()
        await world.kube.delete("Service", "web", "default")
        await asyncio.sleep(0.5)
        assert set((await world.targets()).values()) <= {"draining"}
        assert (
            "Warning",
            "BackendNotFound",
            'backend not found: Service "web" not found',
        ) in await world.events()
        assert await world.settled()

    play(story)


def test_of_two_bindings_of_one_group_the_older_has_it():
    async def story(world: World) -> None:
        await world.serve()
        arn = await user_group(world)
        await world.kube.create("TargetGroupBinding", binding(arn))
        await asyncio.sleep(1.5)
        await world.kube.create("TargetGroupBinding", binding(arn, "another"))
        await asyncio.sleep(0.5)
        (event,) = [each for each in await world.events("another") if each[0] == "Warning"]
        assert event == (
            "Warning",
            "FailedReconcile",
            f"TargetGroup {arn} is already bound to TargetGroupBinding default/mine",
        )

    play(story)


def test_a_group_that_is_not_there():
    async def story(world: World) -> None:
        await world.serve()
        arn = (await user_group(world)).replace("/mine/", "/other/")
        await world.kube.create("TargetGroupBinding", binding(arn))
        await asyncio.sleep(0.5)
        (event, *_) = await world.events("mine")
        assert event[1] == "FailedReconcile" and "api error TargetGroupNotFound" in event[2]
        await world.kube.delete("TargetGroupBinding", "mine", "default")
        await asyncio.sleep(3)
        assert (await world.kube.list("TargetGroupBinding")).items == []

    play(story)


def test_instances_are_targets_at_the_node_port():
    async def story(world: World) -> None:
        await world.kube.create("Service", service("web", type="NodePort"))
        arn = await user_group(world, TargetType="instance")
        peer = {"ipBlock": {"cidr": "10.0.0.0/8"}}
        networking = {"ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": 30080}]}]}
        await world.kube.create(
            "TargetGroupBinding", binding(arn, targetType="instance", networking=networking)
        )
        await world.settle()
        assert sorted(await world.targets()) == ["i-0c2d00000000000a1", "i-0c2d00000000000b1"]
        assert "tcp 30080 10.0.0.0/8" in (await world.picture())["security_groups"]["nodes"]
        label = {"metadata": {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}}}
        await world.kube.patch("Node", "node-1", label)
        await world.settle()
        states = await world.targets()
        assert [key for key, state in states.items() if state != "draining"] == ["i-0c2d00000000000b1"]

    play(story)


def test_a_checkpoint_saves_calls_and_is_doubted_after_a_while():
    async def story(world: World) -> None:
        await world.serve(pods=1)
        arn = await user_group(world)
        await world.kube.create("TargetGroupBinding", binding(arn))
        await world.settle()
        await world.aws("elbv2", "DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": "10.0.10.20"}])
        await world.put_slice()
        await asyncio.sleep(60)
        await world.net.restart("alb-controller")
        await asyncio.sleep(60)
        assert len(requests(world, "RegisterTargets")) == 1  # as far as it knows nothing has changed
        await asyncio.sleep(2700)
        assert len(requests(world, "RegisterTargets")) == 2

    play(story)


# ---- readiness gates ---------------------------------------------------------------------------------------

WEBHOOK = {
    "mpod.elbv2.k8s.aws": {
        "element": "alb-controller",
        "namespace_labels": {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"},
    }
}
GATE = "target-health.elbv2.k8s.aws/mine"


async def gated(world: World) -> str:
    """A labelled namespace, a Service and a binding; returns the target group's ARN."""
    label = {"metadata": {"labels": {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}}}
    await world.kube.patch("Namespace", "default", label)
    await world.kube.create("Service", service("web"))
    arn = await user_group(world)
    await world.kube.create("TargetGroupBinding", binding(arn))
    await asyncio.sleep(0.2)
    return arn


def gate_of(pod: Object) -> Any:
    return next((each for each in pod["status"]["conditions"] if each["type"] == GATE), None)


def test_new_pods_of_a_labelled_namespace_get_a_gate_that_opens_with_the_targets_health():
    async def story(world: World) -> None:
        await gated(world)
        pod = await world.pod("web-0", 0, ready=False)
        assert pod["spec"]["readinessGates"] == [{"conditionType": GATE}]
        for node in ("alb-1a", "alb-1b"):
            world.net.element(node).sick["10.0.10.20"] = {
                "State": "initial",
                "Reason": "Elb.InitialHealthChecking",
            }
        await world.put_slice()
        await asyncio.sleep(0.2)
        closed = gate_of(await world.kube.get("Pod", "web-0", "default"))
        assert (closed["status"], closed["reason"]) == ("False", "Elb.RegistrationInProgress")
        assert closed["message"] == "Target registration is in progress"
        arn = (await world.target_groups())[0]["TargetGroupArn"]
        await use(world, arn)
        await asyncio.sleep(20)
        assert (
            gate_of(await world.kube.get("Pod", "web-0", "default"))["reason"] == "Elb.InitialHealthChecking"
        )
        for node in ("alb-1a", "alb-1b"):
            world.net.element(node).sick.clear()
        await asyncio.sleep(15.5)
        assert gate_of(await world.kube.get("Pod", "web-0", "default"))["status"] == "True"

    play(story, webhooks=WEBHOOK)


async def use(world: World, arn: str) -> None:
    """A load balancer that uses the group: without one nobody checks its targets."""
    subnets = [
        each["SubnetId"]
        for each in (await world.aws("ec2", "DescribeSubnets"))["Subnets"]
        if any(tag["Key"] == "kubernetes.io/role/elb" for tag in each["Tags"])
    ]
    made = await world.aws("elbv2", "CreateLoadBalancer", Name="theirs", Subnets=subnets)
    action = {"Type": "forward", "TargetGroupArn": arn}
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    await world.aws(
        "elbv2", "CreateListener", LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=[action]
    )


def test_a_gate_once_open_stays_so_and_one_without_binding_opens():
    async def story(world: World) -> None:
        arn = await gated(world)
        await use(world, arn)
        await world.pod("web-0", 0, ready=False)
        await world.put_slice()
        await asyncio.sleep(20)
        assert gate_of(await world.kube.get("Pod", "web-0", "default"))["status"] == "True"
        for node in ("alb-1a", "alb-1b"):
            world.net.element(node).sick["10.0.10.20"] = {"State": "unhealthy", "Reason": "Target.Timeout"}
        await world.pod("web-1", 1, ready=False)
        for node in ("alb-1a", "alb-1b"):
            world.net.element(node).sick["10.0.11.20"] = {"State": "unhealthy", "Reason": "Target.Timeout"}
        await world.put_slice()
        await asyncio.sleep(40)
        assert gate_of(await world.kube.get("Pod", "web-0", "default"))["status"] == "True"
        assert gate_of(await world.kube.get("Pod", "web-1", "default"))["reason"] == "Target.Timeout"
        await world.kube.delete("TargetGroupBinding", "mine", "default")
        await asyncio.sleep(1)
        opened = gate_of(await world.kube.get("Pod", "web-1", "default"))
        assert (opened["status"], opened["message"]) == ("True", "TargetGroupBinding has been deleted")

    play(story, webhooks=WEBHOOK)


def test_no_gate_without_label_without_binding_or_while_the_webhook_is_away():
    async def story(world: World) -> None:
        await world.kube.create("Service", service("web"))
        await world.kube.create("TargetGroupBinding", binding(await user_group(world)))
        await asyncio.sleep(0.2)
        assert "readinessGates" not in (await world.pod("web-0", 0))["spec"]
        label = {"metadata": {"labels": {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}}}
        await world.kube.patch("Namespace", "default", label)
        assert "readinessGates" not in (await world.pod("other-0", 0))["spec"]
        await world.net.hosts["alb-controller"].die()
        assert "readinessGates" not in (await world.pod("web-1", 1))["spec"]

    play(story, webhooks=WEBHOOK)


def test_a_webhook_that_must_answer_holds_pods_up():
    async def story(world: World) -> None:
        label = {"metadata": {"labels": {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}}}
        await world.kube.patch("Namespace", "default", label)
        await world.net.hosts["alb-controller"].die()
        with pytest.raises(ApiError, match=r'failed calling webhook "mpod.elbv2.k8s.aws"'):
            await world.pod("web-0", 0)

    webhook = {**WEBHOOK["mpod.elbv2.k8s.aws"], "failure_policy": "Fail"}
    play(story, webhooks={"mpod.elbv2.k8s.aws": webhook})


def test_metrics():
    world = play(make)
    metrics = world.net.host("alb-controller").metrics
    counter = metrics.counter
    labels = {"service": "elbv2", "operation": "CreateLoadBalancer"}
    assert counter("aws_api_calls_total", **labels, status_code="200", error_code="").value == 1
    histogram = metrics.histogram
    assert histogram("aws_api_call_duration_seconds", **labels).sum == pytest.approx(0.005, abs=0.002)
    stage = {"controller": "ingress", "reconcile_stage": "deploy_model"}
    assert sum(histogram("awslbc_controller_reconcile_stage_duration", **stage).counts) >= 1
