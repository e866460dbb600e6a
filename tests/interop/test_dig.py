"""The real dig, through the doors of a real world, and `journey dig` beside it."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.journey_cli import journey
from tests.tools import needs

pytestmark = needs("dig")

SITE = "packet-journey.com"


@pytest.fixture(scope="module")
def dig(tmp_path_factory) -> Iterator[Callable[..., str]]:
    """Asks an element of a world that runs for the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_HOME", str(tmp_path_factory.mktemp("h")))
        journey("up", "--detach", "--dns", "127.0.0.1:0", "--metrics", "off")
        addresses = json.loads(journey("ps", "--json"))["addresses"]

        def ask(element: str, *words: str) -> str:
            host, _, port = addresses[f"dns.{element}" if element else "dns"].rpartition(":")
            command = ["dig", f"@{host}", "-p", port, "+tries=1", "+time=10", *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "malformed" not in done.stdout and "Warning" not in done.stdout
            return done.stdout

        yield ask
        journey("down")


def status(told: str) -> tuple[str, set[str]]:
    """The response code, and the flags."""
    code = re.search(r"status: (\w+)", told)
    flags = re.search(r"flags: ([a-z ]+);", told)
    assert code is not None and flags is not None, told
    return code[1], set(flags[1].split())


def ttls(told: str) -> list[int]:
    return [int(ttl) for ttl in re.findall(r"\s(\d+)\s+IN\s+(?:A|CNAME)\s", told)]


def addresses(told: str) -> list[str]:
    return re.findall(r"IN\s+A\s+([\d.]+)", told)


def test_the_site_is_an_alias_with_an_address_for_each_zone(dig):
    told = dig("", SITE)
    assert status(told) == ("NOERROR", {"qr", "rd", "ra"})
    assert re.search(rf"{SITE}\.\s+\d+\s+IN\s+CNAME\s+k8s-default-nginx-\S+\.elb\.amazonaws\.com\.", told)
    assert len(set(addresses(told))) == 2
    assert "udp: 1232" in told


def test_asked_again_the_time_to_live_has_gone_down_and_the_addresses_have_turned(dig):
    first = dig("home-router", SITE, "+noall", "+answer")
    second = first
    for _ in range(30):
        second = dig("home-router", SITE, "+noall", "+answer")
        if ttls(second) != ttls(first):
            break
        time.sleep(0.1)
    assert all(now <= before for before, now in zip(ttls(first), ttls(second), strict=True))
    assert ttls(second) < ttls(first), "no TTL went down within three seconds"
    orders = {tuple(addresses(dig("route53", name_of(first)))) for _ in range(2)}
    assert len(orders) == 2


def name_of(told: str) -> str:
    (name,) = re.findall(r"CNAME\s+(\S+)", told)
    return name


def test_a_name_that_does_not_exist_comes_with_the_soa(dig):
    told = dig("", f"nope.{SITE}")
    assert status(told)[0] == "NXDOMAIN"
    assert re.search(rf"{SITE}\.\s+(\d+)\s+IN\s+SOA\s+ns-1\.awsdns-01\.com\.", told)


def test_no_data_comes_with_the_soa_too(dig):
    told = dig("route53", "ns-1.awsdns-01.com", "AAAA")
    assert status(told) == ("NOERROR", {"qr", "aa", "rd"})
    assert "SOA" in told and "ANSWER: 0" in told


@pytest.mark.parametrize(
    "server, refers_to", [("root", "a.gtld-servers.net. "), ("tld", "ns-1.awsdns-01.com. ")]
)
def test_who_does_not_know_refers_to_who_is_nearer_with_glue(dig, server, refers_to):
    told = dig(server, SITE, "+norecurse", "+noall", "+authority", "+additional", "+comments")
    assert status(told) == ("NOERROR", {"qr"})
    assert re.search(rf"IN\s+NS\s+{refers_to.strip()}", told)
    assert re.search(rf"{refers_to.strip()}\s+\d+\s+IN\s+A\s+192\.0\.2\.", told)


def test_by_tcp_it_is_the_same(dig):
    assert "(TCP)" in dig("", SITE, "+tcp")
    assert status(dig("laptop", SITE, "+tcp"))[0] == "NOERROR"


def test_without_edns_and_with_one_of_tomorrow(dig):
    assert "OPT PSEUDOSECTION" not in dig("", SITE, "+noedns")
    assert status(dig("", SITE, "+edns=1", "+noednsnegotiation"))[0] == "BADVERS"


def test_queries_that_are_not_served_are_told(dig):
    assert status(dig("root", "example.org", "+opcode=status"))[0] == "NOTIMP"
    assert status(dig("route53", "example.org"))[0] == "REFUSED"
    assert status(dig("", SITE, "+norecurse"))[0] == "REFUSED"


def test_journey_dig_tells_the_walk_and_where_an_answer_comes_from(dig):
    told = journey("dig", SITE, "+trace")
    assert re.findall(r"from (\S+)#53", told) == ["127.0.0.1", "192.0.2.2", "192.0.2.6", "192.0.2.10"]
    journey("dig", SITE)
    found = json.loads(journey("dig", SITE, "--json"))
    cache = [each for each in found["found"] if each["kind"] == "dns.cache"]
    assert [(each["element"], each["cache"], each["result"]) for each in cache] == [("laptop", "os", "hit")]
    assert found["steps"][0]["status"] == "NOERROR"
    assert "ns-1.awsdns-01.com" in journey("dig", SITE, "NS", "@tld", "+tcp", "--at", "home-router")


def test_ping_and_traceroute_over_the_default_world(dig):
    assert "2 sent, 2 received" in journey("ping", "resolver", "-c", "2", "-i", "0")
    hops = json.loads(journey("traceroute", "route53", "--json"))["hops"]
    first = [(hop["answers"][0]["element"], hop["answers"][0]["asn"]) for hop in hops]
    assert first[:2] == [("home-router", None), ("isp", 64500)]
    assert first[-1][0] == "route53"
