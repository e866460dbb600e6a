"""The resolver walks a small Internet of authoritative servers, each a zone text at an address."""

import asyncio
from pathlib import Path
from random import Random

import dns.rrset
import pytest

from actors.protocols.dns.authoritative import Authoritative
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.resolver import MAX_QUERIES, Resolver
from actors.protocols.dns.zone import read_zone
from actors.units import SECOND
from actors.wire import dns as wire
from actors.wire.addresses import ip_text

SOA = "@ 900 IN SOA ns host 1 1 1 1 60\n"
ROOT = f"""$ORIGIN .
$TTL 1000
{SOA}
com NS a.gtld.net.
a.gtld.net. A 192.0.2.6
net NS a.gtld.net.
"""
COM = f"""$ORIGIN com.
$TTL 900
{SOA}
site NS ns-1.dns.com.
lb   NS ns-1.dns.com.
dns  NS ns-1.dns.com.
ns-1.dns A 192.0.2.10
"""
NET = f"$ORIGIN net.\n$TTL 900\n{SOA}"
SITE = f"$ORIGIN site.com.\n$TTL 300\n{SOA}@ CNAME eu.lb.com.\nwww A 198.51.100.80\n"
LB = f"$ORIGIN lb.com.\n$TTL 60\n{SOA}eu A 198.51.100.10\neu A 198.51.100.20\n"


