"""The finite state machine of one connection to a peer, as a table (RFC 4271 section 8.2.2).

How this works. `TABLE` says for each state and event what is done, in order, and which state follows; an event that a
state does not expect ends the connection (`unexpected`). `session.py` carries the actions out. Of the RFC's
optional attributes AllowAutomaticStart, IdleHoldTimer and DampPeerOscillations are on, DelayOpen and
PassiveTcpEstablishment off; rows that only those would reach are not there. Each event has its number in the RFC.
"""

from enum import Enum, auto
from typing import NamedTuple


class State(Enum):
    IDLE = "Idle"
    CONNECT = "Connect"
    ACTIVE = "Active"
    OPEN_SENT = "OpenSent"
    OPEN_CONFIRM = "OpenConfirm"
    ESTABLISHED = "Established"


class Event(Enum):
    START = auto()  # 1, 3, and 13: the idle hold timer has run out
    STOP = auto()  # 2, 8
    RETRY_EXPIRED = auto()  # 9
    HOLD_EXPIRED = auto()  # 10
    KEEPALIVE_EXPIRED = auto()  # 11
    CONNECTED = auto()  # 16, 17
    TCP_FAILED = auto()  # 18
    OPEN = auto()  # 19
    MESSAGE_ERROR = auto()  # 21, 22, 28
    COLLISION = auto()  # 23: this connection is the one to go
    NOTIFICATION = auto()  # 24, 25
    KEEPALIVE = auto()  # 26
    UPDATE = auto()  # 27
    REFRESH = auto()  # RFC 2918


class Action(Enum):
    DIAL = auto()
    HANG_UP = auto()
    SEND_OPEN = auto()
    SEND_KEEPALIVE = auto()
    NOTIFY = auto()
    START_RETRY = auto()
    STOP_RETRY = auto()
    START_LARGE_HOLD = auto()  # 4 minutes, until it is agreed how long
    NEGOTIATE = auto()  # the hold time, and the timers that follow from it
    RESTART_HOLD = auto()
    BACK_OFF = auto()  # start again after a while (IdleHoldTimer), longer each time
    COME_UP = auto()
    DELIVER = auto()


class Row(NamedTuple):
    """What is done, and the state that follows."""

    actions: tuple[Action, ...]
    state: State


_A = Action
_GONE = Row((_A.HANG_UP, _A.BACK_OFF), State.IDLE)
_TOLD = Row((_A.NOTIFY, _A.HANG_UP, _A.BACK_OFF), State.IDLE)
_STOPPED = Row((_A.NOTIFY, _A.HANG_UP), State.IDLE)
_ENDINGS = {
    Event.STOP: _STOPPED,
    Event.COLLISION: _STOPPED,
    Event.HOLD_EXPIRED: _TOLD,
    Event.MESSAGE_ERROR: _TOLD,
    Event.NOTIFICATION: _GONE,
    Event.TCP_FAILED: _GONE,
}

_ROWS: dict[State, dict[Event, Row]] = {
    State.IDLE: {Event.START: Row((_A.START_RETRY, _A.DIAL), State.CONNECT)},
    State.CONNECT: {
        Event.STOP: Row((_A.STOP_RETRY, _A.HANG_UP), State.IDLE),
        Event.COLLISION: Row((_A.STOP_RETRY, _A.HANG_UP), State.IDLE),
        Event.RETRY_EXPIRED: Row((_A.HANG_UP, _A.START_RETRY, _A.DIAL), State.CONNECT),
        Event.CONNECTED: Row((_A.STOP_RETRY, _A.SEND_OPEN, _A.START_LARGE_HOLD), State.OPEN_SENT),
        Event.TCP_FAILED: Row((_A.STOP_RETRY, _A.HANG_UP, _A.BACK_OFF), State.IDLE),
    },
    State.ACTIVE: {
        Event.STOP: Row((_A.STOP_RETRY, _A.HANG_UP), State.IDLE),
        Event.COLLISION: Row((_A.STOP_RETRY, _A.HANG_UP), State.IDLE),
        Event.RETRY_EXPIRED: Row((_A.START_RETRY, _A.DIAL), State.CONNECT),
        Event.CONNECTED: Row((_A.STOP_RETRY, _A.SEND_OPEN, _A.START_LARGE_HOLD), State.OPEN_SENT),
        Event.TCP_FAILED: Row((_A.STOP_RETRY, _A.HANG_UP, _A.BACK_OFF), State.IDLE),
    },
    State.OPEN_SENT: {
        **_ENDINGS,
        Event.TCP_FAILED: Row((_A.HANG_UP, _A.START_RETRY), State.ACTIVE),
        Event.OPEN: Row((_A.NEGOTIATE, _A.SEND_KEEPALIVE), State.OPEN_CONFIRM),
    },
    State.OPEN_CONFIRM: {
        **_ENDINGS,
        Event.KEEPALIVE_EXPIRED: Row((_A.SEND_KEEPALIVE,), State.OPEN_CONFIRM),
        Event.KEEPALIVE: Row((_A.RESTART_HOLD, _A.COME_UP), State.ESTABLISHED),
    },
    State.ESTABLISHED: {
        **_ENDINGS,
        Event.KEEPALIVE_EXPIRED: Row((_A.SEND_KEEPALIVE,), State.ESTABLISHED),
        Event.KEEPALIVE: Row((_A.RESTART_HOLD,), State.ESTABLISHED),
        Event.UPDATE: Row((_A.RESTART_HOLD, _A.DELIVER), State.ESTABLISHED),
        Event.REFRESH: Row((_A.DELIVER,), State.ESTABLISHED),
    },
}
_MESSAGES = {Event.OPEN, Event.KEEPALIVE, Event.UPDATE, Event.REFRESH}
_TALKING = {State.OPEN_SENT, State.OPEN_CONFIRM, State.ESTABLISHED}


def _row(state: State, event: Event) -> Row:
    known = _ROWS[state].get(event)
    if known is not None:
        return known
    return _TOLD if state in _TALKING and event in _MESSAGES else Row((), state)


TABLE: dict[tuple[State, Event], Row] = {
    (state, event): _row(state, event) for state in State for event in Event
}
"""Every state with every event: what none of the rows above names is an FSM error for a message, and nothing else."""

UNEXPECTED = {State.OPEN_SENT: 1, State.OPEN_CONFIRM: 2, State.ESTABLISHED: 3}
"""The subcode for a message that this state does not expect (RFC 6608)."""


def expects(state: State, event: Event) -> bool:
    return event in _ROWS[state]
