"""What must hold of any journal, whatever was killed meanwhile: pure functions that find where it does not.

How this works. A journal is read from its beginning. Who has an address follows from `ipam.assign` and `ipam.release`
(an assignment that is `restored` after a restart says again what was so before); which interface it is on, from EC2's
requests. Each fault is a sentence; a sound journal gives none.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]
UNATTACHED_LIMIT_S = 4_200
"""How long an interface may stay without an instance: ipamd looks for leaked ones every hour, and at its start."""


class Holder(NamedTuple):
    """An attachment: the sandbox, and the agent that wired it."""

    agent: str
    sandbox: str


def no_address_twice(records: Iterable[Record]) -> list[str]:
    """No two sandboxes have one address at a time, none is told another address than it was assigned, and EC2 gives no
    address to two interfaces."""
    return list(_twice(records))


def _twice(records: Iterable[Record]) -> Iterator[str]:
    pods: dict[str, Holder] = {}
    interfaces: dict[str, str] = {}
    for record in records:
        yield from _twice_in_ec2(record, interfaces)
        kind = record["kind"]
        if kind not in ("ipam.assign", "ipam.release", "cni.add") or "error" in record:
            continue
        holder = Holder(record["element"], record["sandbox"])
        address, at = record["address"], f"at {record['t_ns'] / 1e9:.6f} s"
        before = pods.get(address)
        if kind == "ipam.release":
            if before == holder:
                del pods[address]
        elif kind == "ipam.assign":
            if before is not None and before != holder:
                yield f"{at} {address} is given to {holder}, while {before} has it"
            pods[address] = holder
        elif before != holder:
            yield f"{at} {holder} is told {address}, which {before or 'nobody'} has"


def _twice_in_ec2(record: Record, interfaces: dict[str, str]) -> Iterator[str]:
    eni, addresses, prefixes = _given(record)
    for each in (*addresses, *prefixes):
        other = interfaces.get(each)
        if other is not None and other != eni:
            yield f"at {record['t_ns'] / 1e9:.6f} s EC2 gives {each} to {eni}, while {other} has it"
        interfaces[each] = eni
    for each in _taken(record, interfaces):
        interfaces.pop(each, None)


def _given(record: Record) -> tuple[str, list[str], list[str]]:
    """The interface that gets something by this request, its new addresses and its new prefixes."""
    result = record.get("result", {})
    if record["kind"] == "ec2.create_network_interface" and result:
        interface = result["NetworkInterface"]
        addresses = [each["PrivateIpAddress"] for each in interface["PrivateIpAddresses"]]
        return interface["NetworkInterfaceId"], addresses, _prefixes(interface.get("Ipv4Prefixes", []))
    if record["kind"] == "ec2.assign_private_ip_addresses" and result:
        addresses = [each["PrivateIpAddress"] for each in result["AssignedPrivateIpAddresses"]]
        return result["NetworkInterfaceId"], addresses, _prefixes(result["AssignedIpv4Prefixes"])
    return "", [], []


def _prefixes(listed: list[dict[str, str]]) -> list[str]:
    return [each["Ipv4Prefix"] for each in listed]


def _taken(record: Record, interfaces: Mapping[str, str]) -> list[str]:
    """What is nobody's after this request."""
    if record.get("result") is None:
        return []
    request = record["request"]
    if record["kind"] == "ec2.unassign_private_ip_addresses":
        return [*request.get("PrivateIpAddresses", ()), *request.get("Ipv4Prefixes", ())]
    if record["kind"] == "ec2.delete_network_interface":
        return [each for each, eni in interfaces.items() if eni == request["NetworkInterfaceId"]]
    return []


def no_address_leaks(records: Iterable[Record], sandboxes: Collection[str]) -> list[str]:
    """In the end only these sandboxes have addresses, each of them one, and no interface is without an instance."""
    records = list(records)
    return [*_leaked_addresses(records, sandboxes), *_leaked_interfaces(records)]


def _leaked_addresses(records: list[Record], sandboxes: Collection[str]) -> Iterator[str]:
    held: dict[str, set[str]] = {}
    for record in records:
        if record["kind"] == "ipam.assign":
            held.setdefault(record["sandbox"], set()).add(record["address"])
        elif record["kind"] == "ipam.release":
            held.get(record["sandbox"], set()).discard(record["address"])
    for sandbox, addresses in held.items():
        if addresses and sandbox not in sandboxes:
            yield f"{', '.join(sorted(addresses))}: still {sandbox}'s, which is gone"
        elif len(addresses) > 1:
            yield f"{sandbox} has {', '.join(sorted(addresses))}"
    for sandbox in sorted(sandboxes):
        if not held.get(sandbox):
            yield f"{sandbox} has no address"


def _leaked_interfaces(records: list[Record]) -> Iterator[str]:
    since_ns: dict[str, int] = {}
    attached: dict[str, str] = {}
    for record in records:
        kind, result, request = record["kind"], record.get("result"), record.get("request", {})
        if not kind.startswith("ec2.") or result is None:
            continue
        eni = request.get("NetworkInterfaceId", "")
        if kind == "ec2.create_network_interface":
            since_ns[result["NetworkInterface"]["NetworkInterfaceId"]] = record["t_ns"]
        elif kind == "ec2.attach_network_interface":
            attached[result["AttachmentId"]] = eni
            since_ns.pop(eni, None)
        elif kind == "ec2.detach_network_interface":
            detached = attached.pop(request["AttachmentId"], None)
            if detached is not None:
                since_ns[detached] = record["t_ns"]
        elif kind == "ec2.delete_network_interface":
            since_ns.pop(eni, None)
    end_ns = records[-1]["t_ns"] if records else 0
    for eni, began_ns in since_ns.items():
        if end_ns - began_ns > UNATTACHED_LIMIT_S * 10**9:
            yield f"{eni} is attached to nothing since {began_ns / 1e9:.6f} s"
