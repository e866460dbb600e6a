"""What a connection does when one of its deadlines has passed."""

import errno
import os
from typing import TYPE_CHECKING

from actors.protocols.tcp import loss, output
from actors.protocols.tcp.recovery import Cause
from actors.protocols.tcp.sequence import MASK
from actors.protocols.tcp.states import Event, State

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection

_KEPT_ALIVE = (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.FIN_WAIT_2)


def expire(c: "Connection", now_ns: int) -> None:
    """Do what is due."""
    if c.ack_at_ns <= now_ns:
        output.send_ack(c, now_ns)
    if c.early_at_ns <= now_ns:
        loss.expire_early(c, now_ns)
    if c.retransmit_at_ns <= now_ns:
        _retransmit(c, now_ns)
    if c.persist_at_ns <= now_ns:
        _probe(c, now_ns)
    if c.keepalive_at_ns <= now_ns:
        _keep_alive(c, now_ns)
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
    if c.syn_acknowledged:
        _go_back(c, now_ns)
    else:
        c.retransmits += 1
        c.host.observer.on_retransmit(
            "SYN" if c.state is State.SYN_SENT else "SYN,ACK", 0, Cause.TIMEOUT.value
        )
        output.send_syn(c, now_ns)
    output.arm_retransmission(c, now_ns)


def _go_back(c: "Connection", now_ns: int) -> None:
    """All that is in flight and was not acknowledged selectively is lost; begin with its first segment.

    A second timeout for the same data does not take more from the congestion window (RFC 5681 section 3.1)."""
    board = c.scoreboard
    if board.ranges and board.ranges[0][0] == 0:
        board.clear()  # the peer has thrown away what it had acknowledged (RFC 2018 section 8)
    c.duplicates = c.left_bytes = 0
    episode = c.recovery
    in_flight = (c.snd_nxt - c.snd_una) & MASK
    if episode is None or episode.cause is not Cause.TIMEOUT:
        loss.enter(c, Cause.TIMEOUT, in_flight, now_ns)
        return
    episode.point = episode.lost_to = in_flight
    episode.sent_to = episode.began_at = 0
    episode.marks.clear()
    c.congestion.window_bytes = c.mss_bytes
    episode.send(c, now_ns, at_once=True)


def _probe(c: "Connection", now_ns: int) -> None:
    """The peer's window has been shut, or too small to bother, for a while: use what there is of it, or ask again,
    ever more rarely (RFC 9293 section 3.8.6.1)."""
    if c.probes >= c.settings.retries:
        _give_up(c)
        return
    c.probes += 1
    c.persist_interval_ns = min(c.persist_interval_ns << 1, c.settings.maximum_rto_ns)
    if not output.send_crumb(c, now_ns):
        c.host.observer.on_probe("zero window", c.probes)
        output.send_probe(c, now_ns)
        output.arm_persist(c, now_ns)


def _keep_alive(c: "Connection", now_ns: int) -> None:
    """Nothing was heard of the peer for long: is it there? (RFC 9293 section 3.8.4)"""
    settings = c.settings
    if c.state not in _KEPT_ALIVE:
        c.keepalive_at_ns = output.NEVER
        return
    quiet_ns = now_ns - c.heard_at_ns
    if c.snd_nxt != c.snd_una or c.send_buffer:
        quiet_ns = 0  # other timers see to it
    if quiet_ns < settings.keepalive_time_ns:
        c.keepalives = 0
        c.keepalive_at_ns = now_ns + settings.keepalive_time_ns - quiet_ns
        return
    if c.keepalives >= settings.keepalive_probes:
        c.abort("nobody answers keepalives", TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
        return
    c.keepalives += 1
    c.host.observer.on_probe("keepalive", c.keepalives)
    output.send_probe(c, now_ns)
    c.keepalive_at_ns = now_ns + settings.keepalive_interval_ns


def _allowed(c: "Connection") -> int:
    if c.syn_acknowledged:
        return c.settings.retries
    return c.settings.syn_retries if c.state is State.SYN_SENT else c.settings.synack_retries


def _give_up(c: "Connection") -> None:
    c.give_up(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
