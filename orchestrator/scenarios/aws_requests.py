"""Whether requests to AWS that a scenario sends exist: services, their operations here, and parameters.

Which operations there are is asked of the services themselves, what they take of botocore's models of AWS.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from orchestrator.config.errors import Path as ConfigPath
from orchestrator.config.errors import suggestion
from orchestrator.scenarios.models import Action, AwsAction

Fault = tuple[ConfigPath, bool, str]
"""Where in the action, whether the key is at fault, and what."""

_TEXTS: dict[str, tuple[type, str]] = {
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "long": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "list": (list, "a list"),
    "structure": (dict, "a mapping"),
    "map": (dict, "a mapping"),
}


def aws_faults(action: Action) -> Iterator[Fault]:
    """What is wrong with a request to AWS."""
    if not isinstance(action, AwsAction):
        return
    services = operations()
    if action.service not in services:
        hint = suggestion(action.service, list(services), otherwise="there are")
        yield ("service",), False, f"there is no service {action.service!r}{hint}"
        return
    known = services[action.service]
    if action.operation not in known:
        hint = suggestion(action.operation, known, otherwise=f"{action.service} has here")
        yield ("operation",), False, f"there is no operation {action.operation!r}{hint}"
        return
    from actors.parts.aws_api.models import model  # slow to load, and few scenarios want it

    found = model(action.service).operation(action.operation)
    shape = None if found is None else found.input_shape
    if shape is not None:
        place: ConfigPath = ("parameters",) if action.parameters else ()
        yield from _value_faults(shape, action.parameters, place)


@cache
def operations() -> Mapping[str, list[str]]:
    """The operations of each service, by the services that a world would have."""
    from actors.parts.aws_api.config import ControlPlane
    from actors.parts.aws_api.plane import Plane
    from actors.parts.aws_api.services import make_services
    from actors.runtime.virtual import VirtualNetwork

    network = VirtualNetwork(seed=0)
    network.add("aws-api", "aws_api", {})
    plane = Plane(network.hosts["aws-api"], "eu-west-1", "123456789012", ControlPlane(), {}, ())
    try:
        return {name: sorted(service.operations) for name, service in make_services(plane).items()}
    finally:
        plane.store.close()
        network.loop.close()


def _value_faults(shape: Any, value: Any, where: ConfigPath) -> Iterator[Fault]:
    kind: Any
    kind, what = _TEXTS.get(shape.type_name, (object, ""))
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits:
        yield where, False, f"{what} is wanted, not {value!r}"
    elif shape.type_name == "structure":
        yield from _member_faults(shape, value, where)
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            yield from _value_faults(shape.member, each, (*where, number))
    elif shape.type_name == "map":
        for key, each in value.items():
            yield from _value_faults(shape.value, each, (*where, str(key)))
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield where, False, f"there is no {value!r}{suggestion(value, shape.enum, otherwise='there are')}"


def _member_faults(shape: Any, value: Mapping[str, Any], where: ConfigPath) -> Iterator[Fault]:
    members = shape.members
    for key, each in value.items():
        if key in members:
            yield from _value_faults(members[key], each, (*where, key))
        else:
            hint = suggestion(str(key), list(members), otherwise="there are")
            yield (*where, key), True, f"there is no parameter {key!r}{hint}"
    missing = [name for name in shape.required_members if name not in value]
    if missing and all(key in members for key in value):
        yield where, bool(where), f"{', '.join(missing)} must be said"
