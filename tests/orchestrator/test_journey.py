import pytest

from orchestrator.journal.flights import Packet
from orchestrator.journal.journey import Journey, UnknownJourney
from orchestrator.journal.timing import PROCESSING, PROPAGATION, RESENDING, SERVICE, WAITING
from tests.orchestrator.synthetic import EXPECTED_HOPS, KINDS, Script, first_journey


@pytest.fixture(scope="module")
def journey() -> Journey:
    return first_journey()


def test_hops_are_the_elements_that_the_first_request_packet_passed(journey):
    assert journey.hops == EXPECTED_HOPS


def test_a_packet_is_followed_through_nat_and_elastic_ip(journey):
    syn = journey.legs[0]
    assert syn.path == EXPECTED_HOPS[:7]
    assert syn.packet.source == "192.168.1.100:49152"
    assert syn.last.packet == Packet("TCP", "203.0.113.10:1024", "10.0.0.10:443", "[SYN] len 0")


def test_on_a_reused_connection_the_first_data_packet_tells_the_way(journey):
    reused = [r for r in journey.records if "SYN" not in r.get("packet", "")]
    assert Journey("again", reused).hops == EXPECTED_HOPS


def test_a_lost_packet_does_not_hide_the_way_of_its_successor(journey):
    syn = next(r for r in journey.records if r["kind"] == "link.transmit" and "[SYN]" in r["packet"])
    lost = {**syn, "t_ns": syn["t_ns"] - 10_000_000, "arrive_ns": syn["arrive_ns"] - 10_000_000}
    start, *others = journey.records
    assert Journey("lossy", [start, lost, *others]).hops == EXPECTED_HOPS


def test_decisions_carry_their_time_after_the_click_and_their_own_fields(journey):
    target = next(d for d in journey.decisions if d["kind"] == "alb.target")
    assert target["element"] == "alb-1a"
    assert 0 < target["t_ms"] < journey.total_ms
    assert target["chosen"] == "10.0.10.20:80"
    assert not {"t_ns", "journey", "seq"} & set(target)
    assert all(d["kind"] != "link.transmit" for d in journey.decisions)


def test_where_the_time_went_adds_up_to_the_total(journey):
    assert sum(part.ns for part in journey.parts) == journey.end_ns - journey.start_ns
    assert sum(tier.ms for tier in journey.tiers) == pytest.approx(journey.total_ms)
    assert sum(journey.phases.values()) == pytest.approx(journey.total_ms)


def test_time_is_attributed_to_what_it_was_spent_on(journey):
    tiers = {tier.name: tier.ways for tier in journey.tiers}
    assert tiers["pod"] == pytest.approx({"queueing": 0.01, SERVICE: 0.4, PROCESSING: 0.02})
    assert tiers["load balancer"] == pytest.approx({PROCESSING: 0.4})
    assert tiers["node"] == pytest.approx({PROPAGATION: 4 * 0.005})
    assert list(tiers)[:2] == ["home", "Internet"]


def test_waiting_for_a_retransmission_is_named_as_such():
    s = Script()
    s.tell("laptop", "journey.start", url="https://x/")
    s.wait(1_000_000)
    s.tell("laptop", "tcp.retransmit", remote="198.51.100.10:443")
    s.send(["laptop", "home-router"], "TCP 192.168.1.100:1 > 192.168.1.1:443 [SYN] len 0")
    s.send(["home-router", "laptop"], "TCP 192.168.1.1:443 > 192.168.1.100:1 [SYN ACK] len 0")
    s.tell("laptop", "journey.end", status=200, total_ms=s.now_us / 1000, phases={}, body_bytes=0)
    home = Journey("resent", s.records, kinds=KINDS).tiers[0]
    assert home.ways == pytest.approx({PROPAGATION: 1.2, RESENDING: 1000})


def test_waiting_until_one_gives_up_and_asks_again_is_named_as_such():
    s = Script()
    s.tell("laptop", "journey.start", url="https://x/")
    s.wait(1_000_000)
    s.tell("laptop", "tcp.reset", direction="sent", reason="aborted")
    s.wait(500_000)
    s.tell("laptop", "journey.start", url="https://x/")
    s.send(["laptop", "home-router"], "TCP 192.168.1.100:1 > 192.168.1.1:443 [SYN] len 0")
    s.send(["home-router", "laptop"], "TCP 192.168.1.1:443 > 192.168.1.100:1 [SYN ACK] len 0")
    s.tell("laptop", "journey.end", status=200, total_ms=s.now_us / 1000, phases={}, body_bytes=0)
    home = Journey("again", s.records, kinds=KINDS).tiers[0]
    assert home.ways == pytest.approx({PROPAGATION: 1.2, WAITING: 1500})


def test_a_journey_survives_packing(journey):
    assert Journey.unpack(journey.packed()).as_json() == journey.as_json()


def test_a_journey_without_an_answer_says_why():
    s = Script()
    s.tell("laptop", "journey.start", url="https://nowhere/")
    s.wait(5000)
    s.tell("laptop", "journey.failed", error="NXDOMAIN", phase="dns")
    journey = Journey("failed", s.records)
    assert (journey.status, journey.error, journey.total_ms) == (None, "NXDOMAIN", 5.0)
    assert journey.hops == ["laptop"]


def test_a_journey_that_never_was_is_unknown():
    with pytest.raises(UnknownJourney, match="abc"):
        Journey("abc", [])
