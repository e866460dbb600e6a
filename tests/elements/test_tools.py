"""What one types into a host's shell, on the virtual clock."""

import pytest

from actors.element import CallFailed
from actors.wire import dns
from tests.elements.dns_bed import HOST, LONG, RESOLVER, ROOT, SITE, internet


@pytest.fixture
def net(tmp_path):
    return internet(tmp_path)


def call(net, element: str, verb: str, **arguments):
    async def story():
        return await getattr(net.element(element), f"call_{verb}")(**arguments)

    return net.run(story())


def answers(step: dict) -> list[str]:
    return [record.to_text() for rrset in dns.decode(step["message"]).answer for record in rrset]


def test_a_probe_tells_who_answered_and_how_long_it_took(net):
    probe = call(net, "root", "probe", host=SITE)
    assert probe == {
        "address": SITE, "rtt_ms": pytest.approx(8), "ttl": 64, "reached": True, "ends": True, "error": None,
    }  # fmt: skip


def test_a_probe_of_nobody_says_so(net):
    probe = call(net, "root", "probe", host="192.0.2.200", timeout_s=0.5)
    assert (probe["address"], probe["error"], probe["ends"]) == (None, "no answer", False)


def test_dig_asks_a_server_or_what_answers_on_the_host_itself(net):
    async def story():
        resolver, host = net.element("resolver"), net.element("host")
        return await resolver.call_dig("site"), await host.call_dig("www.site", server=SITE)

    (here,), (there,) = net.run(story())
    assert (here["server"], here["tcp"], answers(here)) == (
        "127.0.0.1", False, ["198.51.100.10", "198.51.100.20"],
    )  # fmt: skip
    assert (there["server"], answers(there)[0]) == (SITE, "site.")
    assert there["ms"] == pytest.approx(8, abs=0.1)


def test_dig_comes_back_by_tcp_when_it_is_told_or_has_to(net):
    async def story():
        host = net.element("host")
        return await host.call_dig("site", server=SITE, tcp=True), await host.call_dig(
            "long.site", "TXT", RESOLVER
        )

    (told,), (had_to,) = net.run(story())
    assert told["tcp"] and len(answers(told)) == 2
    assert had_to["tcp"] and len(answers(had_to)) == LONG


def test_a_trace_walks_down_from_the_root(net):
    steps = call(net, "host", "dig", name="www.site", server=RESOLVER, trace=True)
    assert [(step["server"], step["server_name"]) for step in steps] == [
        (RESOLVER, None),
        (ROOT, "a.root"),
        (SITE, "ns1.site"),
    ]
    assert answers(steps[-1])[0] == "site."


def test_a_trace_passes_over_a_silent_server(net):
    async def story():
        net.host("hub").ports["site-1"].up = False
        return await net.element("host").call_dig("site", server=RESOLVER, trace=True)

    steps = net.run(story())
    assert steps[-1]["server_name"] == "ns2.site" and steps[-1]["error"] is None


def test_nobody_answers(net):
    async def story():
        net.host("hub").ports["site-1"].up = False
        return await net.element("host").call_dig("site", server=SITE)

    (step,) = net.run(story())
    assert step["error"] == f"{SITE}: no route to host: {SITE}", "nobody there answers ARP"
    assert step["message"] == b""


@pytest.mark.parametrize(
    "arguments, says",
    [
        ({"name": "site"}, "host has no resolver of its own: say which server to ask"),
        ({"name": "site", "server": "resolver"}, "'resolver' is not the IPv4 address"),
        ({"name": "a..b", "server": SITE}, "'a..b' is not a domain name"),
        ({"name": "site", "rdtype": "ADDRESS", "server": SITE}, "'ADDRESS' is not a type"),
    ],
)
def test_what_cannot_be_asked(net, arguments, says):
    with pytest.raises(CallFailed, match=says):
        call(net, "host", "dig", **arguments)


def test_names_are_resolved_as_on_the_host(net):
    async def story():
        resolver = net.element("resolver")
        for host, says in (("none.site", "NXDOMAIN"), ("a..b", "not a domain name")):
            with pytest.raises(CallFailed, match=says):
                await resolver.call_resolve(host)
        return await resolver.call_resolve("www.site"), await resolver.call_resolve(HOST)

    assert net.run(story()) == (["198.51.100.10", "198.51.100.20"], [HOST])


def test_real_programs_are_answered_as_from_the_host_itself(net):
    query = dns.encode(dns.query(dns.name("long.site"), dns.Type.TXT, 7, recursion_desired=True))

    async def story():
        resolver = net.element("resolver")
        return (
            await resolver.call_dns(query, tcp=False),
            await resolver.call_dns(query, tcp=True),
            await resolver.call_dns(b"junk", tcp=False),
        )

    by_udp, by_tcp, junk = net.run(story())
    assert dns.is_truncated(dns.decode(by_udp)) and len(dns.decode(by_tcp).answer[0]) == LONG
    assert junk is None


def test_every_element_with_a_stack_has_its_addresses(net):
    assert call(net, "root", "addresses") == [ROOT]
