"""An ALB node's config, in AWS's words: attributes, listeners, rules, target groups, with AWS's ranges and defaults."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from actors.config_fields import Address, AddressWithMask, Part, fault, unknown
from actors.element import CertificateName, Claim, ElementConfig
from actors.load_balancer.tls import POLICIES
from actors.protocols.balancing import ALGORITHMS, TargetId
from actors.protocols.health_check import Matcher, Settings
from actors.protocols.listener_rules import Action, Condition, FixedResponse, Forward, Rule
from actors.units import SECOND, Duration
from actors.wire.addresses import InterfaceAddress, ip_bytes, ip_text


def _between(low_s: int, high_s: int) -> AfterValidator:
    def check(value_ns: int) -> int:
        if not low_s * SECOND <= value_ns <= high_s * SECOND:
            raise ValueError(f"must lie between {low_s}s and {high_s}s")
        return value_ns

    return AfterValidator(check)


def _known(names: Iterable[str], what: str) -> AfterValidator:
    choices = list(names)

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(unknown(what, value, choices))
        return value

    return AfterValidator(check)


def _matcher(text: str) -> str:
    Matcher(text)
    return text


PortNumber = Annotated[int, Field(ge=1, le=65535)]


class InterfaceSection(Part):
    """The ENI that AWS made for this node."""

    eni: str = Field(min_length=1)
    address: AddressWithMask
    gateway: Address


class LoadBalancerAttributes(Part):
    """ModifyLoadBalancerAttributes, by AWS's keys."""

    idle_timeout_s: int = Field(default=60, alias="idle_timeout.timeout_seconds", ge=1, le=4000)
    client_keep_alive_s: int = Field(default=3600, alias="client_keep_alive.seconds", ge=60, le=604_800)
    preserve_host: bool = Field(default=False, alias="routing.http.preserve_host_header.enabled")
    xff_client_port: bool = Field(default=False, alias="routing.http.xff_client_port.enabled")
    xff_mode: Literal["append", "preserve", "remove"] = Field(
        default="append", alias="routing.http.xff_header_processing.mode"
    )


class TargetGroupAttributes(Part):
    """ModifyTargetGroupAttributes, by AWS's keys."""

    algorithm: Annotated[str, _known(ALGORITHMS, "algorithm")] = Field(
        default="round_robin", alias="load_balancing.algorithm.type"
    )
    deregistration_delay_s: int = Field(
        default=300, alias="deregistration_delay.timeout_seconds", ge=0, le=3600
    )
    minimum_healthy_count: int = Field(
        default=1, alias="target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", ge=1
    )
    minimum_healthy_percentage: Literal["off"] | Annotated[int, Field(ge=1, le=100)] = Field(
        default="off", alias="target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
    )


class HealthCheckSection(Part):
    path: str = Field(default="/", max_length=1024, pattern=r"^/[!-~]*$")
    port: Literal["traffic-port"] | PortNumber = "traffic-port"
    interval: Annotated[Duration, _between(5, 300)] = 30 * SECOND
    timeout: Annotated[Duration, _between(2, 120)] = 5 * SECOND
    healthy_threshold: int = Field(default=5, ge=2, le=10)
    unhealthy_threshold: int = Field(default=2, ge=2, le=10)
    matcher: Annotated[str, AfterValidator(_matcher)] = "200"

    @model_validator(mode="after")
    def _timeout_is_shorter(self) -> "HealthCheckSection":
        if self.timeout >= self.interval:
            raise ValueError("timeout must be shorter than interval")
        return self

    def settings(self) -> Settings:
        return Settings(self.interval, self.timeout, self.healthy_threshold, self.unhealthy_threshold)


class TargetSection(Part):
    id: Address
    port: PortNumber

    def target_id(self) -> TargetId:
        return TargetId(ip_bytes(self.id), self.port)


class TargetGroupSection(Part):
    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$")
    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    protocol: Literal["HTTP"] = "HTTP"
    port: PortNumber = 80
    target_type: Literal["ip"] = "ip"
    attributes: TargetGroupAttributes = TargetGroupAttributes()
    health_check: HealthCheckSection = HealthCheckSection()
    targets: tuple[TargetSection, ...] = Field(default=(), max_length=1000)


class ForwardSection(Part):
    type: Literal["forward"]
    target_group: str

    def action(self) -> Action:
        return Forward(self.target_group)


