"""Opening a connection: options, losses, refusals, both ends at once."""

import errno

import pytest

from actors.protocols.tcp import State, TcpSettings
from actors.units import MILLISECOND, SECOND
from actors.wire import tcp as wire
from actors.wire.tcp import Segment
from tests.protocols.tcp.pretend import DELAY_NS, Wire, established, flags, in_state


def losing(*which: int):
    """Loses the segments with these numbers, counted from 0 over both directions."""
    count = -1

    def fate(sender: str, segment: Segment) -> list[int]:
        nonlocal count
        count += 1
        return [] if count in which else [0]

    return fate


def test_three_segments_open_a_connection():
    world = established()
    assert [flags(segment) for segment in world.client.sent] == ["SYN", "ACK"]
    assert [flags(segment) for segment in world.server.sent] == ["SYN,ACK"]
    assert world.client.told == world.server.told == ["established"]


def test_both_ends_use_the_smaller_mss():
    world = established(client_mss=1460, server_mss=8961)
    assert world.client.sent[0].options.mss == 1460
    assert world.server.sent[0].options.mss == 8961
    assert world.client.connection.mss_bytes == world.server.connection.mss_bytes == 1460 - 12


def test_the_window_is_scaled_when_both_offer_it():
    world = established()
    assert world.client.sent[0].window == 0xFFFF  # never scaled in a SYN
    assert world.client.sent[1].window == 131_072 >> 7
    assert world.server.connection.snd_wnd == 131_072


def test_a_peer_without_window_scale_gets_none():
    end = in_state(State.SYN_RECEIVED)  # its SYN was made up without options
    connection = end.connection
    assert connection.rcv_shift == connection.snd_shift == 0
    end.hears(wire.ACK, window=1000)
    assert connection.snd_wnd == 1000
    end.send(b"x")
    assert end.sent[-1].window == 0xFFFF


def test_a_syn_ack_does_not_scale_unasked():
    world = Wire()
    world.server.connection.listen()
    world.server.hears(wire.SYN, sequence=1)
    assert world.server.sent[0].options.window_scale is None
    assert world.server.connection.mss_bytes == 536  # what RFC 9293 has for a peer that names none


def test_a_lost_syn_is_sent_again_after_1_3_and_7_seconds():
    world = Wire(fate=losing(0, 1, 2))
    world.open()
    times = []
    while world.client.state is not State.ESTABLISHED:
        before = len(world.client.sent)
        world.run(100 * MILLISECOND)
        times += [world.now_ns] * (len(world.client.sent) - before)
    assert [round(at / SECOND) for at in times[:3]] == [1, 3, 7]


def test_nobody_answers_a_syn():
    world = Wire(fate=lambda sender, segment: [])
    world.client.connection.connect(0)
    world.run()
    assert [flags(segment) for segment in world.client.sent] == ["SYN"] * 7
    assert world.client.state is State.CLOSED
    assert isinstance(world.client.error, TimeoutError)
    assert world.client.error.errno == errno.ETIMEDOUT
    assert world.now_ns == 127 * SECOND  # as Linux, with tcp_syn_retries of 6


def test_nobody_answers_a_syn_ack():
    world = Wire(fate=lambda sender, segment: [] if sender == "server" else [0])
    world.open()
    world.client.abort()
    world.run(200 * SECOND)
    assert world.server.sent[-1].flags & wire.SYN
    assert len(world.server.sent) == 6
    assert isinstance(world.server.error, TimeoutError)


@pytest.mark.parametrize("lost", range(3))
def test_any_of_the_three_may_be_lost(lost: int):
    world = Wire(fate=losing(lost), settings=TcpSettings(timestamps=False))
    world.open()
    world.run(5 * SECOND)
    assert world.client.state is world.server.state is State.ESTABLISHED
    # Karn: no sample from what was sent twice
    assert world.client.connection.round_trip.srtt_ns in (0, 2 * DELAY_NS)


def test_a_lost_last_ack_is_made_good_by_data():
    world = Wire(fate=losing(2))
    world.open()
    assert (world.client.state, world.server.state) == (State.ESTABLISHED, State.SYN_RECEIVED)
    world.client.send(b"hello")
    world.run(2 * DELAY_NS)
    assert world.server.state is State.ESTABLISHED
    assert world.server.received == b"hello"


def test_data_written_early_follows_the_handshake():
    world = Wire()
    world.server.connection.listen()
    world.client.connection.connect(0)
    world.client.send(b"early")
    world.run(SECOND)
    assert world.server.received == b"early"


def test_both_open_at_once():
    world = Wire()
    world.client.connection.connect(0)
    world.server.connection.connect(0)
    world.run(DELAY_NS)
    assert world.client.state is world.server.state is State.SYN_RECEIVED
    world.run(SECOND)
    assert world.client.state is world.server.state is State.ESTABLISHED
    world.client.send(b"ping")
    world.server.send(b"pong")
    world.run(SECOND)
    assert (world.server.received, world.client.received) == (b"ping", b"pong")
    assert world.client.connection.snd_shift == world.server.connection.snd_shift == 7


@pytest.mark.parametrize("lost", range(6))
def test_both_open_at_once_and_one_segment_is_lost(lost: int):
    world = Wire(fate=losing(lost))
    world.client.connection.connect(0)
    world.server.connection.connect(0)
    world.client.send(b"ping")
    world.server.send(b"pong")
    world.run(20 * SECOND)
    assert world.client.state is world.server.state is State.ESTABLISHED
    assert (world.server.received, world.client.received) == (b"ping", b"pong")


def test_a_reset_refuses_a_syn():
    end = in_state(State.SYN_SENT)
    end.hears(wire.RST | wire.ACK)
    assert isinstance(end.error, ConnectionRefusedError)


def test_a_reset_that_does_not_answer_our_syn_is_ignored():
    end = in_state(State.SYN_SENT)
    end.hears(wire.RST)
    end.hears(wire.RST | wire.ACK, acknowledgment=1)
    assert end.state is State.SYN_SENT
    assert not end.sent


def test_an_ack_of_another_syn_is_reset():
    end = in_state(State.SYN_SENT)
    end.hears(wire.SYN | wire.ACK, acknowledgment=77)
    assert end.state is State.SYN_SENT
    assert (end.sent[0].flags, end.sent[0].sequence) == (wire.RST, 77)


def test_a_listener_whose_accept_queue_is_full_ignores_the_last_ack():
    world = Wire()
    world.server.admits = False
    world.open()
    assert (world.client.state, world.server.state) == (State.ESTABLISHED, State.SYN_RECEIVED)
    world.client.send(b"hello")
    world.run(200 * MILLISECOND)
    assert not world.server.received
    world.server.admits = True
    world.run(5 * SECOND)
    assert world.server.state is State.ESTABLISHED
    assert world.server.received == b"hello"


def test_after_a_lost_syn_the_timeout_is_three_seconds():
    world = Wire(fate=losing(0), settings=TcpSettings(timestamps=False))
    world.open()
    world.run(2 * SECOND)
    assert world.client.connection.round_trip.rto_ns == 3 * SECOND  # RFC 6298 section 5.7


def test_a_closed_door_can_be_opened_by_another_setting():
    world = Wire(settings=TcpSettings(syn_retries=1), fate=lambda sender, segment: [])
    world.client.connection.connect(0)
    world.run()
    assert world.now_ns == 3 * SECOND
