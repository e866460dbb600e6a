"""The NAT engine: what goes out comes back to where it came from, with right checksums, for as long as it should."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.protocols.nat import Nat, Refusal, Settings
from actors.units import SECOND
from actors.wire import ethernet, icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes
from actors.wire.malformed import Malformed

LAPTOP, PHONE = ip_bytes("192.168.1.100"), ip_bytes("192.168.1.101")
OUTSIDE = ip_bytes("203.0.113.10")
SERVER, OTHER, ROUTER_FAR_AWAY = (ip_bytes(text) for text in ("198.51.100.10", "198.51.100.20", "100.64.1.1"))
MACS = b"\x02" + bytes(5) + b"\x02" + bytes(4) + b"\x01"
OK = Settings(OUTSIDE)
HOUR = 3600 * SECOND


def framed(packet: ipv4.Packet) -> bytes:
    return MACS + b"\x08\x00" + ipv4.encode(packet)


def unframed(frame: bytes) -> ipv4.Packet:
    return ipv4.decode(frame[ethernet.HEADER_BYTES :])


def tcp_frame(
    source, source_port, destination, destination_port, flags=tcp.ACK, payload=b"", offload=True
) -> bytes:
    segment = tcp.Segment(source_port, destination_port, 1, 2, flags, 3, payload=payload)
    data = tcp.encode(segment, source, destination, offload)
    return framed(ipv4.Packet(source, destination, ipv4.TCP, data))


def udp_frame(source, source_port, destination, destination_port, payload=b"?" * 12, offload=True) -> bytes:
    data = udp.encode(udp.Datagram(source_port, destination_port, payload), source, destination, offload)
    return framed(ipv4.Packet(source, destination, ipv4.UDP, data))


def icmp_frame(source, destination, message: icmp.Message) -> bytes:
    return framed(ipv4.Packet(source, destination, ipv4.ICMP, icmp.encode(message)))


def nat_with(settings: Settings = OK, seed: int = 1) -> Nat:
    return Nat(settings, Random(seed))


def out(nat: Nat, frame: bytes, now_ns: int = 0) -> bytes | Refusal:
    found = nat.settled_outbound(frame, now_ns) or nat.outbound(frame, now_ns)
    return found if isinstance(found, Refusal) else found.apply(frame)


def back(nat: Nat, frame: bytes, now_ns: int = 0) -> bytes | Refusal:
    found = nat.settled_inbound(frame, now_ns) or nat.inbound(frame, now_ns)
    return found if isinstance(found, Refusal) else found.apply(frame)


def established(nat: Nat, source=LAPTOP, port=49152, now_ns: int = 0) -> Nat:
    """A TCP connection to the server whose handshake has passed."""
    told = unframed(out(nat, tcp_frame(source, port, SERVER, 443, tcp.SYN), now_ns))
    outside_port = tcp.decode(told.payload).source_port
    back(nat, tcp_frame(SERVER, 443, OUTSIDE, outside_port, tcp.SYN | tcp.ACK), now_ns)
    out(nat, tcp_frame(source, port, SERVER, 443), now_ns)
    return nat


# ---- bytes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame_of", [tcp_frame, udp_frame])
@given(
    ends=st.tuples(*(st.binary(min_size=4, max_size=4).filter(lambda a: a != OUTSIDE),) * 2),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    payload=st.binary(max_size=30),
    offload=st.booleans(),
    outside=st.binary(min_size=4, max_size=4),
)
def test_translated_bytes_are_as_if_they_had_been_written_anew(
    frame_of, ends, ports, payload, offload, outside
):
    (inside, remote), (port, remote_port) = ends, ports
    if outside in ends:
        return
    nat = nat_with(Settings(outside, range(65536)))
    extra = {"payload": payload, "offload": offload}
    for _ in range(2):  # the careful way, and then the fast one where there is one
        assert out(nat, frame_of(inside, port, remote, remote_port, **extra)) == frame_of(
            outside, port, remote, remote_port, **extra
        )
        assert back(nat, frame_of(remote, remote_port, outside, port, **extra)) == frame_of(
            remote, remote_port, inside, port, **extra
        )


@given(
    identifier=st.integers(0, 65535),
    sequence=st.integers(1, 65535),
    payload=st.binary(max_size=30),
    taken=st.booleans(),
)
def test_an_echo_and_its_reply_pass_by_their_identifier(identifier, sequence, payload, taken):
    nat = nat_with()
    if taken:
        out(nat, icmp_frame(PHONE, SERVER, icmp.Echo(identifier, 1)))
    request = unframed(out(nat, icmp_frame(LAPTOP, SERVER, icmp.Echo(identifier, sequence, payload))))
    sent = icmp.decode(request.payload)
    assert (request.source, request.destination) == (OUTSIDE, SERVER)
    assert (sent.identifier == identifier) != taken
    reply = unframed(back(nat, icmp_frame(SERVER, OUTSIDE, sent._replace(reply=True))))
    assert (reply.source, reply.destination) == (SERVER, LAPTOP)
    assert icmp.decode(reply.payload) == icmp.Echo(identifier, sequence, payload, reply=True)


def test_the_padding_of_a_short_frame_and_all_other_fields_stay_as_they_are():
    nat = nat_with()
    frame = udp_frame(LAPTOP, 5000, SERVER, 53) + bytes(6)
    translated = out(nat, frame)
    assert len(translated) == len(frame)
    assert translated[:14] == frame[:14]
    assert translated[38:] == frame[38:]


@given(st.binary(max_size=80), st.booleans())
def test_junk_is_refused_or_malformed(junk, ip_like):
    frame = MACS + b"\x08\x00" + (b"\x45" if ip_like else b"") + junk
    nat = established(nat_with())
    for settled, handle in ((nat.settled_outbound, nat.outbound), (nat.settled_inbound, nat.inbound)):
        assert settled(frame, 0) is None
        try:
            assert isinstance(handle(frame, 0), Refusal)
        except Malformed:
            pass


# ---- mappings --------------------------------------------------------------------------------------------------


def outside_port(frame: bytes | Refusal) -> int:
    assert isinstance(frame, bytes), frame
    return int.from_bytes(frame[34:36])


def test_a_free_port_is_preserved_and_a_taken_one_is_not():
    nat = nat_with()
    assert outside_port(out(nat, udp_frame(LAPTOP, 5000, SERVER, 53))) == 5000
    other = outside_port(out(nat, udp_frame(PHONE, 5000, SERVER, 53)))
    assert other != 5000
    assert outside_port(out(nat, tcp_frame(PHONE, 5000, SERVER, 53))) == 5000  # TCP has ports of its own
    assert unframed(back(nat, udp_frame(SERVER, 53, OUTSIDE, other))).destination == PHONE


def test_a_port_out_of_range_is_translated_into_it():
    nat = nat_with(OK._replace(ports=range(2000, 2002)))
    assert outside_port(out(nat, udp_frame(LAPTOP, 68, SERVER, 53))) in (2000, 2001)


def test_one_inside_endpoint_has_one_outside_port_whomever_it_talks_to():
    nat = nat_with(OK._replace(ports=range(2000, 3000)))
    ports = {
        outside_port(out(nat, udp_frame(LAPTOP, 53, remote, port)))
        for remote in (SERVER, OTHER)
        for port in (1, 2)
    }
    assert len(ports) == 1
    assert len(nat) == 4


def test_only_those_who_were_talked_to_get_in():
    nat = nat_with()
    out(nat, udp_frame(LAPTOP, 5000, SERVER, 53))
    assert isinstance(back(nat, udp_frame(SERVER, 53, OUTSIDE, 5000)), bytes)
    for stranger in (udp_frame(OTHER, 53, OUTSIDE, 5000), udp_frame(SERVER, 54, OUTSIDE, 5000),
                     tcp_frame(SERVER, 53, OUTSIDE, 5000)):  # fmt: skip
        assert back(nat, stranger) in (Refusal.FILTERED, Refusal.NOT_MINE)


def test_when_all_ports_are_taken_new_endpoints_are_refused_and_old_ones_served():
    nat = nat_with(OK._replace(ports=range(2000, 2002)))
    for port in (2000, 2001):
        out(nat, udp_frame(LAPTOP, port, SERVER, 53))
    assert out(nat, udp_frame(LAPTOP, 2002, SERVER, 53)) is Refusal.PORT_EXHAUSTED
    assert outside_port(out(nat, udp_frame(LAPTOP, 2001, OTHER, 53))) == 2001


def test_a_full_table_makes_room_by_what_has_closed_and_else_refuses():
    nat = nat_with(OK._replace(max_mappings=2))
    established(nat, port=1025)
    established(nat, port=1026)
    assert out(nat, udp_frame(LAPTOP, 5000, SERVER, 53)) is Refusal.TABLE_FULL
    out(nat, tcp_frame(LAPTOP, 1025, SERVER, 443, tcp.FIN | tcp.ACK))
    assert isinstance(out(nat, udp_frame(LAPTOP, 5000, SERVER, 53)), bytes)
    assert back(nat, tcp_frame(SERVER, 443, OUTSIDE, 1025)) is Refusal.NOT_MINE
    assert isinstance(back(nat, tcp_frame(SERVER, 443, OUTSIDE, 1026)), bytes)


def test_a_full_table_makes_room_by_what_was_silent_for_too_long():
    nat = nat_with(OK._replace(max_mappings=1))
    out(nat, udp_frame(LAPTOP, 5000, SERVER, 53), 0)
    assert out(nat, udp_frame(LAPTOP, 5001, SERVER, 53), 299 * SECOND) is Refusal.TABLE_FULL
    assert isinstance(out(nat, udp_frame(LAPTOP, 5001, SERVER, 53), 301 * SECOND), bytes)


# ---- time ------------------------------------------------------------------------------------------------------


def lives_until(nat: Nat, limit_ns: int) -> int:
    """When the last session goes, if nobody says anything any more."""
    while nat:
        now_ns = nat.deadline_ns()
        assert now_ns is not None
        assert now_ns <= limit_ns
        nat.on_deadline(now_ns)
    return now_ns


def test_an_established_connection_may_be_silent_for_two_hours_and_four_minutes():
    assert lives_until(established(nat_with()), 3 * HOUR) == 7440 * SECOND


def test_an_unanswered_syn_and_a_closed_connection_last_four_minutes():
    unanswered = nat_with()
    out(unanswered, tcp_frame(LAPTOP, 1025, SERVER, 443, tcp.SYN))
    assert lives_until(unanswered, HOUR) == 240 * SECOND
    for last in (tcp.FIN | tcp.ACK, tcp.RST):
        closed = established(nat_with())
        out(closed, tcp_frame(LAPTOP, 49152, SERVER, 443, last), SECOND)
        assert lives_until(closed, HOUR) == 241 * SECOND


def test_every_packet_in_either_direction_starts_the_timeout_again():
    nat = nat_with()
    out(nat, udp_frame(LAPTOP, 5000, SERVER, 53), 0)
    for second in range(100, 1000, 100):
        back(nat, udp_frame(SERVER, 53, OUTSIDE, 5000), second * SECOND)
    assert lives_until(nat, HOUR) == 1200 * SECOND


def test_an_echo_is_forgotten_after_a_minute_and_its_mapping_with_it():
    nat = nat_with()
    out(nat, icmp_frame(LAPTOP, SERVER, icmp.Echo(7, 1)))
    assert lives_until(nat, HOUR) == 60 * SECOND
    assert back(nat, icmp_frame(SERVER, OUTSIDE, icmp.Echo(7, 1, reply=True)), HOUR) is Refusal.NOT_MINE


def test_a_new_connection_on_the_ports_of_a_closed_one_is_a_new_session():
    nat = established(nat_with())
    out(nat, tcp_frame(LAPTOP, 49152, SERVER, 443, tcp.FIN | tcp.ACK), SECOND)
    established(nat, now_ns=2 * SECOND)
    assert len(nat) == 1
    assert lives_until(nat, 3 * HOUR) == 7442 * SECOND


def test_a_router_that_lost_its_memory_takes_up_connections_where_they_are():
    nat = nat_with()
    data = tcp_frame(LAPTOP, 49152, SERVER, 443, tcp.PSH | tcp.ACK, b"more")
    assert outside_port(out(nat, data)) == 49152
    back(nat, tcp_frame(SERVER, 443, OUTSIDE, 49152))
    assert lives_until(nat, 3 * HOUR) == 7440 * SECOND


def test_a_reset_or_an_echo_reply_that_belongs_to_nothing_opens_nothing():
    nat = nat_with()
    assert out(nat, tcp_frame(LAPTOP, 49152, SERVER, 443, tcp.RST)) is Refusal.NO_SESSION
    assert out(nat, icmp_frame(LAPTOP, SERVER, icmp.Echo(1, 1, reply=True))) is Refusal.NO_SESSION
    assert len(nat) == 0


def test_a_ping_from_outside_is_for_the_router_even_with_an_identifier_of_ours():
    nat = nat_with()
    out(nat, icmp_frame(LAPTOP, SERVER, icmp.Echo(7, 1)))
    assert back(nat, icmp_frame(SERVER, OUTSIDE, icmp.Echo(7, 1))) is Refusal.NOT_MINE


# ---- what is not translated ------------------------------------------------------------------------------------


def test_what_is_never_translated():
    nat = nat_with()
    whole = ipv4.Packet(LAPTOP, SERVER, ipv4.UDP, udp.encode(udp.Datagram(1, 2, b"x" * 16), LAPTOP, SERVER))
    assert out(nat, framed(whole._replace(protocol=47))) is Refusal.PROTOCOL
    assert out(nat, framed(whole._replace(options=bytes(4)))) is Refusal.OPTIONS
    assert out(nat, framed(whole._replace(dont_fragment=False, more_fragments=True))) is Refusal.FRAGMENT
    assert out(nat, framed(whole._replace(dont_fragment=False, fragment_offset=8))) is Refusal.FRAGMENT
    assert out(nat, udp_frame(LAPTOP, 1, OUTSIDE, 2)) is Refusal.HAIRPIN
    assert len(nat) == 0


def test_a_fragment_of_a_known_session_is_no_exception():
    nat = established(nat_with())
    frame = tcp_frame(LAPTOP, 49152, SERVER, 443)
    assert (
        out(nat, framed(unframed(frame)._replace(dont_fragment=False, more_fragments=True)))
        is Refusal.FRAGMENT
    )


# ---- ICMP errors -----------------------------------------------------------------------------------------------


def sent_by(
    source: bytes, destination: bytes, kind: str, port: int, offload: bool, echo_reply: bool = False
) -> bytes:
    """The packet, from its IP header on, that an endpoint sent or that was sent to it."""
    inward = destination in (LAPTOP, OUTSIDE)
    ports = (53, port) if inward else (port, 53)
    if kind == "icmp":
        return icmp_frame(source, destination, icmp.Echo(port, 1, b"x" * 12, echo_reply))[14:]
    frame_of = tcp_frame if kind == "tcp" else udp_frame
    return frame_of(source, ports[0], destination, ports[1], offload=offload)[14:]


kinds = st.sampled_from(["tcp", "udp", "icmp"])
quoted_bytes = st.integers(28, 60).filter(lambda length: length != 37)  # half a checksum cannot be mended


@given(kinds, quoted_bytes, st.booleans(), st.sampled_from(["unreachable", "ttl", "parameter"]))
def test_an_error_about_a_packet_that_went_out_finds_its_sender(kind, length, offload, which):
    nat = nat_with(OK._replace(ports=range(2000, 3000)))
    original = sent_by(LAPTOP, SERVER, kind, 5000, offload)
    translated = out(nat, MACS + b"\x08\x00" + original)[14:]
    error = error_about(translated[:length], which)
    received = unframed(back(nat, icmp_frame(ROUTER_FAR_AWAY, OUTSIDE, error)))
    assert (received.source, received.destination) == (ROUTER_FAR_AWAY, LAPTOP)
    assert icmp.decode(received.payload) == error_about(original[:length], which)


@given(kinds, quoted_bytes, st.booleans())
def test_an_error_about_a_packet_that_came_in_shows_the_outside_only(kind, length, offload):
    nat = nat_with(OK._replace(ports=range(2000, 3000)))
    translated = out(nat, MACS + b"\x08\x00" + sent_by(LAPTOP, SERVER, kind, 5000, offload))
    port = int.from_bytes(translated[38:40] if kind == "icmp" else translated[34:36])
    answer = sent_by(SERVER, OUTSIDE, kind, port, offload, echo_reply=True)
    arrived = back(nat, MACS + b"\x08\x00" + answer)[14:]
    error = icmp_frame(LAPTOP, SERVER, icmp.Unreachable(icmp.PORT_UNREACHABLE, arrived[:length]))
    sent = unframed(out(nat, error))
    assert (sent.source, sent.destination) == (OUTSIDE, SERVER)
    assert icmp.decode(sent.payload) == icmp.Unreachable(icmp.PORT_UNREACHABLE, answer[:length])


def error_about(original: bytes, which: str) -> icmp.Message:
    match which:
        case "unreachable":
            return icmp.Unreachable(icmp.FRAGMENTATION_NEEDED, original, 1400)
        case "ttl":
            return icmp.TimeExceeded(icmp.TTL_EXCEEDED, original)
    return icmp.Other(icmp.PARAMETER_PROBLEM, 0, b"\x14\0\0\0", original)


@given(kinds, st.booleans())
def test_a_translated_packet_can_be_had_as_it_was_before(kind, offload):
    nat = nat_with(OK._replace(ports=range(2000, 3000)))
    sent = sent_by(LAPTOP, SERVER, kind, 5000, offload)
    translated = out(nat, MACS + b"\x08\x00" + sent)
    assert nat.original(translated[14:]) == sent
    port = int.from_bytes(translated[38:40] if kind == "icmp" else translated[34:36])
    answer = sent_by(SERVER, OUTSIDE, kind, port, offload, echo_reply=True)
    assert nat.original(back(nat, MACS + b"\x08\x00" + answer)[14:]) == answer
    strange = sent_by(OUTSIDE, OTHER, kind, 7, offload)
    assert nat.original(strange) == strange


def test_errors_about_nothing_of_ours_and_redirects_do_not_pass():
    nat = established(nat_with())
    strange = sent_by(OUTSIDE, OTHER, "udp", 5000, True)
    assert back(nat, icmp_frame(ROUTER_FAR_AWAY, OUTSIDE, icmp.TimeExceeded(0, strange))) is Refusal.NOT_MINE
    assert out(nat, icmp_frame(LAPTOP, SERVER, icmp.TimeExceeded(0, strange))) is Refusal.NO_SESSION
    redirect = icmp.Other(icmp.REDIRECT, 1, ROUTER_FAR_AWAY, sent_by(OUTSIDE, SERVER, "tcp", 49152, True))
    assert back(nat, icmp_frame(ROUTER_FAR_AWAY, OUTSIDE, redirect)) is Refusal.NOT_MINE


def test_an_error_does_not_keep_a_session_alive():
    nat = established(nat_with())
    quote = tcp_frame(OUTSIDE, 49152, SERVER, 443)[14:]
    assert isinstance(
        back(nat, icmp_frame(ROUTER_FAR_AWAY, OUTSIDE, icmp.TimeExceeded(0, quote)), HOUR), bytes
    )
    assert lives_until(nat, 3 * HOUR) == 7440 * SECOND


# ---- any life --------------------------------------------------------------------------------------------------

LIMIT = 12
PORTS = range(2000, 2006)
endpoints = st.tuples(st.sampled_from([LAPTOP, PHONE]), st.integers(1998, 2008))
remotes = st.tuples(st.sampled_from([SERVER, OTHER]), st.sampled_from([53, 443]))


class AnyLife(RuleBasedStateMachine):
    """Packets in any order and at any time: what comes back goes to whom it belongs, and nothing leaks."""

    def __init__(self) -> None:
        super().__init__()
        self.nat = nat_with(OK._replace(max_mappings=LIMIT, ports=PORTS))
        self.now_ns = 0
        self.seen: dict[tuple, tuple] = {}  # (protocol, remote, outside port) -> inside endpoint, last known

    @rule(inside=endpoints, remote=remotes, kind=st.sampled_from([tcp_frame, udp_frame]),
          flags=st.sampled_from([tcp.SYN, tcp.ACK, tcp.FIN | tcp.ACK, tcp.RST]))  # fmt: skip
    def sends(self, inside, remote, kind, flags):
        extra = {"flags": flags} if kind is tcp_frame else {}
        translated = out(self.nat, kind(*inside, *remote, **extra), self.now_ns)
        if isinstance(translated, bytes):
            assert unframed(translated).source == OUTSIDE
            assert outside_port(translated) in PORTS
            self.seen[kind, remote, outside_port(translated)] = inside

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), flags=st.sampled_from([tcp.SYN | tcp.ACK, tcp.ACK, tcp.FIN | tcp.ACK, tcp.RST]))
    def hears(self, data, flags):
        kind, remote, port = data.draw(st.sampled_from(list(self.seen)))
        extra = {"flags": flags} if kind is tcp_frame else {}
        received = back(self.nat, kind(*remote, OUTSIDE, port, **extra), self.now_ns)
        if isinstance(received, Refusal):
            assert received in (Refusal.NOT_MINE, Refusal.FILTERED)
            del self.seen[kind, remote, port]
        else:
            ends = unframed(received)
            assert (ends.destination, int.from_bytes(received[36:38])) == self.seen[kind, remote, port]

    @rule(seconds=st.sampled_from([1, 100, 250, 310, 8000]))
    def waits(self, seconds):
        self.now_ns += seconds * SECOND
        while (deadline_ns := self.nat.deadline_ns()) is not None and deadline_ns <= self.now_ns:
            self.nat.on_deadline(self.now_ns)

    @invariant()
    def limits_hold_and_no_port_has_two_owners(self):
        told = [session.described() for session in self.nat.sessions()]
        assert len(told) == len(self.nat) <= LIMIT
        owners: dict[tuple[str, str], set[str]] = {}
        for session in told:
            owners.setdefault((session["protocol"], session["outside"]), set()).add(session["inside"])
        assert all(len(each) == 1 for each in owners.values())


TestAnyLife = AnyLife.TestCase
