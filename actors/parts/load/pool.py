"""The connections of an open model: kept alive, at most so many, each busy with one request at a time.

A request takes the connection that has been idle longest, so that connections take turns as those of many clients do;
where none is idle one more is opened, and the request goes out on whichever is free first. Beyond the bound it waits.
"""

import asyncio
from collections import deque
from typing import Any, Protocol

import httptools

from actors.element import JOURNEY, Context
from actors.parts.load.counts import NOBODY, Counts
from actors.parts.load.site import Site


class Arrival:
    """A request that was due at a moment, and the connection that it went out on."""

    __slots__ = ("due_ns", "journey", "line", "retries", "sent_ns", "tried_ns")

    def __init__(self, due_ns: int) -> None:
        self.due_ns = self.tried_ns = due_ns
        self.retries = 0
        """How often it has been asked for again; `tried_ns` is when that was last."""
        self.sent_ns = 0
        self.journey: str | None = None
        """Its id, if it is recorded."""
        self.line: Line | None = None


class Run(Protocol):
    """Who is told what became of arrivals."""

    counts: Counts

    def answered(self, arrival: Arrival, status: int, server: bytes) -> None: ...

    def failed(self, arrival: Arrival, kind: str) -> None: ...


class Pool:
    """Connections to one site."""

    def __init__(self, context: Context, site: Site, most: int, run: Run) -> None:
        self.run = run
        self.now_ns = context.now_ns
        self.request = site.request
        self.url = str(site.url)
        self.record = context.record
        self._context, self._site, self._most = context, site, most
        self._idle: deque[Line] = deque()
        self._lines: dict[Line, None] = {}
        self._waiting: deque[Arrival] = deque()
        self._opening = 0
        self._open = True

    def __len__(self) -> int:
        return len(self._lines)

    def states(self) -> dict[str, int]:
        """How many connections are opening, idle and active."""
        idle = len(self._idle)
        return {"opening": self._opening, "idle": idle, "active": len(self._lines) - idle}

    def give(self, arrival: Arrival) -> None:
        """Send it now, or as soon as there is a connection for it."""
        if self._idle:
            self._idle.popleft().send(arrival)
            return
        self._waiting.append(arrival)
        self._open_more()

    def give_up(self, arrival: Arrival) -> None:
        """It has had its time: cut its connection, or forget that it waits for one."""
        if arrival.line is not None:
            arrival.line.cut()
        elif arrival in self._waiting:
            self._waiting.remove(arrival)

    def close(self) -> None:
        """Nothing more will come."""
        self._open = False
        for line in list(self._lines):
            line.cut(politely=True)

    # ---- connections ---------------------------------------------------------------------------------------

    def _open_more(self) -> None:
        """One connection for each request that waits, as far as the bound allows."""
        while self._opening < len(self._waiting) and self._opening + len(self._lines) < self._most:
            self._opening += 1
            self._context.spawn(self._connect(), "load connect")

    async def _connect(self) -> None:
        JOURNEY.set(
            None
        )  # this task's own; whoever happened to be on the way when it began is not who it is for
        line = Line(self)
        host, error = await self._site.connect(lambda: line)
        self._opening -= 1
        if not error:
            self.run.counts.connected[host] += 1
        elif self._waiting:
            # the one that has waited longest is who would have gone out on it
            self.run.failed(self._waiting.popleft(), error)
        self._open_more()

    # ---- for the connections -------------------------------------------------------------------------------

    def ready(self, line: "Line") -> None:
        """A connection is open, or free again."""
        if line not in self._lines:
            self._lines[line] = None
        if self._waiting:
            line.send(self._waiting.popleft())
        elif self._open:
            self._idle.append(line)
        else:
            line.cut(politely=True)

    def gone(self, line: "Line") -> None:
        """A connection has ended; who waits gets another."""
        self._lines.pop(line, None)
        if line in self._idle:
            self._idle.remove(line)
        if self._open:
            self._open_more()


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._arrival: Arrival | None = None
        self._transport: Any = None
        self._parser: Any = None
        self._server = NOBODY
        self._complete = False
        self._status = 0
        self._keep_alive = False

    def send(self, arrival: Arrival) -> None:
        arrival.line, arrival.sent_ns = self, self._pool.now_ns()
        self._arrival = arrival
        if arrival.journey == JOURNEY.get():
            self._transport.write(self._pool.request)  # none, as nearly always
        else:
            self._send_as(arrival.journey)

    def _send_as(self, journey: str | None) -> None:
        """What goes out now, and what others do because of it, is of this journey, and not of that whose answer has
        just made the connection free."""
        token = JOURNEY.set(journey)
        try:
            self._pool.record("journey.start", url=self._pool.url, method="GET")
            self._transport.write(self._pool.request)
        finally:
            JOURNEY.reset(token)

    def cut(self, *, politely: bool = False) -> None:
        """End the connection; whoever waits for an answer knows."""
        self._arrival = None
        if politely:
            self._transport.close()
        else:
            self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._pool.ready(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:
            return  # a handshake failed; whoever connects knows
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._pool.run.failed(arrival, "reset" if error is not None else "closed")
        self._pool.gone(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._spoiled()
            return
        if not self._complete:
            return
        self._complete = False
        arrival, self._arrival = self._arrival, None
        if arrival is None:
            self._spoiled()  # nobody asked
            return
        self._pool.run.answered(arrival, self._status, self._server)
        self._server = NOBODY
        if self._keep_alive:
            self._pool.ready(self)
        else:
            self._transport.close()

    def _spoiled(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._pool.run.failed(arrival, "bad_response")
        self._transport.abort()

    # ---- what the parser calls -----------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"X-Served-By" or name.lower() == b"x-served-by":
            self._server = value

    def on_message_complete(self) -> None:
        self._complete = True
        self._status = self._parser.get_status_code()
        self._keep_alive = self._parser.should_keep_alive()
