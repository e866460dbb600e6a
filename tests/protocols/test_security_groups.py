"""Security groups: rules, statefulness, and what a restart or a full table does."""

import pytest

from actors.protocols.connection_tracking import ConnectionTracker, Timeouts
from actors.protocols.flows import turned
from actors.protocols.security_groups import (
    ALL_PORTS,
    PICK_UP_NS,
    Group,
    Rule,
    SecurityGroups,
    Verdict,
    parse_ports,
    ports_text,
)
from actors.units import SECOND
from actors.wire import ipv4, tcp
from actors.wire.addresses import Prefix, ip_bytes

ALB, NODE, STRANGER = ip_bytes("10.0.0.10"), ip_bytes("10.0.10.20"), ip_bytes("203.0.113.9")
EVERYBODY = Prefix.parse("0.0.0.0/0")
LATER = PICK_UP_NS + SECOND


def groups(limit: int = 100, **changed: Group) -> SecurityGroups:
    known = {
        "alb": Group(
            ingress=(Rule("tcp", parse_ports(443), EVERYBODY),), egress=(Rule("all", ALL_PORTS, EVERYBODY),)
        ),
        "nodes": Group(ingress=(Rule("tcp", parse_ports(80), "alb"), Rule("all", ALL_PORTS, "nodes"))),
        "pings": Group(ingress=(Rule("icmp", ALL_PORTS, EVERYBODY),)),
        **changed,
    }
    members = {ALB: ("alb",), NODE: ("nodes",)}
    return SecurityGroups(
        known, lambda address: members.get(address, ()), ConnectionTracker(limit, Timeouts())
    )


def key(
    source: bytes, destination: bytes, port: int, protocol: int = ipv4.TCP, source_port: int = 40000
) -> bytes:
    return source + destination + source_port.to_bytes(2) + port.to_bytes(2) + protocol.to_bytes(1)


def enter(
    engine: SecurityGroups, flow: bytes, *member_of: str, flags: int = tcp.SYN, now_ns: int = LATER
) -> Verdict:
    return engine.check("eni-node", member_of, ingress=True, key=flow, flags=flags, now_ns=now_ns)


def leave(
    engine: SecurityGroups, flow: bytes, *member_of: str, flags: int = tcp.ACK, now_ns: int = LATER
) -> Verdict:
    return engine.check("eni-node", member_of, ingress=False, key=flow, flags=flags, now_ns=now_ns)


def test_a_rule_that_names_a_group_lets_its_members_in():
    verdict = enter(groups(), key(ALB, NODE, 80), "nodes")
    assert verdict.allowed and (verdict.group, verdict.rule, verdict.peer) == (
        "nodes",
        "tcp 80 alb",
        "10.0.0.10",
    )


@pytest.mark.parametrize(
    "flow",
    [
        key(STRANGER, NODE, 80),
        key(ALB, NODE, 81),
        key(ALB, NODE, 80, ipv4.UDP),
    ],
    ids=["peer", "port", "protocol"],
)
def test_what_no_rule_allows_is_denied_and_says_which_rules_there_were(flow: bytes):
    verdict = enter(groups(), flow, "nodes")
    assert not verdict.allowed and verdict.connection is None
    assert verdict.rule == "none of the ingress rules: tcp 80 alb; all nodes"


def test_an_interface_in_two_groups_may_do_what_either_allows():
    ping = key(STRANGER, NODE, 0, ipv4.ICMP)
    assert not enter(groups(), ping, "nodes").allowed
    assert enter(groups(), ping, "nodes", "pings").group == "pings"


def test_no_rules_allow_nothing():
    verdict = leave(groups(), key(NODE, STRANGER, 80), "nodes", flags=tcp.SYN)
    assert not verdict.allowed and verdict.rule == "no egress rules"


def test_what_was_let_in_may_be_answered_whatever_the_egress_rules_say():
    engine, flow = groups(), key(ALB, NODE, 80)
    enter(engine, flow, "nodes")
    verdict = leave(engine, turned(flow), "nodes", flags=tcp.SYN | tcp.ACK)
    assert verdict.allowed and verdict.rule == "tracked connection"


def test_a_connection_is_tracked_at_each_interface_for_itself():
    engine, flow = groups(), key(ALB, NODE, 80)
    enter(engine, flow, "nodes")
    verdict = engine.check(
        "eni-other", ("nodes",), ingress=False, key=turned(flow), flags=tcp.ACK, now_ns=LATER
    )
    assert not verdict.allowed


