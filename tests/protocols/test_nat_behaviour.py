"""Mapping, filtering and hairpinning in RFC 4787's words, and that they hold for any packets in any order."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.protocols.connection_tracking import State
from actors.protocols.nat import Behaviour, Nat, Refusal
from actors.units import SECOND
from actors.wire import icmp, ipv4, tcp, udp
from tests.protocols.test_nat import (
    LAPTOP,
    OK,
    OTHER,
    OUTSIDE,
    PHONE,
    ROUTER_FAR_AWAY,
    SERVER,
    back,
    framed,
    icmp_frame,
    nat_with,
    out,
    outside_port,
    tcp_frame,
    udp_frame,
    unframed,
)

INDEPENDENT, ADDRESS, ADDRESS_AND_PORT = Behaviour
REMOTES = ((SERVER, 1), (SERVER, 2), (OTHER, 1))


def turned_round(nat: Nat, frame: bytes, now_ns: int = 0) -> bytes | Refusal:
    assert nat.outbound(frame, now_ns) is Refusal.HAIRPIN
    assert nat.settled_outbound(frame, now_ns) is None
    found = nat.hairpin(frame, now_ns)
    return found if isinstance(found, Refusal) else found.apply(frame)


def ends(frame: bytes | Refusal) -> tuple:
    assert isinstance(frame, bytes), frame
    packet = unframed(frame)
    return packet.source, outside_port(frame), packet.destination, int.from_bytes(frame[36:38])


# ---- mapping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mapping", "ports"), [(INDEPENDENT, 1), (ADDRESS, 2), (ADDRESS_AND_PORT, 3)])
@pytest.mark.parametrize("frame_of", [tcp_frame, udp_frame])
def test_an_endpoint_has_a_port_for_each_remote_that_matters(mapping, ports, frame_of):
    nat = nat_with(OK._replace(mapping=mapping))
    extra = {"flags": tcp.SYN} if frame_of is tcp_frame else {}
    seen = {outside_port(out(nat, frame_of(LAPTOP, 5000, *remote, **extra))) for remote in REMOTES}
    assert len(seen) == ports
    assert outside_port(out(nat, frame_of(LAPTOP, 5000, *REMOTES[0], **extra))) == 5000


@given(st.integers(1, 1023), st.integers(0, 1000))
def test_a_udp_port_that_is_not_preserved_is_as_even_as_before(port, seed):
    nat = nat_with(seed=seed)
    assert (outside_port(out(nat, udp_frame(LAPTOP, port, SERVER, 53))) - port) % 2 == 0


def test_when_no_port_of_the_same_parity_is_free_any_will_do():
    nat = nat_with(OK._replace(ports=range(2000, 2004)))
    got = [outside_port(out(nat, udp_frame(LAPTOP, port, SERVER, 53))) for port in (10, 12, 14, 16)]
    assert {port % 2 for port in got[:2]} == {0}
    assert sorted(got) == [2000, 2001, 2002, 2003]


def test_ports_that_the_router_uses_itself_are_not_given_out():
    nat = Nat(OK._replace(ports=range(2000, 2002)), Random(1), lambda protocol, port: port == 2000)
    assert outside_port(out(nat, udp_frame(LAPTOP, 2000, SERVER, 53))) == 2001
    assert out(nat, udp_frame(LAPTOP, 2001, SERVER, 53)) is Refusal.PORT_EXHAUSTED


# ---- filtering -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filtering", "let_in"),
    [
        (INDEPENDENT, [True, True, True]),
        (ADDRESS, [True, True, False]),
        (ADDRESS_AND_PORT, [True, False, False]),
    ],
)
def test_who_comes_in_by_a_mapped_port(filtering, let_in):
    nat = nat_with(OK._replace(filtering=filtering))
    out(nat, udp_frame(LAPTOP, 5000, *REMOTES[0]))
    answers = [back(nat, udp_frame(*remote, OUTSIDE, 5000)) for remote in REMOTES]
    assert [isinstance(answer, bytes) for answer in answers] == let_in
    assert all(answer is Refusal.FILTERED for answer in answers if isinstance(answer, Refusal))
    for remote, answer in zip(REMOTES, answers, strict=True):
        if isinstance(answer, bytes):
            assert ends(answer) == (*remote, LAPTOP, 5000)
            assert ends(out(nat, udp_frame(LAPTOP, 5000, *remote))) == (OUTSIDE, 5000, *remote)
    assert back(nat, udp_frame(SERVER, 1, OUTSIDE, 5001)) is Refusal.NOT_MINE


def test_a_connection_from_outside_is_transitory_until_both_sides_have_spoken():
    nat = nat_with(OK._replace(filtering=INDEPENDENT))
    out(nat, tcp_frame(LAPTOP, 5000, SERVER, 443, tcp.SYN))
    caller = (ROUTER_FAR_AWAY, 7)
    assert back(nat, tcp_frame(*caller, OUTSIDE, 5000, tcp.ACK)) is Refusal.FILTERED
    assert ends(back(nat, tcp_frame(*caller, OUTSIDE, 5000, tcp.SYN))) == (*caller, LAPTOP, 5000)
    session = nat.sessions()[-1]
    out(nat, tcp_frame(LAPTOP, 5000, *caller, tcp.SYN | tcp.ACK))
    assert (session.connection.state, session.connection.timeout_ns) == (State.NEW, 240 * SECOND)
    back(nat, tcp_frame(*caller, OUTSIDE, 5000, tcp.ACK))
    assert (session.connection.state, session.connection.timeout_ns) == (State.ESTABLISHED, 7440 * SECOND)


def test_callers_do_not_get_more_room_than_there_is():
    nat = nat_with(OK._replace(filtering=INDEPENDENT, max_mappings=2))
    out(nat, udp_frame(LAPTOP, 5000, SERVER, 53))
    assert isinstance(back(nat, udp_frame(OTHER, 1, OUTSIDE, 5000)), bytes)
    assert back(nat, udp_frame(OTHER, 2, OUTSIDE, 5000)) is Refusal.TABLE_FULL


# ---- hairpinning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offload", [True, False])
def test_two_at_home_meet_at_the_outside_address(offload):
    nat = nat_with(OK._replace(filtering=INDEPENDENT))
    out(nat, udp_frame(PHONE, 6000, SERVER, 53))
    there = turned_round(nat, udp_frame(LAPTOP, 5000, OUTSIDE, 6000, b"hello", offload))
    assert there == udp_frame(OUTSIDE, 5000, PHONE, 6000, b"hello", offload)
    again = turned_round(nat, udp_frame(PHONE, 6000, OUTSIDE, 5000, b"hello", offload))
    assert again == udp_frame(OUTSIDE, 6000, LAPTOP, 5000, b"hello", offload)


def test_where_filtering_is_strict_both_must_have_sent():
    nat = nat_with()
    out(nat, udp_frame(PHONE, 6000, SERVER, 53))
    assert turned_round(nat, udp_frame(LAPTOP, 5000, OUTSIDE, 6000)) is Refusal.FILTERED
    assert isinstance(turned_round(nat, udp_frame(PHONE, 6000, OUTSIDE, 5000)), bytes)  # the hole is punched
    assert isinstance(turned_round(nat, udp_frame(LAPTOP, 5000, OUTSIDE, 6000)), bytes)


def test_what_nobody_at_home_has_is_for_the_router():
    nat = nat_with(OK._replace(filtering=INDEPENDENT))
    assert turned_round(nat, udp_frame(LAPTOP, 5000, OUTSIDE, 6000)) is Refusal.NOT_MINE
    assert turned_round(nat, icmp_frame(LAPTOP, OUTSIDE, icmp.Echo(1, 1))) is Refusal.NOT_MINE
    assert len(nat) == 0


def test_an_error_about_a_hairpinned_packet_finds_its_sender():
    nat = nat_with(OK._replace(filtering=INDEPENDENT))
    out(nat, udp_frame(PHONE, 6000, SERVER, 53))
    question = udp_frame(LAPTOP, 5000, OUTSIDE, 6000)
    got = turned_round(nat, question)
    error = icmp.Unreachable(icmp.PORT_UNREACHABLE, got[14:])
    told = unframed(turned_round(nat, icmp_frame(PHONE, OUTSIDE, error)))
    assert (told.source, told.destination) == (OUTSIDE, LAPTOP)
    assert icmp.decode(told.payload) == icmp.Unreachable(icmp.PORT_UNREACHABLE, question[14:])
    assert nat.original(got[14:]) == question[14:]


# ---- any life --------------------------------------------------------------------------------------------------

LIMIT, PORTS = 10, range(2000, 2008)
insides = st.tuples(st.sampled_from([LAPTOP, PHONE]), st.integers(1999, 2003))
strangers = st.tuples(st.sampled_from([SERVER, OTHER]), st.sampled_from([53, 443]))
frames_of = st.sampled_from([tcp_frame, udp_frame])


class AnyBehaviour(RuleBasedStateMachine):
    """With any mapping and filtering: what is translated and turned round comes back as it was, checksums included."""

    @initialize(mapping=st.sampled_from(Behaviour), filtering=st.sampled_from(Behaviour))
    def begins(self, mapping, filtering):
        self.now_ns = 0
        settings = OK._replace(mapping=mapping, filtering=filtering, max_mappings=LIMIT, ports=PORTS)
        self.nat = nat_with(settings)

    @rule(inside=insides, remote=strangers, kind=frames_of, offload=st.booleans())
    def talks(self, inside, remote, kind, offload):
        extra = {"flags": tcp.SYN} if kind is tcp_frame else {}
        sent = out(self.nat, kind(*inside, *remote, offload=offload, **extra), self.now_ns)
        if isinstance(sent, Refusal):
            assert sent in (Refusal.TABLE_FULL, Refusal.PORT_EXHAUSTED)
            return
        check_sums(sent)
        port = outside_port(sent)
        answer = back(self.nat, kind(*remote, OUTSIDE, port, offload=offload, **extra), self.now_ns)
        check_sums(answer)
        assert ends(answer) == (*remote, *inside)

    @rule(remote=strangers, port=st.sampled_from(PORTS), kind=frames_of)
    def is_called(self, remote, port, kind):
        extra = {"flags": tcp.SYN} if kind is tcp_frame else {}
        called = back(self.nat, kind(*remote, OUTSIDE, port, **extra), self.now_ns)
        if isinstance(called, bytes):
            packet = unframed(called)
            answer = kind(packet.destination, int.from_bytes(called[36:38]), *remote, **extra)
            assert ends(out(self.nat, answer, self.now_ns)) == (OUTSIDE, port, *remote)

    @rule(inside=insides, port=st.sampled_from(PORTS), kind=frames_of, offload=st.booleans())
    def meets(self, inside, port, kind, offload):
        extra = {"flags": tcp.SYN} if kind is tcp_frame else {}
        met = turned_round(self.nat, kind(*inside, OUTSIDE, port, offload=offload, **extra), self.now_ns)
        if isinstance(met, bytes):
            check_sums(met)
            source, source_port, other, other_port = ends(met)
            assert source == OUTSIDE
            answer = turned_round(
                self.nat, kind(other, other_port, OUTSIDE, source_port, offload=offload, **extra), self.now_ns
            )
            if isinstance(answer, bytes) and self.nat.settings.mapping is INDEPENDENT:
                assert ends(answer) == (OUTSIDE, port, *inside)

    @rule(seconds=st.sampled_from([1, 250, 310, 8000]))
    def waits(self, seconds):
        self.now_ns += seconds * SECOND
        while (deadline_ns := self.nat.deadline_ns()) is not None and deadline_ns <= self.now_ns:
            self.nat.on_deadline(self.now_ns)

    @invariant()
    def bounds_hold_and_no_two_flows_share_a_mapping(self):
        sessions = self.nat.sessions()
        assert len(sessions) == len(self.nat) <= self.nat.settings.max_mappings
        assert all(self.nat.ports_used(protocol) <= len(PORTS) for protocol in (ipv4.TCP, ipv4.UDP))
        ours = {
            (s.mapping.protocol, s.mapping.inside, s.mapping.port, s.remote, s.remote_port) for s in sessions
        }
        theirs = {(s.mapping.protocol, s.mapping.outside_port, s.remote, s.remote_port) for s in sessions}
        assert len(ours) == len(theirs) == len(sessions)
        by_port = itertools.groupby(sorted(sessions, key=_outside), key=_outside)
        assert all(len({id(session.mapping) for session in group}) == 1 for _, group in by_port)
        if not sessions:
            assert self.nat.ports_used(ipv4.TCP) == self.nat.ports_used(ipv4.UDP) == 0


def _outside(session) -> tuple[int, int]:
    return session.mapping.protocol, session.mapping.outside_port


def check_sums(frame: bytes) -> None:
    """Raises `Malformed` if a checksum is wrong."""
    packet = unframed(frame)
    decode = {ipv4.TCP: tcp.decode, ipv4.UDP: udp.decode}[packet.protocol]
    decode(packet.payload, packet.source, packet.destination)
    assert framed(packet) == frame


TestAnyBehaviour = AnyBehaviour.TestCase
