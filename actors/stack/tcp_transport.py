"""An emulated connection as asyncio knows connections: everything written for `asyncio.Transport` runs on it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY, TimerHandle
from actors.protocols.tcp import Connection, State
from actors.protocols.tcp.congestion import UNLIMITED
from actors.units import SECOND
from actors.wire import tcp as wire
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.stack.tcp import TcpLayer
    from actors.stack.tcp_server import TcpServer

HIGH_WATER_BYTES = 64 * 1024
"""asyncio's default: with more than this unsent, the protocol is asked to pause writing."""

LINGER_NS = 5 * SECOND
"""nginx's lingering_timeout: how long the end of the peer's stream is waited for once ours has been sent."""

Address = tuple[bytes, int]


class TcpTransport(asyncio.Transport):
    """Both the transport of an application and the host of a `Connection`.

    What a server accepted it closes as web servers do, lingering (see `linger`); asyncio leaves that to applications.

    `journey` is the connection's current journey: of the last write on a connection that we opened, of the last
    SYN or data received on one that we accepted. Its segments carry it, retransmissions included."""

    __slots__ = (
        "_closing", "_data_received", "_ended", "_established", "_high", "_layer", "_lingering", "_local", "_loop",
        "_lost", "_low", "_now_ns", "_protocol", "_reading", "_remote", "_resuming", "_send", "_writing_paused",
        "connection", "journey", "key", "server",
    )  # fmt: skip

    _start_tls_compatible = True

    connection: Connection

    def __init__(self, layer: "TcpLayer", local: Address, remote: Address) -> None:
        super().__init__()
        self.key = remote[0] + local[0] + remote[1].to_bytes(2) + local[1].to_bytes(2)
        self.journey: str | None = None
        self.server: TcpServer | None = None
        self._layer = layer
        self._local, self._remote = local, remote
        self._loop = asyncio.get_running_loop()
        self._now_ns = layer.context.now_ns
        self._send = layer.ip.route_to(remote[0], local[0]).send
        self._established: asyncio.Future[None] | None = None
        self._lingering: TimerHandle | None = None
        self._closing = self._lost = self._writing_paused = self._resuming = False
        self._ended = False
        """Whether our FIN has gone out."""
        self._reading = True
        self._high, self._low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self.set_protocol(asyncio.Protocol())

    def __repr__(self) -> str:
        return f"<TcpTransport {_text(self._local)} > {_text(self._remote)} {self.connection.state.name}>"

    # ---- the beginning -------------------------------------------------------------------------------------

    def open(self, protocol: asyncio.BaseProtocol, established: "asyncio.Future[None]") -> None:
        """Connect; the future gets the end of it, and `connection_made` comes before that."""
        self._established = established
        self.set_protocol(protocol)
        self.journey = JOURNEY.get()
        self._record("tcp.connect", remote=_text(self._remote))
        self.connection.connect(self._now_ns())

    def accept(self, protocol: asyncio.BaseProtocol) -> None:
        """An application takes the connection from the accept queue."""
        self.server = None
        self.set_protocol(protocol)
        token = JOURNEY.set(self.journey)
        try:
            protocol.connection_made(self)
        finally:
            JOURNEY.reset(token)
        self._resume()

    # ---- asyncio.Transport ---------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        match name:
            case "journey":
                return self.journey
            case "peername":
                return (ip_text(self._remote[0]), self._remote[1])
            case "sockname":
                return (ip_text(self._local[0]), self._local[1])
            case "tcp_info":
                return self._tcp_info()
        return default

    def _tcp_info(self) -> dict[str, Any]:
        """What `ss -i` would show."""
        connection = self.connection
        congestion = connection.congestion
        return {
            "state": connection.state.name,
            "rtt_ms": connection.round_trip.srtt_ns / 1e6,
            "rttvar_ms": connection.round_trip.rttvar_ns / 1e6,
            "rto_ms": connection.round_trip.rto_ns / 1e6,
            "congestion_control": congestion.name,
            "congestion_state": connection.congestion_state(),
            "cwnd_bytes": congestion.window_bytes,
            "ssthresh_bytes": None if congestion.ssthresh_bytes == UNLIMITED else congestion.ssthresh_bytes,
            "mss_bytes": connection.mss_bytes,
            "sack": connection.sacking,
            "timestamps": connection.timestamps,
            "window_scale": (connection.snd_shift, connection.rcv_shift),
            "send_window_bytes": connection.snd_wnd,
            "unacknowledged_bytes": (connection.snd_nxt - connection.snd_una) & 0xFFFFFFFF,
            "unsent_bytes": connection.unsent_bytes(),
            "retransmits": connection.retransmits,
        }

    def inspect(self) -> dict[str, Any]:
        return {"local": _text(self._local), "remote": _text(self._remote), **self._tcp_info()}

    def set_protocol(self, protocol: Any) -> None:
        self._protocol: Any = protocol
        buffered = isinstance(protocol, asyncio.BufferedProtocol)
        self._data_received: Callable[[bytes], None] = (
            self._fill_buffer if buffered else protocol.data_received
        )

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_keepalive(self, wanted: bool) -> None:
        """SO_KEEPALIVE: ask a peer that has long been silent whether it is there (`tcp_keepalive_time`)."""
        self.connection.keep_alive(wanted, self._now_ns())

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        if self.is_reading():
            self._reading = False
            self.connection.pause_reading()

    def resume_reading(self) -> None:
        if self._closing or self._reading:
            return
        self._reading = True
        if not self._resuming:
            self._resuming = True
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._resuming = False
        if self._reading and not self._closing:
            token = JOURNEY.set(self.journey)  # not whoever's turn it was when reading was allowed again
            self.connection.resume_reading(self._now_ns())
            JOURNEY.reset(token)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        connection = self.connection
        if self._closing or connection.state not in _MAY_WRITE:
            if connection.state is not State.CLOSED and not self._closing:
                raise RuntimeError("Cannot call write() after write_eof()")
            return
        if not data:
            return
        if not connection.passive:
            self.journey = JOURNEY.get()
        elif self.journey is not None and JOURNEY.get() == self.journey:
            self.journey = JOURNEY.get()  # the same, but it may carry what is to be told on the way back
        connection.send(data, self._now_ns())
        if len(connection.send_buffer.data) > self._high and not self._writing_paused:
            self._pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._closing and self.connection.state in _MAY_WRITE:
            self.connection.shut_writing(self._now_ns())

    def get_write_buffer_size(self) -> int:
        """What was written and never sent; what is in flight lies in the kernel's buffer, so to speak."""
        return self.connection.unsent_bytes()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return (self._low, self._high)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._pause_writing()

    def _pause_writing(self) -> None:
        if not self._writing_paused and self.connection.unsent_bytes() > self._high:
            self._writing_paused = True
            self.connection.room_below_bytes = self._low
            self._call(self._protocol.pause_writing)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        if self.connection.passive:
            self.linger()
        else:
            self._closing = True
            self.connection.close(self._now_ns())
            self._lose_after_end()

    def linger(self) -> None:
        """Close, but take what the peer still sends and throw it away, until it closes or for `LINGER_NS`.

        If its data met no socket it would get a RST, and that can cost it what it has not read yet of what we wrote
        last (RFC 9112 section 9.6)."""
        if self._closing:
            return
        self._closing = True
        self._data_received = _discard
        connection, now_ns = self.connection, self._now_ns()
        if connection.state in _MAY_WRITE:
            connection.shut_writing(now_ns)
        else:
            self._wait_for_end()
        self._lose_after_end()
        if connection.paused:
            connection.resume_reading(now_ns)

    def abort(self) -> None:
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        """As asyncio's own transports have it; its SSLProtocol calls this."""
        self._lose(error)
        if self.connection.state is not State.CLOSED:
            self.connection.abort()

    # ---- what the connection asks of its host ------------------------------------------------------------

    def transmit(self, segment: bytes) -> None:
        self._layer.sent.value += 1
        journey = self.journey
        if JOURNEY.get() == journey:
            self._send(segment)
            return
        token = JOURNEY.set(journey)
        self._send(segment)
        JOURNEY.reset(token)

    def wake_at(self, when_ns: int) -> None:
        self._layer.wake_at(self.connection, when_ns)

    def admit(self) -> bool:
        return self.server is None or self.server.complete(self)

    def on_established(self) -> None:
        connection = self.connection
        self._record(
            "tcp.established",
            local=_text(self._local),
            remote=_text(self._remote),
            role="server" if connection.passive else "client",
            handshake_ms=(self._now_ns() - connection.opened_at_ns) / 1e6,
            mss_bytes=connection.mss_bytes,
            window_scale=connection.rcv_shift,
        )
        if self._established is not None:
            if not self._established.done():
                # first: a protocol that closes at once was connected all the same
                self._established.set_result(None)
            self._call(self._protocol.connection_made, self)

    def on_data(self, data: bytes) -> None:
        try:
            self._data_received(data)
        except Exception as error:
            self._fatal(error)

    def _fill_buffer(self, data: bytes) -> None:
        """Give data to a BufferedProtocol, in as many pieces as it has room for."""
        protocol = self._protocol
        size = len(data)
        buffer = protocol.get_buffer(size)
        if len(buffer) >= size:
            buffer[:size] = data
            protocol.buffer_updated(size)
            return
        view = memoryview(data)
        while view:
            count = min(len(buffer), len(view))
            if not count:
                raise RuntimeError("get_buffer() returned an empty buffer")
            buffer[:count] = view[:count]
            protocol.buffer_updated(count)
            view = view[count:]
            if view:
                buffer = protocol.get_buffer(len(view))

    def on_end(self) -> None:
        if self._closing:
            self._stop_waiting()
            return
        try:
            keep_open = self._protocol.eof_received()
        except Exception as error:
            self._fatal(error)
            return
        if not keep_open:
            self.close()

    def on_room(self) -> None:
        self._writing_paused = False
        self.connection.room_below_bytes = -1
        self._call(self._protocol.resume_writing)

    def on_fin_sent(self) -> None:
        self._ended = True
        if self._closing:
            self._lose(None)
            self._wait_for_end()

    def on_closed(self, error: OSError | None) -> None:
        self._stop_waiting()
        self._layer.forget(self)
        if self.server is not None:
            self.server.forget(self)
        self._record(
            "tcp.closed",
            local=_text(self._local),
            remote=_text(self._remote),
            reason="in order" if error is None else str(error),
        )
        self._lose(error)

    def on_retransmit(self, what: str, size_bytes: int, why: str) -> None:
        self._layer.retransmitted.value += 1
        connection = self.connection
        self._record(
            "tcp.retransmit",
            local=_text(self._local),
            remote=_text(self._remote),
            segment=what,
            bytes=size_bytes,
            reason=why,
            attempt=connection.attempts,
            next_timeout_ms=connection.round_trip.rto_ns / 1e6,
        )

    def on_recovery(self, cause: str, in_flight_bytes: int, lost_bytes: int) -> None:
        self._layer.recoveries[cause].value += 1
        self._record(
            "tcp.recovery",
            local=_text(self._local),
            remote=_text(self._remote),
            cause=cause,
            in_flight_bytes=in_flight_bytes,
            lost_bytes=lost_bytes,
            cwnd_bytes=self.connection.congestion.window_bytes,
            ssthresh_bytes=self.connection.congestion.ssthresh_bytes,
            congestion_control=self.connection.congestion.name,
        )

    def on_recovered(self, outcome: str) -> None:
        congestion = self.connection.congestion
        self._record(
            "tcp.recovered",
            local=_text(self._local),
            remote=_text(self._remote),
            outcome=outcome,
            cwnd_bytes=congestion.window_bytes,
        )

    def on_probe(self, what: str, attempt: int) -> None:
        self._layer.probes[what].value += 1
        self._record(
            "tcp.probe", local=_text(self._local), remote=_text(self._remote), probe=what, attempt=attempt
        )

    def on_reset(self, direction: str, reason: str) -> None:
        (self._layer.resets_sent if direction == "sent" else self._layer.resets_received).value += 1
        self._record(
            "tcp.reset",
            direction=direction,
            local=_text(self._local),
            remote=_text(self._remote),
            reason=reason,
        )

    def on_protocol_error(self, reason: str) -> None:
        self._layer.protocol_errors.value += 1

    def on_successor(self, segment: wire.Segment) -> None:
        self._layer.on_unexpected(self._remote[0], self._local[0], segment)

    # ---- the end -------------------------------------------------------------------------------------------

    def _lose_after_end(self) -> None:
        """Closed now, and our stream was ended before (`write_eof`): there is nothing more to wait for."""
        if self._ended:
            self._lose(None)

    def _wait_for_end(self) -> None:
        """Our stream has ended; from now on the peer has so long to end its own."""
        self._stop_waiting()
        connection = self.connection
        if connection.state in _PEER_MAY_SEND and not connection.orphaned:
            due_ns = self._now_ns() + LINGER_NS
            self._lingering = self._layer.context.call_at(due_ns, self._stop_lingering)

    def _stop_waiting(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _stop_lingering(self) -> None:
        self._lingering = None
        self.connection.close(self._now_ns())

    def _lose(self, error: BaseException | None) -> None:
        """The application's part is over: tell it, once, when it is not in the middle of something."""
        self._closing = True
        if self._lost:
            return
        self._lost = True
        if self._established is not None and not self._established.done():
            self._established.set_exception(error or ConnectionAbortedError("aborted while connecting"))
            return
        self._loop.call_soon(self._protocol_lost, error)

    def _protocol_lost(self, error: BaseException | None) -> None:
        protocol = self._protocol
        self.set_protocol(asyncio.Protocol())
        protocol.connection_lost(error)

    def _call(self, callback: Any, *arguments: Any) -> None:
        """Run a protocol's callback; one that fails ends the connection, not us."""
        try:
            callback(*arguments)
        except Exception as error:
            self._fatal(error)

    def _fatal(self, error: Exception) -> None:
        message = "a protocol's callback failed"
        self._loop.call_exception_handler(
            {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
        )
        self._force_close(error)

    def _record(self, kind: str, **fields: Any) -> None:
        if self.journey is not None:
            self._layer.context.record(kind, journey=self.journey, **fields)


_MAY_WRITE = (State.ESTABLISHED, State.CLOSE_WAIT, State.SYN_SENT, State.SYN_RECEIVED)
_PEER_MAY_SEND = (State.FIN_WAIT_1, State.FIN_WAIT_2)


def _discard(data: bytes) -> None:
    """What comes after the end."""


def _text(address: Address) -> str:
    return f"{ip_text(address[0])}:{address[1]}"
