"""The states of a connection and every move between them (RFC 9293 section 3.3.2, figure 5).

The engine changes its state here and nowhere else: `next_state(state, event)`. A pair that is missing is a protocol
error: ours (`LocalProtocolError`, a verb that makes no sense now) or the peer's (`RemoteProtocolError`, which
the connection answers and counts, as each state demands).

Left out on purpose: OPEN and SEND in LISTEN, which no sockets API offers; and FIN in SYN_RECEIVED, because the
acknowledgment in the same segment has made the connection ESTABLISHED before its FIN is looked at.
"""

from enum import Enum


class State(Enum):
    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN_SENT"
    SYN_RECEIVED = "SYN_RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN_WAIT_1"
    FIN_WAIT_2 = "FIN_WAIT_2"
    CLOSE_WAIT = "CLOSE_WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST_ACK"
    TIME_WAIT = "TIME_WAIT"


class Event(Enum):
    """What can move a connection: the user's verbs, what a segment brings, and timers that ran out."""

    PASSIVE_OPEN = "passive open"
    ACTIVE_OPEN = "active open"
    CLOSE = "close"
    ABORT = "abort"
    SYN = "SYN"
    SYN_ACK = "SYN,ACK of our SYN"
    ACK_OF_SYN = "ACK of our SYN"
    FIN = "FIN"
    ACK_OF_FIN = "ACK of our FIN"
    RST = "RST"
    GIVE_UP = "gave up waiting"
    TIME_WAIT_OVER = "2 MSL are over"
    NEW_INCARNATION = "SYN of the next connection"


OURS = frozenset(
    {Event.PASSIVE_OPEN, Event.ACTIVE_OPEN, Event.CLOSE, Event.ABORT, Event.GIVE_UP, Event.TIME_WAIT_OVER}
)


class LocalProtocolError(RuntimeError):
    """We asked for something that this state does not allow."""


class RemoteProtocolError(RuntimeError):
    """The peer sent something that this state does not allow."""


_ENDS = {Event.ABORT: State.CLOSED, Event.RST: State.CLOSED, Event.GIVE_UP: State.CLOSED}

MOVES: dict[State, dict[Event, State]] = {
    State.CLOSED: {
        Event.PASSIVE_OPEN: State.LISTEN,
        Event.ACTIVE_OPEN: State.SYN_SENT,
    },
    State.LISTEN: {
        Event.SYN: State.SYN_RECEIVED,
        Event.RST: State.LISTEN,
        Event.CLOSE: State.CLOSED,
        Event.ABORT: State.CLOSED,
    },
    State.SYN_SENT: _ENDS | {
        Event.SYN_ACK: State.ESTABLISHED,
        Event.SYN: State.SYN_RECEIVED,  # both opened at once
        Event.CLOSE: State.CLOSED,
    },
    State.SYN_RECEIVED: _ENDS | {
        Event.SYN: State.SYN_RECEIVED,  # sent again: our SYN,ACK was lost
        Event.SYN_ACK: State.ESTABLISHED,  # both opened at once
        Event.ACK_OF_SYN: State.ESTABLISHED,
        Event.CLOSE: State.FIN_WAIT_1,
    },
    State.ESTABLISHED: _ENDS | {
        Event.FIN: State.CLOSE_WAIT,
        Event.CLOSE: State.FIN_WAIT_1,
    },
    State.FIN_WAIT_1: _ENDS | {
        Event.ACK_OF_FIN: State.FIN_WAIT_2,
        Event.FIN: State.CLOSING,  # both closed at once
    },
    State.FIN_WAIT_2: _ENDS | {
        Event.FIN: State.TIME_WAIT,
    },
    State.CLOSE_WAIT: _ENDS | {
        Event.FIN: State.CLOSE_WAIT,  # sent again: our ACK was lost; so below
        Event.CLOSE: State.LAST_ACK,
    },
    State.CLOSING: _ENDS | {
        Event.FIN: State.CLOSING,
        Event.ACK_OF_FIN: State.TIME_WAIT,
    },
    State.LAST_ACK: _ENDS | {
        Event.FIN: State.LAST_ACK,
        Event.ACK_OF_FIN: State.CLOSED,
    },
    State.TIME_WAIT: {
        Event.FIN: State.TIME_WAIT,
        Event.TIME_WAIT_OVER: State.CLOSED,
        Event.NEW_INCARNATION: State.CLOSED,
        Event.RST: State.CLOSED,  # as Linux does while tcp_rfc1337 is 0
        Event.ABORT: State.CLOSED,
    },
}  # fmt: skip


def next_state(state: State, event: Event) -> State:
    """Where the event leads; raises `LocalProtocolError` or `RemoteProtocolError` when it leads nowhere."""
    try:
        return MOVES[state][event]
    except KeyError:
        error = LocalProtocolError if event in OURS else RemoteProtocolError
        raise error(f"{event.value} in {state.name}") from None
