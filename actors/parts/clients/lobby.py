"""Where real programs come in: who is there, how many may be, and which of their requests are journeys."""

from typing import Any, Protocol

from actors.element import Context
from actors.parts.clients.dialing import Dialler
from actors.parts.clients.journey_ids import JourneyIds
from actors.parts.clients.sites import Site
from actors.parts.load.told import ClientMetrics
from actors.units import SECOND

MOST_VISITORS = 1000
IDLE_NS = 120 * SECOND
"""Silence that ends a connection on which nothing is under way; an ALB ends its side after 60 s."""
SWEEP_NS = 10 * SECOND


class Guest(Protocol):
    """A connection of a program."""

    active_ns: int

    def idle(self) -> bool: ...

    def cut(self) -> None: ...


class Lobby:
    """All who have walked in at one laptop. `site` is the world's own, `page` what a journey's id is put behind."""

    def __init__(
        self, context: Context, dialler: Dialler, told: ClientMetrics, site: Site | None, page: str
    ) -> None:
        self.context, self.dialler, self.told = context, dialler, told
        self.site, self.page = site, page
        self.ingress_port = self.proxy_port = 0
        self.full = f"{MOST_VISITORS} connections are open, and there are no more.\n"
        self._guests: dict[Any, None] = {}
        self.ids = JourneyIds(context)
        self._sweeping = False

    # ---- who is there --------------------------------------------------------------------------------------

    def enter(self, guest: Guest) -> bool:
        """A connection has come; False when there is no room for it."""
        if len(self._guests) >= MOST_VISITORS:
            self.told.turned_away.value += 1
            return False
        self._guests[guest] = None
        self.told.visitors.value = len(self._guests)
        self._sweep_later()
        return True

    def leave(self, guest: Guest) -> None:
        self._guests.pop(guest, None)
        self.told.visitors.value = len(self._guests)

    def swap(self, before: Guest, after: Guest) -> None:
        """The connection has another protocol from here on."""
        del self._guests[before]
        self._guests[after] = None

    def _sweep_later(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self.context.call_at(self.context.now_ns() + SWEEP_NS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now_ns = self.context.now_ns()
        for guest in list(self._guests):
            if guest.idle() and guest.active_ns + IDLE_NS < now_ns:
                guest.cut()
        if self._guests:
            self._sweep_later()

    def close(self) -> None:
        for guest in list(self._guests):
            guest.cut()

    def ports(self) -> str:
        """Where they may come, in words."""
        return (
            f"the ingress is at port {self.ingress_port or 'none'}, the proxy at {self.proxy_port or 'none'}"
        )
