"""Path-MTU discovery in the default world (RFC 1191): a transit's link takes less than a home's Ethernet does.

Who sends too much is told by the router before that link: up, that is the laptop, through its router's NAT; down, it is
the load balancer's node in its VPC, through AWS's 1:1 NAT and its security groups."""

from pathlib import Path
from typing import Any

import pytest

from actors.runtime.virtual import VirtualNetwork
from actors.wire import dns
from orchestrator.config import default_world, load_world
from orchestrator.simulation import build, furnish
from tests.stack.streams import Collector

NARROW, MTU = "isp-transit-1", 1300
SIZE = 300_000
HEALTHY_S = 2


class Sender(Collector):
    """Sends much as soon as it is asked for something."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(bytes(SIZE))


@pytest.fixture
def network(tmp_path: Path) -> VirtualNetwork:
    world = load_world(default_world())
    links = {**world.links, NARROW: world.links[NARROW].model_copy(update={"mtu": MTU})}
    world = world.model_copy(update={"links": links})
    furnish(world, tmp_path)
    return build(world, 7, tmp_path)


def stack_of(network: VirtualNetwork, name: str) -> Any:
    return network.element(name).stack


def dropped(network: VirtualNetwork, name: str) -> float:
    """Packets that were too long for a router's next link: each a lesson for who sent it."""
    counter = network.host(name).metrics.counter
    return float(counter("journey_ip_dropped_packets_total", reason="mtu").value)


def test_a_page_arrives_although_the_certificate_alone_is_too_long_for_the_way(network: VirtualNetwork):
    async def story() -> dict[str, Any]:
        await network.host("laptop").sleep(HEALTHY_S)
        fetched: dict[str, Any] = await network.host("laptop").answer(
            "fetch", {"url": "https://packet-journey.com/", "journey": None}
        )
        return fetched

    fetched = network.run(story())
    assert (fetched["status"], dropped(network, "transit-1")) == (200, 1)
    assert fetched["total_ms"] < 200


def test_a_large_post_goes_up_and_much_comes_down(network: VirtualNetwork):
    async def story() -> tuple[bytes, int, int]:
        await network.host("laptop").sleep(HEALTHY_S)
        laptop = network.element("laptop")
        answer = await laptop.stub.resolve(dns.name("packet-journey.com"), dns.Type.A)
        address = answer.addresses[0]
        head = f"POST / HTTP/1.1\r\nHost: packet-journey.com\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n"
        tls = laptop.browser.tls
        connection, page = await laptop.stack.create_connection(
            Collector, address, 443, ssl=tls, server_hostname="packet-journey.com"
        )
        connection.write(head.encode() + bytes(SIZE))
        await page.lost
        made: list[Collector] = []
        for name in ("alb-1a", "alb-1b"):
            stack = stack_of(network, name)
            del stack.tcp.servers[bytes(4), 80]
            await stack.create_server(lambda: made.append(Sender()) or made[-1], 80)  # type: ignore[func-returns-value]
        asking, heard = await laptop.stack.create_connection(Collector, address, 80)
        asking.write(bytes(SIZE))
        await heard.got(SIZE)
        await made[0].got(SIZE)
        asking.close()
        return bytes(page.data), len(heard.data), len(made[0].data)

    page, down, up = network.run(story())
    assert page.startswith(b"HTTP/1.1 405 "), page[:60]
    assert down >= SIZE and up == SIZE
    assert 1 <= dropped(network, "isp") <= 20, "the laptop has learnt, through its router's NAT"
    assert 1 <= dropped(network, "transit-1") <= 20, "the load balancer has learnt, through AWS's"
