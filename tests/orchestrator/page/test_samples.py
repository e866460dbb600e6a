"""Recorded requests as the map draws them: everything is from the journal, and nothing is added."""

import pytest

from orchestrator.journal.journey import Journey
from orchestrator.journal.store import JournalStore
from orchestrator.page.happenings import Happenings
from orchestrator.page.samples import Samples, moving, outcome_of, why_of
from orchestrator.page.story import recent, told
from tests.orchestrator.synthetic import first_journey


def record(t_ms: float, element: str, kind: str, **fields) -> dict:
    return {
        "t_ns": round(t_ms * 1e6),
        "element": element,
        "kind": kind,
        "journey": "a" * 32,
        "seq": 0,
        **fields,
    }


def test_every_step_was_put_on_a_link():
    journey = first_journey()
    found = moving(journey)
    sent = {(each["element"], each["to"]) for each in journey.records if each["kind"] == "link.transmit"}
    assert {(step[0], step[1]) for step in found["steps"]} <= sent
    assert all(0 <= step[2] <= step[3] for step in found["steps"])
    assert found["outcome"] == "ok" and found["why"] == "" and found["from"] == journey.origin
    assert found["notes"][0] == [0.0, journey.origin, "The click: GET https://packet-journey.com/"]
    assert any("least" in note[2] or "chos" in note[2].lower() for note in found["notes"])


def test_a_request_that_a_cut_link_did_not_take_says_so():
    lost = record(2, "home-router", "link.drop", link="fibre", reason="cut", packet="TCP a > b")
    journey = Journey("a" * 32, [record(1, "laptop", "journey.start", url="https://x/", method="GET"), lost])
    assert outcome_of(journey) == "lost"
    assert why_of(journey) == "home-router could not send on fibre: the link is cut"
    assert moving(journey)["lost"] == [["home-router", "fibre", 1.0, "cut"]]


def test_what_the_viewer_has_sent_is_told_as_theirs_and_never_left_out(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("orchestrator.page.samples._now_s", lambda: now[0])
    journal = JournalStore()
    samples = Samples(journal)
    samples.start()
    for number in range(30):
        by = (
            {"via": "ingress", "program": "curl"}
            if number in (3, 4)
            else {"via": "trace"}
            if number == 5
            else {}
        )
        for kind, more in (
            ("journey.start", {"url": "u", **by}),
            ("journey.end", {"status": 200, "total_ms": 1.0}),
        ):
            journal.add({**record(number, "laptop", kind, **more), "journey": f"{number:032x}"})
    now[0] = 1.0
    told_of = {int(each["id"], 16): each["you"] for each in samples.take({})}
    assert told_of == {3: "curl via ingress", 4: "curl via ingress", 5: "journey trace", 29: ""}
    assert samples.skipped == 26 and samples.take({}) == []


def test_a_tunnel_that_was_closed_has_done_well():
    start = record(
        1, "laptop", "journey.start", url="a.example:443", method="CONNECT", via="proxy", program=None
    )
    end = record(4, "laptop", "journey.end", total_ms=3.0, body_bytes=5)
    journey = Journey("a" * 32, [start, end])
    assert outcome_of(journey) == "ok" and moving(journey)["you"] == "a program via proxy"


def test_nobody_knows_what_becomes_of_one_that_is_on_its_way():
    journey = Journey("a" * 32, [record(1, "laptop", "journey.start", url="https://x/", method="GET")])
    assert outcome_of(journey) == "waiting"


def test_who_answered_badly_is_told_with_the_reason():
    answer = record(
        3, "alb-1a", "alb.response", status=504, source="elb", sentence="the target took too long"
    )
    end = record(4, "laptop", "journey.end", status=504, total_ms=3.0)
    journey = Journey(
        "a" * 32, [record(1, "laptop", "journey.start", url="https://x/", method="GET"), answer, end]
    )
    assert outcome_of(journey) == "http_5xx"
    assert why_of(journey) == "alb-1a answered 504: the target took too long"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("connect_timeout", "no connection could be opened: nobody answers"),
        ("unreachable", "no connection could be opened: there is no way to the site"),
        ("goaway", "not sent: goaway"),
    ],
)
def test_one_whose_connection_was_not_opened_says_why(error, why):
    end = record(10_001, "laptop", "journey.failed", error=error, phase="load", total_ms=10_000.0)
    wait = record(1, "laptop", "load.wait", before=0, opening=1, idle=0, active=0)
    assert why_of(Journey("a" * 32, [wait, end])) == why


def test_one_that_never_got_a_connection():
    end = record(10_001, "laptop", "journey.failed", error="timeout", phase="load", total_ms=10_000.0)
    wait = record(1, "laptop", "load.wait", before=3, opening=2, idle=0, active=1)
    journey = Journey("a" * 32, [wait, end])
    assert outcome_of(journey) == "lost" and "no connection was free" in why_of(journey)
    assert moving(journey)["notes"][0][2] == "The request is due, and waits for a connection"
    found = told(journey)
    assert found["status"] is None and found["chapters"][-1]["lines"][-1][2] == "Gave up: timeout"


def test_the_page_tells_a_request_in_the_words_of_journey_trace():
    found = told(first_journey())
    assert [chapter["title"] for chapter in found["chapters"]][:2] == [
        "Before the click",
        "Finding the address",
    ]
    assert sum(bar["ms"] for bar in found["waterfall"]) > 0 and found["sequence"]["messages"]


def test_requests_that_are_remembered_the_newest_first():
    journal = JournalStore()
    journal.extend(dict(each) for each in first_journey().records)
    assert [each["status"] for each in recent(journal)] == [200]


def test_events_are_told_while_somebody_looks_on():
    journal = JournalStore()
    happenings = Happenings(journal)
    event = {
        "t_ns": 5_000_000,
        "element": "node-1",
        "kind": "element.exit",
        "journey": None,
        "how": "was killed",
    }
    journal.add(dict(event))
    happenings.start()
    journal.add(dict(event))
    assert [each["told"] for each in happenings.take()] == ["The process was killed"]
    assert len(happenings.recent()) == 2
    happenings.stop()
    journal.add(dict(event))
    assert happenings.take() == [] and journal.watchers == []
