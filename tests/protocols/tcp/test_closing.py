"""The ends of connections: in order, halfway, both at once, and by force."""

import pytest

from actors.protocols.tcp import State
from actors.protocols.tcp.sequence import MASK
from actors.units import MILLISECOND, SECOND
from actors.wire import tcp as wire
from actors.wire.tcp import Segment
from tests.protocols.tcp.pretend import DELAY_NS, Wire, established, flags, in_state


def test_the_active_closer_waits_for_60_seconds():
    world = established()
    world.server.on_end = world.server.close
    world.client.close()
    world.run(SECOND)
    assert (world.client.state, world.server.state) == (State.TIME_WAIT, State.CLOSED)
    # the ACK of the client's FIN rode on the server's own
    assert [flags(segment) for segment in world.server.sent[1:]] == ["FIN,ACK"]
    world.run(60 * SECOND)
    assert world.client.state is State.CLOSED
    assert world.client.error is world.server.error is None


def test_half_a_connection_goes_on():
    world = established()
    world.client.send(b"that was all")
    world.client.shut_writing()
    world.run(DELAY_NS)
    assert world.server.told == ["established", "end"]
    world.server.send(bytes(100_000))
    world.run(SECOND)
    assert (world.client.state, world.server.state) == (State.FIN_WAIT_2, State.CLOSE_WAIT)
    assert len(world.client.received) == 100_000
    world.run(600 * SECOND)
    assert world.client.state is State.FIN_WAIT_2  # half-closed is not abandoned


def test_an_abandoned_fin_wait_2_ends_after_60_seconds():
    world = established()
    world.client.close()
    world.run(59 * SECOND)
    assert world.client.state is State.FIN_WAIT_2
    world.run(2 * SECOND)
    assert world.client.state is State.CLOSED


def test_closing_after_a_half_close_abandons_the_rest():
    world = established()
    world.client.shut_writing()
    world.run(SECOND)
    world.client.close()
    world.run(61 * SECOND)
    assert world.client.state is State.CLOSED


def test_both_close_at_once():
    world = established()
    world.client.close()
    world.server.close()
    world.run(DELAY_NS)
    assert world.client.state is world.server.state is State.CLOSING
    world.run(DELAY_NS)
    assert world.client.state is world.server.state is State.TIME_WAIT
    world.run()
    assert world.client.state is world.server.state is State.CLOSED


@pytest.mark.parametrize("lost", range(4))
def test_any_segment_of_the_closing_may_be_lost(lost: int):
    world = established()
    count = -1

    def fate(sender: str, segment: Segment) -> list[int]:
        nonlocal count
        count += 1
        return [] if count == lost else [0]

    world.fate = fate
    world.client.send(b"bye")
    world.client.close()
    while "end" not in world.server.told:
        world.run(MILLISECOND)
    world.server.close()
    world.run()
    assert world.server.received == b"bye"
    assert world.client.state is world.server.state is State.CLOSED
    assert world.client.error is world.server.error is None


def test_a_fin_before_its_turn_waits_for_the_data():
    world = established()
    late = iter([[20 * MILLISECOND]])
    world.fate = lambda sender, segment: next(late, [0]) if sender == "client" else [0]
    world.client.send(b"first")
    world.client.close()
    world.run(DELAY_NS)
    assert "end" not in world.server.told
    world.run(20 * MILLISECOND)
    assert world.server.received == b"first"
    assert world.server.told[-1] == "end"


def test_a_fin_sent_again_restarts_time_wait():
    end = in_state(State.TIME_WAIT)
    end.world.run(50 * SECOND)
    end.hears(wire.FIN | wire.ACK, sequence=end.connection.rcv_nxt - 1)
    assert flags(end.sent[-1]) == "ACK"
    end.world.run(50 * SECOND)
    assert end.state is State.TIME_WAIT
    end.world.run(11 * SECOND)
    assert end.state is State.CLOSED


def test_a_new_syn_ends_time_wait():
    end = in_state(State.TIME_WAIT)
    end.hears(wire.SYN, sequence=end.connection.rcv_nxt + 12345)
    assert end.state is State.CLOSED
    assert end.successor is not None
    assert end.successor.flags == wire.SYN


