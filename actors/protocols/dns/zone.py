"""A zone as its master file gives it (RFC 1035 section 5), and what lies at and below a name in it."""

from pathlib import Path
from typing import Any, NamedTuple

import dns.exception
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.zonefile
from dns.rdatatype import DNAME, NS, SOA

from actors.wire import dns as wire


class BadZone(ValueError):
    """A zone file that cannot be served; says which, where and why."""


class _ZoneFile(dns.zonefile.RRsetsReaderTransaction):
    """Collects the records of a file, whose first $ORIGIN names the zone.

    It takes a CNAME beside SOA and NS, which dnspython's own readers (and every real server) refuse.
    """

    origin = dns.name.root

    def check_put_rdataset(self, check: Any) -> None:
        pass

    def _set_origin(self, origin: wire.Name) -> None:
        if self.origin == dns.name.root:
            self.origin = origin

    def _origin_information(self) -> tuple[wire.Name, bool, wire.Name]:
        return self.origin, False, self.origin


class Zone(NamedTuple):
    """All record sets of one zone, by owner and type; names that only have something below them own nothing."""

    origin: wire.Name
    nodes: dict[wire.Name, dict[wire.Type, wire.RRset]]

    @property
    def soa(self) -> wire.RRset:
        """The SOA as it goes with negative answers: its TTL at most `minimum` (RFC 2308 section 3)."""
        soa = self.nodes[self.origin][SOA].copy()
        soa.ttl = min(soa.ttl, soa[0].minimum)
        return soa

    def cut_above(self, name: wire.Name) -> wire.RRset | None:
        """The NS set of the delegation that the name lies at or below, the one nearest to the origin."""
        depth = len(self.origin)
        for length in range(depth + 1, len(name) + 1):
            node = self.nodes.get(name.split(length)[1])
            if node is not None and NS in node:
                return node[NS]
        return None

    def find(self, name: wire.Name) -> dict[wire.Type, wire.RRset] | None:
        """The record sets for a name, if need be those of a wildcard (RFC 4592); None if the name does not exist."""
        if (node := self.nodes.get(name)) is not None:
            return node
        encloser = name.parent()
        while encloser not in self.nodes:
            encloser = encloser.parent()
        return self.nodes.get(dns.name.from_text("*", encloser))


def read_zone(path: Path) -> Zone:
    """The zone in a master file, whose first $ORIGIN is its name; raises `BadZone`.

    A CNAME beside other records is let through, against RFC 1034 section 3.6.2; see configs/zones.
    """
    manager = dns.zonefile.RRSetsReaderManager()
    try:
        with path.open(encoding="utf-8") as file, _ZoneFile(manager, True, False) as transaction:
            tokens = dns.tokenizer.Tokenizer(file, str(path))
            dns.zonefile.Reader(tokens, dns.rdataclass.IN, transaction).read()
    except dns.exception.SyntaxError as error:
        raise BadZone(str(error)) from None
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise BadZone(f"{path}: {error}") from None
    return _zone_of(manager.rrsets, path)


def _zone_of(rrsets: list[wire.RRset], path: Path) -> Zone:
    origins = [rrset.name for rrset in rrsets if rrset.rdtype == SOA]
    if len(origins) != 1:
        raise BadZone(f"{path}: a zone has one SOA record, this file has {len(origins)}")
    zone = Zone(origins[0], {})
    for rrset in rrsets:
        if not rrset.name.is_subdomain(zone.origin):
            raise BadZone(f"{path}: {rrset.name} lies outside {zone.origin}")
        if rrset.rdtype == DNAME:
            raise BadZone(f"{path}: {rrset.name}: DNAME records are not served here")
        zone.nodes.setdefault(rrset.name, {})[rrset.rdtype] = rrset
        ancestor = rrset.name
        while ancestor != zone.origin:
            ancestor = ancestor.parent()
            zone.nodes.setdefault(ancestor, {})
    return zone
