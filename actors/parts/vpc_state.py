"""What EC2 tells a VPC: taken into its fabric, and told to instances as their metadata.

How this works. EC2's items (`protocols/ec2/fabric_items.py`) come over the topic that the VPC follows, or once from
its own config where there is no AWS API. All that has changed is carried out in one piece: groups that are new,
interfaces that go, interfaces that come, groups that are gone; so no packet meets half of it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from actors.element import CallFailed
from actors.protocols.ec2.fabric_items import REVISION
from actors.protocols.ec2.records import block
from actors.protocols.eni_map import Eni, Subnet
from actors.protocols.security_groups import ALL_PORTS, ANY_ICMP, Group, Rule
from actors.protocols.vpc_fabric import VpcFabric
from actors.wire.addresses import Prefix, ip_bytes, ip_text, mac_text
from actors.wire.malformed import Malformed

Item = dict[str, Any]
KNOWN_LIMIT_S = 5.0
"""How long somebody who asks too early is kept waiting."""


class VpcState:
    """The items that a VPC has of EC2; `changed` is told when packets may meet something else than before."""

    def __init__(self, fabric: VpcFabric, cidr: str, changed: Callable[[], None]) -> None:
        self._fabric, self._cidr, self._changed = fabric, cidr, changed
        self._items: dict[str, Any] = {}
        self._group_names: dict[str, str] = {}
        self._waiting: list[tuple[int, asyncio.Event]] = []

    # ---- packets -------------------------------------------------------------------------------------------

    def apply(self, items: dict[str, Any], keys: Iterable[str]) -> None:
        """These are all items now, and these keys' are not as they were."""
        interfaces, groups = self._fabric.interfaces, self._fabric.security_groups.groups
        changed = sorted(keys)
        self._items = items
        mine = [key.partition("/")[2] for key in changed if key.startswith("interface/")]
        for key in changed:
            kind, _, group_id = key.partition("/")
            if kind == "security-group" and key in items:
                self._group_names[group_id] = name = items[key]["name"]
                groups[name] = group_of(items[key])
        for eni in mine:
            if eni in interfaces.by_id:
                interfaces.detach(eni)
        for eni in mine:
            if (item := items.get(f"interface/{eni}")) is not None:
                interfaces.attach(eni_of(eni, item))
        for key in changed:
            if key.startswith("security-group/") and key not in items:
                name = self._group_names.pop(key.partition("/")[2], "")
                if name not in self._group_names.values():
                    groups.pop(name, None)
        if any(key != REVISION for key in changed):
            self._changed()
        self._release()

    # ---- those who wait ------------------------------------------------------------------------------------

    @property
    def _revision(self) -> int:
        return int(self._items.get(REVISION, 0))

    async def caught_up(self, revision: int) -> None:
        """Returns when EC2's state is at least as new as this."""
        if self._revision < revision:
            event = asyncio.Event()
            self._waiting.append((revision, event))
            await event.wait()

    def _release(self) -> None:
        for waiter in [each for each in self._waiting if each[0] <= self._revision]:
            waiter[1].set()
            self._waiting.remove(waiter)

    # ---- metadata ------------------------------------------------------------------------------------------

    async def describe_instance(self, instance_id: str | None, port: str | None) -> Item:
        """What the instance with this id, or at this port, finds in its own metadata (IMDS).

        Raises `CallFailed` for an instance that there is not, and when EC2 has said nothing for some seconds."""
        try:
            async with asyncio.timeout(KNOWN_LIMIT_S):
                await self.caught_up(1)
        except TimeoutError:
            raise CallFailed("the instance metadata service knows of no instances yet") from None
        for key, item in self._items.items():
            kind, _, known = key.partition("/")
            if kind == "instance" and (
                known == instance_id or (instance_id is None and item["port"] == port)
            ):
                return self._described(known, item)
        raise CallFailed(
            f"InvalidInstanceID.NotFound: The instance ID '{instance_id or f'at {port}'}' does not exist"
        )

    def _described(self, instance_id: str, instance: Item) -> Item:
        mine = sorted(
            (
                (item["device_index"], key.partition("/")[2], item)
                for key, item in self._items.items()
                if key.startswith("interface/") and item["instance_id"] == instance_id
            ),
            key=lambda each: each[0],
        )
        return {
            "instance_id": instance_id,
            "instance_type": instance["type"],
            "availability_zone": instance["availability_zone"],
            "vpc_ipv4_cidr_blocks": [self._cidr],
            "network_interfaces": [self._on_instance(eni, item) for _, eni, item in mine],
            "metadata": [self._metadata(eni, item) for _, eni, item in mine],
        }

    def _subnet(self, item: Item) -> Subnet:
        return self._fabric.interfaces.subnets[item["subnet"]]

    def _on_instance(self, eni: str, item: Item) -> Item:
        """What its kernel must know of an interface."""
        subnet = self._subnet(item)
        return {
            "id": eni,
            "device": item["device_index"],
            "address": f"{item['addresses'][0]}/{subnet.prefix.length}",
            "gateway": ip_text(subnet.gateway),
        }

    def _metadata(self, eni: str, item: Item) -> Item:
        """What IMDS has under `network/interfaces/macs/`."""
        return {
            "id": eni,
            "device": item["device_index"],
            "attachment_id": item["attachment_id"],
            "subnet_id": item["subnet_id"],
            "subnet_cidr": str(self._subnet(item).prefix),
            "private_ips": list(item["addresses"]),
            "ipv4_prefixes": list(item["prefixes"]),
            "security_groups": list(item["group_ids"]),
            "mac": mac_text(self._fabric.interfaces.by_id[eni].mac),
        }


def eni_of(eni: str, item: Item) -> Eni:
    """An interface as packets see it."""
    held = [*map(ip_bytes, item["addresses"]), *(each for text in item["prefixes"] for each in block(text))]
    return Eni(
        eni, item["port"], item["subnet"], tuple(held), tuple(item["groups"]), item["source_dest_check"]
    )


def group_of(item: Item) -> Group:
    """A security group as packets meet it."""
    return Group(tuple(map(_rule, item["ingress"])), tuple(map(_rule, item["egress"])))


def _rule(rule: Item) -> Rule:
    protocol, first, last = rule["protocol"], rule["from"], rule["to"]
    if protocol in ("tcp", "udp"):
        return Rule(protocol, range(first, last + 1), _peer(rule["peer"]))
    return Rule(protocol, ALL_PORTS, _peer(rule["peer"]), (first, last) if protocol == "icmp" else ANY_ICMP)


def _peer(text: str) -> Prefix | str:
    try:
        return Prefix.parse(text)
    except Malformed:
        return text
