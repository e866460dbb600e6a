"""What a scenario needs of the world that it runs in, whichever clock that has."""

from pathlib import Path
from typing import Any, Protocol

from orchestrator.faults.book import FaultBook
from orchestrator.faults.places import Afflicted
from orchestrator.journal.store import JournalStore
from orchestrator.load.book import LoadBook


class Scene(Afflicted, Protocol):
    """A world that has been started."""

    clock: str
    """`virtual` or `real`"""
    loads: LoadBook
    """The load that runs, for those who change it from elsewhere."""
    faults: FaultBook
    directory: Path
    """The world's run directory, with `logs`; it goes when the world does."""

    def ps(self) -> dict[str, Any]: ...

    async def until_up(self, element: str) -> None: ...

    async def settled(self) -> list[str]:
        """Wait until the world is as its manifests want it; who is not, when patience is at its end."""

    async def kill(self, element: str) -> None:
        """`kill -9`. Raises `CallFailed`."""

    def lags_ms(self) -> dict[str, float]:
        """By how much elements were late at worst since this was asked last; none are on the virtual clock."""

    def unix_s(self) -> float:
        """The time of day in this world."""

    def now_ns(self) -> int:
        """Model time, which records are told in."""

    async def journal(self) -> JournalStore:
        """All that has been recorded so far, as far as it is remembered."""
