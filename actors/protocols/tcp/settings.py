"""What Linux keeps in `net.ipv4.tcp_*`, with Linux's defaults."""

from dataclasses import dataclass

from actors.units import MILLISECOND, SECOND


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """How a host's TCP behaves. Times in ns, sizes in bytes."""

    receive_buffer_bytes: int = 131_072
    """tcp_rmem[1]: what may wait for the application, and so the largest window offered."""
    window_scale: int = 7
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


DEFAULTS = TcpSettings()
