"""What the nodes of load balancers are told, as items by key, and which addresses a load balancer's name has.

A node has the items `interface`, `load-balancer`, `listener/<arn>`, `target-group/<arn>` and `targets/<arn>`: its own
network interface, and all of its load balancer that it needs to serve requests. It has none while it is in stock.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from actors.protocols.elbv2.state import Record, State
from actors.protocols.elbv2.targets import is_published
from actors.protocols.elbv2.world import World

Items = dict[str, Any]

_HEALTH_CHECK = (
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)


class Documents:
    """Composes them from the state as it is."""

    def __init__(self, state: State, world: World) -> None:
        self._state, self._world = state, world

    def of_nodes(self) -> dict[str, Items]:
        """Every node's items but the targets, by the node; one of a load balancer that is provisioning has none."""
        documents: dict[str, Items] = {node: {} for node in self._world.nodes}
        for _, record in self._state.load_balancers.items():
            if record["LoadBalancer"]["State"]["Code"] != "active":
                continue
            shared = self._shared(record)
            for node in record["Nodes"].values():
                documents[node["Node"]] = {"interface": node["Interface"], **shared}
        return documents

    def targets(self, items: Items, now_ns: int) -> Items:
        """The items `targets/<arn>` that go with the target groups among these items."""
        found: Items = {}
        for key in items:
            kind, _, group = key.partition("/")
            if kind == "target-group":
                published = (each for each in self._state.targets_of(group) if is_published(each, now_ns))
                found[f"targets/{group}"] = [_target(each) for each in published if self._is_there(each)]
        return found

    def _shared(self, record: Record) -> Items:
        arn = record["LoadBalancer"]["LoadBalancerArn"]
        items: Items = {"load-balancer": _load_balancer(record)}
        for listener in self._state.listeners_of(arn):
            items[f"listener/{listener['Listener']['ListenerArn']}"] = self._listener(listener)
        for group in self._state.groups_of(arn):
            items[f"target-group/{group}"] = _target_group(self._state.target_group(group))
        return items

    def _is_there(self, target: Record) -> bool:
        """An instance that has gone gets no requests."""
        if not target["Id"].startswith("i-"):
            return True
        return self._world.network.instance(target["Id"]) is not None

    def _listener(self, record: Record) -> dict[str, Any]:
        listener = record["Listener"]
        default = [each["CertificateArn"] for each in listener.get("Certificates", ())]
        shown = {
            "arn": listener["ListenerArn"],
            "port": listener["Port"],
            "protocol": listener["Protocol"],
            "attributes": record["Attributes"],
            "rules": [_rule(rule) for rule in self._state.rules_of(listener["ListenerArn"])],
        }
        if default:
            domains = [(arn, self._world.certificates.domain(arn)) for arn in (*default, *record["More"])]
            shown["ssl_policy"] = listener["SslPolicy"]
            shown["certificates"] = [
                {"arn": arn, "domain": domain} for arn, domain in domains if domain is not None
            ]
        return shown


def _load_balancer(record: Record) -> dict[str, Any]:
    shown = record["LoadBalancer"]
    return {
        "arn": shown["LoadBalancerArn"],
        "name": shown["LoadBalancerName"],
        "id": shown["LoadBalancerArn"].rsplit("/", 1)[1],
        "dns_name": shown["DNSName"],
        "scheme": shown["Scheme"],
        "type": shown["Type"],
        "availability_zones": list(record["Nodes"]),
        "attributes": record["Attributes"],
    }


def _rule(record: Record) -> dict[str, Any]:
    rule = record["Rule"]
    shown = {
        "arn": rule["RuleArn"],
        "priority": rule["Priority"],
        "conditions": rule["Conditions"],
        "actions": rule["Actions"],
    }
    if rule.get("Transforms"):
        shown["transforms"] = rule["Transforms"]
    return shown


def _target_group(record: Record) -> dict[str, Any]:
    group = record["TargetGroup"]
    return {
        "arn": group["TargetGroupArn"],
        "name": group["TargetGroupName"],
        "protocol": group["Protocol"],
        "protocol_version": group["ProtocolVersion"],
        "port": group["Port"],
        "target_type": group["TargetType"],
        "health_check": {key: group[key] for key in _HEALTH_CHECK},
        "attributes": record["Attributes"],
    }


def _target(target: Record) -> dict[str, Any]:
    return {
        "id": target["Id"],
        "port": target["Port"],
        "address": target["Address"],
        "availability_zone": target["AvailabilityZone"],
    }


def addresses(
    state: State, is_healthy: Callable[[str, str], bool] = lambda load_balancer, zone: True
) -> dict[str, list[str]]:
    """The addresses of active load balancers by DNS name: one per zone that `is_healthy(arn, zone)`.

    When no zone is, all of them stay (user guide, "Target group health")."""
    found: dict[str, list[str]] = {}
    for _, record in state.load_balancers.items():
        shown = record["LoadBalancer"]
        if shown["State"]["Code"] == "active":
            zones = [zone for zone in record["Nodes"] if is_healthy(shown["LoadBalancerArn"], zone)]
            found[shown["DNSName"]] = list(_addresses_of(record, zones or record["Nodes"]))
    return found


def _addresses_of(record: Record, zones: Collection[str]) -> Iterable[str]:
    internal = record["LoadBalancer"]["Scheme"] == "internal"
    for zone in zones:
        interface = record["Nodes"][zone]["Interface"]
        public = None if internal else interface.get("public_ip")
        yield public or interface["address"].split("/")[0]
