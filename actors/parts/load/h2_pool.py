"""The connections of a load that speaks HTTP/2: requests are streams of few connections instead of idle ones.

A request takes the first connection that has room for a stream; another one is only opened when all are full, as
browsers do. One that comes as a new visitor has a connection opened for itself alone.
"""

from collections import deque
from functools import partial

from actors.element import JOURNEY, Context
from actors.parts.h2_client import NOT_SPOKEN, RESET, UNPROCESSED, Exchange, H2Connection
from actors.parts.load.arrival import Arrival
from actors.parts.load.counts import NOBODY
from actors.parts.load.line import MAX_READ_BYTES
from actors.parts.load.mix import Wanted
from actors.parts.load.pool import Run
from actors.parts.load.site import Site
from actors.protocols.http2 import Headers, request_headers

STREAMS = 100
"""What a connection is expected to take before it has said so (RFC 9113, section 6.5.2: servers should take 100)."""
MOST_REFUSALS = 3
"""A request that the server says it has not looked at is sent again at once, so often at most."""


class H2Line(H2Connection):
    """A connection; with `own`, that of one request only."""

    def __init__(self, pool: "H2Pool", own: Arrival | None = None) -> None:
        super().__init__(pool.settled, pool.free, pool.gone)
        self.own = own
        self._under_way: dict[Arrival, tuple[Exchange, int]] = {}

    def carry(self, arrival: Arrival, exchange: Exchange, headers: Headers, content: bytes) -> None:
        """Send a request."""
        arrival.line = self
        self._under_way[arrival] = exchange, self.heard
        self.send(exchange, headers, content, arrival.journey)

    def done(self, arrival: Arrival) -> None:
        """It is over."""
        self._under_way.pop(arrival, None)

    def cut(self, arrival: Arrival) -> None:
        """Give a request up; the others go on. A connection on which nothing has come since it was sent may be dead: it
        is not used for others."""
        if (found := self._under_way.pop(arrival, None)) is not None:
            exchange, heard = found
            if heard == self.heard:
                self.leave()
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
        self._refusals: dict[Arrival, int] = {}
        """Of those that have been sent again."""
        self._streams = STREAMS
        """What a connection takes."""
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
            self._refusals.pop(arrival, None)
            line.cut(arrival)
            return
        self._refusals.pop(arrival, None)
        for queue in (self._waiting, self._alone):
            if arrival in queue:
                queue.remove(arrival)
        for line in [each for each in self._opening if each.own is arrival]:
            del self._opening[line]
            line.abort()

    def limit(self, most: int) -> None:
        """So many from now on; idle ones beyond that are closed."""
        self._most = most
        for line in self._idle()[: max(len(self._lines) - most, 0)]:
            self._forget(line)

    def close(self) -> None:
        """Nothing more will come."""
        self._open = False
        for line in [*self._lines, *self._opening]:
            line.close()

    # ---- connections ---------------------------------------------------------------------------------------

    def _open_more(self) -> None:
        """Connections for requests that wait, as far as the bound allows."""
        while self._alone:
            if self._room() <= 0:
                if not (idle := self._idle()):
                    break
                self._forget(idle[0])
            self._begin(H2Line(self, self._alone.popleft()))
        while self._room() > 0 and self._shared_opening() * self._streams < len(self._waiting):
            self._begin(H2Line(self))

    def _idle(self) -> list[H2Line]:
        return [line for line in self._lines if not line.exchanges]

    def _forget(self, line: H2Line) -> None:
        """Close an idle connection, which makes room."""
        self._lines.pop(line, None)
        line.close()

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
        if not error:
            self._run.counts.connected[host] += 1
        elif self._opening.pop(line, line) is None:
            self._fail_those_of(line, error)
            self._open_more()

    def _fail_those_of(self, line: H2Line, error: str) -> None:
        """Those who would have gone out on it: the ones that have waited longest."""
        if line.own is not None:
            self._failed(line.own, error)
            return
        for arrival in [self._waiting.popleft() for _ in range(min(self._streams, len(self._waiting)))]:
            self._failed(arrival, error)

    # ---- for the connections -------------------------------------------------------------------------------

    def settled(self, line: H2Connection) -> None:
        """A connection takes requests."""
        assert isinstance(line, H2Line)
        if self._opening.pop(line, line) is not None:
            return  # it has been given up meanwhile
        self._lines[line] = None
        if line.own is not None:
            self._send(line, line.own)
        else:
            self._streams = max(line.most_streams, 1)
            self.free(line)

    def free(self, line: H2Connection) -> None:
        """A connection has room."""
        assert isinstance(line, H2Line)
        if line.own is not None or not self._open:
            if not line.exchanges:
                self._forget(line)
        else:
            while self._waiting and line.has_room():
                self._send(line, self._waiting.popleft())
        self._open_more()

    def gone(self, line: H2Connection) -> None:
        """A connection has ended; who waits gets another."""
        assert isinstance(line, H2Line)
        self._lines.pop(line, None)
        if self._opening.pop(line, line) is None:
            self._fail_those_of(line, RESET if line.spoken else NOT_SPOKEN)
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
            self._context.record(
                "journey.start", journey=arrival.journey, url=wanted.url, method=wanted.method
            )
        exchange = Exchange(partial(self._ended, line, arrival), self._most_bytes)
        line.carry(arrival, exchange, headers, content)

    def _ended(self, line: H2Line, arrival: Arrival, exchange: Exchange, error: str) -> None:
        line.done(arrival)
        if error == UNPROCESSED and self._goes_again(arrival):
            return
        if error:
            self._failed(arrival, error)
            return
        self._refusals.pop(arrival, None)
        server = exchange.fields.get(b"x-served-by", NOBODY)
        self._run.answered(arrival, exchange.status, server, bytes(exchange.body))

    def _goes_again(self, arrival: Arrival) -> bool:
        """Send what the server has not looked at once more, as clients may on their own (RFC 9113, section 8.7)."""
        refusals = self._refusals.pop(arrival, 0)
        if refusals >= MOST_REFUSALS or not self._open:
            return False
        self._refusals[arrival] = refusals + 1
        arrival.line = None
        self.give(arrival)
        return True

    def _failed(self, arrival: Arrival, error: str) -> None:
        self._refusals.pop(arrival, None)
        self._run.failed(arrival, error)
