"""A listening socket's two queues, with Linux's limits and Linux's manners when they are full.

A SYN makes a connection in the SYN queue. The ACK that ends its handshake moves it to the accept queue, where it waits
for the application. Linux keeps both to `backlog` (itself kept to net.core.somaxconn):

- the SYN queue is full with `backlog` entries: further SYNs are answered with SYN cookies, for which nothing is kept
  (`cookies.py`), or dropped when those are off;
- the accept queue is full with *more than* `backlog` entries (the famous plus one): SYNs are dropped, and the final ACK
  of a handshake is ignored, so that the client believes in a connection that the server still answers with SYN,ACKs.

Nobody is told: the client sees a timeout or a late answer, never a refusal (unless tcp_abort_on_overflow is set).
"""

from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Generic, TypeVar

from actors.protocols.tcp.settings import DEFAULTS

Item = TypeVar("Item", bound=Hashable)


class Admission(Enum):
    """What became of a SYN."""

    QUEUED = "queued"
    SYN_QUEUE_FULL = "SYN queue full"
    ACCEPT_QUEUE_FULL = "accept queue full"
    COOKIE = "SYN cookie"


class Listener(Generic[Item]):
    """LISTEN on a port. `overflows` counts handshakes ended too early for the accept queue and `syn_drops` the
    SYNs that were dropped, like ListenOverflows and ListenDrops in netstat."""

    def __init__(self, backlog: int, somaxconn: int = DEFAULTS.somaxconn) -> None:
        self.backlog = min(max(backlog, 0), somaxconn)
        self.syn_queue: dict[Item, None] = {}
        self.accept_queue: deque[Item] = deque()
        self.overflows = 0
        self.syn_drops = 0

    @property
    def accept_queue_full(self) -> bool:
        return len(self.accept_queue) > self.backlog

    def admission(self, cookies: bool = False) -> Admission:
        """Whether a SYN that arrives now may have a place; one that may not is counted, unless it gets a cookie."""
        if self.accept_queue_full:
            admission = Admission.ACCEPT_QUEUE_FULL
        elif len(self.syn_queue) >= max(self.backlog, 1):
            if cookies:
                return Admission.COOKIE
            admission = Admission.SYN_QUEUE_FULL
        else:
            return Admission.QUEUED
        self.syn_drops += 1
        return admission

    def begin(self, item: Item) -> None:
        """An admitted SYN takes its place."""
        self.syn_queue[item] = None

    def complete(self, item: Item) -> bool:
        """The final ACK came. False when the accept queue is full: behave as if it had not come."""
        if self.accept_queue_full:
            self.overflows += 1
            return False
        self.syn_queue.pop(item, None)
        self.accept_queue.append(item)
        return True

    def accept(self) -> Item | None:
        """The connection that has waited longest, or None."""
        return self.accept_queue.popleft() if self.accept_queue else None

    def forget(self, item: Item) -> None:
        """A connection ended before it was accepted."""
        self.syn_queue.pop(item, None)
        if item in self.accept_queue:
            self.accept_queue.remove(item)
