"""Which outside port stands for which inside endpoint, and which are free."""

from random import Random

from actors.wire import ipv4

_ECHO_IDENTIFIERS = range(0x10000)

Endpoint = tuple[int, bytes, int]
"""(protocol, inside address, inside port)"""


class Mapping:
    """An inside endpoint and its outside port, alive as long as it has sessions. ICMP's ports are echo identifiers."""

    __slots__ = ("inside", "outside_port", "port", "protocol", "sessions")

    def __init__(self, endpoint: Endpoint, outside_port: int) -> None:
        self.protocol, self.inside, self.port = endpoint
        self.outside_port = outside_port
        self.sessions = 0


class PortPool:
    """The mappings, and what is left of the outside ports of each protocol."""

    def __init__(self, ports: range, random: Random) -> None:
        self._ports = ports
        self._random = random
        self._by_inside: dict[Endpoint, Mapping] = {}
        self._taken: dict[int, set[int]] = {ipv4.TCP: set(), ipv4.UDP: set(), ipv4.ICMP: set()}

    def __len__(self) -> int:
        return len(self._by_inside)

    def take(self, endpoint: Endpoint) -> Mapping | None:
        """The endpoint's mapping with one session more; None when no port is free for a new one."""
        mapping = self._by_inside.get(endpoint)
        if mapping is None:
            port = self._free_port(endpoint)
            if port is None:
                return None
            mapping = self._by_inside[endpoint] = Mapping(endpoint, port)
            self._taken[mapping.protocol].add(port)
        mapping.sessions += 1
        return mapping

    def give_back(self, mapping: Mapping) -> None:
        """A session of the mapping has ended; with the last one its port is free again."""
        mapping.sessions -= 1
        if mapping.sessions == 0:
            del self._by_inside[mapping.protocol, mapping.inside, mapping.port]
            self._taken[mapping.protocol].remove(mapping.outside_port)

    def _free_port(self, endpoint: Endpoint) -> int | None:
        """The same port when it is free, else the first free one from a random place on (RFC 6056)."""
        protocol, _, wanted = endpoint
        taken = self._taken[protocol]
        ports = _ECHO_IDENTIFIERS if protocol == ipv4.ICMP else self._ports
        if wanted in ports and wanted not in taken:
            return wanted
        if len(taken) >= len(ports):
            return None
        start = self._random.randrange(len(ports))
        places = (ports[(start + step) % len(ports)] for step in range(len(ports)))
        return next(port for port in places if port not in taken)
