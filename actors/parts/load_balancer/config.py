"""An ALB node's config, in AWS's words: attributes, listeners, rules, target groups, with AWS's ranges and defaults."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from actors.element import CertificateName, Claim, ElementConfig
from actors.parts.config_fields import Address, Part, Uplink, fault, unknown
from actors.parts.load_balancer.tls import POLICIES
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


class InterfaceSection(Uplink):
    """The ENI that AWS made for this node; its gateway is the VPC's router, the first address of the subnet."""

    eni: str = Field(min_length=1, description="its id, as in the VPC's network_interfaces")


class LoadBalancerAttributes(Part):
    """ModifyLoadBalancerAttributes, by AWS's keys."""

    idle_timeout_s: int = Field(
        default=60,
        alias="idle_timeout.timeout_seconds",
        ge=1,
        le=4000,
        description="a client's or target's connection that is silent for so long is closed",
    )
    client_keep_alive_s: int = Field(
        default=3600,
        alias="client_keep_alive.seconds",
        ge=60,
        le=604_800,
        description="a client's connection is closed after the first request past this age",
    )
    preserve_host: bool = Field(
        default=False,
        alias="routing.http.preserve_host_header.enabled",
        description="send targets the Host header as it came",
    )
    xff_client_port: bool = Field(
        default=False,
        alias="routing.http.xff_client_port.enabled",
        description="add the client's port to X-Forwarded-For",
    )
    xff_mode: Literal["append", "preserve", "remove"] = Field(
        default="append",
        alias="routing.http.xff_header_processing.mode",
        description="what becomes of an X-Forwarded-For that the client sent",
    )

    http2: bool = Field(
        default=True, alias="routing.http2.enabled", description="offer HTTP/2 to clients of HTTPS listeners"
    )
    drop_invalid_header_fields: bool = Field(
        default=False,
        alias="routing.http.drop_invalid_header_fields.enabled",
        description="drop fields whose names have more than letters, digits and hyphens",
    )
    desync_mitigation: Literal["monitor", "defensive", "strictest"] = Field(
        default="defensive",
        alias="routing.http.desync_mitigation_mode",
        description="which requests that servers may read differently are refused",
    )
    tls_fields: bool = Field(
        default=False,
        alias="routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        description="tell targets the TLS version and cipher that were agreed on",
    )


class TargetGroupAttributes(Part):
    """ModifyTargetGroupAttributes, by AWS's keys."""

    algorithm: Annotated[str, _known(ALGORITHMS, "algorithm")] = Field(
        default="round_robin",
        alias="load_balancing.algorithm.type",
        description="round_robin (the default at AWS, too) or least_outstanding_requests",
    )
    deregistration_delay_s: int = Field(
        default=300,
        alias="deregistration_delay.timeout_seconds",
        ge=0,
        le=3600,
        description="how long a deregistered target may finish its requests",
    )
    minimum_healthy_count: int = Field(
        default=1,
        alias="target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        ge=1,
        description="with fewer healthy targets requests go to all (fail open)",
    )
    minimum_healthy_percentage: Literal["off"] | Annotated[int, Field(ge=1, le=100)] = Field(
        default="off",
        alias="target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        description="the same as a share of all targets",
    )


class HealthCheckSection(Part):
    """How targets are probed, with AWS's defaults for an ALB."""

    path: str = Field(
        default="/", max_length=1024, pattern=r"^/[!-~]*$", description="what is asked for, by GET"
    )
    port: Literal["traffic-port"] | PortNumber = Field(
        default="traffic-port", description="the port to probe; traffic-port is the target's own"
    )
    interval: Annotated[Duration, _between(5, 300)] = Field(
        default=30 * SECOND, description="time from probe to probe of one target"
    )
    timeout: Annotated[Duration, _between(2, 120)] = Field(
        default=5 * SECOND, description="a probe without an answer by then has failed"
    )
    healthy_threshold: int = Field(
        default=5, ge=2, le=10, description="successes in a row that make a target healthy"
    )
    unhealthy_threshold: int = Field(
        default=2, ge=2, le=10, description="failures in a row that make it unhealthy"
    )
    matcher: Annotated[str, AfterValidator(_matcher)] = Field(
        default="200", description="statuses that count as success: 200, 200,202, 200-299"
    )

    @model_validator(mode="after")
    def _timeout_is_shorter(self) -> "HealthCheckSection":
        if self.timeout >= self.interval:
            raise ValueError("timeout must be shorter than interval")
        return self

    def settings(self) -> Settings:
        return Settings(self.interval, self.timeout, self.healthy_threshold, self.unhealthy_threshold)


