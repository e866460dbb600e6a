"""The story of journeys that the default world really made, on the virtual clock."""

import io
import re

import pytest
from rich.console import Console

from orchestrator.config import default_world, load_world
from orchestrator.journal.chapters import Topic, chapters_of
from orchestrator.journal.journey import Journey
from orchestrator.journal.origins import went_before
from orchestrator.journal.sentences import tell
from orchestrator.journal.store import JournalStore
from orchestrator.journal.story import tell_story
from orchestrator.simulation import build, furnish

FIRST, SECOND, NOWHERE = "1" * 32, "2" * 32, "3" * 32
HEALTHY_S = 40.0
"""By then every target has passed its health checks."""

HOPS = re.compile(
    r"laptop home-router isp transit-\d aws-edge vpc alb-1([ab]) vpc node-(\d) nginx-[a-z0-9]+-[a-z0-9]{5}"
)


@pytest.fixture(scope="module")
def journeys(tmp_path_factory) -> dict[str, Journey]:
    config, directory = load_world(default_world()), tmp_path_factory.mktemp("run")
    furnish(config, directory)
    network = build(config, config.seed, directory)
    laptop = network.host("laptop")

    async def story() -> None:
        await laptop.sleep(HEALTHY_S)
        for identity, url in [
            (FIRST, config.url),
            (SECOND, config.url),
            (NOWHERE, "https://nowhere.example/"),
        ]:
            await laptop.answer("fetch", {"url": url, "journey": identity})
            await laptop.sleep(1.0)

    network.run(story())
    store = JournalStore()
    store.extend(network.journal)
    kinds = dict.fromkeys(network.hosts, "nginx_pod")
    kinds |= {name: element.kind for name, element in config.elements.items()}
    told = {}
    for identity in (FIRST, SECOND, NOWHERE):
        journey = told[identity] = Journey(identity, store.journey(identity), kinds=kinds)
        journey.before.extend(went_before(journey, store.events()))
    return told


def text_of(journey: Journey, width: int = 200, **options: bool) -> str:
    out = io.StringIO()
    tell_story(Console(file=out, width=width), journey, **options)
    return out.getvalue()


def test_it_is_told_how_the_pod_came_here(journeys):
    journey = journeys[FIRST]
    chapter = next(each for each in chapters_of(journey) if each.topic is Topic.CLUSTER)
    balancer, node, pod = journey.hops[-4], journey.hops[-2], journey.hops[-1]
    assert [line.element for line in chapter.lines] == [
        f"cni-{node}",
        f"cni-{node}",
        node,
        node,
        balancer,
        balancer,
    ]
    assert all(line.t_ms < 0 for line in chapter.lines)
    told = "\n".join(line.told.what for line in chapter.lines)
    for words in (
        f"ipamd: pod default/{pod} gets 10.0.1",
        "CNI ADD",
        "sandbox",
        "has started",
        "registered",
        "healthy",
    ):
        assert words in told
    assert Topic.CLUSTER not in {each.topic for each in chapters_of(journeys[NOWHERE])}, "nobody answered"


def decisions(journey: Journey, kind: str) -> list[dict]:
    return [decision for decision in journey.decisions if decision["kind"] == kind]


@pytest.mark.parametrize("identity", [FIRST, SECOND])
def test_the_request_passes_the_whole_world(journeys, identity):
    assert journeys[identity].status == 200
    assert HOPS.fullmatch(" ".join(journeys[identity].hops))


def test_every_record_has_a_sentence_that_fits_it(journeys):
    for journey in journeys.values():
        for record in (*journey.before, *journey.records):
            assert tell(record).what != record["kind"], record


def test_every_decision_of_the_design_is_there(journeys):
    journey = journeys[FIRST]
    kinds = {decision["kind"] for decision in journey.decisions}
    assert {
        "dhcp.lease", "arp.resolved", "dns.cache", "dns.query", "dns.referral", "dns.cname", "dns.answer",
        "route.lookup", "nat.mapping", "eip.translate", "vpc.route", "security_group.allow", "tcp.established",
        "tls.established", "alb.rule", "alb.target", "node.route", "nginx.accept", "nginx.answer",
    } <= kinds  # fmt: skip
    assert {d["element"] for d in decisions(journey, "tcp.established")} >= {
        "laptop",
        journey.hops[6],
        journey.hops[-1],
    }
    routers = {d["element"] for d in decisions(journey, "route.lookup")}
    assert {"laptop", "home-router", "isp", "aws-edge", journey.hops[3]} <= routers
    assert len(decisions(journey, "alb.target")[0]["candidates"]) == 3


@pytest.mark.parametrize("identity", [FIRST, SECOND])
def test_phases_and_tiers_add_up_to_the_total(journeys, identity):
    journey = journeys[identity]
    assert sum(journey.phases.values()) == pytest.approx(journey.total_ms, rel=0.01)
    assert sum(tier.ms for tier in journey.tiers) == pytest.approx(journey.total_ms, rel=0.001)
    assert [tier.name for tier in journey.tiers if tier.name in ("pod", "load balancer", "node")]


def test_time_in_routers_is_what_their_config_says(journeys):
    """ARP on the way is time on the wire: the config's forwarding delay is all that routers spend."""
    internet = next(tier for tier in journeys[FIRST].tiers if tier.name == "Internet")
    assert internet.ways["processing"] / 0.020 == pytest.approx(
        round(internet.ways["processing"] / 0.020), abs=0.01
    )


def test_the_first_journey_tells_every_chapter(journeys):
    assert [chapter.topic for chapter in chapters_of(journeys[FIRST])] == list(Topic)
    text = text_of(journeys[FIRST])
    assert re.search(
        r"Asks 192\.0\.2\.2 \(a\.root-servers\.net\): packet-journey\.com A\? — by isp → transit-2 → root",
        text,
    )
    assert "Referral from 192.0.2.2: for com ask" in text
    assert "is an alias (CNAME) of" in text
    assert "NAT, new mapping: TCP from 192.168.1.100" in text
    assert re.search(r"▸ 10\.0\.1\d\.\d+:80 +0 outstanding  healthy", text)


def test_the_second_journey_tells_of_caches_in_place_of_the_walk(journeys):
    text = text_of(journeys[SECOND])
    assert "Browser cache knows packet-journey.com A" in text
    assert "Asks" not in text


def test_a_name_that_does_not_exist_is_told_to_its_end(journeys):
    journey = journeys[NOWHERE]
    assert journey.status is None
    assert journey.hops == ["laptop"]
    assert "NXDOMAIN" in text_of(journey).split("How it ended")[1]


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_terminal(journeys, width):
    for journey in journeys.values():
        for everything in (False, True):
            assert max(map(len, text_of(journey, width, everything=everything).splitlines())) <= width


def test_folding_makes_it_short_enough_to_read(journeys):
    folded = len(text_of(journeys[FIRST]).splitlines())
    assert folded < 150
    assert len(text_of(journeys[FIRST], everything=True).splitlines()) > 2 * folded


@pytest.mark.parametrize("identity", [FIRST, SECOND])
def test_the_connection_ends_in_order(journeys, identity):
    """`Connection: close`: the load balancer ends its stream, the laptop answers with close_notify and its own end."""
    journey = journeys[identity]
    assert not decisions(journey, "tcp.reset")
    packets = [record for record in journey.records if record["kind"] == "link.transmit"]
    ends = {record["element"] for record in packets if "FIN" in record["packet"]}
    assert {"laptop", journey.hops[6]} <= ends
    assert not [record for record in packets if "RST" in record["packet"]]
