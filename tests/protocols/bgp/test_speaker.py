"""Speakers among themselves: sessions, the way of routes through policies, and what happens when a way is lost."""

import pytest

from actors.protocols.bgp.attributes import NO_EXPORT, Attributes, Origin, Segment, SegmentKind
from actors.protocols.bgp.fsm import State
from actors.protocols.bgp.messages import (
    MARKER,
    Keepalive,
    Notification,
    RouteRefresh,
    Update,
    decode,
    encode,
)
from actors.protocols.bgp.shown import explained, neighbours_shown, ribs_shown
from actors.wire.addresses import Prefix, ip_bytes
from tests.protocols.bgp.wires import Net

AWS = "198.51.100.0/24"


def internet(**isp: object) -> Net:
    """isp buys from two transits; the way by the second is one AS longer."""
    net = Net()
    net.add("isp", 64500, "10.0.0.1", "203.0.113.0/24")
    net.add("transit-1", 64510, "10.0.0.2")
    net.add("transit-2", 64511, "10.0.0.3")
    net.add("transit-3", 4_200_000_000, "10.0.0.4")
    net.add("aws", 16509, "10.0.0.5", AWS)
    net.peer("isp", "transit-1", "provider", **isp)
    net.peer("isp", "transit-2", "provider")
    net.peer("transit-2", "transit-3", "peer")
    net.peer("transit-1", "aws", "customer")
    net.peer("transit-3", "aws", "customer")
    return net.boot()


def test_all_sessions_stand_at_once_and_every_table_is_filled():
    net = internet()
    states = {
        neighbour.state for router in net.routers.values() for neighbour in router.speaker.neighbours.values()
    }
    assert states == {State.ESTABLISHED}
    assert net.routers["isp"].table == {AWS: "transit-1"}
    assert net.routers["aws"].table == {"203.0.113.0/24": "transit-1"}
    assert net.routers["isp"].speaker.ribs.chosen[Prefix.parse(AWS)].lost[0].why == (
        "AS path length 3 (64511 4200000000 16509), not 2 (64510 16509)"
    )


def test_each_pair_keeps_one_connection_the_one_that_the_higher_identifier_dialled():
    net = internet()
    for router in net.routers.values():
        for name, neighbour in router.speaker.neighbours.items():
            session = neighbour.established
            assert session is not None
            assert session.dialled == (router.address > net.routers[name].address)
            assert not any(
                other.state is not State.IDLE for other in neighbour.sessions if other is not session
            )


def test_a_cut_link_moves_traffic_at_once_and_back():
    net = internet()
    net.cut("isp", "transit-1")
    assert net.routers["isp"].table == {AWS: "transit-2"}
    assert net.routers["isp"].told("bgp.down")[0]["why"] == "link down"
    net.run(5)
    assert net.routers["isp"].settled[-1].event == "link_down"
    net.cut("isp", "transit-1", up=True)
    net.run(1)
    assert net.routers["isp"].table == {AWS: "transit-1"}


def test_a_cut_far_away_is_withdrawn_along_the_way():
    net = internet()
    net.cut("transit-1", "aws")
    net.run(1)
    assert net.routers["isp"].table[AWS] == "transit-2"
    assert net.routers["isp"].told("bgp.withdraw")[-1]["prefixes"] == [AWS]


def test_a_silent_link_costs_the_hold_time():
    net = internet(hold_time_s=9)
    net.silent.add(frozenset(("isp", "transit-1")))
    net.run(5.9)
    assert net.routers["isp"].table[AWS] == "transit-1"
    net.run(5)
    assert net.routers["isp"].table[AWS] == "transit-2"
    assert net.routers["isp"].told("bgp.down")[0]["why"] == "4/0 hold timer expired"
    [settled] = [each for each in net.routers["isp"].settled if each.event == "hold_timer"]
    assert settled.duration_ns == pytest.approx(9e9, rel=1e-3)
    net.silent.clear()
    net.run(12)
    assert net.routers["isp"].table[AWS] == "transit-1"


def test_sessions_live_for_hours_by_keepalives_alone():
    net = internet()
    net.sent.clear()
    net.run(3600)
    assert {type(decode(data)) for _, _, data in net.sent} == {Keepalive}
    assert all(not router.told("bgp.down") for router in net.routers.values())


def test_nobody_is_transit_for_two_who_do_not_pay_for_it():
    net = Net()
    net.add("one", 1, "10.0.0.1", "192.0.2.0/24")
    net.add("middle", 2, "10.0.0.2")
    net.add("other", 3, "10.0.0.3", AWS)
    net.peer("middle", "one", "provider")
    net.peer("middle", "other", "peer")
    net.boot()
    assert net.routers["one"].table == net.routers["other"].table == {}
    assert net.routers["middle"].table == {"192.0.2.0/24": "one", AWS: "other"}
    speaker = net.routers["middle"].speaker
    assert explained(speaker, ip_bytes("198.51.100.1"))["told"] == {
        "one": "told by a peer, and the neighbour is a provider",
        "other": "it told us",
    }


