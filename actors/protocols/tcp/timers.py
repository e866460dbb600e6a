"""What a connection does when one of its deadlines has passed."""

import errno
import os
from typing import TYPE_CHECKING

from actors.protocols.tcp import output
from actors.protocols.tcp.states import Event, State

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection


def expire(c: "Connection", now_ns: int) -> None:
    """Do what is due."""
    if c.ack_at_ns <= now_ns:
        output.send_ack(c)
    if c.retransmit_at_ns <= now_ns:
        _retransmit(c, now_ns)
    if c.persist_at_ns <= now_ns:
        _probe(c, now_ns)
    if c.linger_at_ns <= now_ns:
        c.move(Event.TIME_WAIT_OVER if c.state is State.TIME_WAIT else Event.GIVE_UP)
        c.finish(None)


def _retransmit(c: "Connection", now_ns: int) -> None:
    """Nothing was acknowledged in time (RFC 6298 section 5)."""
    if c.attempts >= _allowed(c):
        _give_up(c)
        return
    c.attempts += 1
    c.round_trip.back_off()
    c.timed_at_ns = output.NEVER  # Karn: an answer to something sent twice tells nothing about the round trip
    c.congestion.on_timeout(c.mss_bytes)
    if c.syn_acknowledged:
        output.send_again(c, now_ns)
    else:
        c.retransmits += 1
        c.host.on_retransmit("SYN" if c.state is State.SYN_SENT else "SYN,ACK", 0)
        output.send_syn(c, now_ns)
    output.arm_retransmission(c, now_ns)


def _probe(c: "Connection", now_ns: int) -> None:
    """The peer's window has been shut, or too small to bother, for a while: use what there is of it, or ask again,
    ever more rarely (RFC 9293 section 3.8.6.1)."""
    if c.probes >= c.settings.retries:
        _give_up(c)
        return
    c.probes += 1
    c.persist_interval_ns = min(c.persist_interval_ns << 1, c.settings.maximum_rto_ns)
    if not output.send_crumb(c, now_ns):
        output.send_probe(c)
        output.arm_persist(c, now_ns)


def _allowed(c: "Connection") -> int:
    if c.syn_acknowledged:
        return c.settings.retries
    return c.settings.syn_retries if c.state is State.SYN_SENT else c.settings.synack_retries


def _give_up(c: "Connection") -> None:
    c.give_up(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
