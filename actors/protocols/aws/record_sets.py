"""Route 53's record sets: what a change batch makes of a hosted zone's, and what it refuses.

A record set is in botocore's shape: `{"Name", "Type", "TTL", "ResourceRecords": [{"Value"}]}`, or with `AliasTarget` in
the place of the last two. Names are lower-case and end with a dot; `*` is written `\\052`, as Route 53 does.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from actors.protocols.aws.errors import AwsError

RecordSet = dict[str, Any]
Key = tuple[str, str]
"""Name and type."""

ROUTING = (
    "SetIdentifier", "Weight", "Region", "GeoLocation", "Failover", "MultiValueAnswer", "HealthCheckId",
    "TrafficPolicyInstanceId", "CidrRoutingConfig", "GeoProximityLocation", "AZAffinity",
)  # fmt: skip
"""What belongs to routing policies other than the simple one, which is the only one that is carried out here."""
_ADDRESSES = {
    "A": ("ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address"),
    "AAAA": ("AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address"),
    "TXT": ("InvalidCharacterString", "Value should be enclosed in quotation marks"),
}


class AliasTargets(NamedTuple):
    """What an alias may point to: load balancers, under the id of their hosted zone, and names of the own zone."""

    load_balancers: str
    """The id of the hosted zone of this region's load balancers."""
    own: str
    """The id of the hosted zone itself."""


def change(
    zone: str, record_sets: Iterable[RecordSet], changes: list[dict[str, Any]], targets: AliasTargets
) -> list[RecordSet]:
    """The zone's record sets after all changes of a batch. Raises `AwsError`; then none is made."""
    for one in changes:
        _check_form(one)
    there = {key_of(record_set): record_set for record_set in record_sets}
    complaints: list[str] = []
    for one in changes:
        complaint = _apply(zone, there, one["Action"], normal(one["ResourceRecordSet"]), targets)
        complaints += [complaint] if complaint else []
    complaints = complaints or _missing_at_apex(zone, there)
    if complaints:
        raise AwsError("InvalidChangeBatch", f"[{', '.join(complaints)}]")
    return in_order(there.values())


def _check_form(one: dict[str, Any]) -> None:
    record_set = one["ResourceRecordSet"]
    name, kind = record_set["Name"], record_set["Type"]
    told = f"Change with [Action={one['Action']}, Name={absolute(name)}, Type={kind}, SetIdentifier=null]"
    for member in ROUTING:
        if record_set.get(member) is not None:
            raise AwsError(
                "InvalidInput", f"Invalid request: {member} in {told}: only simple routing is available here"
            )
    plain = [member for member in ("TTL", "ResourceRecords") if record_set.get(member) is not None]
    alias = record_set.get("AliasTarget") is not None
    if alias == bool(plain) or len(plain) == 1:
        choice = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
        found = "more than one" if alias and plain else "none"
        raise AwsError(
            "InvalidInput", f"Invalid request: Expected exactly one of {choice}, but found {found} in {told}"
        )


def _apply(
    zone: str, there: dict[Key, RecordSet], action: str, new: RecordSet, targets: AliasTargets
) -> str | None:
    """Carry out one change, or say what is wrong with it."""
    key = key_of(new)
    told = f"resource record set [name='{new['Name']}', type='{new['Type']}']"
    if action == "DELETE":
        if key not in there:
            return f"Tried to delete {told} but it was not found"
        if _comparable(there[key]) != _comparable(new):
            return f"Tried to delete {told} but the values provided do not match the current values"
        del there[key]
        return None
    if action == "CREATE" and key in there:
        return f"Tried to create {told} but it already exists"
    complaint = _misplaced(zone, there, new) or _bad_target(zone, new, targets) or _bad_values(new)
    if complaint is None:
        there[key] = new
    return complaint


def _comparable(record_set: RecordSet) -> Any:
    values = sorted(record["Value"] for record in record_set.get("ResourceRecords", ()))
    return record_set.get("TTL"), values, record_set.get("AliasTarget")


