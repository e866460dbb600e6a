"""Load balancers, target groups, subnets and security groups that Ingresses ask for."""

from typing import Any

import pytest

from actors.protocols.load_balancer_controller.annotations import BuildError
from actors.protocols.load_balancer_controller.groups import (
    Class,
    GroupError,
    class_of,
    group_of,
    groups_held,
    load,
)
from actors.protocols.load_balancer_controller.model import (
    BACKEND,
    MANAGED,
    LoadBalancer,
    Ref,
    Stack,
    TargetGroup,
)
from actors.protocols.load_balancer_controller.permissions import Permission, flat, to_permissions
from tests.protocols.load_balancer_controller.bed import build, ingress, path, public, rule, service


def balancer(stack: Stack) -> LoadBalancer:
    assert stack.load_balancer is not None
    return stack.load_balancer


def test_internal_by_default_in_the_subnets_tagged_for_it():
    found = balancer(build(ingress()))
    assert (found.scheme, found.subnets) == ("internal", ["p-a", "p-b"])
    assert balancer(build(ingress(says={"scheme": "internet-facing"}))).subnets == ["s-a", "s-b"]
    assert found.tags == {
        "elbv2.k8s.aws/cluster": "demo",
        "ingress.k8s.aws/stack": "default/web",
        "ingress.k8s.aws/resource": "LoadBalancer",
    }


def test_of_each_zone_the_first_subnet_with_room():
    subnets = [public("s-2", "a"), public("s-1", "a"), public("s-3", "b", free=7), public("s-4", "b", free=8)]
    assert balancer(build(ingress(says={"scheme": "internet-facing"}), subnets=subnets)).subnets == [
        "s-1",
        "s-4",
    ]


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"scheme": "public"}, "unknown scheme: public"),
        ({"subnets": "s-a"}, "subnets count less than minimal required count: 1 < 2"),
        ({"subnets": "s-a,nope"}, "couldn't find all subnets"),
        ({"subnets": "s-a,p-a"}, "multiple subnets in same Availability Zone a"),
        ({"security-groups": "sg-1,back"}, "couldn't find all security groups: requested"),
        ({"load-balancer-name": "x" * 33}, "load balancer name cannot be longer than 32 characters"),
        ({"ip-address-type": "dualstack"}, "IPAddressType dualstack is not emulated"),
        ({"ip-address-type": "v5"}, "unknown IPAddressType: v5"),
        ({"load-balancer-attributes": "a"}, "failed to parse stringMap annotation"),
        ({"target-type": "lambda"}, "unknown targetType: lambda"),
        ({"target-type": "instance"}, "TargetGroup port is empty. When using Instance targets"),
        ({"backend-protocol": "TCP"}, r"backend protocol must be within \[HTTP, HTTPS\]: TCP"),
        ({"backend-protocol-version": "HTTP3"}, "backend protocol version must be within"),
        ({"healthcheck-interval-seconds": "soon"}, "failed to parse int64 annotation"),
        ({"healthcheck-port": "nope"}, "unable to find port nope on service default/web"),
        ({"wafv2-acl-arn": "arn"}, "wafv2-acl-arn is not emulated: there is no AWS WAF"),
        ({"auth-type": "oidc"}, "auth-type oidc is not emulated"),
        ({"auth-idp-oidc": "{}"}, "auth-idp-oidc is not emulated"),
        ({"transforms.web": '[{"type":"x"}]'}, "unknown transform type: x"),
        ({"target-typo": "ip"}, "unknown annotation alb.ingress.kubernetes.io/target-typo"),
        ({"tags": "elbv2.k8s.aws/cluster=x"}, "tag key elbv2.k8s.aws/cluster cannot be specified"),
        ({"manage-backend-security-group-rules": "maybe", "security-groups": "sg-1"}, "failed to parse bool"),
    ],
)
def test_what_is_wrong_is_said_in_the_controllers_words(says: dict[str, str], words: str):
    with pytest.raises(BuildError, match=words):
        build(ingress(says=says))


def test_no_subnets_at_all():
    with pytest.raises(
        BuildError, match="couldn't auto-discover subnets: unable to resolve at least one subnet"
    ):
        build(ingress(), subnets=[])


def test_subnets_by_name():
    assert balancer(build(ingress(says={"subnets": "name-p-b, s-a"}))).subnets == ["p-b", "s-a"]


