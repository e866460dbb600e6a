"""Zones as Route 53 tells of them: record sets in the shape of its API, to and from what a name server serves."""

from collections.abc import Iterable, Mapping
from typing import Any

import dns.exception
import dns.rdatatype
import dns.rrset
from dns.rdatatype import SOA

from actors.protocols.dns.zone import BadZone, Zone
from actors.wire import dns as wire

RecordSet = dict[str, Any]

STAR = "\\052"
"""How Route 53 writes the `*` of a wildcard."""


def record_sets_of(zone: Zone) -> list[RecordSet]:
    """All record sets of a zone."""
    return [
        {
            "Name": name.to_text().lower().replace("*", STAR),
            "Type": rdtype.name,
            "TTL": rrset.ttl,
            "ResourceRecords": [{"Value": record.to_text()} for record in rrset],
        }
        for name, node in zone.nodes.items()
        for rdtype, rrset in node.items()
    ]


def zones_of(items: Mapping[str, Any]) -> tuple[list[Zone], dict[str, str]]:
    """Zones from items by their names: `{"record_sets": [...]}`; and what is wrong with those that are none.

    An alias record stands for the addresses of its target, with their TTL, as if they were its own."""
    plain: dict[str, list[wire.RRset]] = {}
    zones: list[Zone] = []
    wrong: dict[str, str] = {}
    for name, item in items.items():
        try:
            plain[name] = _rrsets(item["record_sets"])
        except BadZone as error:
            wrong[name] = str(error)
    everything = {(rrset.name, rrset.rdtype): rrset for rrsets in plain.values() for rrset in rrsets}
    for name, rrsets in plain.items():
        try:
            zones.append(_zone(name, items[name]["record_sets"], rrsets, everything))
        except BadZone as error:
            wrong[name] = str(error)
    return zones, wrong


def _rrsets(record_sets: Iterable[RecordSet]) -> list[wire.RRset]:
    return [_rrset(each) for each in record_sets if "AliasTarget" not in each]


def _rrset(record_set: RecordSet) -> wire.RRset:
    name = record_set["Name"].replace(STAR, "*")
    try:
        values = [record["Value"] for record in record_set["ResourceRecords"]]
        return dns.rrset.from_text(name, int(record_set["TTL"]), "IN", record_set["Type"], *values)
    except (dns.exception.DNSException, KeyError, ValueError) as error:
        raise BadZone(f"{name} {record_set.get('Type')}: {error}") from None


def _zone(
    name: str,
    record_sets: Iterable[RecordSet],
    rrsets: list[wire.RRset],
    everything: Mapping[tuple[wire.Name, wire.Type], wire.RRset],
) -> Zone:
    zone = Zone(wire.name(name), {})
    for rrset in rrsets:
        _put(zone, rrset.name, rrset)
    for each in record_sets:
        if (alias := each.get("AliasTarget")) is None:
            continue
        owner = wire.name(each["Name"].replace(STAR, "*"))
        target = everything.get(
            (wire.name(alias["DNSName"].replace(STAR, "*")), dns.rdatatype.from_text(each["Type"]))
        )
        _put(zone, owner, None if target is None else _renamed(target, owner))
    if SOA not in zone.nodes.get(zone.origin, {}):
        raise BadZone(f"{name} has no SOA record")
    return zone


def _renamed(rrset: wire.RRset, name: wire.Name) -> wire.RRset:
    copy: wire.RRset = rrset.copy()
    copy.name = name
    return copy


def _put(zone: Zone, name: wire.Name, rrset: wire.RRset | None) -> None:
    """The record set into its node; None: only the name is there. All names above it are there, too."""
    if not name.is_subdomain(zone.origin):
        raise BadZone(f"{name} lies outside {zone.origin}")
    node = zone.nodes.setdefault(name, {})
    if rrset is not None:
        node[rrset.rdtype] = rrset
    while name != zone.origin:
        name = name.parent()
        zone.nodes.setdefault(name, {})