def test_an_answer_after_the_silence_is_denied():
    engine, flow = groups(), key(ALB, NODE, 80)
    enter(engine, flow, "nodes")
    while (deadline_ns := engine.tracker.deadline_ns()) is not None:
        engine.tracker.on_deadline(deadline_ns)
    assert not leave(engine, turned(flow), "nodes", now_ns=LATER + 121 * SECOND).allowed


def test_a_tracked_connection_outlives_its_rule_and_a_new_one_does_not():
    engine, flow = groups(), key(ALB, NODE, 80)
    enter(engine, flow, "nodes")
    engine.groups["nodes"] = Group()
    assert enter(engine, flow, "nodes", flags=tcp.ACK).allowed
    assert not enter(engine, key(ALB, NODE, 80, source_port=40001), "nodes").allowed


def test_a_syn_on_a_closed_connections_ports_is_judged_anew():
    engine, flow = groups(), key(ALB, NODE, 80)
    enter(engine, flow, "nodes")
    enter(engine, flow, "nodes", flags=tcp.RST)
    engine.groups["nodes"] = Group()
    assert not enter(engine, flow, "nodes", flags=tcp.SYN).allowed


def test_an_icmp_error_about_a_tracked_connection_needs_a_rule_of_its_own():
    engine, flow = groups(), key(ALB, NODE, 80)
    enter(engine, flow, "nodes")
    error = ALB + NODE + bytes(4) + ipv4.ICMP.to_bytes(1)
    assert not enter(engine, error, "nodes", flags=0).allowed


def test_after_a_restart_answers_on_their_way_are_picked_up_for_a_while():
    answer = key(NODE, ALB, 40000, source_port=80)
    arrived = {"ingress": True, "key": answer, "flags": tcp.ACK}
    verdict = groups().check("eni-alb", ("alb",), now_ns=PICK_UP_NS - 1, **arrived)
    assert verdict.allowed and verdict.rule == "all 0.0.0.0/0, picked up after a restart"
    assert not groups().check("eni-alb", ("alb",), now_ns=PICK_UP_NS, **arrived).allowed


def test_a_syn_is_never_picked_up():
    attempt = key(NODE, ALB, 40000, source_port=80)
    assert not groups().check("eni-alb", ("alb",), ingress=True, key=attempt, flags=tcp.SYN, now_ns=0).allowed


def test_a_full_table_denies_and_says_so():
    engine = groups(limit=1)
    assert enter(engine, key(ALB, NODE, 80, source_port=1), "nodes").allowed
    verdict = enter(engine, key(ALB, NODE, 80, source_port=2), "nodes")
    assert not verdict.allowed and verdict.rule == "1 connections are tracked already"


@pytest.mark.parametrize(
    ("written", "ports"),
    [(80, range(80, 81)), ("80", range(80, 81)), ("1024-65535", range(1024, 65536)), ("all", ALL_PORTS)],
)
def test_ports_as_people_write_them(written: object, ports: range):
    assert parse_ports(written) == ports


@pytest.mark.parametrize("written", ["http", "80-", "-1", "90-80", "1-65536", "", None, True, 1.5])
def test_wrong_ports_are_refused(written: object):
    with pytest.raises(ValueError, match="port"):
        parse_ports(written)


def test_rules_read_as_one_would_say_them():
    assert str(Rule("udp", parse_ports("1-9"), EVERYBODY)) == "udp 1-9 0.0.0.0/0"
    assert str(Rule("tcp", ALL_PORTS, "alb")) == "tcp all ports alb"
    assert ports_text(range(5, 6)) == "5"


def test_an_icmp_error_about_a_tracked_connection_is_a_response_and_no_other_is():
    engine, flow = groups(), key(ALB, NODE, 80)
    assert enter(engine, flow, "nodes").allowed

    def complain(about: bytes) -> Verdict:
        error = key(STRANGER, NODE, 0, ipv4.ICMP, 0)
        return engine.check(
            "eni-node",
            ("nodes",),
            ingress=True,
            key=error,
            flags=0,
            now_ns=LATER,
            message=(3, 4),
            about=about,
        )

    verdict = complain(flow)
    assert (verdict.allowed, verdict.rule, verdict.peer) == (
        True,
        "ICMP error about a tracked connection",
        "203.0.113.9",
    )
    assert complain(turned(flow)).allowed
    assert not complain(key(ALB, NODE, 81)).allowed
