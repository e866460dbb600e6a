"""Targets: registering, deregistering, draining, and what DescribeTargetHealth says of them.

How this works. A registration is answered at once; the nodes hear of it at `PublishAt`. A deregistered target is
`draining` at once; the nodes hear of that at `UnpublishAt` (and then drain it themselves), and it is forgotten at
`DrainedAt`, when its deregistration delay is over. Times are nanoseconds since 1970, so that they outlive a restart.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.actions import check_number_of_targets
from actors.protocols.elbv2.attributes import DEREGISTRATION_DELAY, TARGETS_PER_GROUP
from actors.protocols.elbv2.state import Record, State
from actors.protocols.elbv2.validation import Parameters, between, invalid, required
from actors.protocols.elbv2.world import World
from actors.units import SECOND
from actors.wire.addresses import Prefix, ip_bytes
from actors.wire.malformed import Malformed

PRIVATE = tuple(
    Prefix.parse(text) for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
)
"""RegisterTargets takes addresses of these ranges only (API reference, TargetDescription)."""

REGISTERING = {
    "State": "initial",
    "Reason": "Elb.RegistrationInProgress",
    "Description": "Target registration is in progress",
}
DRAINING = {
    "State": "draining",
    "Reason": "Target.DeregistrationInProgress",
    "Description": "Target deregistration is in progress",
}
NOT_REGISTERED = {
    "State": "unused",
    "Reason": "Target.NotRegistered",
    "Description": "Target is not registered to the target group",
}
NOT_IN_USE = {
    "State": "unused",
    "Reason": "Target.NotInUse",
    "Description": "Target group is not configured to receive traffic from the load balancer",
}
ZONE_NOT_ENABLED = {
    "State": "unused",
    "Reason": "Target.NotInUse",
    "Description": "Target is in an Availability Zone that is not enabled for the load balancer",
}
GONE = {
    "State": "unused",
    "Reason": "Target.InvalidState",
    "Description": "Target is in the terminated state",
}
IP_UNUSABLE = {
    "State": "unused",
    "Reason": "Target.IpUnusable",
    "Description": "IP address is in use by a load balancer",
}


class Propagation(NamedTuple):
    """How long it takes until the nodes know of what was answered, in nanoseconds."""

    registration_ns: int
    deregistration_ns: int


class Question(NamedTuple):
    """A DescribeTargetHealth: which targets of a group, and the nodes that know how they are."""

    group: str
    targets: list[Record]
    nodes: list[str]
    anomalies: bool


class Use(NamedTuple):
    """Who uses a group, and the addresses of all load balancers' nodes."""

    load_balancer: Record | None
    node_addresses: set[str]


