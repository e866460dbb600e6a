"""One request of a load, from the moment it is due until it is over."""

from typing import TYPE_CHECKING

from actors.parts.load.mix import Wanted

if TYPE_CHECKING:
    from actors.parts.load.h2_pool import H2Line
    from actors.parts.load.line import Line


class Arrival:
    """A request that was due at a moment, and the connection that it went out on."""

    __slots__ = ("alone", "due_ns", "journey", "line", "retries", "sent_ns", "tried_ns", "user", "wanted")

    def __init__(self, due_ns: int, wanted: Wanted, *, alone: bool = False, user: int = 0) -> None:
        self.due_ns = self.tried_ns = due_ns
        self.wanted = wanted
        self.alone = alone
        """Whether it goes out on a connection of its own, which nobody uses after it."""
        self.user = user
        """Whose it is, in a closed model."""
        self.retries = 0
        """How often it has been asked for again; `tried_ns` is when that was last."""
        self.sent_ns = 0
        self.journey: str | None = None
        """Its id, if it is recorded."""
        self.line: Line | H2Line | None = None
