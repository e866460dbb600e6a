"""Losses are found by what is acknowledged around them, and repaired one segment at a time."""

from actors.protocols.tcp import NEVER, State, TcpSettings
from actors.protocols.tcp.scoreboard import Scoreboard
from actors.units import MILLISECOND, SECOND
from actors.wire import tcp as wire
from actors.wire.tcp import Options, Segment
from tests.protocols.tcp.pretend import DELAY_NS, Fate, Wire, established, pure_acks

MSS = 1448
RENO = TcpSettings(congestion_control="reno")
WITHOUT_SACK = TcpSettings(congestion_control="reno", sack=False)


def losing(*numbers: int) -> Fate:
    """Loses the client's segments with these numbers, counted from now on."""
    count = -1

    def fate(sender: str, segment: Segment) -> list[int]:
        nonlocal count
        if sender == "client":
            count += 1
        return [] if sender == "client" and count in numbers else [0]

    return fate


def after_losing(
    *numbers: int, size: int = 10 * MSS, run_ns: int = 100 * MILLISECOND, **fields: object
) -> Wire:
    world = established(**fields)
    world.fate = losing(*numbers)
    world.client.send(bytes(size))
    world.run(run_ns)
    return world


def resent(world: Wire) -> list[str]:
    return [told for told in world.client.told if "retransmit" in told or "recovery" in told]


# ---- finding and repairing --------------------------------------------------------------------------------------


def test_a_lost_segment_is_sent_again_after_a_round_trip_and_not_a_timeout():
    world = after_losing(0, settings=RENO)
    assert len(world.server.received) == 10 * MSS
    assert resent(world) == ["recovery by fast retransmit", "retransmit data", "recovery complete"]
    assert world.client.connection.congestion.window_bytes == 5 * MSS  # half of what was in flight


def test_without_sack_too():
    world = after_losing(2, settings=WITHOUT_SACK)
    assert len(world.server.received) == 10 * MSS
    assert resent(world) == ["recovery by fast retransmit", "retransmit data", "recovery complete"]


def test_cubic_keeps_seven_tenths_of_what_was_in_flight():
    world = after_losing(0)
    assert world.client.connection.congestion.window_bytes == 7 * MSS


def test_sack_repairs_several_losses_in_one_round_trip():
    world = after_losing(0, 2, 4, run_ns=4 * DELAY_NS)
    assert len(world.server.received) == 10 * MSS
    assert resent(world).count("recovery by fast retransmit") == 1


def test_without_sack_each_loss_takes_a_round_trip():
    world = after_losing(0, 2, 4, run_ns=4 * DELAY_NS, settings=WITHOUT_SACK)
    assert len(world.server.received) < 10 * MSS
    world.run(4 * DELAY_NS)
    assert len(world.server.received) == 10 * MSS
    # RFC 6582: partial acknowledgments do not end the recovery, nor halve the window again
    assert resent(world).count("recovery by fast retransmit") == 1


def test_nothing_is_sent_again_that_has_arrived():
    world = after_losing(0, 2, 4)
    assert world.client.connection.retransmits == 3


def test_what_was_sent_again_and_lost_again_is_found_too():
    # 0 is lost, and so is the segment that repairs it: the eleventh, or near it
    world = after_losing(0, 10, size=40 * MSS)
    again = world.client.connection.retransmits
    assert again == 2
    assert len(world.server.received) == 40 * MSS
    assert not any("timeout" in told for told in world.client.told)


def test_the_last_segments_of_a_flight_are_probed_for():
    world = after_losing(8, 9)
    assert "tail loss probe 1" in world.client.told
    assert len(world.server.received) == 10 * MSS
    assert not any("timeout" in told for told in world.client.told)


def test_a_short_flight_needs_fewer_duplicates():
    """RFC 5827: of three segments two can come back as duplicates at most."""
    world = established(settings=WITHOUT_SACK)
    world.client.send(b"learn the window")
    world.run(SECOND)
    world.server.received.clear()
    world.fate = losing(0)
    world.client.send(bytes(3 * MSS))
    world.run(60 * MILLISECOND)
    assert len(world.server.received) == 3 * MSS
    assert "recovery by fast retransmit" in world.client.told


