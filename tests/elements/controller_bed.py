"""The load balancer controller between a real API server and a real AWS API, on the virtual clock.

Load balancer nodes, the VPC and ACM are played: there are no packets here. Every target is healthy, unless `sick`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from actors.element import CallFailed, Context, Element
from actors.parts.aws.client import AwsClient, follow
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.runtime.virtual import VirtualNetwork

Object = dict[str, Any]

ZONES = {"alb-1a": "eu-west-1a", "alb-1b": "eu-west-1b"}
CLUSTER = "journey"
VPC = {
    "cidr": "10.0.0.0/16",
    "aws_api": "aws-api",
    "internet_gateway": {"port": "igw", "address": "169.254.255.1/31", "peer": "169.254.255.0"},
    "subnets": {
        "public-1a": {
            "cidr": "10.0.0.0/24",
            "availability_zone": "eu-west-1a",
            "route_table": "public",
            "tags": {"kubernetes.io/role/elb": "1"},
        },
        "public-1b": {
            "cidr": "10.0.1.0/24",
            "availability_zone": "eu-west-1b",
            "route_table": "public",
            "tags": {"kubernetes.io/role/elb": "1"},
        },
        "private-1a": {"cidr": "10.0.10.0/24", "availability_zone": "eu-west-1a", "route_table": "private"},
        "private-1b": {"cidr": "10.0.11.0/24", "availability_zone": "eu-west-1b", "route_table": "private"},
    },
    "route_tables": {
        "public": [
            {"destination": "10.0.0.0/16", "target": "local"},
            {"destination": "0.0.0.0/0", "target": "igw"},
        ],
        "private": [{"destination": "10.0.0.0/16", "target": "local"}],
    },
    "security_groups": {
        "nodes": {
            "ingress": [{"protocol": "all", "source": "nodes"}],
            "egress": [{"protocol": "all", "destination": "0.0.0.0/0"}],
            "tags": {f"kubernetes.io/cluster/{CLUSTER}": "owned"},
        }
    },
    "network_interfaces": {
        "eni-0c2d00000000000a0": {
            "port": "node-1",
            "subnet": "private-1a",
            "private_ips": ["10.0.10.10", *(f"10.0.10.{20 + number}" for number in range(8))],
            "security_groups": ["nodes"],
        },
        "eni-0c2d00000000000b0": {
            "port": "node-2",
            "subnet": "private-1b",
            "private_ips": ["10.0.11.10", *(f"10.0.11.{20 + number}" for number in range(8))],
            "security_groups": ["nodes"],
        },
    },
    "instances": {
        "node-1": {"instance_id": "i-0c2d00000000000a1", "instance_type": "m5.4xlarge"},
        "node-2": {"instance_id": "i-0c2d00000000000b1", "instance_type": "m5.4xlarge"},
    },
}


class Played(Element):
    """An element without a network."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")


class PlayedVpc(Played):
    """Hands its config over, and the edge's, and is always up to date."""

    async def start(self) -> None:
        from actors.vpc import Config

        config = Config.model_validate(VPC).model_dump(mode="json")
        await self.context.call("aws-api", "adopt_vpc", vpc=self.context.name, config=config)
        edge = {"edge": "aws-edge", "announces": ["198.51.100.0/24"], "elastic_ips": {}}
        await self.context.call("aws-api", "adopt_edge", **edge)

    async def call_caught_up(self, revision: int) -> None:
        """There is nothing to do."""


