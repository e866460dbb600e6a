"""What is told of a connection: the layer's counters, the records of its journey, and what `ss -i` would show."""

from typing import TYPE_CHECKING, Any

from actors.protocols.tcp import Connection
from actors.protocols.tcp.congestion import UNLIMITED
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.stack.tcp import TcpLayer
    from actors.stack.tcp_transport import TcpTransport

Address = tuple[bytes, int]


def address_text(address: Address) -> str:
    return f"{ip_text(address[0])}:{address[1]}"


def tcp_info(connection: Connection) -> dict[str, Any]:
    """What `ss -i` would show."""
    congestion, round_trip = connection.congestion, connection.round_trip
    return {
        "state": connection.state.name,
        "rtt_ms": round_trip.srtt_ns / 1e6,
        "rttvar_ms": round_trip.rttvar_ns / 1e6,
        "rto_ms": round_trip.rto_ns / 1e6,
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


class TcpTrace:
    """The `ConnectionObserver` of a transport's connection; it records what happens in the course of a journey."""

    __slots__ = ("_layer", "_transport")

    def __init__(self, layer: "TcpLayer", transport: "TcpTransport") -> None:
        self._layer = layer
        self._transport = transport

    def connecting(self) -> None:
        self._record("tcp.connect", remote=address_text(self._transport.remote))

    def established(self, now_ns: int) -> None:
        connection = self._transport.connection
        self._record_ends(
            "tcp.established",
            role="server" if connection.passive else "client",
            handshake_ms=(now_ns - connection.opened_at_ns) / 1e6,
            mss_bytes=connection.mss_bytes,
            window_scale=connection.rcv_shift,
        )

    def closed(self, error: OSError | None) -> None:
        self._record_ends("tcp.closed", reason="in order" if error is None else str(error))

    def on_retransmit(self, what: str, size_bytes: int, why: str) -> None:
        self._layer.retransmitted.value += 1
        connection = self._transport.connection
        self._record_ends(
            "tcp.retransmit",
            segment=what,
            bytes=size_bytes,
            reason=why,
            attempt=connection.attempts,
            next_timeout_ms=connection.round_trip.rto_ns / 1e6,
        )

    def on_recovery(self, cause: str, in_flight_bytes: int, lost_bytes: int) -> None:
        self._layer.recoveries[cause].value += 1
        congestion = self._transport.connection.congestion
        self._record_ends(
            "tcp.recovery",
            cause=cause,
            in_flight_bytes=in_flight_bytes,
            lost_bytes=lost_bytes,
            cwnd_bytes=congestion.window_bytes,
            ssthresh_bytes=congestion.ssthresh_bytes,
            congestion_control=congestion.name,
        )

    def on_recovered(self, outcome: str) -> None:
        congestion = self._transport.connection.congestion
        self._record_ends("tcp.recovered", outcome=outcome, cwnd_bytes=congestion.window_bytes)

    def on_probe(self, what: str, attempt: int) -> None:
        self._layer.probes[what].value += 1
        self._record_ends("tcp.probe", probe=what, attempt=attempt)

    def on_reset(self, direction: str, reason: str) -> None:
        (self._layer.resets_sent if direction == "sent" else self._layer.resets_received).value += 1
        transport = self._transport
        local, remote = address_text(transport.local), address_text(transport.remote)
        self._record("tcp.reset", direction=direction, local=local, remote=remote, reason=reason)

    def on_protocol_error(self, reason: str) -> None:
        self._layer.protocol_errors.value += 1

    def _record_ends(self, kind: str, **fields: Any) -> None:
        """Of both ends' addresses, and this."""
        transport = self._transport
        if transport.journey is not None:
            local, remote = address_text(transport.local), address_text(transport.remote)
            self._record(kind, local=local, remote=remote, **fields)

    def _record(self, kind: str, **fields: Any) -> None:
        journey = self._transport.journey
        if journey is not None:
            self._layer.context.record(kind, journey=journey, **fields)
