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
import ssl
from collections import Counter
from typing import Any

import httptools
from yarl import URL

from actors.element import Context
from actors.parts.latencies import LONGEST_US, new_histogram, percentiles_ms
from actors.parts.names import NameNotResolved, addresses
from actors.protocols.dns.answer import Resolve
from actors.stack import Stack
from actors.units import SECOND

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_NS = 10 * SECOND
RETRY_S = 0.1
"""What a user waits after it could not connect; a connection that broke is replaced at once."""

_NOBODY = b"-"


class LoadRun:
    """One run; begins when it is made, ends after `duration_s` or by `stop`."""

    def __init__(
        self,
        context: Context,
        stack: Stack,
        resolve: Resolve,
        tls: ssl.SSLContext | None,
        url: URL,
        concurrency: int,
        duration_s: float,
    ) -> None:
        self.context = context
        self.url = url
        self.request = _request(url)
        self.began_ns = context.now_ns()
        self.ends_ns = self.began_ns + round(duration_s * SECOND)
        self.latencies = new_histogram()
        self.statuses: Counter[int] = Counter()
        self.servers: Counter[bytes] = Counter()
        self.errors: Counter[str] = Counter()
        self.connected: Counter[str] = Counter()
        self.last_answer_ns = self.began_ns
        self._stack = stack
        self._resolve = resolve
        self._tls = tls
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
            error = await self._try_to_connect(user)
            if error is None:
                return
            if self.over():
                break
            self.errors[error] += 1
            await self.context.sleep(RETRY_S)
        self.dismiss(user)

    async def _try_to_connect(self, user: "User") -> str | None:
        """Connect to the first address that takes it; the kind of error if none does."""
        assert self.url.raw_host is not None
        assert self.url.port is not None
        kind = "dns_error"
        try:
            for host in await addresses(self._resolve, self.url.raw_host):
                kind = await self._open(user, host, self.url.port)
                if not kind:
                    self.connected[host] += 1
                    return None
        except NameNotResolved:
            pass
        return kind

    async def _open(self, user: "User", host: str, port: int) -> str:
        hostname = self.url.raw_host if self._tls is not None else None
        try:
            await self._stack.create_connection(
                lambda: user, host, port, timeout_s=CONNECT_TIMEOUT_S, ssl=self._tls, server_hostname=hostname
            )
        except TimeoutError:
            return "connect_timeout"
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "reset"
        except ssl.SSLError:
            return "tls_error"
        except OSError:
            return "unreachable"
        return ""

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
        """What was counted so far. `hdr` are the latencies (us) as HdrHistogram encodes them; they are told each time,
        so that little is lost when this process is killed."""
        now_ns = self.context.now_ns() if self.running else self.last_answer_ns
        elapsed_s = (now_ns - self.began_ns) / 1e9
        requests = self.latencies.get_total_count()
        return {
            "running": self.running,
            "url": str(self.url),
            "concurrency": len(self._users),
            "duration_s": self._duration_s,
            "elapsed_s": elapsed_s,
            "requests": requests,
            "requests_per_s": requests / elapsed_s if elapsed_s else 0.0,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "errors": dict(sorted(self.errors.items())),
            "per_pod": {name.decode("latin-1"): count for name, count in sorted(self.servers.items())},
            "connections": dict(sorted(self.connected.items())),
            "latency_ms": percentiles_ms(self.latencies),
            "hdr": self.latencies.encode().decode(),
        }


class User(asyncio.Protocol):
    """One user: sends, waits for the answer, sends again. Errors cost it its connection."""

    def __init__(self, run: LoadRun) -> None:
        self.waits_since_ns: int | None = None
        self._run = run
        self._now_ns = run.context.now_ns
        self._transport: Any = None
        self._parser: Any = None
        self._server = _NOBODY
        self._answered = False
        self._status = 0
        self._keep_alive = False

    # ---- the connection ------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:
            return  # a handshake failed; whoever connects for us knows
        if self.waits_since_ns is not None:
            self._run.errors["reset" if error is not None else "closed"] += 1
            self.waits_since_ns = None
        self._transport = None
        if self._run.over():
            self._run.dismiss(self)
        else:
            self._run.connect(self)

    def fail(self, kind: str) -> None:
        """Count an error and break the connection off."""
        self._run.errors[kind] += 1
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
        run, now_ns, status = self._run, self._now_ns(), self._status
        run.latencies.record_value(min((now_ns - sent_ns) // 1000, LONGEST_US))
        run.statuses[status] += 1
        run.servers[self._server] += 1
        if status >= 400:
            run.errors[f"http_{status // 100}xx"] += 1
        self._server = _NOBODY
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


def _request(url: URL) -> bytes:
    """The bytes of the request; the same every time."""
    assert url.raw_host is not None
    host = url.raw_host if url.is_default_port() else f"{url.raw_host}:{url.port}"
    lines = (
        f"GET {url.raw_path_qs} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: packet-journey-load",
        "Accept: */*",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
