"""Homes have the same addresses, as nearly everywhere: their routers' NAT keeps them apart."""

from pathlib import Path

import pytest

from orchestrator.config import ConfigErrors, default_world, load_world, read_world

ROUTER = """
  router-{n}:
    kind: home_router
    lan: {{address: {lan}, ports: [lan1, lan2]}}
    wan: {{address: 203.0.113.{outside}/28, gateway: 203.0.113.{provider}}}
    dhcp: {{pool: {pool}}}
    dns: {{forward_to: [9.9.9.9]}}
  printer-{n}: {{kind: host, address: {printer}}}
"""


def homes(printers: tuple[str, str], lan: str = "192.168.1.1/24", more: str = "", links: str = "") -> str:
    pool = f"{lan.rpartition('.')[0]}.100-{lan.rpartition('.')[0]}.199"
    routers = "".join(
        ROUTER.format(n=n, lan=lan, pool=pool, outside=16 * n + 2, provider=16 * n + 1, printer=printer)
        for n, printer in enumerate(printers)
    )
    return f"""version: 1
elements:{routers}{more}
links:
  lan-0: {{between: [router-0.lan1, printer-0.eth0], delay: 1ms}}
  lan-1: {{between: [router-1.lan1, printer-1.eth0], delay: 1ms}}
{links}"""


def read(text: str) -> list[str]:
    """What is wrong with addresses; ports without a link are not what this is about."""
    with pytest.raises(ConfigErrors) as caught:
        read_world(text, Path("homes.yaml"))
    told = [str(error).partition(": ")[2] for error in caught.value.errors]
    return [fault for fault in told if "is not in any link" not in fault]


def test_two_homes_have_the_same_addresses():
    assert read(homes(("192.168.1.5/24", "192.168.1.5/24"))) == []


def test_within_a_home_an_address_is_one_machines():
    (fault,) = read(homes(("192.168.1.5/24", "192.168.1.1/24")))
    assert fault.startswith("elements.printer-1.address: the address 192.168.1.1 belongs to router-1 already")


def test_two_routers_in_one_network_are_in_one_home():
    faults = read(
        homes(
            ("192.168.1.5/24", "192.168.1.6/24"),
            links="  between: {between: [router-0.lan2, router-1.lan2], delay: 1ms}\n",
        )
    )
    (fault,) = [fault for fault in faults if "already" in fault]
    assert fault.startswith("elements.router-1.lan.address: the address 192.168.1.1 belongs to router-0")


def test_what_is_outside_has_no_address_of_a_home_and_is_told_once():
    printers = "192.168.1.5/24", "192.168.1.5/24"
    faults = read(homes(printers, more="  server: {kind: host, address: 192.168.1.7/24}"))
    (fault,) = [fault for fault in faults if "overlaps" in fault]
    assert fault.startswith(
        "elements.server.address: the subnet 192.168.1.0/24 overlaps 192.168.1.0/24 of router-0"
    )


@pytest.fixture
def many_clients() -> Path:
    return default_world().with_name("many-clients.yaml")


def test_many_clients_is_the_default_world_but_for_its_homes(many_clients: Path):
    many, one = load_world(many_clients), load_world(default_world())
    homes = ("laptop", "home_router")
    assert sum(spec.kind == "laptop" for spec in many.elements.values()) == 6
    assert sum(spec.kind == "home_router" for spec in many.elements.values()) == 3
    for name, spec in one.elements.items():
        if spec.kind not in homes and name != "isp":
            assert many.elements[name].raw == spec.raw, name
    assert many.links.keys() >= one.links.keys() - {"wifi"}
