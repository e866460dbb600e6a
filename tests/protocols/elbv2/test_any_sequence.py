"""Whatever is asked for in whatever order: nothing dangles, nothing is taken twice, nodes are told what is so."""

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.state import forwarded_to
from tests.protocols.elbv2.bed import GROUP, VPC, A, B, Bed, MemoryTables, fixed, forward

NODES = {f"{zone}{number}": f"eu-west-1{zone}" for zone in "abc" for number in range(2)}
SUBNETS = (A, B, "subnet-c")


class Customer:
    """Somebody who asks for anything, of what there is and of what has gone."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.bed = Bed(nodes=NODES)
        self.arns: dict[str, list[str]] = {"lb": [], "tg": [], "listener": [], "rule": []}

    def any(self, kind: str) -> str:
        known = self.arns[kind]
        return self.dice.choice(known) if known else "nothing"

    def actions(self) -> list[dict[str, Any]]:
        if self.dice.random() < 0.3:
            return [fixed(self.dice.choice(["404", "503"]))]
        return [forward(*dict.fromkeys(self.any("tg") for _ in range(self.dice.randint(1, 3))))]

    def step(self) -> None:
        """One request; a refusal changes nothing."""
        name, parameters = self.dice.choice(REQUESTS)(self)
        before = self.bed.tables.values()
        interfaces = dict(self.bed.network.interfaces)
        try:
            answer = self.bed.ask(name, **parameters)
        except AwsError:
            assert self.bed.tables.values() == before, name
            assert self.bed.network.interfaces == interfaces, name
            return
        for kind, key, arn in (
            ("lb", "LoadBalancers", "LoadBalancerArn"),
            ("tg", "TargetGroups", "TargetGroupArn"),
            ("listener", "Listeners", "ListenerArn"),
            ("rule", "Rules", "RuleArn"),
        ):
            for each in answer.get(key, ()):
                if each[arn] not in self.arns[kind]:
                    self.arns[kind].append(each[arn])

    # ---- requests ------------------------------------------------------------------------------------------

    def create_load_balancer(self) -> tuple[str, dict[str, Any]]:
        subnets = self.dice.sample(SUBNETS, self.dice.randint(1, 3))
        name = self.dice.choice(["one", "two", "three"])
        return "CreateLoadBalancer", {"Name": name, "Subnets": subnets, "SecurityGroups": [GROUP]}

    def set_subnets(self) -> tuple[str, dict[str, Any]]:
        subnets = self.dice.sample(SUBNETS, self.dice.randint(1, 3))
        return "SetSubnets", {"LoadBalancerArn": self.any("lb"), "Subnets": subnets}

    def create_group(self) -> tuple[str, dict[str, Any]]:
        name = self.dice.choice(["a", "b", "c", "d"])
        return "CreateTargetGroup", {
            "Name": name,
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": VPC,
            "TargetType": "ip",
        }

    def create_listener(self) -> tuple[str, dict[str, Any]]:
        return "CreateListener", {
            "LoadBalancerArn": self.any("lb"),
            "Protocol": "HTTP",
            "Port": self.dice.randint(80, 82),
            "DefaultActions": self.actions(),
        }

    def modify_listener(self) -> tuple[str, dict[str, Any]]:
        port = self.dice.randint(80, 82)
        return "ModifyListener", {
            "ListenerArn": self.any("listener"),
            "Port": port,
            "DefaultActions": self.actions(),
        }

    def create_rule(self) -> tuple[str, dict[str, Any]]:
        return "CreateRule", {
            "ListenerArn": self.any("listener"),
            "Priority": self.dice.randint(1, 6),
            "Conditions": [{"Field": "path-pattern", "Values": [f"/{self.dice.randint(1, 9)}"]}],
            "Actions": self.actions(),
            "Tags": [{"Key": "n", "Value": "1"}],
        }

    def modify_rule(self) -> tuple[str, dict[str, Any]]:
        return "ModifyRule", {"RuleArn": self.any("rule"), "Actions": self.actions()}

    def set_priorities(self) -> tuple[str, dict[str, Any]]:
        pairs = [{"RuleArn": self.any("rule"), "Priority": self.dice.randint(1, 6)} for _ in range(2)]
        return "SetRulePriorities", {"RulePriorities": pairs}

    def register(self) -> tuple[str, dict[str, Any]]:
        targets = [{"Id": f"10.0.10.{self.dice.randint(1, 5)}"} for _ in range(2)]
        name = self.dice.choice(["RegisterTargets", "RegisterTargets", "DeregisterTargets"])
        return name, {"TargetGroupArn": self.any("tg"), "Targets": targets}

    def delete(self) -> tuple[str, dict[str, Any]]:
        name, kind, key = self.dice.choice(
            [
                ("DeleteLoadBalancer", "lb", "LoadBalancerArn"),
                ("DeleteListener", "listener", "ListenerArn"),
                ("DeleteRule", "rule", "RuleArn"),
                ("DeleteTargetGroup", "tg", "TargetGroupArn"),
            ]
        )
        return name, {key: self.any(kind)}


REQUESTS = (
    Customer.create_load_balancer,
    Customer.create_load_balancer,
    Customer.set_subnets,
    Customer.create_group,
    Customer.create_group,
    Customer.create_listener,
    Customer.create_listener,
    Customer.modify_listener,
    Customer.create_rule,
    Customer.create_rule,
    Customer.modify_rule,
    Customer.set_priorities,
    Customer.register,
    Customer.delete,
)


def check_nothing_dangles(bed: Bed) -> None:
    tables = {name.removeprefix("elbv2/"): values for name, values in bed.tables.values().items()}
    balancers, listeners, rules = tables["load-balancers"], tables["listeners"], tables["rules"]
    groups = tables["target-groups"]
    for listener in listeners.values():
        assert listener["Listener"]["LoadBalancerArn"] in balancers
    users: dict[str, set[str]] = {}
    for rule in rules.values():
        balancer = listeners[rule["ListenerArn"]]["Listener"]["LoadBalancerArn"]
        for group in forwarded_to(rule["Rule"]["Actions"]):
            assert group in groups
            users.setdefault(group, set()).add(balancer)
    assert all(len(found) == 1 for found in users.values())
    assert tables["targets"].keys() <= groups.keys()
    assert tables["tags"].keys() <= {*balancers, *listeners, *rules, *groups}
    ports = [(each["Listener"]["LoadBalancerArn"], each["Listener"]["Port"]) for each in listeners.values()]
    assert len(set(ports)) == len(ports)


def check_nothing_is_taken_twice(bed: Bed) -> None:
    records = bed.tables.values()["elbv2/load-balancers"].values()
    nodes = [node for record in records for node in record["Nodes"].values()]
    names = [node["Node"] for node in nodes]
    assert len(set(names)) == len(names)
    assert {node["Interface"]["eni"] for node in nodes} == bed.network.interfaces.keys()
    for record in records:
        zones = [each["ZoneName"] for each in record["LoadBalancer"]["AvailabilityZones"]]
        assert list(record["Nodes"]) == zones and len(zones) >= 2
        assert all(NODES[node["Node"]] == zone for zone, node in record["Nodes"].items())


def check_what_is_told_is_what_is_described(bed: Bed) -> None:
    documents = bed.engine.documents.of_nodes()
    for balancer in bed.ask("DescribeLoadBalancers")["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        told = [items for items in documents.values() if items and items["load-balancer"]["arn"] == arn]
        if balancer["State"]["Code"] != "active":
            assert told == []
            continue
        assert len(told) == len(balancer["AvailabilityZones"])
        listeners = bed.ask("DescribeListeners", LoadBalancerArn=arn)["Listeners"]
        groups = bed.ask("DescribeTargetGroups", LoadBalancerArn=arn)["TargetGroups"]
        for items in told:
            assert {key for key in items if "/" in key} == {
                *(f"listener/{each['ListenerArn']}" for each in listeners),
                *(f"target-group/{each['TargetGroupArn']}" for each in groups),
            }
            for listener in listeners:
                rules = bed.ask("DescribeRules", ListenerArn=listener["ListenerArn"])["Rules"]
                priorities = [rule["Priority"] for rule in rules]
                assert priorities == [*sorted(set(priorities[:-1]), key=int), "default"]
                assert rules[-1]["Actions"] == listener["DefaultActions"]
                assert [
                    (each["arn"], each["priority"], each["actions"])
                    for each in items[f"listener/{listener['ListenerArn']}"]["rules"]
                ] == [(rule["RuleArn"], rule["Priority"], rule["Actions"]) for rule in rules]


def loaded(tables: MemoryTables) -> MemoryTables:
    """The tables as they come back from a disk."""
    again = MemoryTables()
    for name, values in json.loads(json.dumps(tables.values())).items():
        again.table(name).values.update(values)
    return again


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_any_sequence_of_requests_keeps_the_house_in_order(seed: int):
    customer = Customer(Random(seed))
    bed = customer.bed
    for _ in range(40):
        customer.step()
        if customer.dice.random() < 0.2:
            bed.wait(customer.dice.choice([1, 10, 60, 300]))
    check_nothing_dangles(bed)
    check_nothing_is_taken_twice(bed)
    check_what_is_told_is_what_is_described(bed)
    bed.check_documents()
    again = Bed(loaded(bed.tables), nodes=NODES)
    again.now_ns = bed.now_ns
    assert again.engine.documents.of_nodes() == bed.engine.documents.of_nodes()
    assert again.engine.deadline_ns(bed.now_ns) == bed.engine.deadline_ns(bed.now_ns)
    assert again.ask("DescribeTargetGroups") == bed.ask("DescribeTargetGroups")