def test_a_customers_route_wins_over_a_shorter_one_of_a_provider():
    net = Net()
    net.add("me", 1, "10.0.0.1")
    net.add("customer", 2, "10.0.0.2")
    net.add("behind", 3, "10.0.0.3", AWS)
    net.add("provider", 4, "10.0.0.4")
    net.peer("me", "customer", "customer", prepend=0)
    net.peer("customer", "behind", "customer")
    net.peer("me", "provider", "provider")
    net.peer("provider", "behind", "customer")
    net.boot()
    verdict = net.routers["me"].speaker.ribs.chosen[Prefix.parse(AWS)]
    assert (verdict.best.neighbour, verdict.step.value) == ("customer", "local preference")


@pytest.mark.parametrize(
    ("more", "wins"),
    [
        ({}, "transit-1"),
        ({"local_preference": 50}, "transit-2"),
        ({"accept": (Prefix.parse("192.0.2.0/24"),)}, "transit-2"),
    ],
)
def test_import_policy_overrides_the_path_length(more, wins):
    assert internet(**more).routers["isp"].table[AWS] == wins


def test_prepending_makes_others_come_by_another_way():
    net = internet(prepend=3)
    assert net.routers["aws"].table["203.0.113.0/24"] == "transit-3"
    [row] = [
        row for row in ribs_shown(net.routers["transit-1"].speaker)["adj_rib_in"] if row["neighbour"] == "isp"
    ]
    assert row["as_path"] == "64500 64500 64500 64500"


def test_what_is_announced_may_be_filtered_and_carries_the_med():
    assert "203.0.113.0/24" not in internet(announce=(Prefix.parse(AWS),)).routers["transit-1"].table
    heard = internet(med=7).routers["transit-1"].speaker.ribs.heard["isp"]
    assert heard[Prefix.parse("203.0.113.0/24")].attributes.med == 7


def inject(net: Net, router: str, from_: str, message: object) -> None:
    speaker = net.routers[router].speaker
    session = speaker.neighbours[from_].established
    raw = message if isinstance(message, bytes) else encode(message)
    speaker.receive(from_, session, raw, net.now_ns)
    net._deliver()


def route(prefix: str, *asns: int, **more: object) -> Update:
    path = (Segment(SegmentKind.AS_SEQUENCE, asns),)
    attributes = Attributes(Origin.IGP, path, ip_bytes("10.0.0.2"))._replace(**more)
    return Update((), attributes, (Prefix.parse(prefix),))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (route("192.0.2.0/24", 64510, 64500, 7), "loop: AS 64500 is in its path"),
        (route("192.0.2.0/24", 9, 64510), "its path does not begin with AS 64510"),
        (route("192.0.2.0/25", 64510), "longer than /24"),
        (
            route("192.0.2.0/24", 64510, next_hop=ip_bytes("9.9.9.9")),
            "next hop 9.9.9.9 is no neighbour on this link",
        ),
    ],
)
def test_what_is_not_let_in_is_kept_with_the_reason(message, why):
    net = internet()
    inject(net, "isp", "transit-1", message)
    isp = net.routers["isp"]
    [prefix] = message.announced
    assert isp.speaker.ribs.heard["transit-1"][prefix].refused == why
    assert prefix not in isp.speaker.ribs.chosen
    assert isp.told("bgp.update")[-1]["refused"] == {str(prefix): why}
    [refused] = explained(isp.speaker, prefix.network.to_bytes(4))["refused"]
    assert refused["why"] == why


def test_no_export_stays_here():
    net = internet()
    net.routers["aws"].journal.clear()
    inject(
        net,
        "transit-1",
        "isp",
        route("192.0.2.0/24", 64500, communities=(NO_EXPORT,), next_hop=ip_bytes("10.0.0.1")),
    )
    assert "192.0.2.0/24" in net.routers["transit-1"].table
    assert "192.0.2.0/24" not in net.routers["aws"].table


def test_a_bad_attribute_costs_the_route_and_not_the_session():
    net = internet()
    inject(net, "isp", "transit-1", route("192.0.2.0/24", 64510))
    assert net.routers["isp"].table["192.0.2.0/24"] == "transit-1"
    bad = encode(route("192.0.2.0/24", 64510)).replace(bytes((0x40, 1, 1, 0)), bytes((0x40, 1, 1, 9)))
    inject(net, "isp", "transit-1", bad)
    isp = net.routers["isp"]
    assert "192.0.2.0/24" not in isp.table
    assert isp.speaker.neighbours["transit-1"].state is State.ESTABLISHED
    assert isp.told("bgp.withdraw")[-1]["why"] == "treated as withdrawn: ORIGIN: value 9"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\0" * 19, Notification(1, 1)),
        (MARKER + b"\0\x12\4", Notification(1, 2, b"\0\x12")),
        (MARKER + b"\0\x13\x09", Notification(1, 3, b"\x09")),
        (MARKER + b"\0\x17\2" + b"\0\x09\0\0", Notification(3, 1)),
        (MARKER + b"\0\x19\2" + b"\0\0\0\0\x21\x01", Notification(3, 10)),
    ],
)
def test_what_makes_no_sense_ends_the_session_with_a_notification_and_it_comes_again(data, told):
    net = internet()
    net.sent.clear()
    inject(net, "isp", "transit-1", data)
    sent = [decode(raw) for teller, hearer, raw in net.sent if (teller, hearer) == ("isp", "transit-1")]
    assert told in sent
    assert net.routers["isp"].table[AWS] == "transit-2"
    net.run(1)
    assert net.routers["isp"].table[AWS] == "transit-1"


