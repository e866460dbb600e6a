"""A VPC's route tables: a handful of prefixes with targets, the longest match wins (AWS VPC, "Route priority").

Decisions are cached per flow by whoever asks, so a walk along the sorted list is quick enough and easy to explain."""

from collections.abc import Iterable
from typing import NamedTuple

from actors.wire.addresses import Prefix

LOCAL = "local"
INTERNET_GATEWAY = "igw"


class Route(NamedTuple):
    """Where packets to a destination go: `local` (inside the VPC) or `igw` (its internet gateway)."""

    destination: Prefix
    target: str


class Match(NamedTuple):
    """The route that won, if any, and the other routes that match too, longest first."""

    route: Route | None
    alternatives: tuple[Route, ...]


class VpcRouteTable:
    """The routes of one table."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = sorted(routes, key=lambda route: -route.destination.length)

    def match(self, destination: bytes) -> Match:
        """The longest match for a destination, with what it beat."""
        found = [route for route in self.routes if destination in route.destination]
        return Match(found[0], tuple(found[1:])) if found else Match(None, ())
