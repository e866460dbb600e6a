"""What a group of Ingresses wants AWS to have, in the shapes that the API takes.

Things that AWS has yet to name are referred to by `Ref`, which the deployer puts the name in the place of.
"""

from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

CLUSTER_TAG = "elbv2.k8s.aws/cluster"
STACK_TAG = "ingress.k8s.aws/stack"
RESOURCE_TAG = "ingress.k8s.aws/resource"
BACKEND_TAG = "elbv2.k8s.aws/resource"
BACKEND = "backend-sg"
MANAGED = "ManagedLBSecurityGroup"


@dataclass(frozen=True)
class Ref:
    """A target group's ARN (by its resource id) or a security group's id (`MANAGED`, `BACKEND`)."""

    id: str


@dataclass(frozen=True)
class SecurityGroup:
    """The one that lets clients in; `permissions` are IpPermissions."""

    name: str
    description: str
    permissions: list[Object]
    tags: dict[str, str]


@dataclass(frozen=True)
class TargetGroup:
    """A target group, and the binding that fills it."""

    id: str
    """`namespace/ingress-service:port`."""
    parameters: Object
    """Of CreateTargetGroup, without tags and VPC."""
    attributes: dict[str, str]
    tags: dict[str, str]
    namespace: str
    """Of the Service, where the binding lies too."""
    binding: Object
    """The binding's spec without the target group's ARN; `networking` peers may be a `Ref`."""


@dataclass(frozen=True)
class Rule:
    priority: int
    conditions: list[Object]
    actions: list[Object]
    tags: dict[str, str]
    transforms: list[Object] = field(default_factory=list)


@dataclass(frozen=True)
class Listener:
    port: int
    protocol: str
    default_actions: list[Object]
    rules: list[Rule]
    tags: dict[str, str]
    certificates: list[str] = field(default_factory=list)
    """ARNs; the first is the default certificate."""
    ssl_policy: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadBalancer:
    name: str
    scheme: str
    subnets: list[str]
    security_groups: list[str | Ref]
    attributes: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Stack:
    """Everything of one group. One without a load balancer has nothing: all that there is of it is to go."""

    id: str
    load_balancer: LoadBalancer | None = None
    security_group: SecurityGroup | None = None
    uses_backend_group: bool = False
    listeners: tuple[Listener, ...] = ()
    target_groups: tuple[TargetGroup, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the engine is told of AWS: the answers' items, as AWS gives them."""

    vpc_id: str
    cluster: str
    subnets: list[Object]
    security_groups: list[Object]
    certificates: dict[str, list[str]]
    """Domains by ARN."""
    default_tags: dict[str, str] = field(default_factory=dict)
