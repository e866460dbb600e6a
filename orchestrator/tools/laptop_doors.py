"""Doors through which real programs walk in as the laptop: the HTTP ingress, and the proxy (SOCKS5, HTTP CONNECT).

How this works. The laptop itself listens, on this machine's loopback address, so that what a program sends takes no
detour through the orchestrator. A laptop that has died comes back without its doors; they are opened again then, at
the ports that they had.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from actors.element import CallFailed
from orchestrator.metrics.feed import OFF, PortTaken

log = logging.getLogger("orchestrator")

LOOPBACK = ("127.0.0.1", "localhost")
PAGE = "http://127.0.0.1:7463/#journey="
"""Where a journey's id is looked at."""
TRIES = 200


class Door(NamedTuple):
    """A door's name, its usual port, the option that names another, and what it is for."""

    name: str
    port: int
    option: str
    what: str


INGRESS = Door("ingress", 8080, "--http", "HTTP")
PROXY = Door("proxy", 1080, "--proxy", "the proxy")

Until = Callable[[str, bool], Awaitable[None]]
"""`await until(element, up)`: until the element is up, or is not."""
Wanted = tuple[int, int]
"""The first port to try, and how many."""


def wanted(door: Door, address: str | None) -> Wanted | None:
    """What `HOST:PORT`, `off` or nothing said means. Raises `PortTaken` for other hosts than this one."""
    if address == OFF:
        return None
    if address is None:
        return door.port, TRIES
    host, _, port = address.rpartition(":")
    if host not in LOOPBACK:
        raise PortTaken(f"{door.option} {address}: {door.what} is for this machine only, at 127.0.0.1:PORT")
    return int(port), 1


def of_laptop(door: Door, configured: int | None, address: str | None, first: bool) -> Wanted | None:
    """Where a door of one laptop is to be: `configured` is the port in its world file, `address` what the command line
    says, which is for the first laptop, but `off` for all. Raises `PortTaken`."""
    if address == OFF or (configured is None and not first):
        return None
    if configured is None or (first and address is not None):
        return wanted(door, address)
    return configured, TRIES if configured else 1


class LaptopDoors:
    """The doors of one laptop, for as long as the world runs."""

    def __init__(
        self,
        call: Callable[..., Awaitable[Any]],
        until: Until,
        laptop: str,
        url: str | None,
        page: str = PAGE,
        published: str = "",
    ) -> None:
        """`published` is put behind the doors' names."""
        self._call, self._until, self._laptop = call, until, laptop
        self._arguments = {"url": url, "page": page, "published": published}
        self._keeping: asyncio.Task[None] | None = None

    async def open(self, ingress: Wanted | None, proxy: Wanted | None) -> dict[str, str]:
        """Open them: where they are. Raises `PortTaken`."""
        doors = {INGRESS: ingress, PROXY: proxy}
        try:
            where = await self._open(doors)
        except CallFailed as error:
            options = ", ".join(f"{door.option} 127.0.0.1:PORT" for door in doors)
            raise PortTaken(f"{error}; {options} name other places, off none") from None
        for door, place in doors.items():
            if place is not None and door.name in where and place[0] not in (0, _port(where[door.name])):
                log.info("port %d is taken: %s is at %s", place[0], door.what, where[door.name])
        again = {door: (_port(where[door.name]), 1) if door.name in where else None for door in doors}
        self._keeping = asyncio.get_running_loop().create_task(self._keep(again))
        return where

    async def _open(self, doors: dict[Door, Wanted | None]) -> dict[str, str]:
        places = {door.name: place for door, place in doors.items()}
        where: dict[str, str] = await self._call(self._laptop, "open_doors", **self._arguments, **places)
        return where

    async def _keep(self, doors: dict[Door, Wanted | None]) -> None:
        """Open them again whenever the laptop has come back."""
        while True:
            await self._until(self._laptop, False)
            await self._until(self._laptop, True)
            try:
                await self._open(doors)
            except CallFailed as error:
                log.warning("the laptop is up again, its doors are not: %s", error)

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping


def _port(place: str) -> int:
    return int(place.rpartition(":")[2])