class PlayedNode(Played):
    """Says of every target that it is healthy, or what `sick` has of it; `items` are what AWS tells a node."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.sick: dict[str, Object] = {}
        self.items: Object = {}

    async def start(self) -> None:
        self.context.spawn(
            follow(self.context, "aws-api", f"load-balancer-node/{self.context.name}", self._changed),
            "follow",
        )

    def _changed(self, items: Object, keys: set[str]) -> None:
        self.items = items

    async def call_describe_target_health(
        self,
        target_group: str,
        targets: list[Object] | None = None,
        include_anomaly_detection: bool = False,
    ) -> Object:
        known = [
            {"Id": each["id"], "Port": each["port"]} for each in self.items.get(f"targets/{target_group}", ())
        ]
        return {
            "TargetHealthDescriptions": [
                {"Target": each, "TargetHealth": self.sick.get(each["Id"], {"State": "healthy"})}
                for each in known
                if targets is None or each in targets
            ]
        }


class Tester(Played):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.kube = KubeClient(context, "kube-api", "tester")
        self.aws = AwsClient(context, "aws-api", "tester")


class PlayedAcm:
    """Certificates that were issued, until ACM itself is there."""

    name = "acm"

    def __init__(self, domains: list[str]) -> None:
        self.domains = {_certificate(domain): domain for domain in domains}
        self.operations = {"ListCertificates": self._list, "DescribeCertificate": self._describe}

    def _list(self, parameters: Object) -> Object:
        return {"CertificateSummaryList": [{"CertificateArn": arn} for arn in self.domains]}

    def _describe(self, parameters: Object) -> Object:
        arn = parameters["CertificateArn"]
        return {"Certificate": {"CertificateArn": arn, "DomainName": self.domains[arn]}}


def _certificate(domain: str) -> str:
    return f"arn:aws:acm:eu-west-1:123456789012:certificate/{uuid5(NAMESPACE_DNS, domain)}"


class World:
    """Two nodes of the cluster with room for pods, two load balancer nodes in stock, and the controller."""

    def __init__(
        self, *, seed: int = 1, certificates: tuple[str, ...] = ("web.example",), **api: Any
    ) -> None:
        self.net = VirtualNetwork(seed=seed)
        delays = {"load_balancer_provisioning": "2s", "target_registration": "100ms", "configuration": "50ms"}
        latency = {service: {"default": "5ms"} for service in ("elbv2", "ec2", "acm")}
        config = {
            "load_balancer_nodes": ZONES,
            "certificates": list(certificates),
            "control_plane": {"delays": delays, "latency": latency},
        }
        self.certificates = list(certificates)
        self.net.add("aws-api", "aws_api", config)
        self.net.add("kube-api", "kube_api", api)
        self.net.add_element("vpc", PlayedVpc)
        for node in ZONES:
            self.net.add_element(node, PlayedNode)
        self.net.add_element("tester", Tester)
        self.net.add("alb-controller", "alb_controller", {"cluster_name": CLUSTER})

    @property
    def kube(self) -> KubeClient:
        return self.net.element("tester").kube

    async def aws(self, service: str, operation: str, **parameters: Any) -> Object:
        found: Object = await self.net.element("tester").aws.request(service, operation, **parameters)
        return found

    async def prepare(self) -> None:
        services = self.net.element("aws-api").plane.services
        if "acm" not in services:
            services["acm"] = PlayedAcm(self.certificates)
        for number, zone in ((1, "a"), (2, "b")):
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node-{number}"}}
            provider = f"aws:///eu-west-1{zone}/i-0c2d00000000000{zone}1"
            await self.kube.create("Node", {**node, "spec": {"providerID": provider}})
            status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            await self.kube.patch("Node", f"node-{number}", status, subresource="status")
        await self.kube.create("IngressClass", ingress_class())

    async def settled(self) -> bool:
        try:
            return bool(await self.net.host("tester").call("alb-controller", "settled"))
        except CallFailed:  # it was killed
            return False

    async def settle(self, limit_s: float = 60) -> None:
        waited_s = 0.0
        while waited_s < limit_s:
            await asyncio.sleep(0.02)
            waited_s += 0.02
            if await self.settled():
                return
        raise AssertionError(f"never settled: {self.net.element('alb-controller').inspect()}")

    async def events(self, name: str = "") -> list[tuple[str, str, str]]:
        await asyncio.sleep(0.1)
        events = (await self.kube.list("Event")).items
        return [
            (each["type"], each["reason"], each["message"])
            for each in events
            if name in ("", each["involvedObject"]["name"])
        ]

    # ---- the cluster ---------------------------------------------------------------------------------------

    async def serve(self, name: str = "web", pods: int = 2, **spec: Any) -> None:
        """A Service with so many ready pods."""
        await self.kube.create("Service", service(name, **spec))
        for number in range(pods):
            await self.pod(f"{name}-{number}", number)
        await self.put_slice(name)

    async def pod(self, name: str, number: int, *, ready: bool = True, **metadata: Any) -> Object:
        app = name.rpartition("-")[0]
        try:
            await self.kube.create("Pod", pod(name, app, f"node-{1 + number % 2}"))
        except ApiError as error:
            if error.code != 409:
                raise
        address = f"10.0.{10 + number % 2}.{20 + number // 2}"
        conditions = [{"type": "ContainersReady", "status": "True"}]
        conditions += [{"type": "Ready", "status": "True"}] if ready else []
        status = {"phase": "Running", "podIP": address, "conditions": conditions}
        return await self.kube.patch("Pod", name, {"status": status}, "default", subresource="status")

    async def put_slice(self, name: str = "web", terminating: tuple[str, ...] = ()) -> None:
        """What the endpoint slice controller would make of the pods that there are."""
        pods = (await self.kube.list("Pod", "default", label_selector=f"app={name}")).items
        endpoints = [_endpoint(each, each["metadata"]["name"] in terminating) for each in pods]
        value = slice_of(name, endpoints)
        try:
            await self.kube.create("EndpointSlice", value)
        except ApiError as error:
            if error.code != 409:
                raise
            await self.kube.patch("EndpointSlice", f"{name}-abcde", {"endpoints": endpoints}, "default")

    # ---- AWS -----------------------------------------------------------------------------------------------

    async def load_balancers(self) -> list[Object]:
        found: list[Object] = (await self.aws("elbv2", "DescribeLoadBalancers"))["LoadBalancers"]
        return found

    async def target_groups(self) -> list[Object]:
        found: list[Object] = (await self.aws("elbv2", "DescribeTargetGroups"))["TargetGroups"]
        return found

    async def security_groups(self) -> dict[str, Object]:
        answer = await self.aws("ec2", "DescribeSecurityGroups")
        return {each["GroupName"]: each for each in answer["SecurityGroups"]}

    async def targets(self) -> dict[str, str]:
        """States by address, of all target groups."""
        found = {}
        for group in await self.target_groups():
            answer = await self.aws("elbv2", "DescribeTargetHealth", TargetGroupArn=group["TargetGroupArn"])
            for each in answer["TargetHealthDescriptions"]:
                found[each["Target"]["Id"]] = each["TargetHealth"]["State"]
        return found

    async def picture(self) -> Object:
        """All that the controller may have made, without what depends on when it was made."""
        listeners = {}
        for load_balancer in await self.load_balancers():
            answer = await self.aws(
                "elbv2", "DescribeListeners", LoadBalancerArn=load_balancer["LoadBalancerArn"]
            )
            for each in answer["Listeners"]:
                rules = await self.aws("elbv2", "DescribeRules", ListenerArn=each["ListenerArn"])
                listeners[f"{load_balancer['LoadBalancerName']}:{each['Port']}"] = [
                    (rule["Priority"], str(rule["Conditions"]), rule["Actions"][0]["Type"])
                    for rule in rules["Rules"]
                ]
        groups = await self.security_groups()
        bindings = (await self.kube.list("TargetGroupBinding")).items
        ingresses = (await self.kube.list("Ingress")).items
        return {
            "load_balancers": sorted(each["LoadBalancerName"] for each in await self.load_balancers()),
            "listeners": listeners,
            "target_groups": sorted(each["TargetGroupName"] for each in await self.target_groups()),
            "targets": sorted(
                address for address, state in (await self.targets()).items() if state != "draining"
            ),
            "security_groups": {name: _rules(group, groups) for name, group in sorted(groups.items())},
            "bindings": sorted(each["metadata"]["name"] for each in bindings),
            "ingresses": [
                (each["metadata"]["name"], each["metadata"].get("finalizers"), each.get("status"))
                for each in ingresses
            ],
        }


def _rules(group: Object, groups: dict[str, Object]) -> list[str]:
    names = {each["GroupId"]: name for name, each in groups.items()}
    found = []
    for each in group["IpPermissions"]:
        peers = [block["CidrIp"] for block in each.get("IpRanges") or ()]
        peers += [names[pair["GroupId"]] for pair in each.get("UserIdGroupPairs") or ()]
        found += [f"{each['IpProtocol']} {each.get('FromPort')} {peer}" for peer in peers]
    return sorted(found)


def ingress_class(name: str = "alb", **spec: Any) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name},
        "spec": {"controller": "ingress.k8s.aws/alb", **spec},
    }


def service(name: str, **spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def pod(name: str, app: str, node: str) -> Object:
    containers = [{"name": "web", "image": "nginx:1.27", "ports": [{"name": "http", "containerPort": 80}]}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": app}},
        "spec": {"nodeName": node, "containers": containers},
    }


def slice_of(name: str, endpoints: list[Object]) -> Object:
    labels = {"kubernetes.io/service-name": name}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-abcde", "namespace": "default", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        "endpoints": endpoints,
    }


def _endpoint(value: Object, terminating: bool) -> Object:
    conditions = {each["type"]: each["status"] for each in value["status"]["conditions"]}
    is_ready = conditions.get("Ready") == "True" and not terminating
    name = value["metadata"]["name"]
    return {
        "addresses": [value["status"]["podIP"]],
        "conditions": {"ready": is_ready, "serving": is_ready, "terminating": terminating},
        "targetRef": {"kind": "Pod", "namespace": "default", "name": name},
        "nodeName": value["spec"]["nodeName"],
    }


def ingress(name: str = "web", host: str = "web.example", **annotations: str) -> Object:
    """Annotations by suffix, with `_` for `-`; `__` is a dot."""
    said = {"scheme": "internet-facing", "target_type": "ip", **annotations}
    prefix = "alb.ingress.kubernetes.io/"
    path = {
        "path": "/",
        "pathType": "Prefix",
        "backend": {"service": {"name": name, "port": {"name": "http"}}},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "default",
            "annotations": {
                prefix + key.replace("__", ".").replace("_", "-"): value for key, value in said.items()
            },
        },
        "spec": {"ingressClassName": "alb", "rules": [{"host": host, "http": {"paths": [path]}}]},
    }


def play(story: Callable[[World], Awaitable[None]], **config: Any) -> World:
    world = World(**config)

    async def prepare_and_tell() -> None:
        await world.prepare()
        await story(world)

    world.net.run(prepare_and_tell())
    return world
