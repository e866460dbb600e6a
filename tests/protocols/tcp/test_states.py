"""Every event in every state: a move of the table, or a protocol error; and the engine does as the table says."""

import pytest

from actors.protocols.tcp import MOVES, Event, LocalProtocolError, RemoteProtocolError, State
from actors.protocols.tcp.states import OURS, next_state
from actors.wire import tcp as wire
from tests.protocols.tcp.pretend import End, in_state

PAIRS = [(state, event) for state in State for event in Event]


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda each: each.name)
def test_the_table_moves_or_says_whose_fault_it_was(state: State, event: Event):
    target = MOVES[state].get(event)
    if target is not None:
        assert next_state(state, event) is target
        return
    with pytest.raises(LocalProtocolError if event in OURS else RemoteProtocolError, match=state.name):
        next_state(state, event)


def test_every_state_can_be_reached_and_left():
    reached = {target for moves in MOVES.values() for target in moves.values()}
    assert reached == set(State)
    assert all(MOVES[state] for state in State)


# ---- the engine -----------------------------------------------------------------------------------------------


def happen(end: End, event: Event) -> None:
    """Bring the event about as the world would."""
    connection = end.connection
    match event:
        case Event.PASSIVE_OPEN:
            connection.listen()
        case Event.ACTIVE_OPEN:
            connection.connect(end.world.now_ns)
        case Event.CLOSE:
            end.shut_writing()
        case Event.ABORT:
            end.abort()
        case Event.GIVE_UP:
            connection.give_up(TimeoutError())
        case Event.TIME_WAIT_OVER:
            if end.state is not State.TIME_WAIT:
                connection.move(event)
            end.world.run(61_000_000_000)
        case Event.SYN:
            sequence = connection.irs if end.state is State.SYN_RECEIVED else connection.rcv_nxt
            end.hears(wire.SYN, sequence=sequence)
        case Event.SYN_ACK:
            sequence = connection.irs if end.state is State.SYN_RECEIVED else connection.rcv_nxt
            end.hears(wire.SYN | wire.ACK, sequence=sequence)
        case Event.ACK_OF_SYN | Event.ACK_OF_FIN:
            end.hears(wire.ACK)
        case Event.FIN:
            again = end.state in (State.CLOSE_WAIT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT)
            end.hears(
                wire.FIN | wire.ACK,
                sequence=connection.rcv_nxt - again,
                acknowledgment=connection.snd_una,
            )
        case Event.RST:
            end.hears(wire.RST | wire.ACK)
        case Event.NEW_INCARNATION:
            end.hears(wire.SYN, sequence=connection.rcv_nxt + 1)


MOVING = [(state, event) for state, event in PAIRS if event in MOVES[state]]


@pytest.mark.parametrize(("state", "event"), MOVING, ids=lambda each: each.name)
def test_the_engine_goes_where_the_table_says(state: State, event: Event):
    end = in_state(state)
    happen(end, event)
    assert end.state is MOVES[state][event]
    assert "protocol error" not in end.told
    assert ("closed" in end.told) is (end.state is State.CLOSED)


OUR_ERRORS = [(state, event) for state, event in PAIRS if event not in MOVES[state] and event in OURS]


@pytest.mark.parametrize(("state", "event"), OUR_ERRORS, ids=lambda each: each.name)
def test_what_we_may_not_do_raises_and_changes_nothing(state: State, event: Event):
    end = in_state(state)
    with pytest.raises(LocalProtocolError):
        happen(end, event)
    assert end.state is state
    assert not end.sent


SYNS = (Event.SYN, Event.SYN_ACK, Event.NEW_INCARNATION)
SYNCHRONIZED = [state for state in State if state not in (State.CLOSED, State.LISTEN, State.SYN_SENT)]
UNWANTED_SYNS = [
    (state, event)
    for state, event in PAIRS
    if event in SYNS and event not in MOVES[state] and state in SYNCHRONIZED
]  # fmt: skip


@pytest.mark.parametrize(("state", "event"), UNWANTED_SYNS, ids=lambda each: each.name)
def test_a_syn_out_of_place_is_a_protocol_error_answered_by_a_challenge_ack(state: State, event: Event):
    end = in_state(state)
    happen(end, event)
    assert end.state is state
    assert end.told == ["protocol error"]
    assert [segment.flags for segment in end.sent] == [wire.ACK]


UNSYNCHRONIZED_ERRORS = [
    (state, event)
    for state, event in PAIRS
    if state in (State.CLOSED, State.LISTEN, State.SYN_SENT) and event not in MOVES[state]
    and event in (Event.ACK_OF_SYN, Event.ACK_OF_FIN, Event.FIN, Event.SYN_ACK, Event.SYN, Event.RST)
]  # fmt: skip


@pytest.mark.parametrize(("state", "event"), UNSYNCHRONIZED_ERRORS, ids=lambda each: each.name)
def test_before_the_handshake_other_segments_are_protocol_errors(state: State, event: Event):
    end = in_state(state)
    happen(end, event)
    assert end.state is state
    assert end.told[-1:] == ["protocol error"]
    assert all(segment.flags == wire.RST for segment in end.sent)


@pytest.mark.parametrize("state", [state for state in SYNCHRONIZED if state is not State.SYN_RECEIVED])
def test_an_ack_of_what_was_never_sent_is_a_protocol_error_everywhere(state: State):
    end = in_state(state)
    end.hears(wire.ACK, acknowledgment=end.connection.snd_nxt + 1)
    assert end.state is state
    assert end.told == ["protocol error"]
