"""BGP in a world: sessions over the emulated TCP, and what a cut, a silent link and a crash do to live traffic."""

import json

import pytest
from pydantic import ValidationError

from actors.element import JOURNEY, CallFailed
from actors.isp_as import Config
from actors.protocols.routes import RouteTable
from actors.wire.addresses import Prefix
from tests.elements.bgp_bed import SITE, Internet

SESSIONS = 8


def test_every_session_stands_within_100_ms_of_boot_and_packets_pass():
    internet = Internet()

    async def story():
        await internet.sleep(0.1)
        established = internet.events("bgp.established")
        assert len(established) == 2 * SESSIONS
        assert max(record["t_ns"] for record in established) < 50e6
        assert internet.way() == "transit-1"
        await internet.ping()  # neighbours get to know each other
        assert await internet.ping() == pytest.approx(0.00572, abs=1e-5)

    internet.net.run(story())


def test_a_neighbour_whose_tcp_takes_nothing_is_told_nothing_more_and_left_in_the_end():
    internet = Internet()

    async def story():
        await internet.sleep(3)
        isp, transit = internet.router("isp"), internet.router("transit-1")
        neighbour = isp.bgp.speaker.neighbours["transit-1"]
        deaf = transit.bgp._transports[transit.bgp.speaker.neighbours["isp"].established]
        deaf.pause_reading()
        transit.bgp.speaker.neighbours["isp"].established.hold_at = None  # it is deaf, and patient
        sending = isp.bgp._transports[neighbour.established]
        sending.write(bytes(400_000))  # many more routes than there are
        await internet.sleep(1)
        assert neighbour.outbox.held
        isp.bgp.speaker.ribs.told["transit-1"].clear()
        isp.bgp.speaker.routes_out.advertise_all(neighbour, 0)
        assert neighbour.outbox._pending
        assert internet.events("bgp.down", "isp") == []
        neighbour.established.hold_at = None
        began_ns = internet.net.host("isp").now_ns()
        await internet.sleep(485)
        sent = [event for event in internet.events("bgp.notification", "isp") if event["t_ns"] > began_ns]
        return [(event["error"], round((event["t_ns"] - began_ns) / 1e9)) for event in sent]

    assert ("8/0 send hold timer expired", 479) in internet.net.run(story())


def test_ten_thousand_routes_are_put_into_the_table_without_looking_through_it(monkeypatch):
    internet = Internet()

    async def story():
        await internet.sleep(1)
        bgp = internet.router("isp").bgp
        path = next(verdict.best for verdict in bgp.speaker.ribs.chosen.values() if verdict.best.neighbour)
        monkeypatch.setattr(RouteTable, "__iter__", None)
        prefixes = [Prefix(0x0B000000 + number * 256, 24) for number in range(10_000)]
        for _ in range(2):
            for prefix in prefixes:
                bgp.install(prefix, path)
        assert bgp._stack.routes.lookup(bytes((11, 0, 7, 7))).origin == "bgp"
        for prefix in prefixes:
            bgp.install(prefix, None)
        assert bgp._stack.routes.lookup(bytes((11, 0, 7, 7))) is None
        monkeypatch.undo()

    internet.net.run(story())


def test_who_loses_the_carrier_takes_the_other_way_at_once():
    internet = Internet()

    async def story():
        await internet.sleep(3)
        await internet.ping()
        before = await internet.ping()
        internet.lose_carrier("isp-transit-1")
        await internet.sleep(0.05)
        assert internet.way() == "transit-2"
        after = await internet.ping()
        assert before and after and after > before
        await internet.sleep(3)
        [settled] = [each for each in internet.events("bgp.converged", "isp") if each["event"] == "link_down"]
        assert settled["duration_ms"] < 5
        internet.lose_carrier("isp-transit-1", up=True)
        await internet.sleep(0.3)
        assert internet.way() == "transit-1"
        assert await internet.ping() == pytest.approx(before)

    internet.net.run(story())
    assert [record["why"] for record in internet.events("bgp.down", "isp")][:1] == ["link down"]


def test_a_cut_that_nobody_is_told_of_costs_the_hold_time_and_heals():
    internet = Internet()

    async def story():
        await internet.sleep(5)
        internet.suffer("isp-transit-1", {"cut": True})
        cut_at = internet.net.host("isp").now_ns()
        lost = 0
        while internet.way() == "transit-1":
            lost += await internet.ping() is None
        assert lost > 20
        assert 6e9 - 100e6 < internet.net.host("isp").now_ns() - cut_at < 9.3e9
        await internet.sleep(0.5)
        assert await internet.ping()
        internet.suffer("isp-transit-1", None)
        await internet.sleep(15)
        assert internet.way() == "transit-1"
        assert await internet.ping()

    internet.net.run(story())
    assert internet.events("bgp.down", "isp")[0]["why"] == "4/0 hold timer expired"


def test_a_loss_far_away_is_withdrawn_and_explained():
    internet = Internet()

    async def story():
        await internet.sleep(2)
        internet.lose_carrier("transit-1-aws")
        await internet.sleep(0.1)
        assert internet.way() == "transit-2"
        assert await internet.ping()
        assert ["198.51.100.0/24"] in [told["prefixes"] for told in internet.events("bgp.withdraw", "isp")]

    internet.net.run(story())


