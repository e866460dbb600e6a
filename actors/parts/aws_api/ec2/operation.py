"""What an operation of EC2 is here, and what is asked of its parameters before it is carried out."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from actors.protocols.aws.errors import AwsError

Parameters = dict[str, Any]
Output = dict[str, Any]
Carry = Callable[[Parameters], Output | Coroutine[Any, Any, Output]]

ALWAYS = frozenset({"DryRun", "IncludeManagedResources"})
PAGED = ("Filters", "MaxResults", "NextToken")


class Operation(NamedTuple):
    """What carries it out, and the parameters that it knows what to do with."""

    carry_out: Carry
    accepts: frozenset[str]
    changes: bool


def changing(carry_out: Carry, *accepts: str) -> Operation:
    """An operation that changes something."""
    return Operation(carry_out, ALWAYS | set(accepts), True)


def looking(carry_out: Carry, *accepts: str) -> Operation:
    """An operation that changes nothing."""
    return Operation(carry_out, ALWAYS | set(accepts), False)


def check(name: str, operation: Operation, parameters: Mapping[str, Any]) -> None:
    """Raises `AwsError` for a parameter that would have no effect, and for a dry run, which ends here."""
    for key, value in parameters.items():
        if key not in operation.accepts and value not in (None, False, [], {}, 0):
            raise AwsError("UnsupportedOperation", f"The parameter '{key}' of {name} is not supported.")
    if parameters.get("DryRun"):
        raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def one_of(parameters: Mapping[str, Any], *names: str) -> str:
    """The one of these parameters that is given. Raises `AwsError` when none or several are."""
    given = [name for name in names if parameters.get(name)]
    if len(given) > 1:
        raise AwsError("InvalidParameterCombination", f"You may specify {' or '.join(names)}, but not both")
    if not given:
        raise AwsError("MissingParameter", f"Either {' or '.join(names)} must be specified")
    return given[0]


def value_of(parameters: Mapping[str, Any], name: str) -> Any:
    """EC2's AttributeValue: the value inside."""
    return (parameters.get(name) or {}).get("Value")


def wanted(known: Iterable[str], asked: Iterable[str] | None, check: Callable[[str], object]) -> list[str]:
    """The ids that are asked for, else all; `check` raises for one that there is not."""
    if not asked:
        return list(known)
    chosen = list(dict.fromkeys(asked))
    for each in chosen:
        check(each)
    return chosen
