"""What Linux keeps in `net.ipv4.tcp_*`, with Linux's defaults."""

from dataclasses import dataclass
from typing import Literal

from actors.units import MILLISECOND, SECOND

CongestionControlName = Literal["cubic", "reno"]


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """How a host's TCP behaves. Times in ns, sizes in bytes."""

    receive_buffer_bytes: int = 131_072
    """tcp_rmem[1]: what may wait for the application at first, and so the window offered."""
    maximum_receive_buffer_bytes: int = 6_291_456
    """tcp_rmem[2]: what that may grow to."""
    moderate_receive_buffer: bool = True
    """tcp_moderate_rcvbuf: it grows as long as half of it arrives in a round trip."""
    window_scale: int | None = 7
    """None, as with tcp_window_scaling off: windows stay below 64 KiB."""
    congestion_control: CongestionControlName = "cubic"
    """tcp_congestion_control: CUBIC (RFC 9438) or NewReno (RFC 5681, RFC 6582)."""
    initial_window_segments: int = 10
    """RFC 6928; `ip route ... initcwnd`."""
    slow_start_after_idle: bool = True
    """tcp_slow_start_after_idle: after a timeout's worth of silence the window begins anew (RFC 5681 section 4.1)."""
    max_ssthresh_segments: int = 0
    """Limited slow start (RFC 3742): beyond so many segments slow start grows ever slower. 0, as in Linux: no limit."""
    sack: bool = True
    """tcp_sack: selective acknowledgments (RFC 2018), duplicate ones included (RFC 2883)."""
    timestamps: bool = True
    """tcp_timestamps: RFC 7323, with a random offset for each connection."""
    early_retransmit: bool = True
    """tcp_early_retrans: tail loss probes (RFC 8985 section 7)."""
    syn_retries: int = 6
    """tcp_syn_retries: with 1 s doubling, a connect gives up after 127 s."""
    synack_retries: int = 5
    retries: int = 15
    """tcp_retries2: data unanswered for some 15 minutes ends the connection."""
    initial_rto_ns: int = 1 * SECOND
    minimum_rto_ns: int = 200 * MILLISECOND
    """Linux's TCP_RTO_MIN; RFC 6298 section 2.4 would have 1 s."""
    maximum_rto_ns: int = 120 * SECOND
    delayed_ack_ns: int = 40 * MILLISECOND
    """Linux's TCP_DELACK_MIN."""
    time_wait_ns: int = 60 * SECOND
    """Linux's TCP_TIMEWAIT_LEN, also how long an abandoned FIN_WAIT_2 is kept (tcp_fin_timeout)."""
    challenge_interval_ns: int = 500 * MILLISECOND
    """tcp_invalid_ratelimit: at most one answer to nonsense in this time, so that two confused ends fall silent."""
    keepalive: bool = False
    """SO_KEEPALIVE for every socket. Linux leaves it to applications, most of which leave it off."""
    keepalive_time_ns: int = 7200 * SECOND
    """tcp_keepalive_time: silence before the first probe."""
    keepalive_interval_ns: int = 75 * SECOND
    """tcp_keepalive_intvl: between probes that nobody answers."""
    keepalive_probes: int = 9
    """tcp_keepalive_probes: so many without an answer end the connection (ETIMEDOUT)."""
    abort_on_overflow: bool = False
    """tcp_abort_on_overflow: a full accept queue resets the client, rather than ignoring the last ACK."""
    syncookies: bool = True
    """tcp_syncookies: a full SYN queue is answered with cookies (RFC 4987 section 3.6), rather than not at all."""
    somaxconn: int = 4096
    """net.core.somaxconn: no backlog is longer, whatever an application asks for."""


DEFAULTS = TcpSettings()
