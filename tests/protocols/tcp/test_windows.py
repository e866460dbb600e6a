"""Flow control: nobody is sent more than he can take, and a shut window opens again."""

from itertools import pairwise

from actors.protocols.tcp import NEVER, State, TcpSettings
from actors.units import MILLISECOND, SECOND
from actors.wire import tcp as wire
from tests.protocols.tcp.pretend import Wire, established

BUFFER = TcpSettings(receive_buffer_bytes=16_384, window_scale=2)


def shut() -> Wire:
    """The server has not read what fills its buffer, and the client has more."""
    world = established(server_settings=BUFFER)
    world.server.pause()
    world.client.send(bytes(40_000))
    world.run(500 * MILLISECOND)
    return world


def test_the_window_shrinks_by_what_is_unread():
    world = established(server_settings=BUFFER)
    world.server.pause()
    world.client.send(bytes(5_000))
    world.run(100 * MILLISECOND)
    assert world.server.connection.unread.size_bytes == 5_000
    assert world.server.sent[-1].window << 2 == 16_384 - 5_000
    assert not world.server.received


def test_a_full_buffer_shuts_the_window_and_no_more_is_sent():
    world = shut()
    assert world.server.connection.unread.size_bytes == 16_384
    assert world.client.connection.snd_wnd == 0
    assert world.client.connection.unsent_bytes() == 40_000 - 16_384


def test_a_crumb_of_a_window_is_used_after_a_while():
    world = established(server_settings=BUFFER)
    world.server.pause()
    world.client.send(bytes(40_000))
    world.run(100 * MILLISECOND)
    # what is left of the window is not worth a segment
    assert world.server.connection.unread.size_bytes == 11 * 1448
    world.run(300 * MILLISECOND)
    assert world.server.connection.unread.size_bytes == 16_384


def test_reading_opens_the_window():
    world = shut()
    world.server.resume()
    world.run(100 * MILLISECOND)
    assert len(world.server.received) == 40_000


def test_a_shut_window_is_probed_ever_more_rarely():
    world = shut()
    sent = len(world.client.sent)
    times = []
    for _ in range(100):
        world.run(100 * MILLISECOND)
        times += [world.now_ns] * (len(world.client.sent) - sent)
        sent = len(world.client.sent)
    gaps = [(later - earlier) / SECOND for earlier, later in pairwise(times)]
    assert len(gaps) >= 4
    assert all(1.5 < later / earlier < 2.5 for earlier, later in pairwise(gaps))
    assert all(not segment.payload for segment in world.client.sent[-3:])
    assert world.client.state is State.ESTABLISHED


def test_a_lost_window_update_is_made_good_by_a_probe():
    world = shut()
    world.fate = lambda sender, segment: []
    world.server.resume()
    world.run(MILLISECOND)
    world.fate = lambda sender, segment: [0]
    world.run(5 * SECOND)
    assert len(world.server.received) == 40_000


def test_probes_that_nobody_answers_end_the_connection():
    world = shut()
    world.fate = lambda sender, segment: []
    world.run(NEVER)
    assert isinstance(world.client.error, TimeoutError)


def test_a_probe_does_not_give_up_while_it_is_answered():
    world = shut()
    world.run(3600 * SECOND)
    assert world.client.state is State.ESTABLISHED


def test_reading_a_little_does_not_open_the_window_by_crumbs():
    world = established(server_settings=BUFFER)
    for _ in range(4):
        world.server.pause()
        world.client.send(bytes(700))
        world.run(100 * MILLISECOND)
        answers = len(world.server.sent)
        world.server.resume()
        assert len(world.server.sent) == answers  # even 2,800 bytes are less than two segments
    world.server.pause()
    world.client.send(bytes(700))
    world.run(100 * MILLISECOND)
    answers = len(world.server.sent)
    world.server.resume()
    assert len(world.server.sent) == answers + 1


def test_a_sender_waits_rather_than_send_crumbs():
    world = established()
    world.client.hears(wire.ACK, window=2000 >> 7)  # the server offers 1,920 bytes
    sent = len(world.client.sent)
    world.client.connection.maximum_snd_wnd = 2000
    world.client.send(bytes(3000))
    assert [len(segment.payload) for segment in world.client.sent[sent:]] == [1448]


def test_room_is_told_once_enough_was_sent():
    world = shut()
    connection = world.client.connection
    connection.room_below_bytes = 10_000
    world.server.resume()
    world.run(5 * MILLISECOND)
    assert "room" in world.client.told


def test_the_fin_waits_for_the_window_too():
    world = shut()
    world.client.shut_writing()
    world.run(5 * SECOND)
    assert "fin sent" not in world.client.told
    world.server.resume()
    world.run(2 * SECOND)
    assert len(world.server.received) == 40_000
    assert world.server.told[-1] == "end"


def test_the_end_is_told_after_the_last_unread_byte():
    world = established()
    world.server.pause()
    world.client.send(b"last words")
    world.client.shut_writing()
    world.run(SECOND)
    assert world.server.state is State.CLOSE_WAIT
    assert "end" not in world.server.told
    world.server.resume()
    assert world.server.received == b"last words"
    assert world.server.told[-1] == "end"


def test_acknowledgments_are_taken_while_our_own_window_is_shut():
    world = shut()
    world.server.send(b"still talking")
    world.run(200 * MILLISECOND)
    assert world.client.received == b"still talking"
    assert world.server.connection.snd_una == world.server.connection.snd_nxt