class TargetSection(Part):
    """A target: the address of a pod, and a port."""

    id: Address = Field(description="its address")
    port: PortNumber | None = Field(default=None, description="its port; the target group's if none is given")


class TargetGroupSection(Part):
    """Targets that share requests, and how they are checked."""

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", description="its name in AWS")
    id: str = Field(pattern=r"^[0-9a-f]{16}$", description="the last part of its ARN")
    protocol: Literal["HTTP"] = Field(default="HTTP", description="how targets are spoken to")
    protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] = Field(
        default="HTTP1", description="which version of HTTP requests are sent in"
    )
    port: PortNumber = Field(default=80, description="the port of targets that do not say theirs")
    target_type: Literal["ip"] = Field(
        default="ip", description="targets are addresses, as for pods behind the VPC CNI"
    )
    attributes: TargetGroupAttributes = TargetGroupAttributes()
    health_check: HealthCheckSection = HealthCheckSection()
    targets: tuple[TargetSection, ...] = Field(
        default=(), max_length=1000, description="who is registered when the world comes up"
    )

    def target_ids(self) -> list[TargetId]:
        """The targets as they are registered."""
        return [TargetId(ip_bytes(target.id), target.port or self.port) for target in self.targets]


class ForwardSection(Part):
    """Send the request to a target of a group."""

    type: Literal["forward"]
    target_group: str = Field(description="its key in target_groups")

    def action(self) -> Action:
        return Forward(self.target_group)


class FixedResponseSection(Part):
    """Answer without asking a target."""

    type: Literal["fixed-response"]
    status_code: Annotated[int, Field(ge=200, le=599)] = Field(description="2XX, 4XX or 5XX")
    content_type: Literal[
        "text/plain", "text/css", "text/html", "application/javascript", "application/json"
    ] = Field(default="text/plain", description="of the body")
    message_body: str = Field(default="", max_length=1024, description="the body itself")

    @model_validator(mode="after")
    def _not_a_redirect(self) -> "FixedResponseSection":
        if 300 <= self.status_code < 400:
            raise ValueError("status_code must be 2XX, 4XX or 5XX")
        return self

    def action(self) -> Action:
        return FixedResponse(self.status_code, self.content_type, self.message_body.encode())


ActionSection = Annotated[ForwardSection | FixedResponseSection, Field(discriminator="type")]


class ConditionSection(Part):
    """A condition on a request; one matching value is enough."""

    field: Literal["path-pattern", "host-header"] = Field(description="what is looked at")
    values: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(
        min_length=1, max_length=5, description="patterns: * is any text, ? any character"
    )

    def condition(self) -> Condition:
        return Condition(self.field, self.values)


class RuleSection(Part):
    """What is done with requests that meet all conditions; the lowest priority that fits wins."""

    priority: int = Field(ge=1, le=50_000, description="rules are tried from the lowest on")
    conditions: tuple[ConditionSection, ...] = Field(min_length=1, description="all must hold")
    action: ActionSection = Field(description="what is done then")

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
    """A port that clients connect to, and what becomes of their requests."""

    port: PortNumber = Field(description="where it listens")
    protocol: Literal["HTTP", "HTTPS"] = Field(description="HTTPS ends TLS here")
    ssl_policy: Annotated[str, _known(POLICIES, "security policy")] = Field(
        default="ELBSecurityPolicy-2016-08",
        description="which TLS versions and ciphers are spoken, by AWS's names",
    )
    certificates: tuple[CertificateName, ...] = Field(
        default=(), description="domains; the first is shown to clients that name none of them"
    )
    rules: tuple[RuleSection, ...] = Field(
        default=(), max_length=100, description="tried in the order of their priorities"
    )
    default_action: ActionSection = Field(description="what is done when no rule fits")

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
    """The load balancer that this node belongs to; its nodes share it by an anchor in the file."""

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", description="its name in AWS")
    id: str = Field(pattern=r"^[0-9a-f]{16}$", description="the last part of its ARN")
    dns_name: str = Field(
        pattern=r"^[A-Za-z0-9.-]+$",
        description="the name that AWS made for it; DNS has an address for each node",
    )
    attributes: LoadBalancerAttributes = LoadBalancerAttributes()
    listeners: tuple[ListenerSection, ...] = Field(min_length=1, max_length=50, description="at least one")
    target_groups: dict[str, TargetGroupSection] = Field(
        default={}, max_length=100, description="by the names that rules use"
    )

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

    availability_zone: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$", description="such as eu-west-1a")
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
