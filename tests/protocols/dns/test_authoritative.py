from pathlib import Path

import pytest

from actors.protocols.dns.authoritative import Authoritative
from actors.protocols.dns.zone import BadZone, read_zone
from actors.wire import dns as wire

ZONE = """
$ORIGIN example.com.
$TTL 300
@      IN SOA ns1 hostmaster 1 7200 900 1209600 60
@      IN NS  ns1
ns1    IN A   192.0.2.53
www    IN CNAME web
web    IN A   198.51.100.10
       IN A   198.51.100.20
       IN A   198.51.100.30
away   IN CNAME www.example.net.
gone   IN CNAME nothing
a.b    IN TXT "deep"
*.wild IN A   198.51.100.99
spin   IN CNAME spin
child  IN NS  ns.child
child  IN NS  ns.elsewhere.net.
ns.child IN A 192.0.2.54
"""


@pytest.fixture
def server(tmp_path) -> Authoritative:
    return Authoritative([read_zone(write(tmp_path, ZONE))])


def write(folder: Path, text: str) -> Path:
    path = folder / "test.zone"
    path.write_text(text)
    return path


def ask(server: Authoritative, name: str, rdtype: str = "A"):
    return server.decide(wire.query(wire.name(name), wire.Type[rdtype], 7, recursion_desired=False))


@pytest.mark.parametrize(
    "name, rdtype, rule, rcode, texts",
    [
        ("ns1.example.com", "A", "answer", "NOERROR", ["192.0.2.53"]),
        ("NS1.Example.COM", "A", "answer", "NOERROR", ["192.0.2.53"]),
        ("ns1.example.com", "AAAA", "no data", "NOERROR", []),
        ("nope.example.com", "A", "no such name", "NXDOMAIN", []),
        ("b.example.com", "A", "no data", "NOERROR", []),
        ("away.example.com", "A", "alias", "NOERROR", ["CNAME www.example.net"]),
        ("away.example.com", "CNAME", "answer", "NOERROR", ["CNAME www.example.net"]),
        ("gone.example.com", "A", "no such name", "NXDOMAIN", ["CNAME nothing.example.com"]),
        ("any.thing.wild.example.com", "A", "answer", "NOERROR", ["198.51.100.99"]),
        ("wild.example.com", "A", "no data", "NOERROR", []),
        ("x.child.example.com", "A", "referral", "NOERROR", ["ns.child.example.com", "ns.elsewhere.net"]),
        ("child.example.com", "NS", "referral", "NOERROR", ["ns.child.example.com", "ns.elsewhere.net"]),
        ("example.org", "A", "refused", "REFUSED", []),
        ("com", "A", "refused", "REFUSED", []),
    ],
)
def test_what_the_zone_says(server, name, rdtype, rule, rcode, texts):
    decision = ask(server, name, rdtype)
    assert (decision.rule, decision.response.rcode().name, decision.texts()) == (rule, rcode, texts)
    assert wire.is_authoritative(decision.response) == (rule not in ("referral", "refused"))
    assert wire.decode(wire.encode(decision.response)) == decision.response


def test_the_answer_goes_under_the_name_that_was_asked_for(server):
    answer = ask(server, "x.wild.example.com").response.answer
    assert [rrset.name.to_text() for rrset in answer] == ["x.wild.example.com."]


def test_a_negative_answer_brings_the_soa_with_the_time_it_holds(server):
    for name in ("nope.example.com", "ns1.example.com"):
        (soa,) = ask(server, name, "TXT").response.authority
        assert (soa.name.to_text(), soa.ttl) == ("example.com.", 60)


def test_a_referral_brings_the_addresses_that_it_knows(server):
    response = ask(server, "x.child.example.com").response
    (servers,) = response.authority
    assert [rdata.target.to_text() for rdata in servers] == ["ns.child.example.com.", "ns.elsewhere.net."]
    assert [(rrset.name.to_text(), rrset[0].address) for rrset in response.additional] == [
        ("ns.child.example.com.", "192.0.2.54")
    ]


def test_an_alias_in_the_zone_is_followed_and_the_addresses_take_turns(server):
    firsts = []
    for _ in range(4):
        alias, addresses = ask(server, "www.example.com").response.answer
        assert alias[0].target == addresses.name
        assert len(addresses) == 3
        firsts.append(addresses[0].address)
    assert firsts == ["198.51.100.10", "198.51.100.20", "198.51.100.30", "198.51.100.10"]


def test_an_alias_of_itself_ends(server):
    assert ask(server, "spin.example.com").rule == "alias"


def test_the_zone_nearest_to_the_name_answers(tmp_path):
    parent = read_zone(write(tmp_path, ZONE))
    child = read_zone(
        write(tmp_path, "$ORIGIN child.example.com.\n$TTL 9\n@ SOA a b 1 1 1 1 1\n@ NS ns\nx A 192.0.2.1\n")
    )
    decision = ask(Authoritative([parent, child]), "x.child.example.com")
    assert (decision.rule, decision.texts()) == ("answer", ["192.0.2.1"])
    assert wire.text(decision.zone) == "child.example.com"


@pytest.mark.parametrize(
    "text, says",
    [
        ("$ORIGIN a.\n$TTL 5\n@ SOA a b 1 1 1 1 1\nx A 999.1.1.1\n", r"^/.*test\.zone:\d+: "),
        ("$ORIGIN a.\n$TTL 5\nx A 192.0.2.1\n", "this file has 0"),
        ("$ORIGIN a.\n$TTL 5\n@ SOA a b 1 1 1 1 1\nx.b. A 192.0.2.1\n", r"x\.b\. lies outside"),
        ("$ORIGIN a.\n$TTL 5\n@ SOA a b 1 1 1 1 1\nx DNAME b.\n", "DNAME"),
        ("$ORIGIN a.\n@ A 192.0.2.1\n", "TTL"),
    ],
)
def test_a_zone_file_that_cannot_be_served_says_why(tmp_path, text, says):
    with pytest.raises(BadZone, match=says):
        read_zone(write(tmp_path, text))


def test_a_missing_zone_file_says_so(tmp_path):
    with pytest.raises(BadZone, match=r"none\.zone"):
        read_zone(tmp_path / "none.zone")