class Internet:
    """Servers by address, their clock, and a list of who was asked what. Silent ones cost a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.servers: dict[str, Authoritative] = {}
        self.silent: set[str] = set()
        self.now_ns = 0
        self.asked: list[tuple[str, str, str]] = []
        self.journal: list[tuple[str, dict]] = []
        self.forge = lambda server, response: None
        self.resolver = Resolver(
            {wire.name("a.root"): "192.0.2.2"},
            self._query,
            cache=Cache(1000),
            now_ns=lambda: self.now_ns,
            random=Random(7),
            record=lambda kind, **fields: self.journal.append((kind, fields)),
        )

    def serve(self, address: str, *zones: str) -> None:
        path = self._folder / "a.zone"
        read = []
        for text in zones:
            path.write_text(text)
            read.append(read_zone(path))
        self.servers[address] = Authoritative(read)

    async def _query(self, server: bytes, message: wire.Message) -> wire.Message:
        address = ip_text(server)
        question = message.question[0]
        self.asked.append((address, wire.text(question.name), question.rdtype.name))
        if address in self.silent or address not in self.servers:
            self.now_ns += SECOND
            raise TimeoutError
        self.now_ns += SECOND // 100
        response = wire.decode(wire.encode(self.servers[address].decide(message).response))
        self.forge(address, response)
        return response

    def resolve(self, name: str, rdtype: str = "A"):
        self.asked, self.journal = [], []
        return asyncio.run(self.resolver.resolve(wire.name(name), wire.Type[rdtype]))

    def told(self, kind: str) -> list[dict]:
        return [fields for told, fields in self.journal if told == kind]


@pytest.fixture
def internet(tmp_path) -> Internet:
    internet = Internet(tmp_path)
    internet.serve("192.0.2.2", ROOT)
    internet.serve("192.0.2.6", COM, NET)
    internet.serve("192.0.2.10", SITE, LB)
    return internet


WALK = [
    ("192.0.2.2", "site.com", "A"),
    ("192.0.2.6", "site.com", "A"),
    ("192.0.2.10", "site.com", "A"),
    ("192.0.2.6", "eu.lb.com", "A"),
    ("192.0.2.10", "eu.lb.com", "A"),
]


def test_it_walks_from_the_root_and_begins_anew_for_an_alias_in_another_zone(internet):
    answer = internet.resolve("site.com")
    assert answer.texts() == ["CNAME eu.lb.com", "198.51.100.10", "198.51.100.20"]
    assert answer.ttl_s == 60
    assert internet.asked == WALK, "for the alias it knows com already and spares the root"


def test_it_tells_each_step(internet):
    internet.resolve("site.com")
    kinds = [kind for kind, _ in internet.journal]
    assert kinds == [
        "dns.cache", "dns.query", "dns.referral", "dns.query", "dns.referral", "dns.query", "dns.cname",
        "dns.cache", "dns.cache", "dns.query", "dns.referral", "dns.query", "dns.answer",
    ]  # fmt: skip
    assert internet.told("dns.referral")[0] == {
        "zone": "com",
        "name_servers": ["a.gtld.net"],
        "glue": {"a.gtld.net": ["192.0.2.6"]},
        "ttl_s": 1000,
        "from": "192.0.2.2",
    }
    assert internet.told("dns.cname") == [
        {"name": "site.com", "target": "eu.lb.com", "ttl_s": 300, "from": "192.0.2.10"}
    ]
    assert internet.told("dns.answer")[0]["answers"] == ["198.51.100.10", "198.51.100.20"]


def test_a_second_question_is_answered_from_the_cache(internet):
    internet.resolve("site.com")
    again = internet.resolve("site.com")
    assert internet.asked == []
    assert again.found
    assert internet.told("dns.cache")[0]["result"] == "hit"


def test_when_the_addresses_have_run_out_the_alias_and_the_way_are_still_known(internet):
    internet.resolve("site.com")
    internet.now_ns += 61 * SECOND
    assert internet.resolve("site.com").addresses
    assert internet.asked == [("192.0.2.10", "eu.lb.com", "A")]


def test_a_name_that_does_not_exist_is_remembered_as_such(internet):
    for expected in (3, 0):
        answer = internet.resolve("nope.site.com")
        assert answer.rcode == wire.Rcode.NXDOMAIN
        assert len(internet.asked) == expected
    assert internet.told("dns.cache")[0]["result"] == "negative"


def test_an_alias_of_a_name_that_does_not_exist(internet):
    internet.serve("192.0.2.10", SITE.replace("eu.lb", "nope.lb"), LB)
    answer = internet.resolve("site.com")
    assert (answer.rcode, answer.texts()) == (wire.Rcode.NXDOMAIN, ["CNAME nope.lb.com"])


def test_a_silent_server_is_passed_over_for_the_next(internet):
    internet.serve("192.0.2.6", COM + "site NS ns-2.dns.com.\nns-2.dns A 192.0.2.11\n")
    for silent in ("192.0.2.10", "192.0.2.11"):
        internet.silent = {silent}
        internet.servers["192.0.2.11"] = internet.servers["192.0.2.10"]
        assert internet.resolve("www.site.com").addresses == ["198.51.100.80"]
        internet.now_ns += 301 * SECOND


def test_when_all_are_silent_each_is_asked_twice_and_the_failure_names_the_last(internet):
    internet.silent = {"192.0.2.10"}
    answer = internet.resolve("www.site.com")
    assert answer.rcode == wire.Rcode.SERVFAIL
    assert "192.0.2.10 (ns-1.dns.com): it does not answer" in answer.why
    assert internet.asked[2:] == [("192.0.2.10", "www.site.com", "A")] * 2
    assert internet.told("dns.failed")


def test_a_lame_server_is_asked_once(internet):
    internet.serve("192.0.2.10", LB)
    answer = internet.resolve("www.site.com")
    assert "REFUSED" in answer.why
    assert len(internet.asked) == 3


def test_a_failure_is_remembered_for_a_second(internet):
    internet.silent = {"192.0.2.10"}
    internet.resolve("www.site.com")
    internet.silent = set()
    assert "a moment ago" in internet.resolve("www.site.com").why
    assert internet.asked == []
    assert internet.resolve("www.site.com", "TXT").rcode == wire.Rcode.NOERROR, "only for this question"
    internet.now_ns += SECOND
    assert internet.resolve("www.site.com").found


def test_the_zones_that_it_knows_are_told_with_their_time(internet):
    internet.resolve("www.site.com")
    internet.now_ns += 100 * SECOND
    told = internet.resolver.delegations(internet.now_ns)
    assert [(each["zone"], each["name_servers"]) for each in told] == [
        ("com", {"a.gtld.net": ["192.0.2.6"]}),
        ("site.com", {"ns-1.dns.com": ["192.0.2.10"]}),
    ]
    assert [each["ttl_s"] for each in told] == [899, 799]


def test_unknown_names_without_end_cost_bounded_memory(internet):
    for number in range(3000):
        internet.resolve(f"x{number}.site.com")
    assert len(internet.resolver._cache) <= 1000
    assert len(internet.asked) == 1, "the way to the zone is known all the time"


def test_a_server_without_glue_has_its_address_found_first(internet):
    internet.serve("192.0.2.6", COM + "far NS ns.helper.net.\n", NET + "ns.helper A 192.0.2.20\n")
    internet.serve("192.0.2.20", f"$ORIGIN far.com.\n$TTL 60\n{SOA}@ A 198.51.100.77\n")
    assert internet.resolve("far.com").addresses == ["198.51.100.77"]
    assert internet.asked == [
        ("192.0.2.2", "far.com", "A"),
        ("192.0.2.6", "far.com", "A"),
        ("192.0.2.2", "ns.helper.net", "A"),
        ("192.0.2.6", "ns.helper.net", "A"),
        ("192.0.2.20", "far.com", "A"),
    ]


def test_servers_that_can_only_be_found_through_each_other_are_given_up(internet):
    loop = COM + "one NS ns.two.com.\ntwo NS ns.one.com.\n"
    internet.serve("192.0.2.6", loop, NET)
    answer = internet.resolve("www.one.com")
    assert answer.rcode == wire.Rcode.SERVFAIL
    assert len(internet.asked) <= MAX_QUERIES


def test_aliases_in_a_circle_are_given_up(internet):
    internet.serve("192.0.2.10", SITE.replace("eu.lb.com.", "round.lb.com."), LB + "round CNAME site.com.\n")
    answer = internet.resolve("site.com")
    assert answer.rcode == wire.Rcode.SERVFAIL
    assert "loop" in answer.why
    assert len(internet.asked) < 10


def test_an_endless_chain_of_aliases_is_given_up(internet):
    chain = "".join(f"x{n} CNAME x{n + 1}.site.com.\n" for n in range(40))
    other = "".join(f"y{n} CNAME y{n + 1}.lb.com.\n" for n in range(40))
    internet.serve("192.0.2.10", SITE + chain, LB + other)
    assert internet.resolve("x0.site.com").rcode == wire.Rcode.SERVFAIL


def test_a_tree_of_glueless_servers_does_not_cost_more_than_the_budget(internet):
    """The NXNSAttack: one referral names many servers, each of which costs a walk of its own."""
    many = "".join(f"bad NS ns{n}.victim{n}.net.\n" for n in range(200))
    internet.serve("192.0.2.6", COM + many, NET)
    assert internet.resolve("www.bad.com").rcode == wire.Rcode.SERVFAIL
    assert len(internet.asked) <= MAX_QUERIES


def test_the_errand_ends_in_time_for_the_client(internet):
    internet.serve(
        "192.0.2.6", COM + "".join(f"slow NS s{n}.com.\ns{n} A 192.0.2.{100 + n}\n" for n in range(40))
    )
    began_ns = internet.now_ns
    assert "within 10 s" in internet.resolve("www.slow.com").why
    assert internet.now_ns - began_ns <= 11 * SECOND


def extra(*records: str) -> list[wire.RRset]:
    return [dns.rrset.from_text(*text.split(maxsplit=4)) for text in records]


def test_addresses_of_other_zones_that_a_server_slips_in_are_not_believed(internet):
    def forge(address, response):
        if address == "192.0.2.10":
            response.answer += extra("bank.com. 9999 IN A 203.0.113.66", "eu.lb.com. 9999 IN A 203.0.113.66")
            response.additional += extra("bank.com. 9999 IN A 203.0.113.66")

    internet.forge = forge
    internet.serve("192.0.2.6", COM + "bank NS ns.bank.com.\nns.bank A 192.0.2.30\n", NET)
    internet.serve("192.0.2.30", f"$ORIGIN bank.com.\n$TTL 60\n{SOA}@ A 198.51.100.42\n")
    internet.resolve("www.site.com")
    assert internet.resolve("bank.com").addresses == ["198.51.100.42"]


def test_a_referral_that_leads_up_or_aside_is_lame(internet):
    for text in ("com. 99 IN NS evil.com.", "site.com. 99 IN NS evil.com.", "other.com. 99 IN NS evil.com."):

        def forge(address, response, text=text):
            if address == "192.0.2.10":
                response.flags &= ~wire.AA
                response.answer, response.authority = [], extra(text)

        internet.forge = forge
        assert "refers to nobody" in internet.resolve("www.site.com").why


def test_glue_of_another_zone_is_not_used(internet):
    def forge(address, response):
        if address == "192.0.2.6" and response.authority:
            response.authority[0] = extra("site.com. 99 IN NS ns.helper.net.")[0]
            response.additional = extra("ns.helper.net. 99 IN A 203.0.113.66")

    internet.serve("192.0.2.6", COM)
    internet.serve(
        "192.0.2.2", ROOT.replace("net NS a.gtld.net.", "net NS b.gtld.net.\nb.gtld.net. A 192.0.2.7")
    )
    internet.serve("192.0.2.7", NET + "ns.helper A 192.0.2.10\n")
    internet.forge = forge
    assert internet.resolve("www.site.com").addresses == ["198.51.100.80"]
    assert "203.0.113.66" not in [server for server, _, _ in internet.asked]
