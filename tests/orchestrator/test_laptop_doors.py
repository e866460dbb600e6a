"""The doors of a laptop as the orchestrator has them opened: where, and again when the laptop has come back."""

import asyncio
from typing import Any

import pytest

from actors.element import CallFailed
from orchestrator.commands.listing import client_lines
from orchestrator.metrics.feed import PortTaken
from orchestrator.tools.laptop_doors import INGRESS, PROXY, TRIES, LaptopDoors, of_laptop, wanted


class Laptop:
    """Opens doors at the next even port; a taken one it refuses. It dies, and comes back, when it is told to."""

    def __init__(self, taken: tuple[int, ...] = ()) -> None:
        self.taken = taken
        self.asked: list[dict[str, Any]] = []
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.up.set()

    async def call(self, element: str, verb: str, /, **arguments: Any) -> dict[str, str]:
        assert (element, verb) == ("laptop", "open_doors")
        self.asked.append(arguments)
        where = {}
        for name in ("ingress", "proxy"):
            if (place := arguments[name]) is None:
                continue
            port, tries = place
            free = [each for each in range(port, port + tries) if each not in self.taken]
            if not free:
                raise CallFailed(f"laptop: {name} at port {port}: Address already in use")
            where[name] = f"127.0.0.1:{free[0]}"
        return where

    async def until(self, element: str, up: bool) -> None:
        await (self.up if up else self.down).wait()

    async def die(self) -> None:
        self.up.clear()
        self.down.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.down.clear()
        self.up.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_places_are_said_as_people_say_them():
    assert wanted(INGRESS, None) == (8080, TRIES) and wanted(PROXY, None) == (1080, TRIES)
    assert wanted(INGRESS, "127.0.0.1:9") == (9, 1) == wanted(PROXY, "localhost:9")
    assert wanted(INGRESS, "off") is None


@pytest.mark.parametrize("address", ["0.0.0.0:80", "192.168.1.5:80", "[::]:80", "example.com:80"])
def test_other_machines_are_not_let_in(address):
    with pytest.raises(PortTaken, match="for this machine only"):
        wanted(INGRESS, address)


@pytest.mark.parametrize(
    "configured, address, first, place",
    [
        (None, None, True, (8080, TRIES)),
        (None, None, False, None),
        (None, "127.0.0.1:9", False, None),
        (8083, None, False, (8083, TRIES)),
        (8083, "127.0.0.1:9", False, (8083, TRIES)),
        (8083, "127.0.0.1:9", True, (9, 1)),
        (0, None, True, (0, 1)),
        (8083, "off", False, None),
    ],
)
def test_the_world_file_says_which_laptops_have_doors(configured, address, first, place):
    assert of_laptop(INGRESS, configured, address, first) == place


def test_whose_they_are_is_told_where_there_are_several():
    addresses = {"ingress": "127.0.0.1:8080", "ingress.laptop-3": "127.0.0.1:8083", "dns": "127.0.0.1:5300"}
    names = ["laptop-1", "laptop-3"]
    listed = {"addresses": addresses, "elements": [{"name": name, "kind": "laptop"} for name in names]}
    assert client_lines(listed) == [
        "ingress (laptop-1): curl -i http://127.0.0.1:8080/",
        "ingress (laptop-3): curl -i http://127.0.0.1:8083/",
    ]
    listed["elements"].pop()
    assert client_lines(listed)[0] == "ingress: curl -i http://127.0.0.1:8080/"


def test_they_are_opened_again_where_they_were():
    async def story():
        laptop = Laptop(taken=(8080,))
        doors = LaptopDoors(laptop.call, laptop.until, "laptop", "https://site.example/", "page#")
        where = await doors.open((8080, TRIES), (0, 1))
        await laptop.die()
        await laptop.die()
        await doors.close()
        return where, laptop.asked

    where, asked = asyncio.run(story())
    assert where == {"ingress": "127.0.0.1:8081", "proxy": "127.0.0.1:0"}
    assert [each["ingress"] for each in asked] == [(8080, TRIES), (8081, 1), (8081, 1)]
    assert asked[1]["url"] == "https://site.example/" and asked[1]["page"] == "page#"


def test_a_port_that_is_taken_is_told_with_what_helps():
    async def story():
        laptop = Laptop(taken=(7,))
        await LaptopDoors(laptop.call, laptop.until, "laptop", None).open((7, 1), None)

    with pytest.raises(PortTaken, match=r"--http 127\.0\.0\.1:PORT, --proxy 127\.0\.0\.1:PORT name"):
        asyncio.run(story())
