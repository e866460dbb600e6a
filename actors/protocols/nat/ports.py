"""Which outside port stands for which inside endpoint, and which are free."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from random import Random

from actors.wire import ipv4

_ECHO_IDENTIFIERS = range(0x10000)

Endpoint = tuple[int, bytes, int, bytes]
"""(protocol, inside address, inside port, scope). The scope is empty, or the part of the remote endpoint that has a
mapping of its own where mapping is not endpoint-independent."""

IsOwn = Callable[[int, int], bool]
"""Whether the router itself uses this (protocol, port)."""


class Mapping:
    """An inside endpoint and its outside port, alive as long as it has sessions. ICMP's ports are echo identifiers.

    `remotes` counts its sessions by remote address."""

    __slots__ = ("inside", "outside_port", "port", "protocol", "remotes", "scope")

    def __init__(self, endpoint: Endpoint, outside_port: int) -> None:
        self.protocol, self.inside, self.port, self.scope = endpoint
        self.outside_port = outside_port
        self.remotes: Counter[bytes] = Counter()


class PortPool:
    """The mappings, and what is left of the outside ports of each protocol."""

    def __init__(self, ports: range, random: Random, is_own: IsOwn) -> None:
        self._is_own = is_own
        self._ports = ports
        self._random = random
        self._by_inside: dict[Endpoint, Mapping] = {}
        self._taken: dict[int, dict[int, Mapping]] = {ipv4.TCP: {}, ipv4.UDP: {}, ipv4.ICMP: {}}

    def __len__(self) -> int:
        return len(self._by_inside)

    def used(self, protocol: int) -> int:
        """How many outside ports of the protocol are taken."""
        return len(self._taken[protocol])

    def of_port(self, protocol: int, port: int) -> Mapping | None:
        """The mapping that this outside port stands for."""
        return self._taken[protocol].get(port) if protocol in self._taken else None

    def take(self, endpoint: Endpoint) -> Mapping | None:
        """The endpoint's mapping, made if need be; None when no port is free for a new one. It is the caller's to
        `join`."""
        mapping = self._by_inside.get(endpoint)
        if mapping is None:
            port = self._free_port(endpoint)
            if port is None:
                return None
            mapping = self._by_inside[endpoint] = Mapping(endpoint, port)
            self._taken[mapping.protocol][port] = mapping
        return mapping

    @staticmethod
    def join(mapping: Mapping, remote: bytes) -> None:
        """The mapping has one session more, with this remote address."""
        mapping.remotes[remote] += 1

    def leave(self, mapping: Mapping, remote: bytes) -> None:
        """A session of the mapping has ended; with the last one its port is free again."""
        mapping.remotes[remote] -= 1
        if not mapping.remotes[remote]:
            del mapping.remotes[remote]
        if not mapping.remotes:
            del self._by_inside[mapping.protocol, mapping.inside, mapping.port, mapping.scope]
            del self._taken[mapping.protocol][mapping.outside_port]

    def _free_port(self, endpoint: Endpoint) -> int | None:
        """The same port when it is free, else the first free one from a random place on (RFC 6056)."""
        protocol, _, wanted, _ = endpoint
        taken = self._taken[protocol]
        ports = _ECHO_IDENTIFIERS if protocol == ipv4.ICMP else self._ports

        def is_free(port: int) -> bool:
            return port not in taken and not self._is_own(protocol, port)

        if wanted in ports and is_free(wanted):
            return wanted
        if len(taken) >= len(ports):
            return None
        start = self._random.randrange(len(ports))
        return next(filter(is_free, _candidates(protocol, ports, wanted, start)), None)


def _candidates(protocol: int, ports: range, wanted: int, start: int) -> Iterator[int]:
    """All ports; of UDP those first that are even or odd as the inside port is, since RTP's are even and RTCP's the
    odd ones after them (RFC 4787 REQ-4)."""
    if protocol != ipv4.UDP:
        return _around(ports, start)
    alike = (port for port in _around(ports, start) if (port - wanted) % 2 == 0)
    return chain(alike, _around(ports, start))


def _around(ports: range, start: int) -> Iterator[int]:
    return (ports[(start + step) % len(ports)] for step in range(len(ports)))
