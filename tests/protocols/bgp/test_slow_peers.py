"""Neighbours that take nothing: what waits for them is bounded, and after eight minutes they are left (RFC 9687)."""

from actors.protocols.bgp.decision import Path
from actors.protocols.bgp.messages import RouteRefresh, encode
from actors.units import SECOND
from actors.wire.addresses import Prefix
from tests.protocols.bgp.wires import Net

ONE, TWO = Prefix.parse("100.66.0.0/24"), Prefix.parse("100.67.0.0/24")


def neighbours(**more: object) -> Net:
    net = Net()
    net.add("us", 1, "10.0.0.1", "203.0.113.0/24")
    net.add("slow", 2, "10.0.0.2", "192.0.2.0/24")
    net.peer("us", "slow", "customer", **more)
    return net.boot()


def originate(net: Net, prefix: Prefix, origin: bool = True) -> None:
    """`us` begins or ceases to have a network of its own."""
    speaker = net.routers["us"].speaker
    if origin:
        own = speaker.ribs.own[Prefix.parse("203.0.113.0/24")]
        speaker.ribs.own[prefix] = Path(prefix, own.attributes, identifier=own.identifier)
    else:
        del speaker.ribs.own[prefix]
    speaker._decide([prefix], net.now_ns)
    net.run(0)


def set_deaf(net: Net, deaf: bool) -> None:
    us = net.routers["us"].speaker
    session = us.neighbours["slow"].established
    assert session is not None
    us.set_deaf("slow", session, deaf, net.now_ns)
    net.run(0)


def test_nothing_is_piled_up_for_a_neighbour_that_takes_nothing_and_the_last_word_is_told():
    net = neighbours()
    us, heard = net.routers["us"].speaker, net.routers["slow"].speaker.ribs.heard["us"]
    originate(net, ONE)
    assert ONE in heard
    set_deaf(net, True)
    said = len(net.sent)
    for _ in range(100):
        originate(net, ONE, False)
        originate(net, TWO)
        originate(net, ONE)
        originate(net, TWO, False)
    originate(net, ONE, False)
    originate(net, TWO)
    assert len(net.sent) == said, "not one more message"
    assert len(us.neighbours["slow"].outbox._pending) == 2
    set_deaf(net, False)
    assert (ONE in heard, TWO in heard) == (False, True)
    assert len(net.sent) - said == 2, "what came and went in between is nobody's business"


def test_a_neighbour_that_takes_nothing_for_eight_minutes_is_left_although_it_talks():
    net = neighbours()
    for router in net.routers.values():
        router.journal.clear()
    set_deaf(net, True)
    net.run(479)
    assert net.routers["us"].told("bgp.notification") == []
    net.run(2)
    (told,) = net.routers["us"].told("bgp.notification")
    assert (told["direction"], told["error"]) == ("sent", "8/0 send hold timer expired")
    assert net.routers["slow"].told("bgp.notification")[0]["error"] == "8/0 send hold timer expired"
    net.run(5)
    assert net.routers["us"].speaker.neighbours["slow"].established, "and it is tried again"


def test_the_send_hold_time_is_twice_the_hold_time_if_that_is_longer():
    net = neighbours(hold_time_s=600)
    net.routers["slow"].peerings[0] = (
        net.routers["slow"]
        .peerings[0]
        ._replace(settings=net.routers["slow"].peerings[0].settings._replace(hold_time_s=600))
    )
    net.boot()
    set_deaf(net, True)
    session = net.routers["us"].speaker.neighbours["slow"].established
    assert session is not None and session.send_hold_at == net.now_ns + 1200 * SECOND


def test_what_goes_between_a_refresh_and_its_answer_is_withdrawn():
    net = neighbours(mrai_ns=30 * SECOND)
    heard = net.routers["slow"].speaker.ribs.heard["us"]
    originate(net, ONE)
    net.run(60)
    originate(net, TWO)  # from here on announcements wait
    assert ONE in heard
    slow = net.routers["slow"].speaker.neighbours["us"].established
    assert slow is not None
    net.routers["slow"].transmit(slow, encode(RouteRefresh()))
    net.run(0)
    originate(net, ONE, False)
    assert ONE not in heard
    net.run(30)
    assert TWO in heard and ONE not in heard
