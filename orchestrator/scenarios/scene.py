"""What a scenario needs of the world that it runs in, whichever clock that has."""

from typing import Any, Protocol


class Scene(Protocol):
    """A world that has been started."""

    clock: str
    """`virtual` or `real`"""

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any: ...

    def kinds(self) -> dict[str, str]: ...

    def ps(self) -> dict[str, Any]: ...

    async def until_up(self, element: str) -> None: ...

    async def settled(self) -> list[str]:
        """Wait until the world is as its manifests want it; who is not, when patience is at its end."""

    async def kill(self, element: str) -> None:
        """`kill -9`. Raises `CallFailed`."""

    def unix_s(self) -> float:
        """The time of day in this world."""
