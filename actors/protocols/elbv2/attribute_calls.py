"""Describe and Modify of attributes: of load balancers, listeners and target groups alike."""

from collections.abc import Callable, Mapping
from typing import Any

from actors.protocols.elbv2 import attributes
from actors.protocols.elbv2.state import Record, State, Table
from actors.protocols.elbv2.validation import Parameters, required

Call = Callable[[Mapping[str, Any]], dict[str, Any]]


class AttributeCalls:
    """Those of one kind of thing, which `find` finds by its ARN; `what` is "Load balancer", "Target group", ..."""

    def __init__(
        self,
        what: str,
        known: Mapping[str, attributes.Attribute],
        find: Callable[[Any], Record],
        table: Table,
        check: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        """`check` refuses what does not go together."""
        self._what, self._known, self._find, self._table, self._check = what, known, find, table, check
        self.kind = what.title().replace(" ", "")

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        record = self._find(required(parameters, f"{self.kind}Arn"))
        return {"Attributes": attributes.listed(record["Attributes"])}

    def modify(self, parameters: Parameters) -> dict[str, Any]:
        arn = required(parameters, f"{self.kind}Arn")
        record = self._find(arn)
        new = attributes.modified(self._what, self._known, record["Attributes"], parameters)
        if self._check is not None:
            self._check(new)
        self._table.put(arn, {**record, "Attributes": new})
        return {"Attributes": attributes.listed(new)}


def attribute_calls(state: State) -> dict[str, Call]:
    """By the names of their operations."""
    kinds = (
        AttributeCalls(
            "Load balancer",
            attributes.LOAD_BALANCER,
            state.load_balancer,
            state.load_balancers,
            attributes.check_load_balancer,
        ),
        AttributeCalls("Listener", attributes.LISTENER, state.listener, state.listeners),
        AttributeCalls(
            "Target group",
            attributes.TARGET_GROUP,
            state.target_group,
            state.target_groups,
            attributes.check_target_group,
        ),
    )
    return {f"Describe{each.kind}Attributes": each.describe for each in kinds} | {
        f"Modify{each.kind}Attributes": each.modify for each in kinds
    }
