"""The neighbour cache, told as a diary of moments."""

import pytest

from actors.protocols import arp
from actors.protocols.arp import Changed, Conflict, NeighbourCache, Overflowed, Resolved, Send, Unreachable
from actors.units import SECOND
from actors.wire.addresses import ANY_IP, BROADCAST_MAC, ZERO_MAC, ip_bytes
from actors.wire.arp import REPLY, REQUEST, Packet

OUR_MAC, OUR_IP = b"\x02\0\0\0\0\x01", ip_bytes("10.0.0.1")
MAC, IP = b"\x02\0\0\0\0\x02", ip_bytes("10.0.0.2")
OTHER_MAC, OTHER_IP = b"\x02\0\0\0\0\x03", ip_bytes("10.0.0.3")

QUESTION = Packet(REQUEST, OUR_MAC, OUR_IP, ZERO_MAC, IP)
ASK_ALL = Send(QUESTION, BROADCAST_MAC)
ASK_IT = Send(QUESTION, MAC)
ANSWER = Packet(REPLY, MAC, IP, OUR_MAC, OUR_IP)


@pytest.fixture
def cache():
    cache = NeighbourCache(OUR_MAC)
    cache.addresses.add(OUR_IP)
    return cache


@pytest.fixture
def incomplete(cache):
    assert cache.resolve(IP, "first", 0) == [ASK_ALL]
    return cache


@pytest.fixture
def reachable(incomplete):
    assert incomplete.handle(ANSWER, 0) == [Resolved(IP, MAC, ["first"], "reply")]
    return incomplete


@pytest.fixture
def stale(reachable):
    assert reachable.on_deadline(30 * SECOND) == [Changed(IP)]
    return reachable


def test_a_packet_waits_for_the_answer_and_then_goes(incomplete):
    assert incomplete.resolve(IP, "second", 5) == []
    assert incomplete.handle(ANSWER, 10) == [Resolved(IP, MAC, ["first", "second"], "reply")]
    assert incomplete.resolve(IP, "third", 20) == [Resolved(IP, MAC, ["third"], "cache")]


def test_so_many_packets_wait_and_the_oldest_gives_way(incomplete):
    later = [f"packet {number}" for number in range(arp.MAX_WAITING)]
    assert [incomplete.resolve(IP, packet, 0) for packet in later[:-1]] == [[]] * (arp.MAX_WAITING - 1)
    assert incomplete.resolve(IP, later[-1], 0) == [Overflowed(IP, "first")]
    assert incomplete.handle(ANSWER, 0) == [Resolved(IP, MAC, later, "reply")]


def test_it_asks_three_times_a_second_apart_and_gives_up(incomplete):
    assert incomplete.deadline_ns() == 1 * SECOND
    assert incomplete.on_deadline(1 * SECOND) == [ASK_ALL]
    assert incomplete.on_deadline(2 * SECOND) == [ASK_ALL]
    assert incomplete.on_deadline(3 * SECOND) == [Unreachable(IP, ["first"])]
    assert incomplete.deadline_ns() is None
    assert incomplete.resolve(IP, "later", 4 * SECOND) == [ASK_ALL]


def test_nothing_is_due_before_the_deadline(incomplete):
    assert incomplete.on_deadline(1 * SECOND - 1) == []


def test_the_first_use_of_a_stale_neighbour_goes_out_and_asks_it(stale):
    assert stale.deadline_ns() is None
    assert stale.resolve(IP, "packet", 60 * SECOND) == [Resolved(IP, MAC, ["packet"], "cache"), ASK_IT]
    assert stale.resolve(IP, "another", 60 * SECOND) == [Resolved(IP, MAC, ["another"], "cache")]
    assert stale.handle(ANSWER, 61 * SECOND) == []
    assert stale.deadline_ns() == 91 * SECOND


def test_a_stale_neighbour_that_does_not_answer_is_forgotten(stale):
    stale.resolve(IP, "packet", 60 * SECOND)
    assert stale.on_deadline(61 * SECOND) == [ASK_IT]
    assert stale.on_deadline(62 * SECOND) == [ASK_IT]
    assert stale.on_deadline(63 * SECOND) == [Changed(IP)]
    assert stale.resolve(IP, "packet", 64 * SECOND) == [ASK_ALL]


