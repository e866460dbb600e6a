"""A browser, as far as the network can tell: its DNS cache, its connections, and where the time of a request went.

It is an aiohttp client whose connector opens connections over the emulated stack. Redirects are not followed: one
journey is one request.
"""

import asyncio
import ssl
from contextvars import ContextVar
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from yarl import URL

from actors.element import JOURNEY, Context
from actors.parts.certificates_unread import certificates_unread
from actors.parts.names import BrowserDns, addresses
from actors.stack import Stack
from actors.units import SECOND
from actors.wire.malformed import Malformed

with certificates_unread():
    from aiohttp import BaseConnector, ClientError, ClientResponse, ClientSession, ClientTimeout
    from aiohttp.client_proto import ResponseHandler

PHASES = ("dns", "tcp", "tls", "first_byte", "download")
SHOWN_PHASES = ("dns", "tcp_connect", "tls", "first_byte", "download")
"""The phases as metrics call them."""

CONNECT_TIMEOUT_S = 10.0
"""For one address, before the next one of the name is tried."""

FETCH_TIMEOUT_S = 60.0

USER_AGENT = "packet-journey"


class Stopwatch:
    """Where the time of one request went: every moment belongs to exactly one phase, so they add up to the total.

    `first_byte` lasts from when the request can be sent until the head of the answer is there.
    """

    def __init__(self, context: Context) -> None:
        self._now_ns = context.now_ns
        self._since_ns = self._now_ns()
        self.phase = PHASES[0]
        self.spent_ns = dict.fromkeys(PHASES, 0)

    def enter(self, phase: str) -> None:
        """The current phase is over, this one begins."""
        now_ns = self._now_ns()
        self.spent_ns[self.phase] += now_ns - self._since_ns
        self._since_ns = now_ns
        self.phase = phase

    def stop(self) -> None:
        self.enter(self.phase)

    @property
    def phases_ms(self) -> dict[str, float]:
        return {phase: spent_ns / 1e6 for phase, spent_ns in self.spent_ns.items()}

    @property
    def total_ms(self) -> float:
        return sum(self.spent_ns.values()) / 1e6


_STOPWATCH: ContextVar[Stopwatch] = ContextVar("stopwatch")
"""Of the request for which a connection is being opened."""


class Fetched(NamedTuple):
    """What came of a request: an answer, or an error and the phase in which it happened."""

    status: int
    headers: dict[str, str]
    body_bytes: int
    total_ms: float
    phases: dict[str, float]
    error: str | None = None
    phase: str | None = None
    body_sha256: str = ""
    """Of the content, in hexadecimal; what does not come whole has none."""


class Browser:
    """Fetches URLs; DNS answers are cached, connections only for those who want to keep them."""

    def __init__(self, context: Context, stack: Stack, names: BrowserDns) -> None:
        self.names = names
        self.context = context
        self.stack = stack
        self._kept: ClientSession | None = None
        self._phases = {
            phase: context.metrics.histogram("journey_client_phase_duration_seconds", phase=shown)
            for phase, shown in zip(PHASES, SHOWN_PHASES, strict=True)
        }

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Trusts the emulator's CA only; secrets go to `tls-keys.log`, for Wireshark."""
        return self._tls_for("http/1.1")

    @cached_property
    def tls_h2(self) -> ssl.SSLContext:
        """The same for HTTP/2, by ALPN (RFC 9113, section 3.2)."""
        return self._tls_for("h2")

    def _tls_for(self, protocol: str) -> ssl.SSLContext:
        directory = self.context.directory
        context = ssl.create_default_context(cafile=directory / "ca.pem")
        context.keylog_filename = str(directory / "tls-keys.log")
        context.set_alpn_protocols([protocol])
        return context

    def warm_up(self) -> None:
        """Read the CA now rather than in the middle of the first handshake, if the world has one."""
        if (self.context.directory / "ca.pem").exists():
            _ = self.tls

    async def fetch(self, method: str, url: URL, *, keep: bool) -> Fetched:
        """One request: on a fresh connection, or with `keep` on one that is left open for the next."""
        stopwatch = Stopwatch(self.context)
        token = _STOPWATCH.set(stopwatch)
        session = self._kept_session() if keep else self._session(force_close=True)
        try:
            async with (
                asyncio.timeout(FETCH_TIMEOUT_S),
                session.request(method, url, allow_redirects=False) as response,
            ):
                stopwatch.enter("download")
                body = await response.read()
            stopwatch.stop()
            self._observe(stopwatch)
            return _fetched(response, body, stopwatch)
        except (ClientError, OSError, Malformed) as error:
            stopwatch.stop()
            self._observe(stopwatch)
            phases, total_ms = stopwatch.phases_ms, stopwatch.total_ms
            return Fetched(0, {}, 0, total_ms, phases, _describe(error), stopwatch.phase)
        finally:
            _STOPWATCH.reset(token)
            if not keep:
                await session.close()

    def _observe(self, stopwatch: Stopwatch) -> None:
        """Tell how long the phases took that there were: a connection that was kept has only the last two."""
        journey = JOURNEY.get()
        for phase, spent_ns in stopwatch.spent_ns.items():
            if spent_ns:
                self._phases[phase].observe(spent_ns / SECOND, journey)

    async def close(self) -> None:
        """Close the connections that were kept."""
        if self._kept is not None:
            await self._kept.close()

    def _kept_session(self) -> ClientSession:
        if self._kept is None:
            self._kept = self._session(force_close=False)
        return self._kept

    def _session(self, *, force_close: bool) -> ClientSession:
        return ClientSession(
            connector=_Connector(self, force_close),
            timeout=ClientTimeout(total=None, connect=None, sock_connect=None),
            headers={"User-Agent": USER_AGENT},
            auto_decompress=False,
        )


