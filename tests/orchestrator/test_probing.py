"""ping, traceroute and dig as operations of a world, and what they print."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from actors.element import CallFailed
from orchestrator.cli import app
from orchestrator.commands import options
from orchestrator.config import default_world, load_world
from orchestrator.control.api import RequestFailed
from orchestrator.tools import probing
from orchestrator.tools.digging import dig
from orchestrator.tools.whereabouts import Whereabouts, look_around

ADDRESSES = {
    "laptop": ["192.168.1.100"],
    "home-router": ["192.168.1.1", "203.0.113.10"],
    "isp": ["203.0.113.1", "203.0.113.65", "100.64.1.0", "100.64.2.0"],
    "transit-1": ["100.64.1.1", "100.64.3.0"],
    "aws-edge": ["100.64.3.1", "100.64.4.1", "169.254.255.0"],
    "alb-1a": ["10.0.0.4"],
    "node-1": ["10.0.10.10"],
    "route53": ["192.0.2.10"],
}
WAY = ["192.168.1.1", "203.0.113.1", "100.64.1.1", "100.64.3.1"]


class World:
    """The default world, as far as the tools look at it; `way` are the hops before the host."""

    def __init__(self, way: list[str | None] = WAY, *, reached: bool = True) -> None:
        self.config = load_world(default_world())
        self.way, self.reached = way, reached
        self.probes: list[dict[str, Any]] = []

    def ps(self) -> dict[str, Any]:
        return {
            "elements": [{"name": name, "kind": spec.kind} for name, spec in self.config.elements.items()]
        }

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        return getattr(self, verb)(element, **arguments)

    def addresses(self, element: str) -> list[str]:
        if element not in ADDRESSES:
            raise CallFailed(f"{element} is down")
        return ADDRESSES[element]

    def inspect(self, element: str) -> dict[str, Any]:
        return {"elastic_ips": {"198.51.100.1": "10.0.0.4"}}

    def resolve(self, element: str, host: str) -> list[str]:
        if host == "none.com":
            raise CallFailed("there is no none.com (NXDOMAIN)")
        return ["198.51.100.1"]

    def probe(self, element: str, host: str, ttl: int = 64, timeout_s: float = 1.0) -> dict[str, Any]:
        self.probes.append({"from": element, "host": host, "ttl": ttl})
        hop = self.way[ttl - 1] if ttl <= len(self.way) else host if self.reached else None
        return {
            "address": hop,
            "rtt_ms": None if hop is None else float(ttl),
            "ttl": None if hop is None else 60,
            "reached": hop == host,
            "ends": hop == host,
            "error": None if hop == host else "time to live exceeded" if hop else "no answer",
        }


async def all_of(values: Any) -> list[Any]:
    return [value async for value in values]


def traceroute(world: World, host: str, **options: Any) -> list[dict[str, Any]]:
    return asyncio.run(all_of(probing.traceroute(world, host, **options)))


def test_every_router_of_a_way_has_a_name_and_an_autonomous_system():
    whom, *hops = traceroute(World(), "packet-journey.com")
    assert whom == {
        "from": "laptop", "host": "packet-journey.com", "address": "198.51.100.1", "element": "alb-1a", "asn": 16509,
    }  # fmt: skip
    assert [(hop["answers"][0]["element"], hop["answers"][0]["asn"]) for hop in hops] == [
        ("home-router", None),
        ("isp", 64500),
        ("transit-1", 64510),
        ("aws-edge", 16509),
        ("alb-1a", 16509),
    ]
    assert [hop["end"] for hop in hops] == [None] * 4 + ["reached"]
    assert all(len(hop["answers"]) == 3 for hop in hops)


def test_a_way_that_falls_silent_is_given_up_after_five_hops():
    _, *hops = traceroute(World(reached=False), "198.51.100.1")
    assert len(hops) == 9
    assert hops[-1]["end"] == "5 hops in a row say nothing"


def test_a_silent_hop_is_passed_over():
    _, *hops = traceroute(World([WAY[0], None, *WAY[2:]]), "198.51.100.1")
    assert hops[1]["answers"][0]["element"] is None if "element" in hops[1]["answers"][0] else True
    assert hops[-1]["end"] == "reached"


def test_no_more_hops_than_wanted_are_tried():
    _, *hops = traceroute(World(), "198.51.100.1", max_hops=2)
    assert [hop["end"] for hop in hops] == [None, "no more hops are tried"]


@pytest.mark.parametrize(
    "host, asker, address",
    [
        ("alb-1a", "laptop", "198.51.100.1"),
        ("alb-1a", "node-1", "10.0.0.4"),
        ("home-router", "laptop", "192.168.1.1"),
        ("route53", "laptop", "192.0.2.10"),
        ("203.0.113.1", "isp", "198.51.100.1"),
    ],
)
def test_an_element_is_asked_where_the_asker_can_reach_it(host, asker, address):
    whom, *answers = asyncio.run(all_of(probing.ping(World([]), host, asker, count=2, interval_s=0)))
    assert whom["address"] == address
    assert [answer["seq"] for answer in answers] == [1, 2]


@pytest.mark.parametrize(
    "host, element, says",
    [
        ("resolver", None, "resolver has no address"),
        ("none.com", None, "NXDOMAIN"),
        ("isp", "isq", "there is no element 'isq', did you mean"),
        ("isp", "vpc", "vpc is of kind vpc, which has no IP stack"),
    ],
)
def test_what_cannot_be_probed(host, element, says):
    with pytest.raises(RequestFailed, match=says):
        asyncio.run(all_of(probing.ping(World(), host, element)))


def test_an_autonomous_system_is_that_of_the_longest_network():
    known = Whereabouts({}, {}, [("203.0.113.0/24", 1), ("203.0.113.64/30", 2), ("203.0.113.66", 3)])
    found = [known.asn_of(f"203.0.113.{each}") for each in (1, 65, 66)]
    assert found == [1, 2, 3]
    assert known.asn_of("8.8.8.8") is None


def test_who_is_away_is_unknown():
    known = asyncio.run(look_around(World()))
    assert known.element_at("192.0.2.2") is None and known.asn_of("192.0.2.2") == 64511


# ---- the command line ------------------------------------------------------------------------------------------


class Session:
    """What the verbs ask: a world of this file, by the names that the control API has."""

    directory = None

    def __init__(self, world: World, found: dict[str, Any] | None = None) -> None:
        self.world, self.found = world, found
        self.asked: list[dict[str, Any]] = []

    def stream(self, verb: str, /, **arguments: Any):
        yield from asyncio.run(all_of(getattr(probing, verb)(self.world, **arguments)))

    def request(self, verb: str, /, **arguments: Any) -> Any:
        self.asked.append(arguments)
        return self.found


@pytest.fixture
def session(monkeypatch):
    def make(**about: Any) -> Session:
        found = about.pop("found", None)
        made = Session(World(**about), found)
        monkeypatch.setattr(options, "running_world", lambda: made)
        return made

    return make


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout + result.stderr


def test_traceroute_prints_a_line_for_each_hop(session):
    session()
    lines = run("traceroute", "packet-journey.com").splitlines()
    assert lines[0].startswith("traceroute to packet-journey.com (alb-1a 198.51.100.1 [AS16509]) from laptop")
    assert lines[1] == "  1  home-router 192.168.1.1  1.00 ms  1.00 ms  1.00 ms"
    assert lines[3] == "  3  transit-1 100.64.1.1 [AS64510]  3.00 ms  3.00 ms  3.00 ms"
    assert len(lines) == 6


def test_traceroute_that_does_not_arrive_ends_with_4(session):
    session(reached=False)
    assert "not reached: 5 hops" in run("traceroute", "packet-journey.com", code=4)
    told = json.loads(run("traceroute", "packet-journey.com", "--json", code=4))
    assert (told["reached"], len(told["hops"])) == (False, 9)


def test_ping_prints_what_ping_prints(session):
    session(way=[])
    told = run("ping", "route53", "-c", "2", "-i", "0", "--at", "isp")
    assert "PING route53 (route53 192.0.2.10 [AS64511]) from isp" in told
    assert "64 bytes from 192.0.2.10: icmp_seq=2 ttl=60 time=64.00 ms" in told
    assert "2 sent, 2 received, 0% lost; rtt min/avg/max = 64.00/64.00/64.00 ms" in told
    session(way=[], reached=False)
    assert "icmp_seq=1 no answer" in run("ping", "route53", "-c", "1", code=4)


STEP = {
    "server": "127.0.0.1", "server_name": None, "ms": 2.5, "tcp": False, "error": None, "bytes": 63, "id": 7,
    "status": "NOERROR", "flags": ["qr", "rd", "ra"], "edns": {"version": 0, "udp": 1232},
    "question": ["site.com. IN A"],
    "answer": [{"name": "site.com.", "ttl": 47, "type": "A", "data": "198.51.100.1"}],
    "authority": [], "additional": [],
}  # fmt: skip
FOUND = {
    "from": "laptop", "name": "site.com", "type": "A", "steps": [STEP],
    "found": [{"t_ms": 0.5, "element": "laptop", "kind": "dns.cache", "text": "OS cache knows it"}],
}  # fmt: skip


def test_dig_prints_what_dig_prints_and_where_it_comes_from(session):
    made = session(found=FOUND)
    told = run("dig", "@root", "site.com", "txt", "+tcp", "--at", "isp")
    assert made.asked == [
        {
            "name": "site.com", "rdtype": "txt", "server": "root", "element": "isp", "tcp": True, "recurse": True,
            "trace": False,
        }
    ]  # fmt: skip
    assert ";; flags: qr rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1" in told
    assert "site.com.               47      IN  A       198.51.100.1" in told
    assert ";;     0.500  laptop  OS cache knows it" in told
    assert run("dig", "site.com", "+short") == "198.51.100.1\n"
    assert ";; Received 63 bytes from 127.0.0.1#53(here) in 2.50 ms" in run("dig", "site.com", "+trace")
    assert json.loads(run("dig", "site.com", "--json")) == FOUND


def test_dig_that_nobody_answers_ends_with_4(session):
    session(found={**FOUND, "steps": [{**STEP, "error": "192.0.2.2 does not answer"}]})
    assert "no servers could be reached: 192.0.2.2 does not answer" in run("dig", "site.com", code=4)


@pytest.mark.parametrize(
    "words, says",
    [
        (["site.com", "+frob"], "+frob is not known; what is: +trace, +short"),
        (["site.com", "A", "B"], "say a name, perhaps a type"),
        (["site.com", "@"], "perhaps one @SERVER"),
        (["+trace"], "say a name"),
        (["site.com", "+trace", "+tcp"], "+trace chooses by itself"),
    ],
)
def test_what_dig_does_not_understand(session, words, says):
    session()
    assert says in run("dig", *words, code=2)


def test_dig_asks_elements_by_their_names():
    class Asked(World):
        def dig(self, element: str, **arguments: Any) -> list[Any]:
            raise CallFailed(f"{element} asks {arguments['server']}")

    for server, says in (("route53", "laptop asks 192.0.2.10"), ("192.0.2.7", "laptop asks 192.0.2.7")):
        with pytest.raises(RequestFailed, match=says):
            asyncio.run(dig(Asked(), "site.com", server=server))
    with pytest.raises(RequestFailed, match="there is no element 'rute53', did you mean"):
        asyncio.run(dig(Asked(), "site.com", server="rute53"))
