"""The routing information bases (RFC 4271 section 3.2): what was told, what was chosen, what we tell."""

from typing import NamedTuple

from actors.protocols.bgp.attributes import Attributes
from actors.protocols.bgp.decision import Path, Verdict, choose
from actors.wire.addresses import Prefix


class Heard(NamedTuple):
    """A route as the neighbour told it, and why it was not let in (None: it was)."""

    attributes: Attributes
    refused: str | None
    path: Path


class Ribs:
    """Adj-RIBs-In, Loc-RIB and Adj-RIBs-Out of one speaker."""

    def __init__(self, neighbours: list[str]) -> None:
        self.heard: dict[str, dict[Prefix, Heard]] = {name: {} for name in neighbours}
        self.own: dict[Prefix, Path] = {}
        self.chosen: dict[Prefix, Verdict] = {}
        self.told: dict[str, dict[Prefix, Attributes]] = {name: {} for name in neighbours}

    def candidates(self, prefix: Prefix) -> list[Path]:
        """All usable paths to the prefix."""
        paths = [
            routes[prefix].path
            for routes in self.heard.values()
            if prefix in routes and routes[prefix].refused is None
        ]
        return [self.own[prefix], *paths] if prefix in self.own else paths

    def decide(self, prefix: Prefix) -> tuple[Verdict | None, Verdict | None]:
        """Run the decision process for the prefix: the verdict before, and now."""
        before, now = self.chosen.get(prefix), choose(self.candidates(prefix))
        if now is None:
            self.chosen.pop(prefix, None)
        else:
            self.chosen[prefix] = now
        return before, now

    def forget(self, neighbour: str) -> list[Prefix]:
        """The session is over: nothing of what was told either way holds. Returns what had been heard."""
        gone = list(self.heard[neighbour])
        self.heard[neighbour].clear()
        self.told[neighbour].clear()
        return gone

    def best_for(self, address: bytes) -> Verdict | None:
        """The verdict on the longest prefix in which the address lies."""
        number = int.from_bytes(address)
        for length in range(32, -1, -1):
            verdict = self.chosen.get(Prefix(number & Prefix(0, length).mask, length))
            if verdict is not None:
                return verdict
        return None
