"""What Elastic Load Balancing knows: load balancers, listeners, rules, target groups, targets and tags, by ARN.

How this works. Records are plain values that are replaced, never changed, so that whoever keeps the tables on disk
writes just what was put. A record holds its thing in the API's own shape (`LoadBalancer`, `Listener`, `Rule`,
`TargetGroup`) and beside it what the API does not show there; `Sequence` says in which order things were made.
An operation checks everything before it puts anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, Protocol

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.names import SERVICE, hexadecimal, is_arn
from actors.protocols.elbv2.validation import invalid

Record = dict[str, Any]

DEFAULT_PRIORITY = 50_001
"""Where the default rule stands among the others: after all of them."""


class Table(Protocol):
    """Records by key, kept somewhere."""

    def items(self) -> Iterable[tuple[str, Any]]: ...

    def get(self, key: str) -> Any: ...

    def put(self, key: str, value: Any) -> None: ...

    def delete(self, key: str) -> None: ...


class Tables(Protocol):
    """Where tables come from."""

    def table(self, name: str) -> Table: ...


class State:
    """The tables, what is found in them, and the names of what is new."""

    def __init__(self, tables: Tables, region: str, account: str) -> None:
        self.region, self.account = region, account
        self.load_balancers = tables.table("elbv2/load-balancers")
        self.listeners = tables.table("elbv2/listeners")
        self.rules = tables.table("elbv2/rules")
        self.target_groups = tables.table("elbv2/target-groups")
        self.targets = tables.table("elbv2/targets")
        self.tags = tables.table("elbv2/tags")
        self._counts = tables.table("elbv2/counts")

    # ---- names ---------------------------------------------------------------------------------------------

    def arn(self, rest: str) -> str:
        return f"arn:aws:{SERVICE}:{self.region}:{self.account}:{rest}"

    def new_id(self, kind: str, name: str) -> str:
        """The id of the next thing of this kind and name."""
        return hexadecimal(kind, name, str(self._count(f"{kind}/{name}")))

    def sequence(self) -> int:
        """A number higher than those before."""
        return self._count("sequence")

    def _count(self, what: str) -> int:
        number: int = (self._counts.get(what) or 0) + 1
        self._counts.put(what, number)
        return number

    # ---- what there is -------------------------------------------------------------------------------------

    def load_balancer(self, arn: Any) -> Record:
        _check(arn, "load balancer")
        return self.load_balancers.get(arn) or _missing(
            "LoadBalancerNotFound", f"Load balancer '{arn}' not found"
        )

    def listener(self, arn: Any) -> Record:
        _check(arn, "listener")
        return self.listeners.get(arn) or _missing("ListenerNotFound", f"Listener '{arn}' not found")

    def rule(self, arn: Any) -> Record:
        _check(arn, "listener rule")
        return self.rules.get(arn) or _missing("RuleNotFound", f"Rule '{arn}' not found")

    def target_group(self, arn: Any) -> Record:
        _check(arn, "target group")
        return self.target_groups.get(arn) or _missing(
            "TargetGroupNotFound", f"Target groups '{arn}' not found"
        )

    def targets_of(self, group: str) -> list[Record]:
        """The targets of a group, also those that drain, in the order in which they were registered."""
        return self.targets.get(group) or []

    def number_of_targets(self, group: str) -> int:
        """How many targets a group has that do not drain."""
        return sum(target["DrainedAt"] is None for target in self.targets_of(group))

    def listeners_of(self, load_balancer: str) -> list[Record]:
        """Its listeners, the oldest first."""
        found = [
            each for _, each in self.listeners.items() if each["Listener"]["LoadBalancerArn"] == load_balancer
        ]
        return sorted(found, key=by_age)

    def rules_of(self, listener: str) -> list[Record]:
        """Its rules by ascending priority, the default rule last."""
        found = [each for _, each in self.rules.items() if each["ListenerArn"] == listener]
        return sorted(found, key=priority_of)

    def rules_of_load_balancer(self, load_balancer: str) -> Iterator[Record]:
        for listener in self.listeners_of(load_balancer):
            yield from self.rules_of(listener["Listener"]["ListenerArn"])

    def groups_of(self, load_balancer: str) -> list[str]:
        """The ARNs of the target groups that its rules forward to, each once."""
        found: dict[str, None] = {}
        for rule in self.rules_of_load_balancer(load_balancer):
            found.update(dict.fromkeys(forwarded_to(rule["Rule"]["Actions"])))
        return list(found)

    def users_of(self, group: str) -> list[str]:
        """The ARNs of the load balancers with a rule that forwards to this group: one, or none."""
        found: dict[str, None] = {}
        for _, rule in self.rules.items():
            if group in forwarded_to(rule["Rule"]["Actions"]):
                listener = self.listeners.get(rule["ListenerArn"])
                found[listener["Listener"]["LoadBalancerArn"]] = None
        return list(found)


def by_age(record: Mapping[str, Any]) -> int:
    number: int = record["Sequence"]
    return number


def priority_of(rule: Mapping[str, Any]) -> int:
    """A rule's priority as a number; the default rule's is higher than any other."""
    text = rule["Rule"]["Priority"]
    return DEFAULT_PRIORITY if text == "default" else int(text)


def forwarded_to(actions: Iterable[Mapping[str, Any]]) -> list[str]:
    """The target groups that these actions forward to."""
    return [
        group["TargetGroupArn"]
        for action in actions
        if action["Type"] == "forward"
        for group in action["ForwardConfig"]["TargetGroups"]
    ]


def _check(arn: Any, kind: str) -> None:
    if not is_arn(kind, arn):
        invalid(f"'{arn}' is not a valid {kind} ARN")


def _missing(code: str, message: str) -> NoReturn:
    raise AwsError(code, message)