def test_a_request_for_our_address_is_answered_and_teaches_us_the_asker(cache):
    reply = Packet(REPLY, OUR_MAC, OUR_IP, MAC, IP)
    assert cache.handle(Packet(REQUEST, MAC, IP, ZERO_MAC, OUR_IP), 0) == [Send(reply, MAC)]
    assert cache.resolve(IP, "packet", 1) == [Resolved(IP, MAC, ["packet"], "cache")]


def test_a_request_for_another_address_is_none_of_our_business(cache):
    assert cache.handle(Packet(REQUEST, MAC, IP, ZERO_MAC, OTHER_IP), 0) == []
    assert list(cache) == []


def test_a_probe_is_answered_but_teaches_nothing(cache):
    probe = Packet(REQUEST, MAC, ANY_IP, ZERO_MAC, OUR_IP)
    assert cache.handle(probe, 0) == [Send(Packet(REPLY, OUR_MAC, OUR_IP, MAC, ANY_IP), MAC)]
    assert list(cache) == []


def test_a_gratuitous_arp_moves_a_known_neighbour(reachable):
    assert reachable.handle(Packet(REQUEST, OTHER_MAC, IP, ZERO_MAC, IP), 1) == [Changed(IP)]
    assert reachable.resolve(IP, "packet", 2) == [Resolved(IP, OTHER_MAC, ["packet"], "cache")]


def test_a_gratuitous_arp_of_a_stranger_is_not_remembered(cache):
    assert cache.handle(Packet(REQUEST, OTHER_MAC, OTHER_IP, ZERO_MAC, OTHER_IP), 0) == []
    assert list(cache) == []


def test_a_permanent_neighbour_is_neither_asked_for_nor_overwritten(cache):
    assert cache.set_permanent(IP, MAC) == [Changed(IP)]
    assert cache.resolve(IP, "packet", 0) == [Resolved(IP, MAC, ["packet"], "static")]
    assert cache.handle(ANSWER._replace(sender_mac=OTHER_MAC), 0) == []
    assert cache.resolve(IP, "packet", 0) == [Resolved(IP, MAC, ["packet"], "static")]
    assert cache.flush() == [] and cache.deadline_ns() is None


def test_setting_a_neighbour_by_hand_releases_what_waits_for_it(incomplete):
    assert incomplete.set_permanent(IP, MAC) == [Changed(IP), Resolved(IP, MAC, ["first"], "static")]


def test_a_cut_link_forgets_what_was_learnt(reachable):
    reachable.resolve(OTHER_IP, "waiting", 0)
    assert reachable.flush() == [Changed(IP), Unreachable(OTHER_IP, ["waiting"])]
    assert list(reachable) == []


def test_another_host_with_our_address_is_a_conflict_and_we_defend_it_every_ten_seconds(cache):
    theirs = Packet(REQUEST, OTHER_MAC, OUR_IP, ZERO_MAC, OUR_IP)
    defence = Send(Packet(REQUEST, OUR_MAC, OUR_IP, ZERO_MAC, OUR_IP), BROADCAST_MAC)
    assert cache.announce(OUR_IP) == defence
    assert cache.handle(theirs, 0) == [Conflict(OUR_IP, OTHER_MAC), defence]
    assert cache.handle(theirs, 9 * SECOND) == [Conflict(OUR_IP, OTHER_MAC)]
    assert cache.handle(theirs, 10 * SECOND) == [Conflict(OUR_IP, OTHER_MAC), defence]


def test_our_own_words_and_group_addresses_teach_nothing(incomplete):
    assert incomplete.handle(Packet(REPLY, OUR_MAC, IP, OUR_MAC, OUR_IP), 0) == []
    assert incomplete.handle(Packet(REPLY, BROADCAST_MAC, IP, OUR_MAC, OUR_IP), 0) == []


def test_a_flood_of_askers_does_not_fill_the_memory(cache):
    cache.set_permanent(OTHER_IP, OTHER_MAC)
    for number in range(arp.MAX_NEIGHBOURS + 10):
        cache.handle(Packet(REQUEST, MAC, b"\x0a\x01" + number.to_bytes(2), ZERO_MAC, OUR_IP), 0)
    neighbours = dict(cache)
    assert len(neighbours) == arp.MAX_NEIGHBOURS
    assert OTHER_IP in neighbours and b"\x0a\x01\0\0" not in neighbours