class _Connector(BaseConnector):
    """Opens connections the way a browser does, and tells the stopwatch how far it is."""

    def __init__(self, browser: Browser, force_close: bool) -> None:
        super().__init__(force_close=force_close)
        self._browser = browser

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        stopwatch = _STOPWATCH.get()
        hosts = await addresses(self._browser.names.resolve, req.url.raw_host)
        stopwatch.enter("tcp")
        handler = self._factory()
        transport = await self._connect(hosts, req.url.port)
        if req.url.scheme == "https":
            stopwatch.enter("tls")
            transport = await self._secure(transport, handler, req.url.raw_host)
        else:
            transport.set_protocol(handler)
        handler.connection_made(transport)
        stopwatch.enter("first_byte")
        self._browser.context.record("http.request", method=req.method, url=str(req.url))
        return handler

    async def _connect(self, hosts: list[str], port: int) -> asyncio.Transport:
        """A connection to the first of the addresses that takes one."""
        failure: OSError = OSError("no address")
        for host in hosts:
            try:
                transport, _ = await self._browser.stack.create_connection(
                    asyncio.Protocol, host, port, timeout_s=CONNECT_TIMEOUT_S
                )
                return transport
            except TimeoutError:
                failure = TimeoutError(f"{host}:{port} does not answer within {CONNECT_TIMEOUT_S:g} s")
            except OSError as error:
                failure = type(error)(error.errno, f"{host}:{port}: {error.strerror or error}")
        raise failure

    async def _secure(
        self, transport: asyncio.Transport, handler: asyncio.Protocol, host: str
    ) -> asyncio.Transport:
        context = self._browser.context
        began_ns = context.now_ns()
        secure = await asyncio.get_running_loop().start_tls(
            transport, handler, self._browser.tls, server_hostname=host
        )
        assert secure is not None
        tls: ssl.SSLObject = secure.get_extra_info("ssl_object")
        context.record(
            "tls.established",
            role="client",
            version=tls.version(),
            cipher=secure.get_extra_info("cipher")[0],
            server_name=host,
            handshake_ms=(context.now_ns() - began_ns) / 1e6,
            certificate=_issuer(secure.get_extra_info("peercert")),
        )
        return secure


def _issuer(certificate: dict[str, Any]) -> str:
    """`issued by NAME`."""
    fields = dict(pair for relative in certificate["issuer"] for pair in relative)
    return f"issued by {fields.get('commonName', 'nobody')}"


def _fetched(response: ClientResponse, body: bytes, stopwatch: Stopwatch) -> Fetched:
    headers = dict(response.headers)
    return Fetched(
        response.status,
        headers,
        len(body),
        stopwatch.total_ms,
        stopwatch.phases_ms,
        body_sha256=sha256(body).hexdigest(),
    )


def _describe(error: BaseException) -> str:
    """What happened, for people; aiohttp wraps some errors of ours into its own."""
    if isinstance(error, ClientError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {FETCH_TIMEOUT_S:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
