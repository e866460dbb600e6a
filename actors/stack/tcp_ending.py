"""How a transport ends: closed, lingering, or by force."""

from typing import TYPE_CHECKING

from actors.element import Context, TimerHandle
from actors.protocols.tcp import State
from actors.units import SECOND

if TYPE_CHECKING:
    from actors.stack.tcp_transport import TcpTransport

LINGER_NS = 5 * SECOND
"""nginx's lingering_timeout: how long the end of the peer's stream is waited for once ours has been sent."""

MAY_WRITE = (State.ESTABLISHED, State.CLOSE_WAIT, State.SYN_SENT, State.SYN_RECEIVED)
"""Our stream has not been ended."""
_PEER_MAY_SEND = (State.FIN_WAIT_1, State.FIN_WAIT_2)


class Ending:
    """The end of a `TcpTransport`: `begun` when the application has closed or lost it, whatever is still on its way."""

    __slots__ = ("_context", "_fin_sent", "_lingering", "_transport", "begun")

    def __init__(self, transport: "TcpTransport", context: Context) -> None:
        self._transport = transport
        self._context = context
        self._lingering: TimerHandle | None = None
        self._fin_sent = False
        self.begun = False

    def close(self) -> None:
        """What was written is still sent, what arrives from now on is refused."""
        self.begun = True
        self._transport.connection.close(self._context.now_ns())
        self._lose_after_fin()

    def linger(self) -> None:
        """Close, but take what the peer still sends and throw it away, until it closes or for `LINGER_NS`.

        If its data met no socket it would get a RST, and that can cost it what it has not read yet of what we wrote
        last (RFC 9112 section 9.6)."""
        self.begun = True
        self._transport.application.discard()
        connection, now_ns = self._transport.connection, self._context.now_ns()
        if connection.state in MAY_WRITE:
            connection.shut_writing(now_ns)
        else:
            self._wait_for_peer()
        self._lose_after_fin()
        if connection.unread.paused:
            connection.resume_reading(now_ns)

    def force(self, error: BaseException | None) -> None:
        """At once, and the peer gets a RST."""
        self.lose(error)
        connection = self._transport.connection
        if connection.state is not State.CLOSED:
            connection.abort()

    def lose(self, error: BaseException | None) -> None:
        """The application's part is over."""
        self.begun = True
        self._transport.application.lose(error)

    def fin_sent(self) -> None:
        """All that was written, and the end of it, has gone out."""
        self._fin_sent = True
        if self.begun:
            self.lose(None)
            self._wait_for_peer()

    def _lose_after_fin(self) -> None:
        """Closed now, and our stream was ended before (`write_eof`): there is nothing more to wait for."""
        if self._fin_sent:
            self.lose(None)

    def _wait_for_peer(self) -> None:
        """Our stream has ended; from now on the peer has so long to end its own."""
        self.stop_waiting()
        connection = self._transport.connection
        if connection.state in _PEER_MAY_SEND and not connection.orphaned:
            due_ns = self._context.now_ns() + LINGER_NS
            self._lingering = self._context.call_at(due_ns, self._stop_lingering)

    def stop_waiting(self) -> None:
        """The peer's stream has ended, or the connection has."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _stop_lingering(self) -> None:
        self._lingering = None
        self._transport.connection.close(self._context.now_ns())