def test_the_first_duplicates_let_new_segments_go():
    """Limited transmit, RFC 3042."""
    world = established(settings=RENO)
    world.client.send(bytes(30 * MSS))
    sent = len(world.client.sent)
    una = world.client.connection.snd_una
    for number in (1, 2):
        world.client.hears(
            wire.ACK, acknowledgment=una,
            options=Options(sack=((una + number * MSS, una + (number + 1) * MSS),)),
        )  # fmt: skip
        assert len(world.client.sent) == sent + number
    assert world.client.connection.congestion_state() == "disorder"


# ---- reordering and mistakes ------------------------------------------------------------------------------------


def reordering(late_ns: int) -> Fate:
    count = -1

    def fate(sender: str, segment: Segment) -> list[int]:
        nonlocal count
        count += sender == "client"
        return [late_ns] if sender == "client" and count % 12 == 3 else [0]

    return fate


def test_a_path_that_reorders_is_given_more_time():
    world = established()
    world.fate = reordering(2 * MILLISECOND)
    for _ in range(6):
        world.client.send(bytes(20 * MSS))
        world.run(200 * MILLISECOND)
    assert len(world.server.received) == 120 * MSS
    assert world.client.told.count("recovery undone") == 1  # and from then on nobody was taken in any more
    assert world.client.told.count("recovery by fast retransmit") == 1
    assert world.client.connection.reordering_steps > 0


def test_a_timeout_that_was_too_early_is_undone():
    world = established()
    world.client.send(b"warm up")
    world.run(SECOND)
    window = world.client.connection.congestion.window_bytes
    world.fate = lambda sender, segment: [300 * MILLISECOND] if sender == "server" else [0]
    world.client.send(bytes(5 * MSS))
    world.run(SECOND)
    assert "recovery by timeout" in world.client.told
    assert "recovery undone" in world.client.told
    assert world.client.connection.congestion.window_bytes >= window


def test_a_peer_that_takes_back_what_it_has_acknowledged_gets_it_again():
    """RFC 2018 section 8: after a timeout the first segment goes whatever was said of it."""
    world = established()
    world.fate = lambda sender, segment: []
    world.client.send(bytes(4 * MSS))
    una = world.client.connection.snd_una
    world.client.hears(
        wire.ACK,
        acknowledgment=una,
        options=Options(sack=((una + MSS, una + 4 * MSS),)),
    )
    world.client.connection.scoreboard.ranges[0] = (0, 4 * MSS)
    world.run(SECOND)
    world.fate = lambda sender, segment: [0]
    world.run(5 * SECOND)
    assert len(world.server.received) == 4 * MSS


# ---- the receiver's part ------------------------------------------------------------------------------------------


def test_blocks_tell_what_lies_behind_the_gap_newest_first():
    world = established()
    world.fate = losing(0, 2, 4)
    world.client.send(bytes(6 * MSS))
    una = world.client.connection.snd_una
    world.run(DELAY_NS)
    blocks = [ack.options.sack for ack in pure_acks(world.server)]
    assert blocks[:3] == [
        ((una + MSS, una + 2 * MSS),),
        ((una + 3 * MSS, una + 4 * MSS), (una + MSS, una + 2 * MSS)),
        ((una + 5 * MSS, una + 6 * MSS), (una + 3 * MSS, una + 4 * MSS), (una + MSS, una + 2 * MSS)),
    ]


def test_what_comes_twice_is_told_of_first():
    """RFC 2883."""
    world = established()
    world.fate = lambda sender, segment: [0, 50 * MILLISECOND] if sender == "client" else [0]
    una = world.client.connection.snd_nxt
    world.client.send(bytes(MSS))
    world.run(100 * MILLISECOND)
    assert world.server.sent[-1].options.sack == ((una, una + MSS),)
    assert world.client.connection.scoreboard.ranges == []


def test_sack_needs_both():
    for ours, theirs in ((TcpSettings(sack=False), TcpSettings()), (TcpSettings(), TcpSettings(sack=False))):
        world = Wire(settings=ours, server_settings=theirs).open()
        assert not world.client.connection.sacking
        assert not world.server.connection.sacking


