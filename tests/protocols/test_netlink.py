"""What may be written into a node's kernel, in which words, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.netlink import (
    Change,
    Link,
    Neighbour,
    NetlinkError,
    Route,
    Rule,
    SnatChain,
    described,
    parse,
    to_plain,
)
from actors.protocols.node_tables import LinkAdded, LinkRemoved, NeighbourForgotten, NeighbourSet, NodeTables
from actors.wire.addresses import ip_bytes

VETH = Link("enie440f455693", "nginx-0", 9001)
POD = "10.0.10.20/32"
ENTRIES = [
    VETH,
    Route(POD, VETH.ifname),
    Rule(512, "main", dst=POD),
    Rule(1536, "2", src=POD),
    Route("10.0.10.1/32", "eth1", table="2"),
    Route("default", "eth1", "10.0.10.1", "2"),
    Neighbour("10.0.10.20", VETH.ifname, "02:00:00:00:00:01"),
    SnatChain("AWS-SNAT-CHAIN-0", ("10.0.0.0/16",), "10.0.10.10"),
]


def tables() -> NodeTables:
    tables = NodeTables()
    for device, netns in (("eth0", "nginx-0"), ("eth1", "nginx-1")):
        tables.add_device(device)
        tables.add_netns(netns)
    return tables


def full() -> NodeTables:
    written = tables()
    for entry in ENTRIES:
        written.apply(Change("add", entry))
    return written


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_reads_back_as_it_was_written(entry: Any):
    assert parse(to_plain(Change("replace", entry))) == Change("replace", entry)
    assert parse({"op": "add", **described(entry)}).entry == entry


def test_what_stands_there_is_told_in_the_same_words():
    assert set(full().entries()) == set(ENTRIES)


def test_links_and_neighbours_have_to_be_carried_out():
    written = tables()
    assert written.apply(Change("add", VETH)) == [LinkAdded(VETH)]
    neighbour = Neighbour("10.0.10.20", VETH.ifname, "02:00:00:00:00:01")
    assert written.apply(Change("add", neighbour)) == [NeighbourSet(neighbour)]
    assert written.apply(Change("del", neighbour)) == [NeighbourForgotten(neighbour)]
    assert written.apply(Change("add", Route(POD, VETH.ifname))) == []


def test_a_link_takes_its_routes_and_neighbours_along():
    written = full()
    assert written.apply(Change("del", VETH)) == [LinkRemoved(VETH)]
    assert Route(POD, VETH.ifname) not in written.entries()
    assert not [entry for entry in written.entries() if isinstance(entry, Neighbour)]
    assert Rule(512, "main", dst=POD) in written.entries(), "rules name no device and stay"


def test_replacing_with_the_same_changes_nothing():
    written = full()
    for entry in ENTRIES:
        assert written.apply(Change("replace", entry)) in ([], [NeighbourSet(entry)])
    assert set(written.entries()) == set(ENTRIES)


def test_a_cable_goes_over_to_the_pod_that_replaces():
    written = full()
    other = Link("eni0123456789a", "nginx-0", 9001)
    assert written.apply(Change("replace", other)) == [LinkRemoved(VETH), LinkAdded(other)]


def test_a_replaced_route_leads_elsewhere():
    written = full()
    written.apply(Change("add", Link("eni0123456789a", "nginx-1", 9001)))
    written.apply(Change("replace", Route(POD, "eni0123456789a")))
    route = written.routes.lookup(ip_bytes("10.0.10.20"))
    assert route is not None and route.port == "eni0123456789a"


def test_rules_choose_the_table():
    written = full()
    written.apply(Change("add", Route("0.0.0.0/1", "eth0")))
    far = ip_bytes("9.9.9.9")
    by_rule = written.routes.explain(far, ip_bytes("10.0.10.20"))
    assert by_rule is not None and (by_rule.route.port, str(by_rule.rule)) == (
        "eth1",
        f"1536: from {POD} lookup 2",
    )
    other = written.routes.lookup(far, ip_bytes("10.0.10.21"))
    assert other is not None and other.port == "eth0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("add", VETH), "File exists"),
        (Change("add", Link("eni1", "nginx-0", 9001)), "is the namespace of enie440f455693 already"),
        (Change("add", Link("eni1", "nginx-9", 9001)), "Cannot open network namespace"),
        (Change("add", Link("eth0", "nginx-1", 9001)), "File exists"),
        (Change("del", Link("eni1", "nginx-1", 9001)), 'Cannot find device "eni1"'),
        (Change("add", Route(POD, "eni1")), 'Cannot find device "eni1"'),
        (Change("add", Route(POD, "eth0")), "File exists"),
        (Change("del", Route("10.9.9.9/32", "eth0")), "No such process"),
        (Change("del", Route(POD, "eth0")), "No such process"),
        (Change("add", Route("default", "eth0", "10.0.10.1")), "Nexthop has invalid gateway"),
        (Change("add", Rule(512, "main", dst=POD)), "File exists"),
        (Change("del", Rule(513, "main", dst=POD)), "No such file or directory"),
        (Change("add", Neighbour("10.0.10.20", VETH.ifname, "02:00:00:00:00:02")), "File exists"),
        (
            Change("del", Neighbour("10.0.10.9", VETH.ifname, "02:00:00:00:00:02")),
            "No such file or directory",
        ),
        (Change("add", Neighbour("10.0.10.9", "eni1", "02:00:00:00:00:02")), "Cannot find device"),
        (Change("add", SnatChain("OTHER", (), "10.0.10.10")), "exists already"),
        (Change("del", SnatChain("OTHER", (), "10.0.10.10")), "No chain OTHER by that name"),
    ],
    ids=str,
)
def test_what_the_kernel_would_refuse_is_refused_and_changes_nothing(change: Change, words: str):
    written = full()
    with pytest.raises(NetlinkError, match=words):
        written.apply(change)
    assert set(written.entries()) == set(ENTRIES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("flush", "a change is an object"),
        ({"op": "flush", "object": "rule"}, "op 'flush' is none of add, del, replace"),
        ({"op": "add", "object": "rout"}, "object 'rout' is none of link, rule, route, neigh, snat"),
        ({"op": "add", "object": ["route"]}, "is none of"),
        ({"op": "add", "object": "route", "dst": POD}, "route: dev is missing"),
        ({"op": "add", "object": "route", "dst": "10.0.0.300", "dev": "eth0"}, "is not an IPv4 prefix"),
        (
            {"op": "add", "object": "route", "dst": POD, "dev": "eth0", "via": "10.0.0.1"},
            "route has no 'via'",
        ),
        (
            {"op": "add", "object": "route", "dst": POD, "dev": "eth0", "gateway": "here"},
            "not an IPv4 address",
        ),
        ({"op": "add", "object": "route", "dst": POD, "dev": "eth0", "table": "local"}, "neither main nor"),
        ({"op": "add", "object": "route", "dst": POD, "dev": "an interface"}, "not a valid ifname"),
        ({"op": "add", "object": "rule", "priority": 0, "dst": POD}, "not a number from 1 to 32765"),
        ({"op": "add", "object": "rule", "priority": "512", "dst": POD}, "not a number"),
        ({"op": "add", "object": "rule", "priority": True, "dst": POD}, "not a number"),
        (
            {"op": "add", "object": "neigh", "dst": "10.0.0.1", "dev": "eth0", "lladdr": "02"},
            "not a MAC address",
        ),
        (
            {"op": "add", "object": "link", "ifname": "a" * 16, "netns": "nginx-0", "mtu": 9001},
            "not a valid ifname",
        ),
        ({"op": "add", "object": "link", "ifname": "a", "netns": "nginx-0", "mtu": 9}, "from 68 to 65535"),
        (
            {"op": "add", "object": "snat", "chain": "A", "return": "10.0.0.0/8", "to_source": "10.0.0.1"},
            "a list",
        ),
    ],
    ids=str,
)
def test_nonsense_is_refused_in_clear_words(change: Any, words: str):
    with pytest.raises(NetlinkError, match=words):
        parse(change)


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.lists(st.text(max_size=3), max_size=2)
)
names = st.sampled_from(
    ["op", "object", "dst", "src", "dev", "gateway", "table", "priority", "ifname", "mtu", "netns"]
)
words = st.sampled_from(
    ["add", "del", "replace", "link", "rule", "route", "neigh", "snat", "eth0", "10.0.0.0/8", "all"]
)


@given(st.dictionaries(names, values | words))
def test_any_object_is_a_change_or_refused(change: dict[str, Any]):
    written = tables()
    try:
        written.apply(parse(change))
    except NetlinkError:
        assert written.entries() == []


def test_a_device_or_namespace_that_goes_takes_its_routes_along():
    written = full()
    written.remove_device("eth1")
    assert not [entry for entry in written.entries() if isinstance(entry, Route) and entry.dev == "eth1"]
    assert written.remove_netns("nginx-0") == [LinkRemoved(VETH)]
    assert not [entry for entry in written.entries() if isinstance(entry, Link | Route | Neighbour)]
    assert [entry for entry in written.entries() if isinstance(entry, Rule)], "rules stay, as in Linux"
    assert written.remove_netns("nginx-0") == []
