"""All the doors of a world that real programs come in by: to its DNS servers, and to its laptops."""

from typing import Any

from orchestrator.config import World as WorldConfig
from orchestrator.tools.doors import Ask, Doors, who_answers
from orchestrator.tools.laptop_doors import INGRESS, PAGE, PROXY, LaptopDoors, Until, of_laptop


class WorldDoors:
    """Opens them, and closes them all; where they are is published among the world's addresses."""

    def __init__(self, config: WorldConfig, call: Ask, until_up: Until, addresses: dict[str, str]) -> None:
        self._config, self._call, self._until_up, self._addresses = config, call, until_up, addresses
        self._opened: list[Doors | LaptopDoors] = []

    async def serve_dns(self, address: str | None = None) -> None:
        """Let real programs ask the DNS servers of this world, the resolver at `HOST:PORT`; see `tools.doors`.

        The addresses are published as `dns` and `dns.<element>`. Raises `PortTaken`."""
        doors = Doors(self._call)
        self._opened.append(doors)
        for element, place in (await doors.open(who_answers(self._config.elements), address)).items():
            self._addresses.setdefault("dns", place)
            self._addresses[f"dns.{element}"] = place

    async def serve_clients(
        self,
        ingress: str | None = None,
        proxy: str | None = None,
        *,
        page: str | None = None,
        others: bool = True,
    ) -> None:
        """Let real programs walk in as the first laptop, at `HOST:PORT`, and as those that have `doors` in the world
        file, unless `others` are not wanted; None is the usual port or the next free one.

        `page` is where a journey's id is looked at, if that is not the usual place: a URL that the id is put behind.
        The addresses are published as `ingress` and `proxy`, and `ingress.<laptop>` of others; see
        `tools.laptop_doors`. Raises `PortTaken`."""
        elements = self._config.elements.items()
        laptops = {name: spec.config for name, spec in elements if spec.kind == "laptop"}
        for number, (laptop, config) in enumerate(list(laptops.items())[: None if others else 1]):
            told: Any = getattr(config, "doors", None)
            places = (
                of_laptop(INGRESS, told and told.http, ingress, number == 0),
                of_laptop(PROXY, told and told.proxy, proxy, number == 0),
            )
            if places == (None, None):
                continue
            whose = f".{laptop}" if number else ""
            doors = LaptopDoors(self._call, self._until_up, laptop, self._config.url, page or PAGE, whose)
            self._opened.append(doors)
            for name, place in (await doors.open(*places)).items():
                self._addresses[f"{name}{whose}"] = place

    async def close(self) -> None:
        for doors in self._opened:
            await doors.close()
        self._opened.clear()
