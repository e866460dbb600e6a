"""ipamd's state file (`/var/run/aws-node/ipam.json`, format `vpc-cni-ipam/1`): which attachment has which address.

The fields are those of aws/amazon-vpc-cni-k8s pkg/ipamd/datastore (CheckpointData). `k8sPodUID`, `netns` and `leaving`
are ours: a namespace that is gone tells that a sandbox is; what EC2 has been asked to take away must not be given to a
pod by an ipamd that was started again meanwhile and still sees it. Cooling is not written there, so a restart
ends it early, as it does in ipamd.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from actors.protocols.ipam.datastore import Assigned, Holder, Key

FORMAT = "vpc-cni-ipam/1"


class StateFileError(ValueError):
    """The file does not hold what it should; says where."""


class Checkpoint(NamedTuple):
    """The whole file: attachments, and since when (nanoseconds since 1970) addresses, prefixes or ENIs are leaving."""

    allocations: list["Allocation"]
    leaving: dict[str, int]


class Allocation(NamedTuple):
    """An attachment with its address, and when (nanoseconds since 1970) it got it."""

    holder: Holder
    address: str
    since_ns: int


def encode(allocations: Iterable[Allocation], leaving: Mapping[str, int] | None = None) -> str:
    """The file's text."""
    plain = [_plain(each) for each in allocations]
    return json.dumps({"version": FORMAT, "allocations": plain, "leaving": dict(leaving or {})})


def decode(text: str) -> Checkpoint:
    """What `encode` was given. Raises `StateFileError`."""
    try:
        value = json.loads(text)
        version, allocations = value["version"], value["allocations"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateFileError(f"no checkpoint: {error!r}") from None
    if version != FORMAT:
        raise StateFileError(f"version {version!r} is not {FORMAT}")
    try:
        leaving = {str(what): int(since) for what, since in value.get("leaving", {}).items()}
        return Checkpoint([_allocation(each) for each in allocations], leaving)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateFileError(f"an allocation lacks {error}") from None


def allocation(holder: Holder, assigned: Assigned, since_ns: int) -> Allocation:
    return Allocation(holder, assigned.address, since_ns)


def _plain(each: Allocation) -> dict[str, Any]:
    namespace, _, name = each.holder.pod.partition("/")
    return {
        "networkName": each.holder.key.network,
        "containerID": each.holder.key.container_id,
        "ifName": each.holder.key.ifname,
        "ipv4": each.address,
        "allocationTimestamp": each.since_ns,
        "metadata": {
            "k8sPodNamespace": namespace,
            "k8sPodName": name,
            "k8sPodUID": each.holder.uid,
            "netns": each.holder.netns,
        },
    }


def _allocation(value: dict[str, Any]) -> Allocation:
    metadata = value["metadata"]
    key = Key(value["networkName"], value["containerID"], value["ifName"])
    pod = f"{metadata['k8sPodNamespace']}/{metadata['k8sPodName']}"
    holder = Holder(key, pod, metadata["k8sPodUID"], metadata["netns"])
    return Allocation(holder, value["ipv4"], value["allocationTimestamp"])