def test_members_must_agree():
    one = {"group.name": "g", "scheme": "internal", "load-balancer-attributes": "a=1", "tags": "t=1"}
    for key, words in (
        ("scheme", r"conflicting scheme: \[internal internet-facing\]"),
        ("load-balancer-attributes", r"conflicting loadBalancerAttribute a: 1 \| 2"),
        ("tags", r"conflicting tag t: 1 \| 2"),
    ):
        value = {"scheme": "internet-facing", "load-balancer-attributes": "a=2", "tags": "t=2"}[key]
        with pytest.raises(BuildError, match=words):
            build(ingress("a", says=one), ingress("b", says={**one, key: value}), id="g")


# ---- security groups ---------------------------------------------------------------------------------------


def test_a_managed_security_group_lets_clients_in_and_the_backend_one_goes_to_pods():
    stack = build(
        ingress(says={"listen-ports": '[{"HTTP": 80}, {"HTTP": 8080}]', "inbound-cidrs": "10.0.0.0/8,::/0"})
    )
    assert balancer(stack).security_groups == [Ref(MANAGED), Ref(BACKEND)]
    assert stack.security_group is not None and stack.uses_backend_group
    assert flat(stack.security_group.permissions) == {
        Permission("tcp", 80, 80, cidr="10.0.0.0/8"),
        Permission("tcp", 8080, 8080, cidr="10.0.0.0/8"),
    }
    (group,) = stack.target_groups
    peer = {"securityGroup": {"groupID": Ref(BACKEND)}}
    assert group.binding["networking"] == {
        "ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": 8080}]}]
    }


def test_given_security_groups_are_the_users_own_business():
    stack = build(ingress(says={"security-groups": "front"}))
    assert balancer(stack).security_groups == ["sg-1"]
    assert stack.security_group is None and not stack.uses_backend_group
    assert "networking" not in stack.target_groups[0].binding
    managed = build(ingress(says={"security-groups": "front", "manage-backend-security-group-rules": "true"}))
    assert balancer(managed).security_groups == ["sg-1", Ref(BACKEND)] and managed.security_group is None
    assert "networking" in managed.target_groups[0].binding


def test_permissions_come_back_as_they_were():
    rules = {
        Permission("tcp", 80, 80, cidr="0.0.0.0/0"),
        Permission("tcp", 1, 2, group_id="sg-1", description="d"),
    }
    assert flat(to_permissions(rules)) == rules


# ---- target groups -----------------------------------------------------------------------------------------


def group_for(says: dict[str, str] | None = None, **more: Any) -> TargetGroup:
    (group,) = build(ingress(says=says), **more).target_groups
    return group


def test_a_target_group_has_the_controllers_health_check():
    parameters = dict(group_for().parameters)
    assert parameters.pop("Name").startswith("k8s-default-web-")
    assert parameters == {
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": 8080,
        "TargetType": "ip",
        "IpAddressType": "ipv4",
        "HealthCheckEnabled": True,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 15,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
    }


def test_what_the_service_says_wins():
    says = {"healthcheck-path": "/of-ingress", "success-codes": "200-299"}
    of_service = service(
        says={"healthcheck-path": "/of-service", "target-group-attributes": "slow_start=1,b=2"}
    )
    group = group_for(says, services=[of_service])
    assert group.parameters["HealthCheckPath"] == "/of-service"
    assert group.parameters["Matcher"] == {"HttpCode": "200-299"}
    assert group.attributes == {"slow_start": "1", "b": "2"}


def test_a_named_target_port_makes_port_1_and_grpc_another_check():
    (group,) = build(ingress(rules=[rule("h", path("/", port=81))])).target_groups
    assert (group.id, group.parameters["Port"]) == ("default/web-web:81", 1)
    parameters = group_for({"backend-protocol-version": "GRPC"}).parameters
    assert (parameters["HealthCheckPath"], parameters["Matcher"]) == (
        "/AWS.ALB/healthcheck",
        {"GrpcCode": "12"},
    )


def test_instance_targets_are_at_the_node_port():
    says = {"target-type": "instance", "target-node-labels": "pool=web", "healthcheck-port": "http"}
    group = group_for(says, services=[service(type="NodePort")])
    assert (group.parameters["Port"], group.parameters["HealthCheckPort"]) == (30080, "30080")
    assert group.binding["nodeSelector"] == {"matchLabels": {"pool": "web"}}
    assert group.binding["networking"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 30080}]


