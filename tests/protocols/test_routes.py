"""Longest-prefix match, against brute force over `ipaddress`; metrics, links that are down, and policy rules."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.routes import DEFAULT, PolicyRoutes, Route, RouteTable, Rule
from actors.wire.addresses import Prefix, ip_bytes

LENGTHS = st.integers(0, 32)
# few distinct high bits, so that prefixes overlap and addresses hit
ADDRESSES = st.builds(
    lambda high, low: high << 24 | low, st.sampled_from([0, 10, 192]), st.integers(0, 0xFFF)
)


@st.composite
def prefixes(draw):
    length = draw(LENGTHS)
    return Prefix(draw(ADDRESSES) & Prefix(0, length).mask, length)


def table(*routes: Route) -> RouteTable:
    made = RouteTable()
    for route in routes:
        made.add(route)
    return made


def route(to: str, port: str = "eth0", via: str | None = None, **more) -> Route:
    return Route(Prefix.parse(to), port, None if via is None else ip_bytes(via), **more)


@given(st.sets(prefixes()), st.sets(prefixes()), ADDRESSES)
def test_lookup_is_the_longest_prefix_that_holds_the_address(kept, removed, number):
    destination = number.to_bytes(4)
    routes = table(*(Route(prefix, str(prefix)) for prefix in kept | removed))
    for prefix in removed - kept:
        assert routes.remove(Route(prefix, str(prefix)))
    matching = [
        prefix for prefix in kept if ipaddress.ip_address(destination) in ipaddress.ip_network(str(prefix))
    ]
    expected = max(matching, key=lambda prefix: prefix.length, default=None)
    found = routes.lookup(destination)
    assert (found and found.prefix) == expected
    decision = routes.explain(destination)
    if expected is None:
        assert decision is None
    else:
        assert [other.route.prefix for other in decision.alternatives] == sorted(
            (prefix for prefix in matching if prefix != expected), key=lambda prefix: -prefix.length
        )


def test_the_losing_routes_are_told_with_the_reason():
    routes = table(
        route("10.0.0.0/24", "a"),
        route("10.0.0.0/24", "b", "10.9.9.9", metric=5),
        route("0.0.0.0/0", "c", "10.1.1.1"),
        route("172.16.0.0/12", "d"),
    )
    assert routes.explain(ip_bytes("10.0.0.7")).described() == {
        "matched": "10.0.0.0/24",
        "next_hop": "direct",
        "port": "a",
        "alternatives": [
            {"matched": "10.0.0.0/24", "next_hop": "10.9.9.9", "port": "b", "why": "higher metric"},
            {"matched": "0.0.0.0/0", "next_hop": "10.1.1.1", "port": "c", "why": "shorter prefix"},
        ],
    }


def test_a_link_that_is_down_takes_its_routes_out_until_it_is_back():
    routes = table(route("10.0.0.0/24", "a"), route("10.0.0.0/16", "b"))
    destination = ip_bytes("10.0.0.7")
    routes.set_port("a", False)
    decision = routes.explain(destination)
    assert decision.route.port == "b"
    assert [other.why for other in decision.alternatives] == ["link down"]
    routes.set_port("a", True)
    assert routes.lookup(destination).port == "a"


def test_the_same_prefix_metric_and_origin_is_replaced_other_origins_stand_beside():
    routes = table(route("10.0.0.0/8", "a", metric=1), route("10.0.0.0/8", "b", metric=1))
    assert [each.port for each in routes] == ["b"]
    routes.add(route("10.0.0.0/8", "c", metric=1, origin="bgp"))
    assert [each.port for each in routes] == ["b", "c"]
    routes.remove_where(origin="bgp")
    assert [each.port for each in routes] == ["b"]


def test_every_change_is_told_and_only_changes():
    told = []
    routes = RouteTable()
    routes.watch(lambda: told.append(len(list(routes))))
    routes.add(route("10.0.0.0/8"))
    routes.set_port("eth0", True)
    assert not routes.remove(route("11.0.0.0/8"))
    routes.remove(route("10.0.0.0/8"))
    assert told == [1, 0]


def node_routes() -> PolicyRoutes:
    """As the VPC CNI writes them on a node with a second ENI."""
    routes = PolicyRoutes()
    routes.add(route("0.0.0.0/0", "eth0", "10.0.10.1"))
    routes.add(route("10.0.10.20/32", "eni1"))
    routes.add(route("0.0.0.0/0", "eth1", "10.0.10.1"), table="2")
    routes.add_rule(Rule(512, "main", destination=Prefix.parse("10.0.10.20/32")))
    routes.add_rule(Rule(1536, "2", source=Prefix.parse("10.0.10.20/32")))
    return routes


def test_rules_choose_the_table_by_priority():
    routes = node_routes()
    pod, far = ip_bytes("10.0.10.20"), ip_bytes("10.0.0.10")
    assert routes.lookup(pod).port == "eni1"
    assert routes.lookup(far, pod).port == "eth1"
    assert routes.lookup(far).port == routes.lookup(far, ip_bytes("10.0.10.10")).port == "eth0"
    decision = routes.explain(far, pod)
    assert str(decision.rule) == "1536: from 10.0.10.20/32 lookup 2"
    assert str(routes.explain(pod).rule) == "512: from all to 10.0.10.20/32 lookup main"
    assert str(routes.explain(far).rule) == "32766: from all lookup main"


def test_a_table_without_a_match_lets_the_next_rule_try():
    routes = node_routes()
    routes.remove(route("0.0.0.0/0", "eth1", "10.0.10.1"), table="2")
    assert routes.lookup(ip_bytes("10.0.0.10"), ip_bytes("10.0.10.20")).port == "eth0"
    assert routes.remove_rule(Rule(32766, "main", DEFAULT, DEFAULT))
    assert routes.lookup(ip_bytes("10.0.0.10")) is None
    assert routes.explain(ip_bytes("10.0.0.10")) is None


def test_policy_routes_pass_over_a_link_that_is_down_in_every_table():
    routes = node_routes()
    routes.set_port("eth1", False)
    routes.add(route("10.0.0.0/16", "eth1"), table="3")
    routes.add_rule(Rule(100, "3"))
    assert routes.lookup(ip_bytes("10.0.0.10"), ip_bytes("10.0.10.20")).port == "eth0"


def test_policy_routes_tell_of_changes_in_any_table_and_rule():
    routes, told = node_routes(), []
    routes.watch(lambda: told.append(True))
    routes.add(route("10.5.0.0/16", "eth1"), table="9")
    routes.add_rule(Rule(100, "9"))
    routes.add_rule(Rule(100, "9"))
    routes.remove_where(port="eth1")
    assert len(told) == 4  # a route, a rule, and two routes gone


HOSTS = st.sampled_from([Prefix(10 << 24 | low, 32) for low in range(3)])
RULES = st.builds(
    Rule,
    st.integers(1, 4),
    st.sampled_from(["1", "2", "3"]),
    st.just(DEFAULT) | HOSTS | prefixes(),
    st.just(DEFAULT) | HOSTS | prefixes(),
)


@given(st.lists(RULES, max_size=12), HOSTS, st.none() | HOSTS)
def test_rules_that_name_a_host_are_found_as_if_all_were_asked(lines, to, source):
    routes = PolicyRoutes()
    for name in ("1", "2", "3", "main"):
        routes.add(Route(DEFAULT, name), name)
    for rule in lines:
        routes.add_rule(rule)
    destination, origin = to.network.to_bytes(4), None if source is None else source.network.to_bytes(4)
    first = next(rule for rule in routes.rules if rule.matches(destination, origin))
    found = routes.explain(destination, origin)
    assert found is not None and found.rule == first
    assert routes.lookup(destination, origin) == found.route
