"""A name's time to live in the four caches between a browser and Route 53, counted down on the virtual clock."""

from typing import Any

import pytest

from actors.element import JOURNEY
from actors.runtime.virtual import VirtualNetwork
from actors.wire import dns
from tests.elements.dns_bed import LONG, ROOT, ROOT_ZONE, SITE_ZONE
from tests.stack.hosts import Router

RESOLVER, SITE = "192.0.2.66", "192.0.2.10"
CACHES = ("browser", "os", "router", "resolver")


def world(folder) -> VirtualNetwork:
    """laptop -- home-router -- isp -- resolver, root, site: a millisecond each."""
    net = VirtualNetwork(seed=1)
    net.add("laptop", "laptop", {"hostname": "laptop", "browser": {"dns_cache_max_ttl": "60s"}})
    net.add(
        "home-router",
        "home_router",
        {
            "lan": {"address": "192.168.1.1/24", "ports": ["lan1"]},
            "wan": {"address": "203.0.113.10/26", "gateway": "203.0.113.1"},
            "dhcp": {"pool": "192.168.1.100-192.168.1.199"},
            "dns": {"forward_to": [RESOLVER]},
        },
    )
    ports = {
        "home": "203.0.113.1/26",
        "resolver": "192.0.2.65/30",
        "root": "192.0.2.1/30",
        "site": "192.0.2.9/30",
    }
    net.add_element("isp", lambda context: Router(context, ports))
    recursive = {"root_hints": {"a.root.": ROOT}, "allow": ["203.0.113.0/24"]}
    add_server(net, "resolver", RESOLVER, "192.0.2.65", recursive=recursive)
    for name, address, gateway, zone in (
        ("root", ROOT, "192.0.2.1", ROOT_ZONE.replace("site IN NS ns2.site.\n", "")),
        ("site", SITE, "192.0.2.9", SITE_ZONE),
    ):
        file = folder / f"{name}.zone"
        file.write_text(zone)
        add_server(net, name, address, gateway, authoritative={"zones": [str(file)]})
    net.link("wifi", ("laptop", "wifi"), ("home-router", "lan1"), delay="1ms")
    net.link("fibre", ("home-router", "wan"), ("isp", "home"), delay="1ms")
    for name in ("resolver", "root", "site"):
        net.link(name, ("isp", name), (name, "eth0"), delay="1ms")
    return net


def add_server(net: VirtualNetwork, name: str, address: str, gateway: str, **role: Any) -> None:
    interface = {"address": f"{address}/30", "gateway": gateway}
    net.add(name, "dns_server", {"interface": interface, **role})


async def look_up(net: VirtualNetwork, name: str, number: int) -> Any:
    """What the browser finds out about a name, as part of a journey of that number."""
    laptop = net.element("laptop")
    await laptop.online()
    token = JOURNEY.set(f"{number:032x}")
    try:
        return await laptop.browser.names.resolve(dns.name(name), dns.Type.A)
    finally:
        JOURNEY.reset(token)


def caches_told(net: VirtualNetwork, number: int, name: str) -> list[tuple[str, str, int]]:
    """Which caches were looked into for addresses of this very name, what they had, and how long it still holds."""
    return [
        (each["cache"], each["result"], each["ttl_s"])
        for each in net.journal
        if each["kind"] == "dns.cache"
        and each.get("journey") == f"{number:032x}"
        and (each["name"], each["type"]) == (name, "A")
    ]


@pytest.fixture
def net(tmp_path):
    return world(tmp_path)


def test_each_cache_counts_down_from_the_moment_at_which_it_learned(net):
    async def story() -> None:
        laptop = net.element("laptop")
        await look_up(net, "site", 1)
        await laptop.context.sleep(10)
        await look_up(net, "site", 2)
        laptop.browser.names.cache._entries._entries.clear()
        await laptop.context.sleep(10)
        await look_up(net, "site", 3)
        laptop.browser.names.cache._entries._entries.clear()
        laptop.stub.cache._entries._entries.clear()
        await laptop.context.sleep(10)
        await look_up(net, "site", 4)
        await laptop.context.sleep(40)
        await look_up(net, "site", 5)

    net.run(story())
    assert caches_told(net, 1, "site") == [(cache, "miss", 0) for cache in CACHES]
    assert caches_told(net, 2, "site") == [("browser", "hit", 50)]
    assert caches_told(net, 3, "site") == [("browser", "miss", 0), ("os", "hit", 40)]
    assert caches_told(net, 4, "site") == [("browser", "miss", 0), ("os", "miss", 0), ("router", "hit", 29)]
    assert [result for _, result, _ in caches_told(net, 5, "site")] == ["miss"] * 4, (
        "60 s are over everywhere"
    )


def test_an_alias_outlives_the_addresses_that_it_leads_to(net):
    async def story() -> list[str]:
        await look_up(net, "www.site", 1)
        await net.element("laptop").context.sleep(100)
        return (await look_up(net, "www.site", 2)).texts()

    assert net.run(story())[0] == "CNAME site"
    (_, _, browser), (_, _, system), (_, _, router), (_, result, resolver) = caches_told(net, 2, "www.site")
    assert (browser, result) == (0, "miss"), "a browser keeps nothing for longer than a minute"
    assert (system, router, resolver) == (200, 199, 199), "who is nearer to the laptop has learned it later"


def test_a_name_that_does_not_exist_is_remembered_for_the_soa_s_minimum(net):
    async def story() -> list[dns.Rcode]:
        found = []
        for number, wait_s in ((1, 30), (2, 29), (3, 2), (4, 0)):
            found.append((await look_up(net, "none.site", number)).rcode)
            await net.element("laptop").context.sleep(wait_s)
        return found

    assert net.run(story()) == [dns.Rcode.NXDOMAIN] * 4
    assert caches_told(net, 2, "none.site") == [("browser", "negative", 30)]
    assert caches_told(net, 3, "none.site") == [("browser", "negative", 1)]
    assert [result for _, result, _ in caches_told(net, 4, "none.site")] == ["miss"] * 4


def test_a_long_answer_comes_through_a_home_router_by_tcp(net):
    async def story() -> Any:
        laptop = net.element("laptop")
        await laptop.online()
        return await laptop.call_dig("long.site", "TXT")

    (step,) = net.run(story())
    assert step["error"] is None and step["server"] == "127.0.0.1"
    assert len(dns.decode(step["message"]).answer[0]) == LONG


def test_the_inspected_caches_tell_what_is_left(net):
    async def story() -> None:
        await look_up(net, "site", 1)
        await net.element("laptop").context.sleep(20)

    net.run(story())
    laptop, router, resolver = (net.element(name).inspect() for name in ("laptop", "home-router", "resolver"))
    caches = (laptop["browser_dns_cache"], laptop["os_dns_cache"], router["dns_cache"], resolver["cache"])
    for cache, left_s in zip(caches, (40, 40, 39, 39), strict=True):
        (entry,) = (each for each in cache if each["name"] == "site")
        assert (entry["type"], entry["ttl_s"]) == ("A", left_s)
    assert [each["zone"] for each in resolver["delegations"]] == ["site"]


def test_the_same_seed_tells_the_same_story(tmp_path):
    def journal() -> list[dict[str, Any]]:
        net = world(tmp_path)

        async def story() -> None:
            await look_up(net, "site", 1)
            await net.element("laptop").call_dig("long.site", "TXT", journey="b" * 32)

        net.run(story())
        return net.journal

    assert journal() == journal()