# ---- IngressClassParams ------------------------------------------------------------------------------------


def test_parameters_of_the_class_win_over_annotations():
    parameters = {
        "scheme": "internet-facing",
        "targetType": "ip",
        "loadBalancerName": "mine",
        "subnets": {"tags": {"kubernetes.io/role/internal-elb": [""]}},
        "tags": [{"key": "team", "value": "a"}],
        "loadBalancerAttributes": [{"key": "idle_timeout.timeout_seconds", "value": "30"}],
        "inboundCIDRs": ["10.0.0.0/8"],
    }
    stack = build(ingress(says={"scheme": "internal", "target-type": "instance"}), parameters=parameters)
    found = balancer(stack)
    assert (found.name, found.scheme, found.subnets) == ("mine", "internet-facing", ["p-a", "p-b"])
    assert found.attributes == {"idle_timeout.timeout_seconds": "30"} and found.tags["team"] == "a"
    assert stack.target_groups[0].tags["team"] == "a"
    with pytest.raises(BuildError, match="IngressClassParams' wafv2AclArn is not emulated"):
        build(ingress(), parameters={"wafv2AclArn": "x"})


# ---- groups ------------------------------------------------------------------------------------------------

CLASSES: dict[str, Any] = {
    "alb": {"spec": {"controller": "ingress.k8s.aws/alb"}},
    "nginx": {"spec": {"controller": "k8s.io/ingress-nginx"}},
    "with": {
        "spec": {
            "controller": "ingress.k8s.aws/alb",
            "parameters": {"apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": "p"},
        }
    },
}


def classed(name: str | None, annotation: str | None = None) -> Any:
    made = ingress()
    if name:
        made["spec"]["ingressClassName"] = name
    if annotation:
        made["metadata"]["annotations"]["kubernetes.io/ingress.class"] = annotation
    return made


def test_whose_an_ingress_is():
    def find(*what: Any) -> Class | None:
        return class_of(classed(*what), CLASSES, {"p": {"spec": {"scheme": "internal"}}}, {})

    assert find("alb") == Class(CLASSES["alb"], {})
    assert find("nginx") is None and find(None) is None
    assert find("nginx", "alb") == Class(None, {})
    assert find("alb", "nginx") is None
    assert find("with") == Class(CLASSES["with"], {"scheme": "internal"})
    with pytest.raises(
        GroupError, match=r'invalid ingress class: ingressclasses.networking.k8s.io "x" not found'
    ):
        find("x")
    with pytest.raises(GroupError, match=r'ingressclassparams.elbv2.k8s.aws "p" not found'):
        class_of(classed("with"), CLASSES, {}, {})
    chosen = {"p": {"spec": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}}
    with pytest.raises(GroupError, match="namespaceSelector of IngressClassParams mismatch"):
        class_of(classed("with"), CLASSES, chosen, {})
    labelled = {"default": {"metadata": {"labels": {"a": "b"}}}}
    assert class_of(classed("with"), CLASSES, chosen, labelled) is not None


def test_groups_and_their_finalizers():
    assert group_of(ingress(), {}) == "default/web"
    assert group_of(ingress(says={"group.name": "g"}), {}) == "g"
    assert group_of(ingress(says={"group.name": "g"}), {"group": {"name": "h"}}) == "h"
    for wrong in ("G", "-a", "a_b", "x" * 64):
        with pytest.raises(GroupError, match="groupName must"):
            group_of(ingress(says={"group.name": wrong}), {})
    moved = ingress(says={"group.name": "new"})
    moved["metadata"]["finalizers"] = ["group.ingress.k8s.aws/old", "ingress.k8s.aws/resources", "else"]
    assert groups_held(moved) == ["old", "default/web"]
    old = load("old", [moved], lambda each: Class(None, {}))
    assert (old.members, old.leaving) == ((), (moved,))
    new = load("new", [moved], lambda each: Class(None, {}))
    assert [each.key for each in new.members] == ["default/web"] and new.leaving == ()


def test_a_group_without_members_wants_nothing():
    assert build() == Stack("default/web")
