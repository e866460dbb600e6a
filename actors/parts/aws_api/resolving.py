"""What a name resolves to inside AWS: the resolver of a VPC, as far as Route 53's own zones go."""

from typing import Any

LONGEST_CHAIN = 8


def addresses_of(zones: dict[str, Any], name: str) -> list[str]:
    """IPv4 addresses of a name, by way of its CNAMEs; none for a name that no zone here has.

    `zones` are the items of the topic `zones`: record sets by the zone's name."""
    record_sets = {
        (each["Name"].lower(), each["Type"]): each for zone in zones.values() for each in zone["record_sets"]
    }
    wanted = name.lower().rstrip(".") + "."
    for _ in range(LONGEST_CHAIN):
        found = record_sets.get((wanted, "A"))
        if found is not None:
            return [record["Value"] for record in found.get("ResourceRecords") or ()]
        alias = record_sets.get((wanted, "CNAME"))
        if alias is None:
            break
        wanted = alias["ResourceRecords"][0]["Value"].lower().rstrip(".") + "."
    return []
