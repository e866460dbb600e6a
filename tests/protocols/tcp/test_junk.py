"""Whatever arrives, in whatever state: the engine does not break, and its variables keep their order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.protocols.tcp import State
from actors.protocols.tcp.sequence import MASK, distance
from actors.wire.tcp import NO_OPTIONS, Options
from tests.protocols.tcp.pretend import End, in_state

NEAR = st.sampled_from(
    [-200_000, -1461, -1460, -1, 0, 1, 2, 100, 1460, 131_071, 131_072, 131_073, 1 << 30, -(1 << 30)]
)
SACK = Options(sack=((2449, 3897), (5000, 9000), (1001, 1100), (7000, 6000)))
TIMES = Options(timestamps=(0xFFFFFFF0, 7), sack=((1500, 2500), (0, 0xFFFFFFFF)))
OPTIONS = st.sampled_from(
    [NO_OPTIONS, Options(mss=0), Options(mss=1), Options(mss=65535, window_scale=255), SACK, TIMES]
)


@st.composite
def segments(draw: st.DrawFn) -> tuple[int, bytes, int, int, int, Options]:
    flags = draw(st.integers(0, 0x3F))
    payload = draw(st.sampled_from([b"", b"x", bytes(1460), bytes(3000)]))
    return flags, payload, draw(NEAR), draw(NEAR), draw(st.sampled_from([0, 1, 500, 0xFFFF])), draw(OPTIONS)


def check(end: End) -> None:
    c = end.connection
    assert distance(c.snd_nxt, c.snd_una) >= 0
    assert distance(c.snd_nxt, c.iss) >= 0
    assert c.scoreboard.sacked_bytes == sum(end - start for start, end in c.scoreboard.ranges)
    assert c.scoreboard.highest <= distance(c.snd_nxt, c.snd_una)
    assert c.state is State.CLOSED or not c.syn_acknowledged or c.congestion.window_bytes >= c.mss_bytes
    assert 0 <= c.unread.size_bytes <= c.receive_buffer_bytes
    assert c.out_of_order.held_bytes <= c.receive_buffer_bytes
    assert 0 <= c.window_field <= 0xFFFF
    assert c.mss_bytes >= 36
    assert c.state is State.CLOSED or c.deadline_ns() >= c.wake_at_ns


@given(state=st.sampled_from(list(State)), arrivals=st.lists(segments(), max_size=12), paused=st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_segment_whatever_breaks_the_engine(state: State, arrivals: list, paused: bool):
    end = in_state(state)
    if paused:
        end.pause()
    for flags, payload, sequence, acknowledgment, window, options in arrivals:
        c = end.connection
        end.hears(
            flags,
            payload,
            sequence=(c.rcv_nxt + sequence) & MASK,
            acknowledgment=(c.snd_nxt + acknowledgment) & MASK,
            window=window,
            options=options,
        )
        check(end)
        if c.state is State.ESTABLISHED:
            end.send(b"something to say" * 200)
            check(end)
    end.world.run(10_000_000_000)
    check(end)
    if paused and end.state is not State.CLOSED:
        end.resume()
        check(end)