class Targets:
    """RegisterTargets, DeregisterTargets, DescribeTargetHealth, and the passing of time."""

    def __init__(self, state: State, world: World, propagation: Propagation) -> None:
        self._state, self._world, self._propagation = state, world, propagation

    # ---- register, deregister ------------------------------------------------------------------------------

    def register(self, parameters: Parameters, now_ns: int) -> dict[str, Any]:
        """RegisterTargets. What is registered already stays as it is; what drains begins anew."""
        record = self._state.target_group(required(parameters, "TargetGroupArn"))
        arn = record["TargetGroup"]["TargetGroupArn"]
        wanted = [self._checked(each, record["TargetGroup"]) for each in required(parameters, "Targets")]
        targets = {_key(target): target for target in self._state.targets_of(arn)}
        for target in wanted:
            old = targets.get(_key(target))
            if old is not None and old["DrainedAt"] is None:
                continue
            known_to_nodes = old is not None and is_published(old, now_ns)
            publish_at = now_ns + (0 if known_to_nodes else self._propagation.registration_ns)
            targets[_key(target)] = {
                **target,
                "PublishAt": publish_at,
                "UnpublishAt": None,
                "DrainedAt": None,
            }
        if sum(target["DrainedAt"] is None for target in targets.values()) > TARGETS_PER_GROUP:
            raise AwsError(
                "TooManyTargets", "You've reached the limit on the number of targets per target group"
            )
        users = self._state.users_of(arn)
        before = self._state.targets_of(arn)
        self._state.targets.put(arn, list(targets.values()))
        try:
            for user in users:
                check_number_of_targets(self._state, self._state.groups_of(user))
        except AwsError:
            self._state.targets.put(arn, before)
            raise
        return {}

    def deregister(self, parameters: Parameters, now_ns: int) -> dict[str, Any]:
        """DeregisterTargets; one without a port is meant on every port, one that is not registered is passed over."""
        record = self._state.target_group(required(parameters, "TargetGroupArn"))
        arn = record["TargetGroup"]["TargetGroupArn"]
        given = {_given(each) for each in required(parameters, "Targets")}
        delay_ns = int(record["Attributes"][DEREGISTRATION_DELAY]) * SECOND
        if not self._state.users_of(arn):
            delay_ns = 0  # nobody sends requests to it, so that there is nothing to wait for
        kept = []
        for target in self._state.targets_of(arn):
            if target["DrainedAt"] is not None or given.isdisjoint(_names(target)):
                kept.append(target)
                continue
            unpublish_at = now_ns
            if is_published(target, now_ns):
                unpublish_at += self._propagation.deregistration_ns
            kept.append({**target, "UnpublishAt": unpublish_at, "DrainedAt": now_ns + delay_ns})
        self._put(arn, [target for target in kept if not _is_over(target, now_ns)])
        return {}

    def _put(self, group: str, targets: list[Record]) -> None:
        if targets != self._state.targets_of(group):
            self._state.targets.put(group, targets)

    # ---- what a target is ----------------------------------------------------------------------------------

    def _checked(self, target: Mapping[str, Any], group: Mapping[str, Any]) -> Record:
        identity, port = _given(target)
        if target.get("QuicServerId") is not None:
            invalid("A QUIC server ID can be specified only for target groups with protocol QUIC or TCP_QUIC")
        place = self._address if group["TargetType"] == "ip" else self._instance
        return {
            "Id": identity,
            "Port": between(group["Port"] if port is None else port, "Port", 1, 65535),
            **place(identity, target.get("AvailabilityZone"), group["VpcId"]),
        }

    def _address(self, identity: str, zone: str | None, vpc: str) -> dict[str, str]:
        try:
            address = ip_bytes(identity)
        except Malformed:
            invalid(f"The IP address '{identity}' is not a valid IPv4 address")
        inside = self._world.network.zone_of(vpc, identity)
        if inside is not None:
            if zone is not None and zone != inside:
                invalid(
                    f"The IP address '{identity}' is within the VPC, and cannot have its Availability Zone "
                    f"overridden to '{zone}' from '{inside}'"
                )
            return {"Address": identity, "AvailabilityZone": inside}
        if not any(address in prefix for prefix in PRIVATE):
            invalid(
                f"The IP address '{identity}' is not within a private range: it must be in the VPC, "
                "10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12 or 192.168.0.0/16"
            )
        if zone is None:
            invalid(
                "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, "
                f"since the IP address '{identity}' is outside the VPC"
            )
        if zone != "all" and zone not in self._world.nodes.values():
            invalid(f"The Availability Zone '{zone}' is not valid")
        return {"Address": identity, "AvailabilityZone": zone}

    def _instance(self, identity: str, zone: str | None, vpc: str) -> dict[str, str]:
        if not identity.startswith("i-"):
            invalid(f"Instance ID '{identity}' is not valid")
        if zone is not None:
            invalid(
                "An Availability Zone cannot be specified for targets of target groups with target type 'instance'"
            )
        instance = self._world.network.instance(identity)
        if instance is None or instance.vpc_id != vpc:
            raise AwsError(
                "InvalidTarget",
                f"The following targets are not in the target group's VPC '{vpc}': '{identity}'",
            )
        return {"Address": instance.address, "AvailabilityZone": instance.availability_zone}

    # ---- time ----------------------------------------------------------------------------------------------

    def deadline_ns(self, now_ns: int) -> int | None:
        """When the nodes are to be told something next, or a target is to be forgotten."""
        times = (
            time
            for _, targets in self._state.targets.items()
            for target in targets
            for time in (target["PublishAt"], target["UnpublishAt"], target["DrainedAt"])
            if time is not None and time > now_ns
        )
        return min(times, default=None)

    def on_deadline(self, now_ns: int) -> None:
        """Forget those whose deregistration delay is over."""
        for group, targets in list(self._state.targets.items()):
            self._put(group, [target for target in targets if not _is_over(target, now_ns)])

    # ---- health --------------------------------------------------------------------------------------------

    def ask(self, parameters: Parameters, now_ns: int) -> Question:
        """What a DescribeTargetHealth is about."""
        record = self._state.target_group(required(parameters, "TargetGroupArn"))
        group = record["TargetGroup"]
        arn, found = group["TargetGroupArn"], self._state.targets_of(group["TargetGroupArn"])
        found = [target for target in found if not _is_over(target, now_ns)]
        if parameters.get("Targets"):
            found = [each for wanted in parameters["Targets"] for each in self._named(wanted, found, group)]
        nodes: list[str] = []
        for user in self._state.users_of(arn):
            load_balancer = self._state.load_balancer(user)
            if load_balancer["LoadBalancer"]["State"]["Code"] == "active":
                nodes = [each["Node"] for each in load_balancer["Nodes"].values()]
        include = parameters.get("Include") or ()
        return Question(arn, found, nodes, "AnomalyDetection" in include or "All" in include)

    def _named(
        self, wanted: Mapping[str, Any], found: list[Record], group: Mapping[str, Any]
    ) -> list[Record]:
        given = _given(wanted)
        chosen = [target for target in found if given in _names(target)]
        if chosen:
            return chosen
        return [{"Id": given[0], "Port": group["Port"] if given[1] is None else given[1], "PublishAt": None}]

    def answer(self, question: Question, heard: Iterable[Mapping[str, Any]], now_ns: int) -> dict[str, Any]:
        """DescribeTargetHealth, from what the nodes that answered have said."""
        group = self._state.target_group(question.group)["TargetGroup"]
        said: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
        for answer in heard:
            for each in answer.get("TargetHealthDescriptions", ()):
                said.setdefault((each["Target"]["Id"], each["Target"]["Port"]), []).append(each)
        descriptions, use = [], self._use_of(question.group)
        for target in question.targets:
            by_nodes = said.get((target["Id"], target["Port"])) or said.get(
                (target.get("Address", ""), target["Port"]), []
            )
            health = self._own(target, use, now_ns) or merged(by_nodes)
            described: dict[str, Any] = {"Target": _shown(target, group), "TargetHealth": health}
            if health["State"] != "unused":
                check = group["HealthCheckPort"]
                described["HealthCheckPort"] = str(target["Port"]) if check == "traffic-port" else check
                if question.anomalies:
                    described["AnomalyDetection"] = _anomaly(by_nodes)
            descriptions.append(described)
        return {"TargetHealthDescriptions": descriptions}

    def _use_of(self, group: str) -> Use:
        """The load balancer that uses a group, and what all load balancers have for themselves."""
        users = self._state.users_of(group)
        return Use(self._state.load_balancer(users[0]) if users else None, self._addresses_of_nodes())

    def _own(self, target: Record, use: Use, now_ns: int) -> dict[str, str] | None:
        """What is known of a target without asking the nodes."""
        if target["PublishAt"] is None:
            return NOT_REGISTERED
        if target["DrainedAt"] is not None:
            return DRAINING
        if use.load_balancer is None:
            return NOT_IN_USE
        if target["AvailabilityZone"] not in ("all", *use.load_balancer["Nodes"]):
            return ZONE_NOT_ENABLED
        if target["Address"] in use.node_addresses:
            return IP_UNUSABLE
        if target["Id"].startswith("i-") and self._world.network.instance(target["Id"]) is None:
            return GONE
        active = use.load_balancer["LoadBalancer"]["State"]["Code"] == "active"
        return None if active and is_published(target, now_ns) else REGISTERING

    def _addresses_of_nodes(self) -> set[str]:
        return {
            node["Interface"]["address"].split("/")[0]
            for _, record in self._state.load_balancers.items()
            for node in record["Nodes"].values()
        }


