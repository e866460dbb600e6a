"""Elastic Load Balancing with tables in memory, two zones, and an EC2 that does what it is asked."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from actors.parts.aws_api.models import model
from actors.parts.load_balancer.documents import parse
from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.engine import Delays, Engine
from actors.protocols.elbv2.state import State
from actors.protocols.elbv2.world import Instance, Subnet, World
from actors.units import SECOND

REGION, ACCOUNT = "eu-west-1", "123456789012"
VPC = "vpc-0123456789abcdef0"
A, B = "subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"
GROUP = "sg-0123456789abcdef0"
DEFAULT_GROUP = "sg-0ddddddddddddddd"
INSTANCE = "i-0123456789abcdef0"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"
OTHER_CERTIFICATE = CERTIFICATE.replace("11111111", "99999999")
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
DELAYS = Delays(provisioning_ns=60 * SECOND, registration_ns=10 * SECOND, deregistration_ns=5 * SECOND)
START_NS = 1_767_225_600 * SECOND


class MemoryTable:
    """A table that hands out copies, as one on disk does."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def items(self) -> Iterable[tuple[str, Any]]:
        return [(key, copy.deepcopy(value)) for key, value in self.values.items()]

    def get(self, key: str) -> Any:
        return copy.deepcopy(self.values.get(key))

    def put(self, key: str, value: Any) -> None:
        self.values[key] = copy.deepcopy(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class MemoryTables:
    def __init__(self) -> None:
        self.tables: dict[str, MemoryTable] = {}

    def table(self, name: str) -> MemoryTable:
        return self.tables.setdefault(name, MemoryTable())

    def values(self) -> dict[str, Any]:
        return {name: copy.deepcopy(table.values) for name, table in self.tables.items()}


class FakeNetwork:
    """A VPC 10.0.0.0/16 with a subnet in each of two zones, and a third subnet in the second zone."""

    def __init__(self) -> None:
        self.subnets = {
            A: Subnet(A, VPC, "eu-west-1a", 100),
            B: Subnet(B, VPC, "eu-west-1b", 100),
            "subnet-full": Subnet("subnet-full", VPC, "eu-west-1b", 7),
            "subnet-c": Subnet("subnet-c", VPC, "eu-west-1c", 100),
            "subnet-elsewhere": Subnet("subnet-elsewhere", "vpc-other", "eu-west-1b", 100),
        }
        self.internet_gateway = True
        self.interfaces: dict[str, dict[str, Any]] = {}
        self._made = 0

    def subnet(self, subnet_id: str) -> Subnet | None:
        return self.subnets.get(subnet_id)

    def vpc_exists(self, vpc_id: str) -> bool:
        return vpc_id in (VPC, "vpc-other")

    def has_internet_gateway(self, vpc_id: str) -> bool:
        return self.internet_gateway

    def is_group_of(self, group_id: str, vpc_id: str) -> bool:
        return vpc_id == VPC and group_id in (GROUP, DEFAULT_GROUP)

    def default_security_group(self, vpc_id: str) -> str:
        return DEFAULT_GROUP

    def zone_of(self, vpc_id: str, address: str) -> str | None:
        if not address.startswith("10.0."):
            return None
        return "eu-west-1b" if address.startswith("10.0.11.") else "eu-west-1a"

    def instance(self, instance_id: str) -> Instance | None:
        return Instance(INSTANCE, VPC, "eu-west-1a", "10.0.10.5") if instance_id == INSTANCE else None

    def create_interface(
        self, *, subnet_id: str, groups: Sequence[str], port: str, description: str, public: bool
    ) -> dict[str, Any]:
        self._made += 1
        eni = f"eni-{self._made}"
        interface = {"eni": eni, "address": f"10.0.{self._made}.10/24", "gateway": f"10.0.{self._made}.1"}
        if public:
            interface["public_ip"] = f"198.51.100.{self._made}"
        self.interfaces[eni] = {"groups": list(groups), "port": port, "description": description}
        return interface

    def release_interface(self, eni: str) -> None:
        self.interfaces.pop(eni, None)

    def set_groups(self, eni: str, groups: Sequence[str]) -> None:
        self.interfaces[eni]["groups"] = list(groups)


class FakeCertificates:
    def domain(self, arn: str) -> str | None:
        return {CERTIFICATE: "example.com", OTHER_CERTIFICATE: "example.org"}.get(arn)


POLICIES = {
    name: {
        "Name": name,
        "SslProtocols": ["TLSv1.2"],
        "Ciphers": [],
        "SupportedLoadBalancerTypes": ["application"],
    }
    for name in (POLICY, "ELBSecurityPolicy-2016-08")
}


TYPES = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": str,
    "list": list,
    "structure": dict,
}


