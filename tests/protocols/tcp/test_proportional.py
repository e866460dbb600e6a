"""A window that shrinks does so little by little (RFC 6937): no silence, and no burst."""

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.tcp import TcpSettings
from actors.protocols.tcp.recovery import Proportional
from actors.protocols.tcp.sequence import MASK
from actors.wire.tcp import ACK, Options
from tests.protocols.tcp.pretend import established

MSS = 1448


def sent_by_each_sack(flight: int, settings: TcpSettings) -> list[int]:
    """How many segments go out for each segment of a flight that the peer tells of, the first being lost."""
    world = established(settings=settings)
    client = world.client
    c = client.connection
    c.congestion.window_bytes = flight * MSS
    client.send(bytes(4 * flight * MSS))
    una, counts = c.snd_una, []
    for number in range(1, flight):
        before = len(client.sent)
        sack = ((una + MSS) & MASK, (una + (number + 1) * MSS) & MASK)
        times = (c.ts_recent + 1, c.clock(world.now_ns))
        client.hears(
            ACK,
            b"",
            sequence=c.rcv_nxt,
            acknowledgment=una,
            window=1000,
            options=Options(sack=(sack,), timestamps=times),
        )
        counts.append(len(client.sent) - before)
    return counts


def test_a_half_of_what_arrives_is_sent_while_the_window_halves():
    counts = sent_by_each_sack(40, TcpSettings(congestion_control="reno"))
    assert max(counts[3:]) == 1, "no burst"
    silent = "".join("." if count else "s" for count in counts[5:])
    assert "sss" not in silent, "and no silence"
    assert 17 <= sum(counts[2:]) <= 20


def test_cubic_sends_seven_for_ten():
    assert 25 <= sum(sent_by_each_sack(40, TcpSettings())[2:]) <= 28


@given(
    st.integers(2, 400),
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 800)), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.7]),
)
def test_what_is_sent_is_never_more_than_its_share_of_what_has_arrived(flight, steps, share):
    before, after = flight * MSS, int(flight * share) * MSS
    reduction = Proportional(before, after)
    for arrived, pipe in steps:
        reduction.arrived(arrived * MSS)
        room = reduction.room(pipe * MSS, MSS)
        if pipe * MSS > after:
            assert reduction.sent + room <= reduction.delivered * after // before + 1
        else:
            assert pipe * MSS + room <= after
            assert room <= max(reduction.delivered - reduction.sent, arrived * MSS) + MSS
        reduction.sent += max(room, 0)
        reduction.fresh = 0