def test_a_killed_router_is_back_with_all_its_routes():
    internet = Internet()

    async def story():
        await internet.sleep(2)
        await internet.net.restart("transit-1")
        await internet.sleep(0.5)
        assert internet.way() == "transit-1"
        assert await internet.ping()

    internet.net.run(story())


def test_the_same_seed_tells_the_same_story():
    def journal(seed: int) -> str:
        internet = Internet(seed)

        async def story():
            await internet.sleep(1)
            internet.lose_carrier("isp-transit-1")
            await internet.ping()
            internet.lose_carrier("isp-transit-1", up=True)
            internet.suffer("transit-1-aws", {"loss": "20%"})
            await internet.sleep(20)

        internet.net.run(story())
        return json.dumps(internet.net.journal)

    assert journal(3) == journal(3) != journal(4)


def test_a_journey_hears_which_paths_lost_and_why():
    internet = Internet()

    async def story():
        await internet.sleep(1)
        JOURNEY.set("ab" * 16)
        await internet.ping()
        JOURNEY.set(None)

    internet.net.run(story())
    told = internet.events("bgp.decision", "isp")[0]
    assert (told["prefix"], told["neighbour"], told["as_path"], told["step"]) == (
        "198.51.100.0/24",
        "transit-1",
        "64510 16509",
        "AS path length",
    )
    assert told["lost"] == [
        {
            "neighbour": "transit-2",
            "as_path": "64511 64512 16509",
            "step": "AS path length",
            "why": "AS path length 3 (64511 64512 16509), not 2 (64510 16509)",
        }
    ]


def test_inspect_shows_the_ribs_and_explain_the_ladder():
    internet = Internet()

    async def story():
        await internet.sleep(1)
        isp = internet.router("isp")
        shown = isp.inspect()["bgp"]
        assert [row["state"] for row in shown["neighbours"]] == ["Established"] * 3
        assert {row["prefix"] for row in shown["adj_rib_out"]} == {"203.0.113.0/24"}
        assert [row["decided_by"] for row in shown["loc_rib"] if row["prefix"] == "198.51.100.0/24"] == [
            "AS path length"
        ]
        explained = await isp.call_explain_route(SITE)
        assert explained["route"]["origin"] == "bgp"
        assert explained["bgp"]["decision"]["step"] == "AS path length"
        assert explained["bgp"]["told"]["isp-2"] == "told by a provider, and the neighbour is a peer"
        with pytest.raises(CallFailed, match="not an IPv4 address"):
            await isp.call_explain_route("nonsense")
        edge = await internet.router("aws-edge").call_explain_route("203.0.113.10")
        assert edge["bgp"]["decision"]["as_path"] == "64510 64500"

    internet.net.run(story())


def test_metrics_count_sessions_routes_updates_and_convergence():
    internet = Internet()

    async def story():
        await internet.sleep(3)
        internet.lose_carrier("isp-transit-1")
        await internet.sleep(3)
        values = internet.net.host("isp").metrics.values()
        assert values['journey_bgp_session_up{asn="64500",peer_asn="64510"}'] == 0
        assert values['journey_bgp_session_up{asn="64500",peer_asn="64511"}'] == 1
        assert values['journey_bgp_routes{asn="64500",rib="loc"}'] == 4
        assert values['journey_bgp_updates_total{asn="64500",kind="announce"}'] >= 6
        assert values['journey_bgp_best_path_changes_total{asn="64500"}'] >= 4

    internet.net.run(story())


@pytest.mark.parametrize(
    ("neighbours", "where", "what"),
    [
        (
            {"a": {"address": "10.9.0.1", "asn": 2, "relationship": "peer"}},
            ("bgp", "neighbours", "a", "address"),
            "10.9.0.1 is in none of its networks",
        ),
        (
            {"a": {"address": "10.0.0.1", "asn": 1, "relationship": "peer"}},
            ("bgp", "neighbours", "a", "asn"),
            "AS 1 is its own; routers speak BGP between autonomous systems here",
        ),
        (
            {
                "a": {"address": "10.0.0.1", "asn": 2, "relationship": "peer"},
                "b": {"address": "10.0.0.1", "asn": 3, "relationship": "peer"},
            },
            ("bgp", "neighbours", "b", "address"),
            "10.0.0.1 is a's already",
        ),
    ],
)
def test_a_config_that_cannot_work_is_refused_where_it_is_wrong(neighbours, where, what):
    with pytest.raises(ValidationError) as raised:
        Config(asn=1, interfaces={"eth0": "10.0.0.0/31"}, bgp={"neighbours": neighbours})
    [error] = raised.value.errors()
    assert (error["loc"], error["msg"]) == (where, what)


@pytest.mark.parametrize("hold_time", ["1s", "2s", "1500ms"])
def test_a_hold_time_is_whole_seconds_and_none_or_three(hold_time):
    with pytest.raises(ValidationError, match="whole seconds"):
        Config(asn=1, interfaces={}, bgp={"neighbours": {}, "hold_time": hold_time})
