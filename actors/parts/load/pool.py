"""The connections of a load: kept alive, at most so many, each busy with one request at a time.

A request takes the connection that has been idle longest, so that connections take turns as those of many clients do;
where none is idle one more is opened, and the request goes out on whichever is free first. Beyond the bound it waits.
One that comes as a new visitor has a connection opened for itself alone, whatever is idle; at the bound it takes the
place of the idlest.
"""

from collections import deque
from typing import Protocol

from actors.element import JOURNEY, Context
from actors.parts.load.arrival import Arrival
from actors.parts.load.counts import Counts
from actors.parts.load.line import Line, ReadingLine
from actors.parts.load.site import Site


class Run(Protocol):
    """Who is told what became of arrivals."""

    counts: Counts

    def answered(self, arrival: Arrival, status: int, server: bytes, body: bytes) -> None: ...

    def failed(self, arrival: Arrival, kind: str) -> None: ...


class Pool:
    """Connections to one site."""

    def __init__(self, context: Context, site: Site, most: int, run: Run, *, reads: bool = False) -> None:
        self.run = run
        self.now_ns = context.now_ns
        self.record = context.record
        self._context, self._site, self._most = context, site, most
        self._line = ReadingLine if reads else Line
        self._idle: deque[Line] = deque()
        self._lines: dict[Line, None] = {}
        self._waiting: deque[Arrival] = deque()
        self._alone: deque[Arrival] = deque()
        """Those that wait for there to be room for a connection of their own."""
        self._opening = 0
        self._opening_alone: dict[Arrival, None] = {}
        self._open = True

    def __len__(self) -> int:
        return len(self._lines)

    def states(self) -> dict[str, int]:
        """How many connections are opening, idle and active."""
        idle = len(self._idle)
        opening = self._opening + len(self._opening_alone)
        return {"opening": opening, "idle": idle, "active": len(self._lines) - idle}

    def give(self, arrival: Arrival) -> None:
        """Send it now, or as soon as there is a connection for it."""
        if arrival.alone:
            self._alone.append(arrival)
            self._open_more()
            return
        if self._idle:
            self._idle.popleft().send(arrival)
            return
        if arrival.journey is not None:
            self.record("load.wait", journey=arrival.journey, before=len(self._waiting), **self.states())
        self._waiting.append(arrival)
        self._open_more()

    def give_up(self, arrival: Arrival) -> None:
        """It has had its time: cut its connection, or forget that it waits for one."""
        if isinstance(arrival.line, Line):
            arrival.line.cut()
            return
        self._opening_alone.pop(arrival, None)
        for queue in (self._waiting, self._alone):
            if arrival in queue:
                queue.remove(arrival)

    def limit(self, most: int) -> None:
        """So many from now on; idle ones beyond that are closed."""
        self._most = most
        while self._idle and len(self._lines) > most:
            self._forget(self._idle.popleft())

    def close(self) -> None:
        """Nothing more will come."""
        self._open = False
        for line in list(self._lines):
            line.cut(politely=True)

    # ---- connections ---------------------------------------------------------------------------------------

    def _room(self) -> int:
        return self._most - self._opening - len(self._opening_alone) - len(self._lines)

    def _open_more(self) -> None:
        """A connection for each request that waits, as far as the bound allows."""
        while self._alone:
            if self._room() <= 0:
                if not self._idle:
                    break
                self._forget(self._idle.popleft())
            arrival = self._alone.popleft()
            self._opening_alone[arrival] = None
            self._context.spawn(self._connect(self._line(self, arrival)), "load connect")
        while self._opening < len(self._waiting) and self._room() > 0:
            self._opening += 1
            self._context.spawn(self._connect(self._line(self)), "load connect")

    def _forget(self, line: Line) -> None:
        """Close an idle connection, which makes room."""
        self._lines.pop(line, None)
        line.cut(politely=True)

    async def _connect(self, line: Line) -> None:
        # This task's own; whoever happened to be on the way when it began is not who it is for.
        JOURNEY.set(None if line.own is None else line.own.journey)
        host, error = await self._site.connect(lambda: line)
        if not error:
            self.run.counts.connected[host] += 1
        if line.own is None:
            self._opening -= 1
            if error and self._waiting:
                # the one that has waited longest is who would have gone out on it
                self.run.failed(self._waiting.popleft(), error)
        elif line.own in self._opening_alone:
            del self._opening_alone[line.own]
            if error:
                self.run.failed(line.own, error)
        self._open_more()

    # ---- for the connections -------------------------------------------------------------------------------

    def ready(self, line: Line) -> None:
        """A connection is open, or free again."""
        if line not in self._lines:
            self._lines[line] = None
        if line.own is not None:
            self._ready_alone(line, line.own)
        elif self._waiting:
            line.send(self._waiting.popleft())
        elif self._open:
            self._idle.append(line)
            if self._alone:
                self._open_more()
        else:
            line.cut(politely=True)

    def _ready_alone(self, line: Line, own: Arrival) -> None:
        if own in self._opening_alone:
            del self._opening_alone[own]
            line.send(own)
        else:
            line.cut()  # it has been given up meanwhile

    def gone(self, line: Line) -> None:
        """A connection has ended; who waits gets another."""
        self._lines.pop(line, None)
        if line in self._idle:
            self._idle.remove(line)
        if self._open:
            self._open_more()
