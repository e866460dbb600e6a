"""What AWS's control plane tells a node, item by item of its topic: checked, and in the words that the node works with.

`parse` raises ValueError (pydantic's is one) for a document that cannot be carried out; it says where and why.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from actors.parts.load_balancer.attributes import LoadBalancerAttributes, TargetGroupAttributes
from actors.parts.load_balancer.tls import POLICIES
from actors.protocols.balancing import TargetId
from actors.protocols.health_check import Matcher, Settings
from actors.protocols.listener_rules import ListenerRules, Rule
from actors.protocols.listener_rules.documents import rule_of
from actors.units import SECOND
from actors.wire.addresses import InterfaceAddress, ip_bytes


class Document(BaseModel):
    """Keys that a node has no use for are passed over: AWS adds some every year."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _interface_address(text: str) -> str:
    InterfaceAddress.parse(text)
    return text


def _address(text: str) -> str:
    ip_bytes(text)
    return text


def _matcher(text: str) -> str:
    Matcher(text)
    return text


def _grpc_matcher(text: str) -> str:
    Matcher(text, grpc=True)
    return text


Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, AfterValidator(_address)]


class Interface(Document):
    """The ENI that the node has in one of the load balancer's subnets."""

    eni: str
    address: Annotated[str, AfterValidator(_interface_address)]
    gateway: Address
    public_ip: str | None = None


class LoadBalancer(Document):
    """The load balancer that the node serves."""

    arn: str
    name: str
    id: str
    dns_name: str
    availability_zones: tuple[str, ...] = ()
    attributes: LoadBalancerAttributes = LoadBalancerAttributes()


class Certificate(Document):
    """A certificate of ACM: `certs/<domain>.pem` in the run directory is what it holds."""

    arn: str
    domain: str = Field(pattern=r"^[A-Za-z0-9*][A-Za-z0-9*.-]*$")


class Listener(Document):
    """A port that clients connect to, and what becomes of their requests."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    arn: str
    port: Port
    protocol: Literal["HTTP", "HTTPS"]
    ssl_policy: str | None = None
    certificates: tuple[Certificate, ...] = ()
    attributes: dict[str, str] = {}
    rules: tuple[dict[str, Any], ...]

    @model_validator(mode="after")
    def _usable(self) -> "Listener":
        if self.protocol == "HTTPS":
            if not self.certificates:
                raise ValueError("an HTTPS listener needs certificates")
            if self.ssl_policy not in POLICIES:
                raise ValueError(f"there is no security policy {self.ssl_policy!r}")
        self.compiled()
        return self

    def compiled(self) -> ListenerRules:
        """Its rules, of which one is the default."""
        rules: list[Rule] = [rule_of(each) for each in self.rules]
        defaults = [rule for rule in rules if not rule.priority]
        if len(defaults) != 1:
            raise ValueError(f"a listener has one default rule, not {len(defaults)}")
        others = [rule for rule in rules if rule.priority]
        return ListenerRules(others, defaults[0].action, defaults[0].arn)


class Codes(Document):
    """Which codes pass: HTTP's, or gRPC's for targets that speak that."""

    HttpCode: Annotated[str, AfterValidator(_matcher)] = "200"
    GrpcCode: Annotated[str, AfterValidator(_grpc_matcher)] = "12"


class HealthCheck(Document):
    """How targets are probed, in AWS's shape, with AWS's defaults for an ALB."""

    HealthCheckProtocol: Literal["HTTP", "HTTPS"] = "HTTP"
    HealthCheckPort: Literal["traffic-port"] | Port = "traffic-port"
    HealthCheckPath: str = Field(default="/", max_length=1024, pattern=r"^/[!-~]*$")
    HealthCheckIntervalSeconds: int = Field(default=30, ge=5, le=300)
    HealthCheckTimeoutSeconds: int = Field(default=5, ge=2, le=120)
    HealthyThresholdCount: int = Field(default=5, ge=2, le=10)
    UnhealthyThresholdCount: int = Field(default=2, ge=2, le=10)
    Matcher: Codes = Codes()

    def settings(self) -> Settings:
        return Settings(
            self.HealthCheckIntervalSeconds * SECOND,
            self.HealthCheckTimeoutSeconds * SECOND,
            self.HealthyThresholdCount,
            self.UnhealthyThresholdCount,
        )


class TargetGroup(Document):
    """Targets that share requests, how they are spoken to and how they are checked."""

    arn: str
    name: str
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] = "HTTP1"
    port: Port = 80
    target_type: Literal["ip", "instance"] = "ip"
    health_check: HealthCheck = HealthCheck()
    attributes: TargetGroupAttributes = TargetGroupAttributes()


class Target(Document):
    """A registered target; an instance's `address` is that of its primary interface."""

    id: str
    port: Port
    address: Address
    availability_zone: str = "all"

    def key(self) -> TargetId:
        return TargetId(ip_bytes(self.address), self.port)


_KINDS: dict[str, TypeAdapter[Any]] = {
    "interface": TypeAdapter(Interface),
    "load-balancer": TypeAdapter(LoadBalancer),
    "listener": TypeAdapter(Listener),
    "target-group": TypeAdapter(TargetGroup),
    "targets": TypeAdapter(tuple[Target, ...]),
}


def parse(key: str, value: Any) -> Any:
    """The document under a key such as `listener/<arn>`: one of the classes above, or a tuple of targets."""
    kind = key.partition("/")[0]
    if kind not in _KINDS:
        raise ValueError(f"there is no document {kind!r}")
    return _KINDS[kind].validate_python(value)
