"""A closed loop of load: so many users, each with a keep-alive connection, each sending its next request when the
answer to the last one is there.

How this works. A `User` is an asyncio protocol over the emulated TCP (and TLS): it writes request bytes that were made
beforehand, and httptools tells it when an answer is complete; then it notes the latency and writes again, without any
task in between, because this happens thousands of times a second. Only opening a connection is a task: it resolves
the name anew, so that users spread over all addresses of the site.

Latencies are those of a closed loop, from the moment a request is written to the moment its answer is complete: when
the site stalls, users stall with it and ask less.
"""

import asyncio
from typing import Any

import httptools

from actors.element import Context
from actors.parts.load.counts import NOBODY, Counts
from actors.parts.load.site import Site
from actors.parts.load.told import ClientMetrics
from actors.units import SECOND

ANSWER_TIMEOUT_NS = 10 * SECOND
RETRY_S = 0.1
"""What a user waits after it could not connect; a connection that broke is replaced at once."""


class LoadRun:
    """One run; begins when it is made, ends after `duration_s` or by `stop`."""

    def __init__(
        self,
        context: Context,
        site: Site,
        concurrency: int,
        duration_s: float,
    ) -> None:
        self.context = context
        self.request = site.request
        self.began_ns = context.now_ns()
        self.ends_ns = self.began_ns + round(duration_s * SECOND)
        self._told = ClientMetrics(context)
        self.counts = Counts(self._told)
        self.offered = self._told.offered
        self.last_answer_ns = self.began_ns
        self._site = site
        self._duration_s = duration_s
        self._users = [User(self) for _ in range(concurrency)]
        self._at_work = set(self._users)
        for user in self._users:
            self.connect(user)
        context.spawn(self._watch(), "load watch")

    @property
    def running(self) -> bool:
        return bool(self._at_work)

    def stop(self) -> None:
        """End now: users finish what they are at."""
        self.ends_ns = min(self.ends_ns, self.context.now_ns())
        self._dismiss_idle()

    def connections(self) -> dict[str, int]:
        """Its connections by state."""
        active = sum(user.waits_since_ns is not None for user in self._at_work)
        idle = sum(user.idle for user in self._at_work)
        return {"opening": len(self._at_work) - active - idle, "idle": idle, "active": active}

    # ---- what users ask for --------------------------------------------------------------------------------

    def over(self) -> bool:
        return self.context.now_ns() >= self.ends_ns

    def connect(self, user: "User") -> None:
        """Give the user a connection, as long as it takes."""
        self.context.spawn(self._connect(user), "load connect")

    def dismiss(self, user: "User") -> None:
        """The user has done its part."""
        self._at_work.discard(user)

    # ---- connections ---------------------------------------------------------------------------------------

    async def _connect(self, user: "User") -> None:
        while not self.over():
            host, error = await self._site.connect(lambda: user)
            if not error:
                self.counts.connected[host] += 1
                return
            if self.over():
                break
            self.counts.failed(error)
            await self.context.sleep(RETRY_S)
        self.dismiss(user)

    async def _watch(self) -> None:
        """Give up on answers that do not come, and end the run in time."""
        while self.running:
            now_ns = self.context.now_ns()
            for user in self._users:
                if user.waits_since_ns is not None and now_ns - user.waits_since_ns > ANSWER_TIMEOUT_NS:
                    user.fail("timeout")
            if self.over():
                self._dismiss_idle()
            left_s = (self.ends_ns - now_ns) / 1e9
            await self.context.sleep(min(1.0, left_s) if left_s > 0 else 0.05)

    def _dismiss_idle(self) -> None:
        for user in self._users:
            if user.waits_since_ns is None:
                user.leave()

    # ---- what came of it -----------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What was counted so far; see `Counts.status`."""
        now_ns = self.context.now_ns() if self.running else self.last_answer_ns
        elapsed_s = (now_ns - self.began_ns) / 1e9
        requests = self.counts.latencies.get_total_count()
        return {
            "running": self.running,
            "url": str(self._site.url),
            "concurrency": len(self._users),
            "duration_s": self._duration_s,
            "elapsed_s": elapsed_s,
            "requests": requests,
            "requests_per_s": requests / elapsed_s if elapsed_s else 0.0,
            **self.counts.status(),
        }


class User(asyncio.Protocol):
    """One user: sends, waits for the answer, sends again. Errors cost it its connection."""

    def __init__(self, run: LoadRun) -> None:
        self.waits_since_ns: int | None = None
        self._run = run
        self._now_ns = run.context.now_ns
        self._transport: Any = None
        self._parser: Any = None
        self._server = NOBODY
        self._answered = False
        self._status = 0
        self._keep_alive = False

    @property
    def idle(self) -> bool:
        """Connected, and waiting for nothing."""
        return self._transport is not None and self.waits_since_ns is None

    # ---- the connection ------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:
            return  # a handshake failed; whoever connects for us knows
        if self.waits_since_ns is not None:
            self._run.counts.failed("reset" if error is not None else "closed")
            self.waits_since_ns = None
        self._transport = None
        if self._run.over():
            self._run.dismiss(self)
        else:
            self._run.connect(self)

    def fail(self, kind: str) -> None:
        """Count an error and break the connection off."""
        self._run.counts.failed(kind)
        self.waits_since_ns = None
        self._transport.abort()

    def leave(self) -> None:
        """Hang up, if connected; one who is connecting sees by itself that the run is over."""
        if self._transport is not None:
            self._run.dismiss(self)
            self._transport.close()

    # ---- the loop ------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self._run.over():
            self.leave()
            return
        self.waits_since_ns = self._now_ns()
        self._run.offered.value += 1
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail("bad_response")
            return
        if not self._answered:
            return
        self._answered = False
        if self.waits_since_ns is None:
            self.fail("bad_response")  # nobody asked
            return
        self._count(self.waits_since_ns)
        if self._keep_alive:
            self._ask()
        else:
            self._transport.close()

    def _count(self, sent_ns: int) -> None:
        run, now_ns = self._run, self._now_ns()
        run.counts.answered(self._status, self._server, now_ns - sent_ns)
        self._server = NOBODY
        run.last_answer_ns = now_ns
        self.waits_since_ns = None

    # ---- what the parser calls -----------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"X-Served-By" or name.lower() == b"x-served-by":
            self._server = value

    def on_message_complete(self) -> None:
        self._answered = True
        self._status = self._parser.get_status_code()
        self._keep_alive = self._parser.should_keep_alive()