def test_too_many_prefixes_end_the_session_for_a_minute():
    net = internet(max_prefixes=2)
    for number in range(3):
        inject(net, "isp", "transit-1", route(f"10.0.{number}.0/24", 64510))
        if net.routers["isp"].speaker.neighbours["transit-1"].established is None:
            break
    assert net.routers["isp"].told("bgp.notification")[-1]["error"] == (
        "6/1 cease: maximum number of prefixes reached"
    )
    net.run(50)
    assert net.routers["isp"].table[AWS] == "transit-2"
    net.run(30)
    assert net.routers["isp"].table[AWS] == "transit-1"


def test_the_wrong_as_is_not_let_in():
    net = internet()
    net.cut("isp", "transit-1")
    isp = net.routers["isp"]
    neighbour = isp.speaker.neighbours["transit-1"]
    settings = neighbour.peering.settings._replace(peer_asn=9)
    neighbour.peering = neighbour.peering._replace(settings=settings)
    neighbour.outgoing.settings = settings
    net.cut("isp", "transit-1", up=True)
    net.run(3)
    assert neighbour.state is not State.ESTABLISHED
    assert {
        "neighbour": "transit-1",
        "direction": "sent",
        "error": "2/2 open message: bad peer AS",
    } in isp.told("bgp.notification")


def test_announcements_wait_for_the_mrai_and_withdrawals_do_not():
    net = internet(mrai_ns=30_000_000_000)
    transit = net.routers["transit-1"].speaker
    net.run(60)
    customer = route("192.0.2.0/24", 64511, next_hop=ip_bytes("10.0.0.3"))
    inject(net, "isp", "transit-2", customer)
    isp = net.routers["isp"].speaker
    isp.ribs.own[Prefix.parse("100.66.0.0/24")] = isp.ribs.own[Prefix.parse("203.0.113.0/24")]._replace(
        prefix=Prefix.parse("100.66.0.0/24")
    )
    isp._decide([Prefix.parse("100.66.0.0/24")], net.now_ns)
    net.run(0)
    assert Prefix.parse("100.66.0.0/24") in transit.ribs.heard["isp"]
    isp.ribs.own[Prefix.parse("100.67.0.0/24")] = isp.ribs.own[Prefix.parse("203.0.113.0/24")]._replace(
        prefix=Prefix.parse("100.67.0.0/24")
    )
    isp._decide([Prefix.parse("100.67.0.0/24")], net.now_ns)
    net.run(1)
    assert Prefix.parse("100.67.0.0/24") not in transit.ribs.heard["isp"]
    del isp.ribs.own[Prefix.parse("100.66.0.0/24")]
    isp._decide([Prefix.parse("100.66.0.0/24")], net.now_ns)
    net.run(0)
    assert Prefix.parse("100.66.0.0/24") not in transit.ribs.heard["isp"]
    net.run(30)
    assert Prefix.parse("100.67.0.0/24") in transit.ribs.heard["isp"]


def test_route_refresh_tells_all_again():
    net = internet()
    net.sent.clear()
    inject(net, "isp", "transit-1", RouteRefresh())
    [told] = [decode(raw) for teller, hearer, raw in net.sent if (teller, hearer) == ("isp", "transit-1")]
    assert told.announced == (Prefix.parse("203.0.113.0/24"),)


def test_a_speaker_that_lost_its_memory_is_back_in_a_moment():
    """Its peers think that all is well, until it calls: then they try the old connection, and it is reset."""
    net = internet()
    net.routers["transit-1"].boot()
    net.run(0.5)
    assert {row["state"] for row in neighbours_shown(net.routers["transit-1"].speaker, net.now_ns)} == {
        "Established"
    }
    assert net.routers["isp"].table == {AWS: "transit-1"}
    assert net.routers["isp"].told("bgp.down")[0]["why"] == "reset"


def test_it_stops_with_a_word():
    net = internet()
    net.routers["isp"].speaker.stop(net.now_ns)
    net.run(0)
    assert (
        net.routers["transit-1"].told("bgp.notification")[-1]["error"] == "6/2 cease: administrative shutdown"
    )
    assert net.routers["aws"].table == {}
