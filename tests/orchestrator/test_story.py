import io
import re

import pytest
from rich.console import Console

from orchestrator.journal.chapters import Topic, chapters_of
from orchestrator.journal.journey import Journey
from orchestrator.journal.story import tell_story
from tests.orchestrator.synthetic import EXPECTED_HOPS, Script, first_journey


def story(journey: Journey, width: int = 80, **options) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, **{k: options.pop(k) for k in ("force_terminal",) if k in options}
    )
    tell_story(console, journey, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def journey() -> Journey:
    return first_journey()


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_lines_fit_the_terminal(journey, width):
    for everything in (False, True):
        assert max(map(len, story(journey, width, everything=everything).splitlines())) <= width


def test_columns_are_aligned(journey):
    text = story(journey, 120)
    starts = {line.index("laptop") for line in text.splitlines() if re.match(r" +[\d.]+  laptop ", line)}
    assert len(starts) == 1


def test_without_a_terminal_there_are_no_escape_codes(journey):
    assert "\x1b" not in story(journey)
    assert "\x1b" in story(journey, force_terminal=True)


def test_no_color_is_honoured(journey, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", story(journey, force_terminal=True))


def test_chapters_follow_the_request(journey):
    chapters = chapters_of(journey)
    assert [chapter.topic for chapter in chapters] == [each for each in Topic if each is not Topic.CLUSTER]
    assert [c.took_ms for c in chapters if c.took_ms] == [journey.phases[p] for p in ("dns", "tcp", "tls")]


def test_the_walk_from_the_root_is_told_with_who_was_asked_and_ttls(journey):
    text = flat(story(journey, 200))
    assert "Browser cache does not know packet-journey.com A" in text
    assert "Asks 192.0.2.2: packet-journey.com A? — by isp → transit-2 → root" in text
    assert "Referral from 192.0.2.2: for com ask a.gtld-servers.net (192.0.2.6) — TTL 2 d" in text
    assert "is an alias (CNAME) of k8s-default-nginx" in text


def test_the_first_packet_is_told_in_full_at_every_hop(journey):
    lines = next(c for c in chapters_of(journey) if c.topic is Topic.CONNECTION).lines
    told_in_full = [line.element for line in lines if not line.aside]
    for element in EXPECTED_HOPS[:6]:
        assert element in told_in_full


def test_later_packets_are_summed_up_by_their_way(journey):
    chapters = {c.topic: c.lines for c in chapters_of(journey)}
    syn_ack = next(line for line in chapters[Topic.CONNECTION] if line.aside)
    assert syn_ack.told.what.endswith("alb-1a → vpc → aws-edge → transit-1 → isp → home-router → laptop")
    assert "home-router: to 203.0.113.10:1024 becomes 192.168.1.100:49152" in syn_ack.told.details
    tls = [line.told.what for line in chapters[Topic.TLS]]
    assert "TLS ClientHello, 583 bytes: to alb-1a, by the same way" in tls
    routes = [line for lines in chapters.values() for line in lines if "100.64.1.1" in line.told.what]
    assert len(routes) == 1


def test_the_choice_of_a_target_shows_every_candidate(journey):
    text = story(journey, 120)
    assert re.search(r"▸ 10\.0\.10\.20:80 +0 outstanding  healthy", text)
    assert re.search(r"  10\.0\.10\.21:80 +2 outstanding  healthy", text)
    assert "chose 10.0.10.20:80 — fewest outstanding requests: 0" in flat(text)


def test_the_lease_is_told_from_before_the_click(journey):
    lease = chapters_of(journey)[0]
    assert [line.t_ms < 0 for line in lease.lines] == [True] * 5 + [False]
    assert "-11.4 s  laptop" in story(journey)


def test_bars_add_up_to_the_total(journey):
    ending = story(journey, 120).split("Where the time went")[1].split("\n\n")[1]
    sums = [float(ms) for ms in re.findall(r"^ *([\d.]+) ms  \S", ending, re.MULTILINE)]
    assert sum(sums[:-1]) == pytest.approx(sums[-1], abs=0.02)
    assert f"{journey.total_ms:.2f} ms  total" in ending


def test_everything_tells_each_record(journey):
    lines = [line for chapter in chapters_of(journey, everything=True) for line in chapter.lines]
    assert len(lines) == len(journey.records) + len(journey.before)


def test_cache_hits_are_said_as_such():
    s = Script()
    s.tell("laptop", "journey.start", url="https://packet-journey.com/")
    s.tell(
        "laptop", "dns.cache", cache="browser", name="packet-journey.com.", type="A", result="hit", ttl_s=41,
        answers=["198.51.100.10"],
    )  # fmt: skip
    s.tell("laptop", "journey.end", status=200, total_ms=1.0, phases={"dns": 0.0}, body_bytes=1)
    text = story(Journey("cached", s.records), 120)
    assert "Browser cache knows packet-journey.com A: 198.51.100.10 — for another 41 s" in text
    assert "Asks" not in text


def test_a_failure_is_told_up_to_where_it_failed():
    s = Script()
    s.tell("laptop", "journey.start", url="https://packet-journey.com/")
    s.tell("vpc", "security_group.deny", group="alb", direction="ingress", rule=None, peer="203.0.113.10")
    s.tell("isp", "link.drop", link="fibre", reason="loss", packet="TCP 1.2.3.4:5 > 6.7.8.9:10 [SYN] len 0")
    s.wait(2_000_000)
    s.tell("laptop", "journey.failed", error="timed out", phase="tcp")
    text = flat(story(Journey("failed", s.records), 140))
    assert "failed after 2,000 ms: timed out" in text
    assert "Security group alb refuses 203.0.113.10: dropped" in text
    assert "The packet was lost on fibre: loss" in text
    assert "Gave up: timed out — while busy with tcp" in text
    assert "How it ended" in text
