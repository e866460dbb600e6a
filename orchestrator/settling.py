"""When a world is as its manifests want it: elements that know of a wanted state have `call_settled`, and are asked."""

from collections.abc import Awaitable, Callable, Iterable

from actors.element import CallFailed, load_kind

POLL_S = 0.02
CALM_ROUNDS = 2
PATIENCE_S = 15.0
"""A world may want what it cannot have (more pods than fit); it is there to be looked at all the same."""


def who_settles(kinds: dict[str, str]) -> list[str]:
    """The elements, of these with their kinds, that can say whether they have reached what they want."""
    return [name for name, kind in kinds.items() if hasattr(load_kind(kind)[1], "call_settled")]


async def settle(
    names: Iterable[str],
    ask: Callable[[str], Awaitable[bool]],
    sleep: Callable[[float], Awaitable[None]],
    patience_s: float = PATIENCE_S,
) -> list[str]:
    """Wait until all of these elements are settled, but not for ever: returns those that are not.

    All are asked in each round, and must be settled in two rounds one after the other: the load balancer's controller
    is content while there are no pods, and has work again when the cluster has come to what it wants.
    """
    everybody, waited_s, calm = list(names), 0.0, 0
    while True:
        waiting = [name for name in everybody if not await _is_settled(name, ask)]
        calm = 0 if waiting else calm + 1
        if calm == CALM_ROUNDS or not everybody or waited_s >= patience_s:
            return waiting
        if waiting:
            await sleep(POLL_S)
            waited_s += POLL_S


async def _is_settled(name: str, ask: Callable[[str], Awaitable[bool]]) -> bool:
    try:
        return await ask(name)
    except CallFailed:
        return False
