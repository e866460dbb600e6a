"""Bytes arrive whole and in order, or the connection fails with the right error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.protocols.tcp import NEVER, State, TcpSettings
from actors.units import MILLISECOND, SECOND
from actors.wire import tcp as wire
from actors.wire.tcp import Segment
from tests.protocols.tcp.pretend import DELAY_NS, Wire, established, flags, in_state, pure_acks


def stream(size: int, salt: int = 0) -> bytes:
    return bytes((at * 7 + at // 251 + salt) & 0xFF for at in range(size))


REQUEST, RESPONSE = stream(3_000), stream(9_000, 99)


def converse(world: Wire, at_once: bool = False) -> None:
    """Request, response (perhaps without waiting for the request), and both close; until nothing is left to happen."""
    client, server = world.client, world.server
    answered = client_closed = server_closed = False
    server.connection.listen()
    client.connection.connect(0)
    client.send(REQUEST)
    while world._queue:
        world.run(MILLISECOND)
        ready = server.state is State.ESTABLISHED if at_once else server.received == REQUEST
        if ready and not answered:
            answered = True
            server.send(RESPONSE)
        if client.received == RESPONSE and not client_closed:
            client_closed = True
            client.close()
        if "end" in server.told and not server_closed:
            server_closed = True
            server.close()


def segments_of_a_perfect_conversation() -> int:
    world = Wire()
    converse(world)
    assert world.client.told[-1] == world.server.told[-1] == "closed"
    assert not any("retransmit" in told for told in world.client.told + world.server.told)
    return len(world.client.sent) + len(world.server.sent)


def check(world: Wire) -> None:
    assert world.server.received == REQUEST
    assert world.client.received == RESPONSE
    assert world.client.state is world.server.state is State.CLOSED
    assert world.client.error is world.server.error is None


NUMBER = segments_of_a_perfect_conversation()


@pytest.mark.parametrize("lost", range(NUMBER))
def test_each_segment_of_a_conversation_may_be_lost(lost: int):
    count = -1

    def fate(sender: str, segment: Segment) -> list[int]:
        nonlocal count
        count += 1
        return [] if count == lost else [0]

    world = Wire(fate)
    converse(world)
    check(world)


@pytest.mark.parametrize("doubled", range(NUMBER))
@pytest.mark.parametrize("later_ns", [0, 30 * MILLISECOND, 2 * SECOND])
def test_each_segment_of_a_conversation_may_come_twice(doubled: int, later_ns: int):
    count = -1

    def fate(sender: str, segment: Segment) -> list[int]:
        nonlocal count
        count += 1
        return [0, later_ns] if count == doubled else [0]

    world = Wire(fate)
    converse(world)
    check(world)


WEATHER = st.lists(
    st.sampled_from(
        [[0]] * 6 + [[], [3 * MILLISECOND], [12 * MILLISECOND], [300 * MILLISECOND], [0, 40 * MILLISECOND]]
    ),
    max_size=60,
)


@given(
    weather=WEATHER,
    client_mss=st.sampled_from([536, 1460, 8961]),
    buffer=st.sampled_from([2048, 131_072]),
    at_once=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_stream_survives_any_weather(
    weather: list[list[int]], client_mss: int, buffer: int, at_once: bool
):
    """Loss, reordering and duplication for as long as the weather lasts; then the sky clears and all must finish."""
    forecast = iter(weather)
    world = Wire(
        lambda sender, segment: next(forecast, [0]),
        client_mss=client_mss,
        server_settings=TcpSettings(receive_buffer_bytes=buffer),
    )
    converse(world, at_once)
    gave_up = [end for end in (world.client, world.server) if end.error is not None]
    if not gave_up:
        check(world)
    # what did arrive is right in any case
    assert REQUEST.startswith(bytes(world.server.received))
    assert RESPONSE.startswith(bytes(world.client.received))
    assert all(isinstance(end.error, TimeoutError | ConnectionResetError) for end in gave_up)


def test_a_megabyte_each_way_at_once():
    world = established()
    up, down = stream(1_000_000), stream(1_000_000, 5)
    world.client.send(up)
    world.server.send(down)
    world.run(10 * SECOND)
    assert world.server.received == up
    assert world.client.received == down


def test_writes_are_sent_at_once_and_not_joined():
    world = established()
    for piece in (b"a", b"bc", b"def"):
        world.client.send(piece)  # no Nagle: asyncio sets TCP_NODELAY
    world.run(DELAY_NS)
    assert world.server.pieces == [b"a", b"bc", b"def"]


def test_a_long_write_goes_out_in_full_segments():
    world = established()
    world.client.send(bytes(4000))
    assert [len(segment.payload) for segment in world.client.sent[2:]] == [1448, 1448, 1104]
    assert [segment.flags & wire.PSH for segment in world.client.sent[2:]] == [0, 0, wire.PSH]


def test_what_comes_out_of_order_is_kept_and_asked_for():
    world = established()
    late = iter([[20 * MILLISECOND]])
    world.fate = lambda sender, segment: next(late, [0]) if sender == "client" else [0]
    world.client.send(bytes(4000))
    world.run(DELAY_NS)
    assert not world.server.received
    answers = world.server.sent[1:]
    assert [flags(answer) for answer in answers] == ["ACK", "ACK"]  # immediately, for each
    assert len({answer.acknowledgment for answer in answers}) == 1
    world.run(25 * MILLISECOND)
    assert len(world.server.received) == 4000
    assert world.server.sent[-1].acknowledgment == world.client.connection.snd_nxt


# ---- the timer ------------------------------------------------------------------------------------------------


def test_the_timeout_doubles_until_the_connection_is_given_up():
    world = established()
    world.fate = lambda sender, segment: []
    world.client.send(b"anybody?")
    began_ns = world.now_ns
    world.run(NEVER)
    assert len([segment for segment in world.client.sent if segment.payload]) == 16  # tcp_retries2 is 15
    assert isinstance(world.client.error, TimeoutError)
    # Linux's documentation: a hypothetical timeout of 924.6 s, with an RTO of 200 ms
    assert 924 < (world.now_ns - began_ns) / SECOND < 980


def test_only_one_segment_is_sent_again_until_something_is_acknowledged():
    world = established()
    world.fate = lambda sender, segment: []
    world.client.send(bytes(100_000))
    first = len(world.client.sent)
    world.run(SECOND)
    # a probe with something new, then the first again by the timer
    assert [len(segment.payload) for segment in world.client.sent[first:]] == [1448, 1448, 1448]
    assert world.client.told[-4:] == [
        "tail loss probe 1", "recovery by timeout", "retransmit data", "retransmit data",
    ]  # fmt: skip


def test_several_losses_are_repaired_without_a_timeout_each():
    world = established()
    lost = iter([[], [0], [], [0], [], [0]])
    world.fate = lambda sender, segment: next(lost, [0]) if sender == "client" else [0]
    world.client.send(bytes(9000))
    world.run(400 * MILLISECOND)
    assert len(world.server.received) == 9000


def test_both_ends_may_go_back_at_once():
    """All data arrive and no ACK does: each end sends again what the other has, from where it is too old to look at."""
    world = established()
    world.fate = lambda sender, segment: [0] if world.now_ns < 60 * MILLISECOND and segment.payload else []
    world.client.send(bytes(14_000))
    world.server.send(bytes(14_000))
    world.run(SECOND)
    assert len(world.client.received) == len(world.server.received) == 14_000
    world.fate = lambda sender, segment: [0]
    world.run(5 * SECOND)
    for end in (world.client, world.server):
        assert end.connection.snd_una == end.connection.snd_nxt


def test_a_steady_connection_hardly_asks_to_be_woken():
    world = established()
    wishes = 0
    push = world.push

    def counting(when_ns: int, callback, *arguments) -> None:
        nonlocal wishes
        wishes += callback.__name__ == "_wake"
        push(when_ns, callback, *arguments)

    world.push = counting
    began_ns = world.now_ns
    for _ in range(300):
        for _ in range(10):
            world.client.send(b"question")
        world.run(DELAY_NS)
        for _ in range(10):
            world.server.send(b"answer")
        world.run(DELAY_NS)
    assert len(world.client.received) == 3000 * 6
    # of either end, twice in 40 ms: however many segments there are
    assert wishes <= 4 * (world.now_ns - began_ns) / (40 * MILLISECOND) + 4
    assert not any(told.startswith("retransmit") for told in world.client.told)


# ---- acknowledgments ------------------------------------------------------------------------------------------


def test_a_small_segment_is_acknowledged_after_40_ms():
    world = established()
    world.client.send(b"small")
    world.run(DELAY_NS + 39 * MILLISECOND)
    assert not pure_acks(world.server)
    world.run(2 * MILLISECOND)
    assert len(pure_acks(world.server)) == 1


def test_an_answer_carries_the_acknowledgment():
    world = established()
    world.client.send(b"question")
    world.run(DELAY_NS)
    world.server.send(b"answer")
    world.run(30 * MILLISECOND)
    assert not pure_acks(world.server)
    assert world.client.connection.snd_una == world.client.connection.snd_nxt


def test_every_second_full_segment_is_acknowledged_at_once():
    world = established()
    world.client.send(bytes(10 * 1460))
    world.run(DELAY_NS)
    assert len(pure_acks(world.server)) == 5


def test_the_round_trip_is_measured():
    world = established()
    world.client.send(b"question")
    world.run(DELAY_NS)
    world.server.send(b"answer")
    world.run(SECOND)
    assert world.client.connection.round_trip.srtt_ns == 2 * DELAY_NS


def test_a_smaller_path_mtu_sends_what_did_not_fit_again():
    world = established()
    world.fate = lambda sender, segment: [] if len(segment.payload) > 1000 else [0]
    world.client.send(bytes(5000))
    world.run(DELAY_NS)
    world.client.connection.limit_mss(1000, world.now_ns)
    world.run(100 * MILLISECOND)
    assert len(world.server.received) == 5000


@pytest.mark.parametrize("state", [State.FIN_WAIT_1, State.LAST_ACK, State.TIME_WAIT, State.CLOSED])
def test_nothing_is_sent_after_the_end(state: State):
    with pytest.raises(RuntimeError, match=state.name):
        in_state(state).send(b"more")
