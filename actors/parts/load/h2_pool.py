"""The connections of a load that speaks HTTP/2: requests are streams of few connections instead of idle ones.

A request takes the first connection that has room for a stream; another one is only opened when all are full, as
browsers do. One that comes as a new visitor has a connection opened for itself alone.
"""

from collections import deque
from functools import partial

from actors.element import JOURNEY, Context
from actors.parts.h2_client import NOT_SPOKEN, UNPROCESSED, Exchange, H2Connection
from actors.parts.load.arrival import Arrival
from actors.parts.load.counts import NOBODY
from actors.parts.load.line import MAX_READ_BYTES
from actors.parts.load.mix import Wanted
from actors.parts.load.pool import Run
from actors.parts.load.site import Site
from actors.protocols.http2 import Headers, request_headers

STREAMS = 100
"""What a connection is expected to take before it has said so (RFC 9113, section 6.5.2: servers should take 100)."""


class H2Line(H2Connection):
    """A connection; with `own`, that of one request only."""

    def __init__(self, pool: "H2Pool", own: Arrival | None = None) -> None:
        super().__init__(pool.settled, pool.free, pool.gone)
        self.own = own
        self._arrivals: dict[Arrival, Exchange] = {}

    def carry(self, arrival: Arrival, exchange: Exchange, headers: Headers, content: bytes) -> None:
        """Send a request."""
        arrival.line = self
        self._arrivals[arrival] = exchange
        self.send(exchange, headers, content, arrival.journey)

    def done(self, arrival: Arrival) -> None:
        """It is over."""
        self._arrivals.pop(arrival, None)

    def cut(self, arrival: Arrival) -> None:
        """Give a request up; the others go on."""
        if (exchange := self._arrivals.pop(arrival, None)) is not None:
            self.cancel(exchange)


class H2Pool:
    """Connections to one site; to a load what `Pool` is."""

    def __init__(self, context: Context, site: Site, most: int, run: Run, *, reads: bool = False) -> None:
        self._context, self._site, self._most, self._run = context, site, most, run
        self._most_bytes = MAX_READ_BYTES if reads else 0
        self._lines: dict[H2Line, None] = {}
        self._waiting: deque[Arrival] = deque()
        self._alone: deque[Arrival] = deque()
        self._opening: dict[H2Line, None] = {}
        """Those that do not take requests yet."""
        self._wire: dict[Wanted, tuple[Headers, bytes]] = {}
        self._open = True

    def __len__(self) -> int:
        return len(self._lines)

    def states(self) -> dict[str, int]:
        """How many connections are opening, idle and active."""
        active = sum(bool(line.exchanges) for line in self._lines)
        return {"opening": len(self._opening), "idle": len(self._lines) - active, "active": active}

    def give(self, arrival: Arrival) -> None:
        """Send it now, or as soon as there is a connection for it."""
        if arrival.alone:
            self._alone.append(arrival)
            self._open_more()
            return
        line = next((each for each in self._lines if each.own is None and each.has_room()), None)
        if line is not None:
            self._send(line, arrival)
            return
        self._waiting.append(arrival)
        self._open_more()

    def give_up(self, arrival: Arrival) -> None:
        """It has had its time: reset its stream, or forget that it waits for one."""
        if isinstance(line := arrival.line, H2Line):
            line.cut(arrival)
            return
        for queue in (self._waiting, self._alone):
            if arrival in queue:
                queue.remove(arrival)

    def limit(self, most: int) -> None:
        """So many from now on; idle ones beyond that are closed."""
        self._most = most
        for line in [each for each in self._lines if not each.exchanges][: max(len(self._lines) - most, 0)]:
            line.close()

    def close(self) -> None:
        """Nothing more will come."""
        self._open = False
        for line in [*self._lines, *self._opening]:
            line.close()

    # ---- connections ---------------------------------------------------------------------------------------

    def _open_more(self) -> None:
        """Connections for requests that wait, as far as the bound allows."""
        while self._alone and self._room() > 0:
            self._begin(H2Line(self, self._alone.popleft()))
        while self._room() > 0 and self._shared_opening() * STREAMS < len(self._waiting):
            self._begin(H2Line(self))

    def _room(self) -> int:
        return self._most - len(self._opening) - len(self._lines)

    def _shared_opening(self) -> int:
        return sum(line.own is None for line in self._opening)

    def _begin(self, line: H2Line) -> None:
        self._opening[line] = None
        self._context.spawn(self._connect(line), "load connect")

    async def _connect(self, line: H2Line) -> None:
        # This task's own; whoever happened to be on the way when it began is not who it is for.
        JOURNEY.set(None if line.own is None else line.own.journey)
        host, error = await self._site.connect(lambda: line)
        if not error and not line.spoken:
            error = NOT_SPOKEN
        if not error:
            self._run.counts.connected[host] += 1
            return
        self._opening.pop(line, None)
        self._fail_those_of(line, error)
        self._open_more()

    def _fail_those_of(self, line: H2Line, error: str) -> None:
        """Those who would have gone out on it: the ones that have waited longest."""
        if line.own is not None:
            self._run.failed(line.own, error)
            return
        for arrival in [self._waiting.popleft() for _ in range(min(STREAMS, len(self._waiting)))]:
            self._run.failed(arrival, error)

    # ---- for the connections -------------------------------------------------------------------------------

    def settled(self, line: H2Connection) -> None:
        """A connection takes requests."""
        assert isinstance(line, H2Line)
        self._opening.pop(line, None)
        self._lines[line] = None
        if line.own is not None:
            self._send(line, line.own)
        else:
            self.free(line)

    def free(self, line: H2Connection) -> None:
        """A connection has room."""
        assert isinstance(line, H2Line)
        if line.own is not None:
            line.close()
        elif not self._open:
            if not line.exchanges:
                line.close()
        else:
            while self._waiting and line.has_room():
                self._send(line, self._waiting.popleft())

    def gone(self, line: H2Connection) -> None:
        """A connection has ended; who waits gets another."""
        assert isinstance(line, H2Line)
        self._lines.pop(line, None)
        if line in self._opening:
            del self._opening[line]
            self._fail_those_of(line, "reset")
        if self._open:
            self._open_more()

    # ---- requests ------------------------------------------------------------------------------------------

    def _send(self, line: H2Line, arrival: Arrival) -> None:
        wanted = arrival.wanted
        if wanted not in self._wire:
            head, _, content = wanted.kept.partition(b"\r\n\r\n")
            self._wire[wanted] = request_headers(head, b"https", False), content
        headers, content = self._wire[wanted]
        arrival.sent_ns = self._context.now_ns()
        if arrival.journey is not None:
            self._context.record("journey.start", journey=arrival.journey, url=wanted.url, method=wanted.method)
        exchange = Exchange(partial(self._ended, line, arrival), self._most_bytes)
        line.carry(arrival, exchange, headers, content)

    def _ended(self, line: H2Line, arrival: Arrival, exchange: Exchange, error: str) -> None:
        line.done(arrival)
        if error == UNPROCESSED and self._open and line.own is None:
            arrival.line = None
            self.give(arrival)
        elif error:
            self._run.failed(arrival, "reset" if error == UNPROCESSED else error)
        else:
            server = exchange.fields.get(b"x-served-by", NOBODY)
            self._run.answered(arrival, exchange.status, server, bytes(exchange.body))