def test_an_old_syn_does_not_end_time_wait():
    end = in_state(State.TIME_WAIT)
    end.hears(wire.SYN, sequence=end.connection.rcv_nxt - 5)
    assert end.state is State.TIME_WAIT
    assert end.successor is None


# ---- by force -------------------------------------------------------------------------------------------------

KNOWN_TO_THE_PEER = [
    State.ESTABLISHED,
    State.FIN_WAIT_1,
    State.FIN_WAIT_2,
    State.CLOSE_WAIT,
    State.CLOSING,
    State.LAST_ACK,
]


@pytest.mark.parametrize("state", KNOWN_TO_THE_PEER)
def test_a_reset_ends_the_connection(state: State):
    end = in_state(state)
    end.hears(wire.RST)
    assert end.state is State.CLOSED
    assert isinstance(end.error, ConnectionResetError)
    assert not end.sent


def test_a_reset_ends_time_wait_quietly():
    end = in_state(State.TIME_WAIT)
    end.hears(wire.RST)
    assert end.state is State.CLOSED
    assert end.error is None


@pytest.mark.parametrize("state", [*KNOWN_TO_THE_PEER, State.SYN_RECEIVED])
def test_a_reset_inside_the_window_is_challenged(state: State):
    end = in_state(state)
    end.hears(wire.RST, sequence=end.connection.rcv_nxt + 100)
    assert end.state is state
    assert [flags(segment) for segment in end.sent] == ["ACK"]


@pytest.mark.parametrize("state", [*KNOWN_TO_THE_PEER, State.SYN_RECEIVED, State.TIME_WAIT])
def test_a_reset_outside_the_window_is_ignored(state: State):
    end = in_state(state)
    end.hears(wire.RST, sequence=end.connection.rcv_nxt - 100)
    end.hears(wire.RST, sequence=end.connection.rcv_nxt + 200_000)
    assert end.state is state
    assert not end.sent


def test_the_challenged_reset_of_a_peer_that_knows_nothing_works():
    world = established()
    world.server.hears(wire.RST, sequence=world.server.connection.rcv_nxt + 7)
    challenge = world.server.sent[-1]
    world.server.hears(wire.RST, sequence=challenge.acknowledgment)
    assert world.server.state is State.CLOSED


@pytest.mark.parametrize("state", KNOWN_TO_THE_PEER)
def test_aborting_tells_the_peer(state: State):
    end = in_state(state)
    end.abort()
    assert end.state is State.CLOSED
    assert [flags(segment) for segment in end.sent] == ["RST,ACK"]
    assert end.sent[0].sequence == end.connection.snd_nxt


@pytest.mark.parametrize("state", [State.LISTEN, State.SYN_SENT, State.TIME_WAIT])
def test_aborting_tells_nobody_who_does_not_know(state: State):
    end = in_state(state)
    end.abort()
    assert end.state is State.CLOSED
    assert not end.sent


def test_closing_with_unread_data_resets():
    world = established()
    world.server.pause()
    world.client.send(b"did you read this?")
    world.run(DELAY_NS)
    world.server.close()
    world.run(DELAY_NS)
    assert isinstance(world.client.error, ConnectionResetError)


def test_data_for_a_closed_application_is_reset():
    world = established()
    world.client.close()
    world.server.send(b"one more thing")
    world.run(DELAY_NS * 3)
    assert world.client.state is State.CLOSED
    assert isinstance(world.server.error, ConnectionResetError)


def test_two_confused_ends_fall_silent():
    """Each takes the other's ACKs for nonsense; without a limit they would answer each other for ever."""
    world = established()
    for end in (world.client, world.server):
        end.connection.rcv_nxt = (end.connection.rcv_nxt + 50_000_000) & MASK
    world.client.hears(wire.ACK, sequence=0)
    world.run(10 * SECOND)
    assert len(world.client.sent) + len(world.server.sent) < 60


def test_a_lost_reset_is_made_good_by_the_next_answer():
    world = Wire()
    world.open()
    world.fate = lambda sender, segment: []
    world.client.abort()
    world.fate = lambda sender, segment: [0]
    world.server.send(b"hello?")
    world.run(SECOND)
    assert world.server.state is State.ESTABLISHED  # a host would answer RST: the layer's part