def _misplaced(zone: str, there: dict[Key, RecordSet], new: RecordSet) -> str | None:
    name, kind = new["Name"], new["Type"]
    about = f"RRSet of type {kind} with DNS name {name} is not permitted"
    if name != zone and not name.endswith(f".{zone}"):
        return f"RRSet with DNS name {name} is not permitted in zone {zone}"
    if kind == "CNAME" and name == zone:
        return f"{about} at apex in zone {zone}"
    if kind == "SOA" and name != zone:
        return f"{about} in zone {zone}: it belongs to the apex"
    beside = [other for owner, other in there if owner == name and other != kind]
    if kind == "CNAME" and beside:
        return f"{about} as it conflicts with other records with the same DNS name in zone {zone}"
    if "CNAME" in beside and kind not in ("NS", "SOA"):
        # the two blanks are Route 53's
        conflict = "a conflicting RRSet of type  CNAME with the same DNS name"
        return f"{about} because {conflict} already exists in zone {zone}"
    return None


def _bad_target(zone: str, new: RecordSet, targets: AliasTargets) -> str | None:
    alias = new.get("AliasTarget")
    if alias is None:
        return None
    name, kind, hosted_zone = alias["DNSName"], new["Type"], alias["HostedZoneId"]
    told = f"Tried to create an alias that targets {name}, type {kind} in zone {hosted_zone}"
    if kind in ("NS", "SOA"):
        return f"{told}, but records of type {kind} cannot be aliases"
    if hosted_zone == targets.load_balancers:
        inside = name.endswith(".elb.amazonaws.com.")
    elif hosted_zone == targets.own:
        inside = name == zone or name.endswith(f".{zone}")
        if name == new["Name"]:
            return f"{told}, but the alias would target itself"
    else:
        return f"{told}, but there is no such hosted zone of load balancers in this region"
    return None if inside else f"{told}, but the alias target name does not lie within the target zone"


def _bad_values(new: RecordSet) -> str | None:
    kind, records = new["Type"], new.get("ResourceRecords", ())
    if kind in ("CNAME", "SOA") and len(records) > 1:
        return f"RRSet of type {kind} with DNS name {new['Name']} has more than one resource record"
    seen = set()
    for record in records:
        value = record["Value"]
        if value in seen:
            return f"Duplicate Resource Record: '{value}'"
        seen.add(value)
        try:
            dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), value, dns.name.root)
        except (dns.exception.DNSException, ValueError) as error:
            code, what = _ADDRESSES.get(kind, (f"{kind}RRDATAIllegal", str(error)))
            return f"Invalid Resource Record: FATAL problem: {code} ({what}) encountered with '{value}'"
        if kind == "TXT" and not value.startswith('"'):
            code, what = _ADDRESSES[kind]
            return f"Invalid Resource Record: FATAL problem: {code} ({what}) encountered with '{value}'"
    return None


def _missing_at_apex(zone: str, there: dict[Key, RecordSet]) -> list[str]:
    if (zone, "SOA") not in there:
        return ["A HostedZone must contain exactly one SOA record."]
    if (zone, "NS") not in there:
        return ["A HostedZone must contain at least one NS record for the zone itself."]
    return []


# ---- names --------------------------------------------------------------------------------------------------


def absolute(name: str) -> str:
    """As Route 53 writes a name. Raises `AwsError` InvalidDomainName."""
    try:
        parsed = dns.name.from_text(name.lower().replace("\\052", "*"))
    except (dns.exception.DNSException, UnicodeError, ValueError) as error:
        raise AwsError("InvalidDomainName", f"Invalid domain name {name}: {error}") from None
    return parsed.to_text().replace("*", "\\052")


def normal(record_set: RecordSet) -> RecordSet:
    """With its names as Route 53 writes them, and nothing that it does not have."""
    new = {member: value for member, value in record_set.items() if value is not None}
    new["Name"] = absolute(new["Name"])
    if (alias := new.get("AliasTarget")) is not None:
        new["AliasTarget"] = {**alias, "DNSName": absolute(alias["DNSName"].removeprefix("dualstack."))}
    return new


def key_of(record_set: RecordSet) -> Key:
    return record_set["Name"], record_set["Type"]


def in_order(record_sets: Iterable[RecordSet]) -> list[RecordSet]:
    """By name from its end (`com.example.www`), then by type, as Route 53 lists them."""
    return sorted(record_sets, key=lambda each: place(*key_of(each)))


def place(name: str, kind: str = "") -> tuple[list[str], str]:
    """Where a record set stands in a list of a zone's."""
    return list(reversed(name.rstrip(".").split("."))), kind
