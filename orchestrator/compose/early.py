"""Nothing is asked of a world that is not up yet: a name asked too early would be known to be none for a minute."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from orchestrator.control.api import ENVIRONMENT, Answer, RequestFailed, Stream
from orchestrator.world import World

EARLY = frozenset({"hello", "ps", "down"})
"""What may be asked while the world comes up: none of it sends a frame."""


class Threshold:
    """Verbs of a world that are refused, with how far it is, until `open` is set."""

    def __init__(self, world: World) -> None:
        self.open = False
        self._world = world

    def answers(self, verbs: Mapping[str, Answer]) -> dict[str, Answer]:
        return {verb: answer if verb in EARLY else self._answer(answer) for verb, answer in verbs.items()}

    def streams(self, verbs: Mapping[str, Stream]) -> dict[str, Stream]:
        return {verb: self._stream(stream) for verb, stream in verbs.items()}

    def _answer(self, answer: Answer) -> Answer:
        async def guarded(**arguments: Any) -> Any:
            self.check()
            return await answer(**arguments)

        return guarded

    def _stream(self, stream: Stream) -> Stream:
        async def guarded(**arguments: Any) -> AsyncGenerator[Any, None]:
            self.check()
            async for value in stream(**arguments):
                yield value

        return guarded

    def check(self) -> None:
        """Raises `RequestFailed` while the world comes up."""
        if self.open:
            return
        elements = self._world.ps()["elements"]
        up = sum(each["state"] == "up" for each in elements)
        raise RequestFailed(
            f"the world is still coming up: {up} of {len(elements)} elements are there; try again in a moment",
            ENVIRONMENT,
        )