def test_timestamps_need_both():
    for ours, theirs in (
        (TcpSettings(timestamps=False), TcpSettings()),
        (TcpSettings(), TcpSettings(timestamps=False)),
    ):
        world = Wire(settings=ours, server_settings=theirs).open()
        world.client.send(bytes(5000))
        world.run(SECOND)
        assert len(world.server.received) == 5000
        assert world.client.sent[-1].options.timestamps is None
        assert world.client.connection.mss_bytes == 1460


def test_a_segment_of_long_ago_is_refused_by_its_clock():
    """Protection against wrapped sequence numbers: the numbers fit, the time does not (RFC 7323 section 5)."""
    world = established()
    world.run(SECOND)
    world.client.send(b"now")
    world.run(SECOND)
    old = world.server.connection.ts_recent - 500
    world.server.hears(wire.ACK | wire.PSH, b"then", options=Options(timestamps=(old, 0)))
    assert world.server.received == b"now"
    assert world.server.sent[-1].flags == wire.ACK


def test_a_new_connection_may_follow_by_its_clock():
    """A SYN in TIME_WAIT with a lower number, but a later clock."""
    world = established()
    world.client.shut_writing()
    world.run(4 * DELAY_NS)
    world.server.shut_writing()
    world.run(4 * DELAY_NS)
    end = world.client
    assert end.state is State.TIME_WAIT
    connection = end.connection
    later = connection.ts_recent + 1000
    end.hears(wire.SYN, sequence=connection.rcv_nxt - 5000, options=Options(timestamps=(later, 0)))
    assert end.successor is not None


# ---- keepalive ------------------------------------------------------------------------------------------------------


def test_a_silent_peer_that_is_there_is_asked_every_two_hours():
    world = established(settings=TcpSettings(keepalive=True))
    world.run(5 * 7200 * SECOND)
    assert world.client.told.count("keepalive probe 1") == 5
    assert world.client.state is State.ESTABLISHED


def test_a_peer_that_is_gone_is_noticed_after_nine_probes():
    world = established(settings=TcpSettings(keepalive=True))
    world.fate = lambda sender, segment: []
    world.run(NEVER)
    assert isinstance(world.client.error, TimeoutError)
    # Linux: 2 hours, 11 minutes and 15 seconds
    assert abs(world.now_ns - (7200 + 9 * 75) * SECOND) < 2 * SECOND


def test_nobody_is_asked_unasked():
    world = established()
    sent = len(world.client.sent)
    world.run(48 * 3600 * SECOND)
    assert len(world.client.sent) == sent


def test_talking_postpones_the_question():
    world = established(settings=TcpSettings(keepalive=True, keepalive_time_ns=10 * SECOND))
    for _ in range(30):
        world.client.send(b"I am here")
        world.run(SECOND)
    assert not any("keepalive" in told for told in world.client.told + world.server.told)


# ---- the scoreboard -------------------------------------------------------------------------------------------------


def filled(*ranges: tuple[int, int]) -> Scoreboard:
    board = Scoreboard()
    for start, end in ranges:
        board.add(start, end)
    return board


def test_ranges_that_touch_are_one():
    board = filled((10, 20), (30, 40))
    assert board.add(15, 30) == 10
    assert board.ranges == [(10, 40)]
    assert board.sacked_bytes == 30


def test_a_range_moves_with_what_is_acknowledged():
    board = filled((10, 20), (30, 40))
    board.advance(15)
    assert board.ranges == [(0, 5), (15, 25)]
    assert board.unsacked(0, 20) == 10
    assert board.hole(0) == (5, 15)


def test_three_ranges_or_three_segments_behind_a_hole_make_it_lost():
    assert filled((100, 300)).lost_to(100) == 0
    assert filled((100, 301)).lost_to(100) == 100
    assert filled((100, 110), (200, 210), (300, 310)).lost_to(100) == 100
    assert filled((100, 110), (200, 210), (300, 600)).lost_to(100) == 300
