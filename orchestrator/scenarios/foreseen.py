"""What a run would only find out when it is under way, and can be known before: settings of AWS, and what is to happen
when the load is over."""

from collections.abc import Iterator, Mapping

from actors.protocols.elbv2.attributes import LOAD_BALANCER, TARGET_GROUP
from actors.units import SECOND
from orchestrator.config.errors import suggestion
from orchestrator.load.models import Load
from orchestrator.scenarios.models import Action
from orchestrator.settings.balancers import SHORT


def attribute_faults(settings: Mapping[str, str], *, of_group: bool) -> Iterator[tuple[str, bool, str]]:
    """Attributes of a load balancer (with its target groups), or of a target group, that AWS does not know, or would
    not give such a value: the key, whether it is the key that is wrong, and what is."""
    tables = (TARGET_GROUP,) if of_group else (LOAD_BALANCER, TARGET_GROUP)
    for said, value in settings.items():
        key = SHORT.get(said, said)
        found = [table[key] for table in tables if key in table]
        if not found:
            names = {name for table in tables for name in table}
            names |= {short for short, name in SHORT.items() if name in names}
            yield said, True, f"no attribute {said!r}{suggestion(said, names, otherwise='attributes are')}"
        elif all(faults := [attribute.fault(value) for attribute in found]):
            yield said, False, f"{value!r} {faults[0]}"


def too_late(action: Action, load: Load) -> str | None:
    """What is wrong with the moment of an action: nobody would see what it does."""
    ends_ns = sum(stage.for_ for stage in load.stages)
    if action.at <= ends_ns or load.trace is not None:
        return None
    return f"the load is over after {ends_ns / SECOND:g} s; what happens then is seen by nobody"
