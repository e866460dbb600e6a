"""HTTP/1.1 with a client: one connection, and its requests one after another.

Requests that a client sends ahead (pipelining) wait in the reader until those before them are answered, and the
connection is not read meanwhile. JOURNEY is not trusted here: which journey a request belongs to is asked of the
connection's transport. After an upgrade to WebSocket bytes are passed on as they come.
"""

from typing import TYPE_CHECKING

from actors.element import JOURNEY
from actors.parts.load_balancer.answers import Answer, passed_on
from actors.parts.load_balancer.client_side import ClientSide
from actors.parts.load_balancer.exchange import Exchange
from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import CONTINUE, LAST_CHUNK, Request, RequestReader, Response, chunk
from actors.units import SECOND

if TYPE_CHECKING:
    from actors.parts.load_balancer.listener import Listener


class ClientConnection(ClientSide):
    """A client's connection: `exchange` is the request that is being answered now."""

    def __init__(self, listener: "Listener", accepted_ns: int) -> None:
        super().__init__(listener, accepted_ns)
        self.exchange: Exchange | None = None
        self._reader = RequestReader()
        self._journey: str | None = None
        self._received_ns = 0
        self._reading_paused = False
        self._advancing = False
        self._tunnelling = False
        self._chunked = False
        self._last = False

    # ---- the connection ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        reader = self._reader
        self._active_ns = self.node.context.now_ns()
        if self._tunnelling and self.exchange is not None:
            self.exchange.relay_up(data)
            return
        if not reader.mid_head:
            self._received_ns = self._active_ns
        reader.feed(data)
        if self.exchange is not None:
            self.exchange.body_arrived()
        self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.exchange is not None:
            self.exchange.client_gone()

    # ---- one exchange after another ----------------------------------------------------------------------

    def _advance(self) -> None:
        """Start the next exchanges while they end at once; then read on, or do not."""
        if self._advancing:
            return
        self._advancing = True
        while self.exchange is None and self._reader.requests and not self._closing:
            self._journey = self._transport.get_extra_info("journey")
            self.exchange = Exchange(self, self._reader.requests.popleft(), self._received_ns, self._journey)
            self.exchange.start()
        self._advancing = False
        self.control_reading()

    def exchange_over(self, exchange: Exchange) -> None:
        """The exchange has been answered, or given up."""
        self.exchange = None
        if self._last or exchange.tunnelling:
            self._close()
            return
        if exchange.request.websocket:
            self._reader.resume()
        if self._reader.requests and not self._advancing:
            token = JOURNEY.set(self._journey)
            self._advance()
            JOURNEY.reset(token)
        else:
            self.control_reading()

    # ---- the answers, and who is faster ------------------------------------------------------------------

    def answer(self, exchange: Exchange, answer: Answer) -> int:
        request = exchange.request
        self._last = not self._may_persist(request)
        data = b"" if request.method == b"HEAD" else answer.body
        if request.version != b"0.9":
            data = answer.head(self.node.context.unix_ns() // SECOND, not self._last) + data
        self.send(data)
        return len(data)

    def pass_on(self, exchange: Exchange, response: Response, opening: bool) -> int:
        out = [self._open(exchange, response)] if opening else []
        if self._chunked:
            out += map(chunk, response.body)
            if response.complete:
                out.append(LAST_CHUNK)
        else:
            out += response.body
        data = b"".join(out)
        if data:
            self.send(data)
        return len(data)

    def _open(self, exchange: Exchange, response: Response) -> bytes:
        """The head of a target's response. What has no end of its own ends in chunks, or with the connection."""
        request = exchange.request
        endless = response.chunked or response.until_close
        self._chunked = endless and request.version == b"1.1" and request.method != b"HEAD"
        self._last = not self._may_persist(request) or (endless and not self._chunked)
        if request.version == b"0.9":
            return b""
        return passed_on(response, self._chunked, not self._last, exchange.cookies(response))

    def _may_persist(self, request: Request) -> bool:
        """Whether the connection lives on after the answer to this request."""
        return request.keep_alive and request.complete and self._active_ns < self._expires_ns

    def send_continue(self) -> None:
        self.send(CONTINUE)

    def send(self, data: bytes) -> None:
        self._active_ns = self.node.context.now_ns()
        self._transport.write(data)

    def tunnel(self) -> bytes:
        self._tunnelling = True
        return self._reader.tunnel()

    def break_off(self) -> None:
        self.abort()

    def retire(self) -> None:
        self._expires_ns = 0
        if self.exchange is None:
            self._close()

    def control_reading(self) -> None:
        exchange = self.exchange
        pause = bool(self._reader.requests) or (exchange is not None and exchange.upload_blocked())
        if pause == self._reading_paused or self._closing:
            return
        self._reading_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self._throttle_target(True)

    def resume_writing(self) -> None:
        self._active_ns = self.node.context.now_ns()
        self._throttle_target(False)

    def _throttle_target(self, paused: bool) -> None:
        self.write_paused = paused
        if self.exchange is not None and self.exchange.connection is not None:
            self.exchange.connection.hold_reading(paused)

    # ---- silence -----------------------------------------------------------------------------------------

    def _check_idle(self) -> None:
        now_ns = self.node.context.now_ns()
        silent_since_ns = self._active_ns
        exchange = self.exchange
        if exchange is not None and exchange.request.complete and not self.write_paused:
            silent_since_ns = now_ns  # it is the target's turn, and its connection has a timer too
        due_ns = silent_since_ns + self.node.idle_timeout_ns
        if now_ns < due_ns:
            self._timer = self.node.context.call_at(due_ns, self._check_idle)
        elif exchange is not None:
            JOURNEY.set(exchange.journey)
            exchange.fail(Cause.CLIENT_TIMEOUT)
        elif self._reader.mid_head:
            self._reader.give_up(Cause.CLIENT_TIMEOUT)
            self._advance()
        else:
            self._close()
