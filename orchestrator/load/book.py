"""The loads that run in a world, so that they can be changed from elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.element import CallFailed
from orchestrator.control.api import LOAD_SOCKET, USAGE, Answer, ApiServer, RequestFailed
from orchestrator.load.shapes import Change
from orchestrator.load.team import LoadTeam


class LoadBook:
    """Those of one world."""

    def __init__(self) -> None:
        self._teams: list[LoadTeam] = []

    @contextmanager
    def entered(self, team: LoadTeam) -> Iterator[None]:
        """While this lasts it can be changed."""
        self._teams.append(team)
        try:
            yield
        finally:
            self._teams.remove(team)

    def note(self, what: str) -> None:
        """Something has been done to the world: it is among the changes of every load that runs."""
        for team in self._teams:
            team.note(what)

    async def running(self) -> int:
        """How many loads there are."""
        return len(self._teams)

    def latest(self) -> dict[str, Any] | None:
        """What was last heard of the load that runs; nothing is asked for it."""
        return self._teams[-1].latest if self._teams else None

    async def load_change(
        self, do: str, rate: float | None = None, users: int | None = None
    ) -> dict[str, Any]:
        """As `change`, of plain values."""
        return await self.change(Change(do, rate, users))

    def server(self, directory: Path) -> ApiServer:
        """These loads for commands in other processes, where nothing else of the world is for them."""
        answers: dict[str, Answer] = {"loads": self.running, "load_change": self.load_change}
        return ApiServer(directory / LOAD_SOCKET, answers, {})

    async def change(self, change: Change) -> dict[str, Any]:
        """Change the load that runs: `what` was done, and its `status`. Raises `RequestFailed`."""
        if not self._teams:
            raise RequestFailed("no load is running in this world", USAGE)
        try:
            return await self._teams[-1].change(change)
        except CallFailed as error:
            raise RequestFailed(str(error), USAGE) from None
