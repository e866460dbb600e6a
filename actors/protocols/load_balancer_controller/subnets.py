"""Which subnets a load balancer gets (pkg/networking/subnet_resolver.go)."""

from collections.abc import Iterable
from typing import Any

from actors.protocols.load_balancer_controller.annotations import BuildError

Object = dict[str, Any]

ROLE = {"internet-facing": "kubernetes.io/role/elb", "internal": "kubernetes.io/role/internal-elb"}
LEAST_FREE = 8
"""A subnet with fewer free addresses is not taken."""
LEAST_ZONES = 2


def tags_of(thing: Object) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in thing.get("Tags") or ()}


def by_name_or_id(subnets: Iterable[Object], wanted: Iterable[str]) -> list[str]:
    """Those that a user has named, by id or by Name tag. Raises `BuildError`."""
    known, wanted = list(subnets), list(wanted)
    found: list[Object] = []
    for each in wanted:
        match = [one for one in known if each in (one["SubnetId"], tags_of(one).get("Name"))]
        if not match:
            raise BuildError(f"couldn't find all subnets, nameOrIDs: {_listed(wanted)}, found: {len(found)}")
        found.append(match[0])
    zones = [each["AvailabilityZone"] for each in found]
    for zone in zones:
        if zones.count(zone) > 1:
            ids = [each["SubnetId"] for each in found if each["AvailabilityZone"] == zone]
            raise BuildError(f"multiple subnets in same Availability Zone {zone}: {_listed(ids)}")
    return _enough(found)


def by_tags(subnets: Iterable[Object], wanted: dict[str, list[str]]) -> list[str]:
    """Those that have all of these tags with one of the values. Raises `BuildError`."""
    known = [
        each for each in subnets if all(tags_of(each).get(key) in values for key, values in wanted.items())
    ]
    return _enough(_one_per_zone(known))


def discover(subnets: Iterable[Object], scheme: str) -> list[str]:
    """Those that are tagged for this scheme, one in each zone. Raises `BuildError`."""
    known, role = list(subnets), ROLE[scheme]
    tagged = [each for each in known if tags_of(each).get(role) in ("", "1")]
    if not tagged:
        raise BuildError(
            "couldn't auto-discover subnets: unable to resolve at least one subnet "
            f"(0 match VPC and tags: [{role}])"
        )
    roomy = [each for each in tagged if each["AvailableIpAddressCount"] >= LEAST_FREE]
    if not roomy:
        short = f"{len(tagged)} tagged for this scheme, {len(tagged)} have insufficient IP addresses"
        raise BuildError(
            f"couldn't auto-discover subnets: unable to resolve at least one subnet. Evaluated "
            f"{len(known)} subnets: {short}"
        )
    return _enough(_one_per_zone(roomy))


def _one_per_zone(subnets: Iterable[Object]) -> list[Object]:
    chosen: dict[str, Object] = {}
    for each in sorted(subnets, key=lambda one: str(one["SubnetId"])):
        chosen.setdefault(each["AvailabilityZone"], each)
    return list(chosen.values())


def _enough(subnets: list[Object]) -> list[str]:
    if len(subnets) < LEAST_ZONES:
        words = f"subnets count less than minimal required count: {len(subnets)} < {LEAST_ZONES}"
        raise BuildError(words)
    return sorted(each["SubnetId"] for each in subnets)


def _listed(words: Iterable[str]) -> str:
    return f"[{' '.join(words)}]"
