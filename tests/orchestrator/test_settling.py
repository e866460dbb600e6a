"""When a world counts as settled."""

import asyncio
from collections.abc import Iterator

from orchestrator.settling import PATIENCE_S, POLL_S, settle


class Elements:
    """Answers `settled` as their scripts say, the last answer for ever; counts the time slept."""

    def __init__(self, **scripts: str) -> None:
        self._scripts: dict[str, Iterator[str]] = {name: iter(script) for name, script in scripts.items()}
        self._last: dict[str, str] = {}
        self.slept_s = 0.0

    async def ask(self, name: str) -> bool:
        self._last[name] = next(self._scripts[name], self._last.get(name, "-"))
        return self._last[name] == "+"

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def settle(self) -> list[str]:
        return asyncio.run(settle(self._scripts, self.ask, self.sleep))


def test_who_is_settled_too_early_is_asked_again():
    elements = Elements(controller="+--+", cluster="--+")
    assert elements.settle() == []
    assert round(elements.slept_s / POLL_S) == 3


def test_one_that_was_settled_before_the_one_that_it_depends_on_is_asked_after_it():
    elements = Elements(controller="+-+", cluster="+")
    assert elements.settle() == []
    assert round(elements.slept_s / POLL_S) == 1


def test_patience_ends():
    elements = Elements(controller="+", cluster="-")
    assert elements.settle() == ["cluster"]
    assert round(elements.slept_s) == PATIENCE_S


def test_nobody_to_wait_for():
    assert Elements().settle() == []