class FixedResponseSection(Part):
    type: Literal["fixed-response"]
    status_code: Annotated[int, Field(ge=200, le=599)]
    content_type: Literal[
        "text/plain", "text/css", "text/html", "application/javascript", "application/json"
    ] = "text/plain"
    message_body: str = Field(default="", max_length=1024)

    @model_validator(mode="after")
    def _not_a_redirect(self) -> "FixedResponseSection":
        if 300 <= self.status_code < 400:
            raise ValueError("status_code must be 2XX, 4XX or 5XX")
        return self

    def action(self) -> Action:
        return FixedResponse(self.status_code, self.content_type, self.message_body.encode())


ActionSection = Annotated[ForwardSection | FixedResponseSection, Field(discriminator="type")]


class ConditionSection(Part):
    field: Literal["path-pattern", "host-header"]
    values: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(
        min_length=1, max_length=5
    )

    def condition(self) -> Condition:
        return Condition(self.field, self.values)


class RuleSection(Part):
    priority: int = Field(ge=1, le=50_000)
    conditions: tuple[ConditionSection, ...] = Field(min_length=1)
    action: ActionSection

    @model_validator(mode="after")
    def _within_limits(self) -> "RuleSection":
        fields = [condition.field for condition in self.conditions]
        if len(set(fields)) < len(fields):
            raise ValueError("a rule has at most one condition of each field")
        if sum(len(condition.values) for condition in self.conditions) > 5:
            raise ValueError("a rule has at most 5 condition values")
        return self

    def rule(self) -> Rule:
        return Rule(self.priority, tuple(each.condition() for each in self.conditions), self.action.action())


class ListenerSection(Part):
    port: PortNumber
    protocol: Literal["HTTP", "HTTPS"]
    ssl_policy: Annotated[str, _known(POLICIES, "security policy")] = "ELBSecurityPolicy-2016-08"
    certificates: tuple[CertificateName, ...] = ()
    rules: tuple[RuleSection, ...] = Field(default=(), max_length=100)
    default_action: ActionSection

    @model_validator(mode="after")
    def _consistent(self) -> "ListenerSection":
        if self.protocol == "HTTPS" and not self.certificates:
            raise ValueError("an HTTPS listener needs certificates")
        if self.protocol == "HTTP" and (self.certificates or "ssl_policy" in self.model_fields_set):
            raise ValueError("an HTTP listener has neither certificates nor ssl_policy")
        priorities = [rule.priority for rule in self.rules]
        for priority in priorities:
            if priorities.count(priority) > 1:
                raise ValueError(f"two rules have priority {priority}")
        return self

    def actions(self) -> Iterable[tuple[tuple[str | int, ...], ForwardSection | FixedResponseSection]]:
        """Every action with the path to it inside the listener."""
        yield ("default_action",), self.default_action
        for number, rule in enumerate(self.rules):
            yield ("rules", number, "action"), rule.action


class LoadBalancerSection(Part):
    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$")
    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    dns_name: str = Field(pattern=r"^[A-Za-z0-9.-]+$")
    attributes: LoadBalancerAttributes = LoadBalancerAttributes()
    listeners: tuple[ListenerSection, ...] = Field(min_length=1, max_length=50)
    target_groups: dict[str, TargetGroupSection] = Field(default={}, max_length=100)

    @model_validator(mode="after")
    def _consistent(self) -> "LoadBalancerSection":
        ports = [listener.port for listener in self.listeners]
        if len(set(ports)) < len(ports):
            raise ValueError("two listeners have the same port")
        for number, listener in enumerate(self.listeners):
            for where, action in listener.actions():
                if isinstance(action, ForwardSection) and action.target_group not in self.target_groups:
                    raise fault(
                        ("listeners", number, *where, "target_group"),
                        unknown("target group", action.target_group, self.target_groups),
                    )
        return self


class AlbConfig(ElementConfig):
    """One node of a load balancer, in one availability zone."""

    availability_zone: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")
    interface: InterfaceSection
    load_balancer: LoadBalancerSection

    @property
    def region(self) -> str:
        return self.availability_zone[:-1]

    def port_names(self) -> Iterable[str]:
        return ("eth0",)

    def claims(self) -> Iterable[Claim]:
        address = InterfaceAddress.parse(self.interface.address).address
        yield Claim("address", ip_text(address), ("interface", "address"))
