"""The names that AWS itself keeps in DNS: those of load balancers, in the zone elb.amazonaws.com."""

from typing import Any

from actors.parts.aws_api.store import Table
from actors.parts.aws_api.topics import Topic

ZONE = "elb.amazonaws.com."
SOA_TTL_S, NS_TTL_S = 900, 172_800
TTL_S = 60
"""Elastic Load Balancing user guide, "How Elastic Load Balancing works"."""


class Names:
    """Load balancers' names and their addresses. No customer sees this zone in Route 53; name servers follow it."""

    def __init__(self, table: Table, zones: Topic, name_servers: tuple[str, ...]) -> None:
        self._table = table
        self._name_servers = name_servers
        self._zones = zones

    def start(self) -> None:
        """Tell the name servers what is in the table."""
        self._tell()

    def set_addresses(self, name: str, addresses: list[str]) -> None:
        """The name resolves to these addresses from now on; to none: the name is gone."""
        key = name.rstrip(".") + "."
        if not key.endswith(f".{ZONE}"):
            raise ValueError(f"{name} does not lie in {ZONE}")
        if addresses:
            self._table.put(key, addresses)
        else:
            self._table.delete(key)
        self._tell()

    def addresses(self, name: str) -> list[str]:
        """What the name resolves to; nothing if it is no load balancer's."""
        return list(self._table.get(name.rstrip(".") + ".") or ())

    def _tell(self) -> None:
        servers = [f"{name.rstrip('.')}." for name in self._name_servers]
        if not servers:
            return  # nobody serves it
        soa = f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 {TTL_S}"
        record_sets = [_record_set(ZONE, "NS", NS_TTL_S, servers), _record_set(ZONE, "SOA", SOA_TTL_S, [soa])]
        record_sets += [_record_set(name, "A", TTL_S, addresses) for name, addresses in self._table.items()]
        self._zones.put(ZONE, {"record_sets": record_sets})


def _record_set(name: str, kind: str, ttl_s: int, values: list[str]) -> dict[str, Any]:
    records = [{"Value": value} for value in values]
    return {"Name": name, "Type": kind, "TTL": ttl_s, "ResourceRecords": records}
