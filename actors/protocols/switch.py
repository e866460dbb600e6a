"""Which port of a switch leads to which station (IEEE 802.1D's filtering database).

How this works. Every frame tells where its sender is. A station that was silent for five minutes is looked for
everywhere again, and so is one for which there is no room.
"""

from collections.abc import Iterator
from typing import NamedTuple

from actors.units import SECOND

AGEING_NS = 300 * SECOND
"""IEEE 802.1D's recommended ageing time."""
MAX_STATIONS = 1024
_REFRESH_NS = 10 * SECOND
"""A station is not noted anew with every frame."""


class _Station(NamedTuple):
    port: str
    seen_ns: int


class Switch:
    """Learns stations (MAC addresses) and finds them again."""

    def __init__(self) -> None:
        self._stations: dict[bytes, _Station] = {}
        self._full_until_ns = 0

    def learn(self, mac: bytes, port: str, now_ns: int) -> None:
        """A frame from this station has come in by this port."""
        known = self._stations.get(mac)
        if known is not None:
            before, seen_ns = known
            if before == port and now_ns - seen_ns < _REFRESH_NS:
                return
        if is_group(mac) or (known is None and not self._has_room(now_ns)):
            return
        self._stations[mac] = _Station(port, now_ns)

    def port_of(self, mac: bytes, now_ns: int) -> str | None:
        """The port behind which this station was last heard; None to look for it everywhere."""
        known = self._stations.get(mac)
        return known.port if known is not None and now_ns - known.seen_ns < AGEING_NS else None

    def forget(self, port: str) -> None:
        """The port has lost its carrier: whoever was there may turn up elsewhere."""
        self._stations = {mac: station for mac, station in self._stations.items() if station.port != port}
        self._full_until_ns = 0

    def stations(self, now_ns: int) -> Iterator[tuple[bytes, str]]:
        """All stations that are known, with their ports."""
        for mac, station in self._stations.items():
            if now_ns - station.seen_ns < AGEING_NS:
                yield mac, station.port

    def _has_room(self, now_ns: int) -> bool:
        """Makes it, if there is somebody to forget; does not look for one before the first can have aged."""
        if len(self._stations) < MAX_STATIONS:
            return True
        if now_ns < self._full_until_ns:
            return False
        self._stations = {mac: self._stations[mac] for mac, _ in self.stations(now_ns)}
        oldest_ns = min((station.seen_ns for station in self._stations.values()), default=now_ns)
        self._full_until_ns = oldest_ns + AGEING_NS
        return len(self._stations) < MAX_STATIONS


def is_group(mac: bytes) -> bool:
    """Whether the address is that of many: broadcast or multicast."""
    return bool(mac[0] & 1)
