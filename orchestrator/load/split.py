"""One load for several clients: each gets its part of it, and the parts together are the whole.

Rates are divided evenly, users as evenly as whole numbers go, the moments of a trace in turn; so are the bounds. Each
client draws from dice of its own: independent Poisson streams add up to one of the whole rate. Evenly spaced streams
are a step apart, so that theirs add up to an evenly spaced one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from actors.parts.load.plan import DEFAULTS
from orchestrator.load.shapes import Change, Shape, Stage, Staged, Traced

BOUNDS = ("max_connections", "max_inflight")


def share(whole: int, number: int, clients: int) -> int:
    """The part of the `number`th of so many clients; the first ones have one more where it cannot be even."""
    return whole // clients + (number < whole % clients)


def shares(shape: Shape, clients: Sequence[str]) -> dict[str, Shape]:
    """Each client's part, by name; there is none for those that would have nothing to do."""
    busy = list(clients)[: _most(shape)]
    if len(busy) < 2:
        return dict.fromkeys(busy[:1] or list(clients)[:1], shape)
    return {name: _part(shape, name, number, len(busy)) for number, name in enumerate(busy)}


def change_shares(change: Change, clients: int) -> list[Change]:
    """A change of the whole as one of each client."""
    return [
        change._replace(
            rate=None if change.rate is None else change.rate / clients,
            users=None if change.users is None else share(change.users, number, clients),
        )
        for number in range(clients)
    ]


def _most(shape: Shape) -> int | None:
    """How many clients have something to do; None: any number."""
    if isinstance(shape, Traced):
        return len(shape.due_us)
    assert isinstance(shape, Staged)
    users = [stage.get(name, 0) for stage in shape.stages for name in ("users", "users_at_end")]
    return int(max(users)) or None


def _part(shape: Shape, name: str, number: int, clients: int) -> Shape:
    if isinstance(shape, Traced):
        due_us = shape.due_us[number::clients]
        which = None if shape.which is None else shape.which[number::clients]
        return replace(
            shape, due_us=due_us, which=which, options=_options(shape.options, name, number, clients)
        )
    assert isinstance(shape, Staged)
    is_open = "users" not in shape.stages[0]
    options = _options(shape.options, name, number, clients, is_open=is_open)
    if options.get("arrivals") == "uniform":
        options["phase"] = number / clients
    stages = tuple(_stage(stage, number, clients) for stage in shape.stages)
    return replace(shape, stages=stages, options=options)


def _stage(stage: Stage, number: int, clients: int) -> Stage:
    def part(name: str, value: float) -> float:
        if name.startswith("users"):
            return share(int(value), number, clients)
        return value / clients if name.startswith("rate") else value

    return {name: part(name, value) for name, value in stage.items()}


def _options(
    options: dict[str, Any], name: str, number: int, clients: int, *, is_open: bool = True
) -> dict[str, Any]:
    own = dict(options)
    for bound in BOUNDS if is_open else ():
        own[bound] = max(share(own.get(bound, DEFAULTS[bound]), number, clients), 1)
    for dice in ("seed", "trace_ids"):
        if own.get(dice) is not None:
            own[dice] = f"{own[dice]} {name}"
    return own
