"""What a world answers about its faults. The book of them is opened with the first question,
unless somebody keeps one already."""

from typing import TYPE_CHECKING, Any

from orchestrator.control.api import Answer
from orchestrator.world import World

if TYPE_CHECKING:
    from orchestrator.faults.book import FaultBook


class FaultVerbs:
    """The verbs `fault_add`, `fault_partition`, `fault_set`, `fault_list` and `fault_clear`."""

    def __init__(self, world: World, book: "FaultBook | None" = None) -> None:
        self._world = world
        self._opened = book

    def answers(self) -> dict[str, Answer]:
        """By name."""
        return {
            "fault_add": self.add,
            "fault_partition": self.partition,
            "fault_set": self.change,
            "fault_list": self.settled,
            "fault_clear": self.clear,
        }

    def now(self) -> list[dict[str, Any]]:
        """The faults that there are."""
        return [] if self._opened is None else self._opened.plain()

    async def add(self, target: str, words: list[str], default: str = "") -> dict[str, Any]:
        """The fault, with its `id`; a target without a kind is of the `default` one."""
        from orchestrator.faults.words import fault_of, fields_of

        return await self._book().add(fault_of(target, fields_of(words), default))

    async def partition(self, one: str, other: str, words: list[str]) -> dict[str, Any]:
        """The fault, with its `id`."""
        from orchestrator.faults.words import only_for, partition_of

        return await self._book().add(partition_of(one, other, only_for(words)))

    async def change(self, which: str, words: list[str]) -> dict[str, Any]:
        """The fault as it is now."""
        from orchestrator.faults.words import fields_of

        return await self._book().change(which, fields_of(words))

    async def settled(self) -> list[dict[str, Any]]:
        """The faults that there are, and how BGP has found other ways since."""
        return await self._with_settling(self._book().plain())

    async def clear(self, which: str | None = None) -> list[dict[str, Any]]:
        """The faults that have ended: one by its id, those of a target, or all."""
        return await self._with_settling(await self._book().clear(which))

    async def _with_settling(self, faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """With `converged_s`: how long routes took to settle after a fault had begun, or was changed last."""
        from orchestrator.journal.convergence import convergence

        if not faults:
            return faults
        await self._world.settle()
        took = {
            each["fault"]: each["took_s"]
            for each in convergence(self._world.journal.events())
            if each["when"] != "ends"
        }
        return [{**each, "converged_s": took.get(each["id"])} for each in faults]

    def _book(self) -> "FaultBook":
        if self._opened is None:
            from orchestrator.faults.book import FaultBook
            from orchestrator.faults.live import LiveFaults

            self._opened = FaultBook(LiveFaults(self._world))
        return self._opened