def faults(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What in an answer is not as the shape has it."""
    if not isinstance(value, TYPES[shape.type_name]):
        yield f"{where} is {value!r}, not a {shape.type_name}"
    elif shape.type_name == "structure":
        for member, inner in value.items():
            if member not in shape.members:
                yield f"{where} has {member!r}"
            else:
                yield from faults(shape.members[member], inner, f"{where}.{member}")
    elif shape.type_name == "list":
        for each in value:
            yield from faults(shape.member, each, where)


class Bed:
    """The engine with a clock of its own; `ask` is a request, `refused` one that must be."""

    def __init__(self, tables: MemoryTables | None = None, nodes: dict[str, str] | None = None) -> None:
        self.tables = tables or MemoryTables()
        self.network = FakeNetwork()
        self.now_ns = START_NS
        stock = nodes or {"alb-1a": "eu-west-1a", "alb-1b": "eu-west-1b"}
        self.world = World(self.network, FakeCertificates(), stock, POLICIES)
        state = State(self.tables, REGION, ACCOUNT)
        self.engine = Engine(state, self.world, DELAYS, lambda ns: f"at {(ns - START_NS) // SECOND} s")

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer, which has the operation's shape; a refusal has one of its errors."""
        shape = model("elbv2").operation(operation)
        assert shape is not None
        try:
            answer = self.engine.handle(operation, parameters, self.now_ns)
        except AwsError as error:
            assert error.code in {"ValidationError", *(each.error_code for each in shape.error_shapes)}, error
            raise
        for fault in faults(shape.output_shape, answer, operation):
            raise AssertionError(fault)
        return answer

    def refused(self, operation: str, **parameters: Any) -> tuple[str, str]:
        """Code and message of the refusal; nothing has changed."""
        before = self.tables.values()
        with pytest.raises(AwsError) as caught:
            self.ask(operation, **parameters)
        assert self.tables.values() == before
        return caught.value.code, caught.value.message

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND)
        self.engine.on_deadline(self.now_ns)
        self.check_documents()

    def check_documents(self) -> None:
        """Nodes understand what they are told."""
        for items in self.engine.documents.of_nodes().values():
            for key, value in {**items, **self.engine.documents.targets(items, self.now_ns)}.items():
                parse(key, value)

    # ---- things --------------------------------------------------------------------------------------------

    def load_balancer(self, name: str = "web", **parameters: Any) -> str:
        wanted = {"Name": name, "Subnets": [A, B], "SecurityGroups": [GROUP], **parameters}
        arn: str = self.ask("CreateLoadBalancer", **wanted)["LoadBalancers"][0]["LoadBalancerArn"]
        return arn

    def group(self, name: str = "pods", **parameters: Any) -> str:
        wanted = {
            "Name": name,
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": VPC,
            "TargetType": "ip",
            **parameters,
        }
        arn: str = self.ask("CreateTargetGroup", **wanted)["TargetGroups"][0]["TargetGroupArn"]
        return arn

    def listener(self, load_balancer: str, action: dict[str, Any], port: int = 80, **parameters: Any) -> str:
        wanted = {
            "LoadBalancerArn": load_balancer,
            "Protocol": "HTTP",
            "Port": port,
            "DefaultActions": [action],
        }
        arn: str = self.ask("CreateListener", **{**wanted, **parameters})["Listeners"][0]["ListenerArn"]
        return arn

    def rule(self, listener: str, priority: int, action: dict[str, Any], path: str = "/a") -> str:
        answer = self.ask(
            "CreateRule",
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [path]}],
            Actions=[action],
        )
        arn: str = answer["Rules"][0]["RuleArn"]
        return arn

    def health(self, group: str, *heard: dict[str, Any], **parameters: Any) -> list[dict[str, Any]]:
        """What DescribeTargetHealth answers when the nodes say this."""
        question = self.engine.targets.ask({"TargetGroupArn": group, **parameters}, self.now_ns)
        answer = self.engine.targets.answer(question, heard, self.now_ns)
        found: list[dict[str, Any]] = answer["TargetHealthDescriptions"]
        return found


def forward(*groups: str) -> dict[str, Any]:
    if len(groups) == 1:
        return {"Type": "forward", "TargetGroupArn": groups[0]}
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn} for arn in groups]}}


def fixed(code: str = "404") -> dict[str, Any]:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": code}}


def said(identity: str, port: int, state: str, reason: str = "") -> dict[str, Any]:
    """What a node answers of one target."""
    health = {"State": state, **({"Reason": reason, "Description": "so it is"} if reason else {})}
    return {"TargetHealthDescriptions": [{"Target": {"Id": identity, "Port": port}, "TargetHealth": health}]}
