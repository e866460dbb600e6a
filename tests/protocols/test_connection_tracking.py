"""Connection tracking: states, how long silence may last, and its limit."""

import pytest

from actors.protocols.connection_tracking import ConnectionTracker, Full, State, Timeouts
from actors.protocols.flows import turned
from actors.units import SECOND
from actors.wire import ipv4, tcp
from actors.wire.addresses import ip_bytes

CLIENT, SERVER = ip_bytes("10.0.0.10"), ip_bytes("10.0.10.20")


def key(protocol: int, port: int = 40000) -> bytes:
    return CLIENT + SERVER + port.to_bytes(2) + (80).to_bytes(2) + protocol.to_bytes(1)


def tracker(limit: int = 100) -> ConnectionTracker:
    return ConnectionTracker(limit, Timeouts())


def run_until_quiet(tracked: ConnectionTracker) -> int:
    """Follow the deadlines until nothing is left; the moment at which the last connection was forgotten."""
    now_ns = 0
    while (deadline_ns := tracked.deadline_ns()) is not None:
        now_ns = deadline_ns
        tracked.on_deadline(now_ns)
    assert len(tracked) == 0
    return now_ns


def test_a_tcp_connection_is_established_by_its_reply():
    tracked = tracker()
    connection = tracked.open("eni", key(ipv4.TCP), 0)
    assert connection.state is State.NEW and not connection.settled
    tracked.saw(connection, turned(key(ipv4.TCP)), tcp.SYN | tcp.ACK, 0)
    assert connection.state is State.ESTABLISHED and connection.settled


def test_both_directions_find_the_connection():
    tracked = tracker()
    connection = tracked.open("eni", key(ipv4.TCP), 0)
    assert tracked.find("eni", key(ipv4.TCP)) is tracked.find("eni", turned(key(ipv4.TCP))) is connection
    assert tracked.find("other eni", key(ipv4.TCP)) is None


def test_replies_may_have_a_key_of_their_own():
    tracked = tracker()
    translated = turned(key(ipv4.TCP, 1024))
    connection = tracked.open("node", key(ipv4.TCP), 0, translated)
    assert tracked.find("node", translated) is connection
    assert tracked.find("node", turned(key(ipv4.TCP))) is None


def test_udp_is_a_stream_only_after_a_second_request():
    tracked, flow = tracker(), key(ipv4.UDP)
    connection = tracked.open("eni", flow, 0)
    tracked.saw(connection, turned(flow), 0, 0)
    assert connection.timeout_ns == 30 * SECOND and not connection.settled
    tracked.saw(connection, flow, 0, 0)
    assert connection.timeout_ns == 120 * SECOND and connection.settled


@pytest.mark.parametrize(
    ("protocol", "seen", "silence_s"),
    [
        (ipv4.TCP, [], 120),
        (ipv4.TCP, [("reply", tcp.SYN | tcp.ACK)], 432_000),
        (ipv4.TCP, [("reply", tcp.SYN | tcp.ACK), ("request", tcp.FIN | tcp.ACK)], 120),
        (ipv4.TCP, [("reply", tcp.RST | tcp.ACK)], 120),
        (ipv4.UDP, [], 30),
        (ipv4.ICMP, [("reply", 0)], 30),
        (132, [("reply", 0)], 600),
    ],
)
def test_each_state_is_forgotten_after_its_own_silence(
    protocol: int, seen: list[tuple[str, int]], silence_s: int
):
    tracked, flow = tracker(), key(protocol)
    connection = tracked.open("eni", flow, 0)
    for way, flags in seen:
        tracked.saw(connection, flow if way == "request" else turned(flow), flags, 0)
    assert run_until_quiet(tracked) == silence_s * SECOND


def test_a_packet_puts_the_end_off():
    tracked, flow = tracker(), key(ipv4.UDP)
    connection = tracked.open("eni", flow, 0)
    connection.seen_ns = 29 * SECOND
    assert tracked.on_deadline(30 * SECOND) == []
    assert tracked.on_deadline(59 * SECOND) == [connection]


def test_looks_at_closed_connections_do_not_pile_up():
    tracked = tracker()
    for second in range(200):
        connection = tracked.open("eni", key(ipv4.TCP, 1024 + second), second * SECOND)
        tracked.saw(connection, turned(connection.key), tcp.SYN | tcp.ACK, second * SECOND)
        tracked.close(connection)
        tracked.on_deadline(second * SECOND)
    assert len(tracked._looks) <= 61


def test_looks_at_connections_that_are_closed_before_their_time_do_not_pile_up_either():
    tracker = ConnectionTracker(10, Timeouts())
    for number in range(10_000):
        connection = tracker.open("node", number.to_bytes(12) + b"\6", number)
        tracker.close(connection)
    assert len(tracker._looks) <= 1001
    assert not tracker._owned


def test_an_owner_has_room_for_so_many_and_no_more():
    tracked = tracker(limit=2)
    first = tracked.open("eni", key(ipv4.TCP, 1), 0)
    tracked.open("eni", key(ipv4.TCP, 2), 0)
    with pytest.raises(Full):
        tracked.open("eni", key(ipv4.TCP, 3), 0)
    tracked.open("other eni", key(ipv4.TCP, 3), 0)
    tracked.close(first)
    tracked.open("eni", key(ipv4.TCP, 3), 0)
    assert (tracked.owned("eni"), tracked.owned("other eni"), len(tracked)) == (2, 1, 3)


def test_closing_twice_is_closing_once():
    tracked = tracker()
    connection = tracked.open("eni", key(ipv4.TCP), 0)
    tracked.close(connection)
    tracked.close(connection)
    assert tracked.owned("eni") == 0 and tracked.find("eni", turned(key(ipv4.TCP))) is None


def test_an_owner_that_goes_takes_its_connections_along():
    tracked = tracker()
    gone = tracked.open("eni", key(ipv4.TCP), 0)
    stays = tracked.open("other eni", key(ipv4.TCP), 0)
    assert tracked.close_all("eni") == [gone]
    assert tracked.connections() == [stays]