def is_published(target: Record, now_ns: int) -> bool:
    """Whether the nodes have this target by now."""
    gone = target["UnpublishAt"] is not None and target["UnpublishAt"] <= now_ns
    return target["PublishAt"] <= now_ns and not gone


def merged(descriptions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """One health out of those that the nodes see: `initial` if any says so, `unhealthy` if any does, else healthy.

    Nodes that do not use the target (its zone is not theirs) are passed over; one that has not heard of it yet, or
    of its coming back, has its registration before it."""
    healths = []
    for each in descriptions:
        health = dict(each["TargetHealth"])
        if health["State"] == "draining" or health.get("Reason") == "Target.NotRegistered":
            health = REGISTERING
        if health["State"] != "unused":
            healths.append(health)
    for state in ("initial", "unhealthy", "unavailable", "healthy"):
        for health in healths:
            if health["State"] == state:
                return health
    return REGISTERING


def _anomaly(descriptions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = [each.get("AnomalyDetection") or {} for each in descriptions]
    anomalous = any(each.get("Result") == "anomalous" for each in found)
    mitigated = any(each.get("MitigationInEffect") == "yes" for each in found)
    return {
        "Result": "anomalous" if anomalous else "normal",
        "MitigationInEffect": "yes" if mitigated else "no",
    }


def _shown(target: Record, group: Mapping[str, Any]) -> dict[str, Any]:
    """A target as the API shows it; those that are addresses have a zone."""
    keys = ("Id", "Port", "AvailabilityZone") if group["TargetType"] == "ip" else ("Id", "Port")
    return {key: target[key] for key in keys if key in target}


def _given(target: Mapping[str, Any]) -> tuple[str, int | None]:
    identity, port = target.get("Id"), target.get("Port")
    if not isinstance(identity, str) or not identity:
        invalid("A target ID must be specified")
    return identity, None if port is None else between(port, "Port", 1, 65535)


def _names(target: Record) -> tuple[tuple[str, int | None], ...]:
    """How a request may name a target: by its port, or on every port."""
    return (target["Id"], target["Port"]), (target["Id"], None)


def _key(target: Record) -> tuple[str, int]:
    return target["Id"], target["Port"]


def _is_over(target: Record, now_ns: int) -> bool:
    """Whether a target that drained can be forgotten: not before the nodes have been told."""
    drained = target["DrainedAt"]
    return drained is not None and drained <= now_ns and target["UnpublishAt"] <= now_ns
