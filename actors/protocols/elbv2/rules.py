"""Listener rules: what is done with which requests, in the order of their priorities."""

from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2 import actions, conditions, tags, transforms
from actors.protocols.elbv2.names import is_arn, path_of
from actors.protocols.elbv2.state import Record, State, priority_of
from actors.protocols.elbv2.validation import Parameters, between, invalid, page, required

MAX_RULES = 100
HIGHEST_PRIORITY = 50_000


class Rules:
    """CreateRule and all that is about one."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, parameters: Parameters) -> dict[str, Any]:
        """CreateRule."""
        state = self._state
        listener = state.listener(required(parameters, "ListenerArn"))["Listener"]
        priority = between(required(parameters, "Priority"), "Priority", 1, HIGHEST_PRIORITY)
        wanted = conditions.checked(required(parameters, "Conditions"))
        done = actions.checked(required(parameters, "Actions"), listener["Protocol"])
        changed = transforms.checked(parameters.get("Transforms") or ())
        new_tags = tags.given(parameters)
        if priority in map(priority_of, state.rules_of(listener["ListenerArn"])):
            raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")
        load_balancer = state.load_balancer(listener["LoadBalancerArn"])
        if self._number(listener["LoadBalancerArn"]) >= MAX_RULES:
            raise AwsError(
                "TooManyRules", "You've reached the limit on the number of rules per load balancer"
            )
        actions.check_groups(state, load_balancer, listener["Protocol"], done)
        path = path_of(listener["ListenerArn"])
        arn = state.arn(f"listener-rule/{path}/{state.new_id('rule', path)}")
        rule = {
            "RuleArn": arn,
            "Priority": str(priority),
            "Conditions": wanted,
            "Actions": done,
            "IsDefault": False,
            "Transforms": changed,
        }
        record = {"Rule": rule, "ListenerArn": listener["ListenerArn"], "Sequence": state.sequence()}
        state.rules.put(arn, record)
        if new_tags:
            state.tags.put(arn, new_tags)
        return {"Rules": [described(record)]}

    def _number(self, load_balancer: str) -> int:
        rules = self._state.rules_of_load_balancer(load_balancer)
        return sum(not rule["Rule"]["IsDefault"] for rule in rules)

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        """ModifyRule: what is not given stays."""
        record = self._changeable(required(parameters, "RuleArn"), "modified")
        reset = bool(parameters.get("ResetTransforms"))
        if not reset and not any(parameters.get(key) for key in ("Conditions", "Actions", "Transforms")):
            invalid("Either conditions, actions or transforms must be specified")
        if reset and parameters.get("Transforms"):
            invalid("You cannot specify both transforms and ResetTransforms")
        listener = self._state.listener(record["ListenerArn"])["Listener"]
        rule = dict(record["Rule"])
        if parameters.get("Conditions"):
            rule["Conditions"] = conditions.checked(parameters["Conditions"])
        if parameters.get("Actions"):
            wanted = actions.with_existing_secrets(parameters["Actions"], rule["Actions"])
            rule["Actions"] = actions.checked(wanted, listener["Protocol"])
            load_balancer = self._state.load_balancer(listener["LoadBalancerArn"])
            actions.check_groups(
                self._state, load_balancer, listener["Protocol"], rule["Actions"], rule["RuleArn"]
            )
        if reset or parameters.get("Transforms"):
            rule["Transforms"] = transforms.checked(parameters.get("Transforms") or ())
        new = {**record, "Rule": rule}
        self._state.rules.put(rule["RuleArn"], new)
        return {"Rules": [described(new)]}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteRule; the default rule goes with its listener only."""
        delete_rule(self._state, self._changeable(required(parameters, "RuleArn"), "deleted"))
        return {}

    def set_priorities(self, parameters: Parameters) -> dict[str, Any]:
        """SetRulePriorities: all of them, or none."""
        new: dict[str, int] = {}
        records: dict[str, Record] = {}
        for pair in required(parameters, "RulePriorities"):
            arn = pair.get("RuleArn")
            records[arn] = self._changeable(arn, "modified")
            if arn in new:
                invalid(f"Rule '{arn}' was specified more than once")
            new[arn] = between(pair.get("Priority"), "Priority", 1, HIGHEST_PRIORITY)
        self._check_priorities(new, records)
        for arn, record in records.items():
            records[arn] = {**record, "Rule": {**record["Rule"], "Priority": str(new[arn])}}
            self._state.rules.put(arn, records[arn])
        return {"Rules": [described(record) for record in records.values()]}

    def _check_priorities(self, new: dict[str, int], records: dict[str, Record]) -> None:
        listeners = dict.fromkeys(record["ListenerArn"] for record in records.values())
        if len(listeners) > 1:
            invalid("All rules must belong to the same listener")
        seen: set[int] = set()
        for listener in listeners:
            for rule in self._state.rules_of(listener):
                arn = rule["Rule"]["RuleArn"]
                priority = new.get(arn, priority_of(rule))
                if priority in seen:
                    raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")
                seen.add(priority)

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeRules: of a listener by priority, or by their ARNs."""
        listener, arns = parameters.get("ListenerArn"), parameters.get("RuleArns")
        if bool(listener) == bool(arns):
            invalid("You must specify either listener rule ARNs or a listener ARN")
        if listener:
            self._state.listener(listener)
            records = self._state.rules_of(listener)
        else:
            assert arns is not None
            records = sorted((self._one(arn) for arn in dict.fromkeys(arns)), key=priority_of)
            if len({record["ListenerArn"] for record in records}) > 1:
                return page([(n, described(each)) for n, each in enumerate(records)], parameters, "Rules")
        return page([(priority_of(each), described(each)) for each in records], parameters, "Rules")

    def _one(self, arn: Any) -> Record:
        if is_arn("listener rule", arn) and self._state.rules.get(arn) is None:
            raise AwsError("RuleNotFound", "One or more rules not found")
        return self._state.rule(arn)

    def _changeable(self, arn: Any, verb: str) -> Record:
        record = self._state.rule(arn)
        if record["Rule"]["IsDefault"]:
            raise AwsError("OperationNotPermitted", f"Default rule '{arn}' cannot be {verb}")
        return record


def described(record: Record) -> dict[str, Any]:
    """A rule as the API shows it: without secrets."""
    shown = dict(record["Rule"])
    shown["Actions"] = actions.without_secrets(shown["Actions"])
    shown.setdefault("Transforms", [])
    return shown


def delete_rule(state: State, record: Record) -> None:
    """Remove a rule and its tags."""
    state.rules.delete(record["Rule"]["RuleArn"])
    state.tags.delete(record["Rule"]["RuleArn"])
