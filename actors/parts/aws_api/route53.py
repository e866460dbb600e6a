"""Route 53: hosted zones and their record sets."""

from collections.abc import Mapping
from typing import Any

from actors.parts.aws_api.hosted_zone_tags import HostedZoneTags
from actors.parts.aws_api.hosted_zones import HostedZones
from actors.parts.aws_api.plane import Handler, Output, Parameters, Plane
from actors.parts.aws_api.resolving import addresses_of
from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.record_sets import absolute, key_of, place
from actors.protocols.elbv2.names import HOSTED_ZONES

MAX_RECORD_SETS, MAX_ZONES = 300, 100
"""What a page has at most, whatever is asked for (Route 53 API reference)."""


class Route53:
    """The operations of Route 53."""

    name = "route53"

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._hosted = HostedZones(plane, plane.name_servers, HOSTED_ZONES.get(plane.region, ""))
        self._tags = HostedZoneTags(plane.store.table("route53/tags"), self._key)
        self.operations: Mapping[str, Handler] = {
            "ChangeResourceRecordSets": self._change_resource_record_sets,
            "CreateHostedZone": self._create_hosted_zone,
            "DeleteHostedZone": self._delete_hosted_zone,
            "GetChange": self._get_change,
            "GetHostedZone": self._get_hosted_zone,
            "GetHostedZoneCount": self._get_hosted_zone_count,
            "ListHostedZones": self._list_hosted_zones,
            "ListHostedZonesByName": self._list_hosted_zones_by_name,
            "ListResourceRecordSets": self._list_resource_record_sets,
            **self._tags.operations(),
        }

    def start(self) -> None:
        self._hosted.start(self._plane.hosted_zones)

    async def call_resolve(self, name: str) -> list[str]:
        """The IPv4 addresses of a name, for elements inside AWS; none if no zone here has it."""
        return addresses_of(self._plane.topics.topic("zones").items, name)

    # ---- record sets ----------------------------------------------------------------------------------------

    def _change_resource_record_sets(self, parameters: Parameters) -> Output:
        key = self._key(parameters["HostedZoneId"])
        batch = parameters["ChangeBatch"]
        return {"ChangeInfo": self._hosted.change(key, batch["Changes"], batch.get("Comment"))}

    def _list_resource_record_sets(self, parameters: Parameters) -> Output:
        record_sets = self._hosted.record_sets.get(self._key(parameters["HostedZoneId"]))
        first, kind = parameters.get("StartRecordName"), parameters.get("StartRecordType")
        if kind is not None and first is None:
            raise AwsError("InvalidInput", "StartRecordType requires StartRecordName")
        if parameters.get("StartRecordIdentifier") is not None:
            raise AwsError("InvalidInput", "StartRecordIdentifier: no record set here has an identifier")
        if first is not None:
            start = place(absolute(first), kind or "")
            record_sets = [each for each in record_sets if place(*key_of(each)) >= start]
        size = page_size(parameters, MAX_RECORD_SETS)
        page, rest = record_sets[:size], record_sets[size:]
        more = {"NextRecordName": rest[0]["Name"], "NextRecordType": rest[0]["Type"]} if rest else {}
        return {"ResourceRecordSets": page, "IsTruncated": bool(rest), "MaxItems": str(size), **more}

    def _get_change(self, parameters: Parameters) -> Output:
        key = parameters["Id"].removeprefix("/change/")
        if (pending := self._hosted.changes.get(key)) is None:
            raise AwsError(
                "NoSuchChange", f"A change with the specified change ID does not exist: {key}", 404
            )
        return {"ChangeInfo": self._hosted.change_info(key, pending)}

    # ---- hosted zones ---------------------------------------------------------------------------------------

    def _create_hosted_zone(self, parameters: Parameters) -> Output:
        config = parameters.get("HostedZoneConfig", {})
        refused = [each for each in ("VPC", "DelegationSetId", "EnablePublicDNSFallback", "ChangeGuardrails")
                   if parameters.get(each)]  # fmt: skip
        if config.get("PrivateZone") or refused:
            raise AwsError(
                "InvalidInput", "Only public hosted zones, with name servers of their own, are available here"
            )
        name = absolute(parameters["Name"])
        if name.count(".") < 2 or f".{name}".endswith(".amazonaws.com."):
            raise AwsError("InvalidDomainName", f"{name} is reserved by AWS!")
        reference = parameters["CallerReference"]
        if any(zone["CallerReference"] == reference for zone in self._hosted.zones.values()):
            what = "A hosted zone has already been created with the specified caller reference."
            raise AwsError("HostedZoneAlreadyExists", what, 409)
        if any(zone["Name"] == name for zone in self._hosted.zones.values()):
            # Route 53 would take other name servers for it; these are all that there are
            raise AwsError(
                "DelegationSetNotAvailable", f"No name servers are left for another zone {name}", 400
            )
        kept = {each: config[each] for each in ("Comment",) if each in config}
        zone = self._hosted.add(name, reference, kept, self._hosted.apex(name))
        key = zone["Id"].removeprefix("/hostedzone/")
        return {
            "HostedZone": self._shown(key, zone),
            "ChangeInfo": self._hosted.note(key, []),
            "DelegationSet": self._delegation_set(),
            "Location": f"https://route53.amazonaws.com/2013-04-01/hostedzone/{key}",
        }

    def _delete_hosted_zone(self, parameters: Parameters) -> Output:
        key = self._key(parameters["Id"])
        name = self._hosted.zones.get(key)["Name"]
        own = {(name, "NS"), (name, "SOA")}
        if any(key_of(each) not in own for each in self._hosted.record_sets.get(key)):
            what = "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
            raise AwsError("HostedZoneNotEmpty", what)
        self._hosted.remove(key)
        self._tags.forget(key)
        return {"ChangeInfo": self._hosted.note(key, [])}

    def _get_hosted_zone(self, parameters: Parameters) -> Output:
        key = self._key(parameters["Id"])
        return {
            "HostedZone": self._shown(key, self._hosted.zones.get(key)),
            "DelegationSet": self._delegation_set(),
        }

    def _get_hosted_zone_count(self, parameters: Parameters) -> Output:
        return {"HostedZoneCount": len(self._hosted.zones)}

    def _list_hosted_zones(self, parameters: Parameters) -> Output:
        if parameters.get("DelegationSetId"):
            raise AwsError(
                "NoSuchDelegationSet", f"No delegation set found with ID {parameters['DelegationSetId']}"
            )
        keys = [] if parameters.get("HostedZoneType") else self._hosted.zones.keys()
        if (marker := parameters.get("Marker")) is not None:
            keys = keys[keys.index(self._key(marker)) :]
        size = page_size(parameters, MAX_ZONES)
        page, rest = keys[:size], keys[size:]
        return {
            "HostedZones": [self._shown(key, self._hosted.zones.get(key)) for key in page],
            "Marker": marker or "",
            "IsTruncated": bool(rest),
            "MaxItems": str(size),
            **({"NextMarker": rest[0]} if rest else {}),
        }

    def _list_hosted_zones_by_name(self, parameters: Parameters) -> Output:
        items = sorted(self._hosted.zones.items(), key=lambda item: (place(item[1]["Name"]), item[0]))
        asked = {each: parameters[each] for each in ("DNSName", "HostedZoneId") if parameters.get(each)}
        if "HostedZoneId" in asked and "DNSName" not in asked:
            raise AwsError("InvalidInput", "HostedZoneId requires DNSName")
        if "DNSName" in asked:
            start = (place(absolute(asked["DNSName"])), asked.get("HostedZoneId", ""))
            items = [item for item in items if (place(item[1]["Name"]), item[0]) >= start]
        size = page_size(parameters, MAX_ZONES)
        page, rest = items[:size], items[size:]
        more = {"NextDNSName": rest[0][1]["Name"], "NextHostedZoneId": rest[0][0]} if rest else {}
        zones = [self._shown(key, zone) for key, zone in page]
        return {"HostedZones": zones, "IsTruncated": bool(rest), "MaxItems": str(size), **asked, **more}

    def _key(self, given: str) -> str:
        """The id of a zone that there is. Raises `AwsError`."""
        key = given.removeprefix("/hostedzone/")
        if key not in self._hosted.zones:
            raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {key}", 404)
        return key

    def _shown(self, key: str, zone: dict[str, Any]) -> dict[str, Any]:
        return {**zone, "ResourceRecordSetCount": len(self._hosted.record_sets.get(key))}

    def _delegation_set(self) -> dict[str, Any]:
        return {"NameServers": self._hosted.name_servers}


def page_size(parameters: Parameters, most: int) -> int:
    """`MaxItems`, which is text. Raises `AwsError` InvalidInput."""
    text = parameters.get("MaxItems")
    if text is None:
        return most
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise AwsError(
            "InvalidInput",
            f"Value '{text}' at 'maxItems' failed to satisfy constraint: it is no number above 0",
        )
    return min(int(text), most)
