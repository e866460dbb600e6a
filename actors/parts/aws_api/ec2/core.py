"""What EC2's operations share: the state, where it is kept, and who is told of what has changed.

How this works. An operation changes the state, then says `keep` of what it has changed: that goes to disk and, as far
as packets meet it, into the topic of the VPC or of the public addresses. When all is carried out, the request is
answered as soon as the VPC's element has taken the change in (`Ec2Core.settle`), so that what EC2 has said holds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from actors.element import CallFailed
from actors.parts.aws_api.plane import Plane
from actors.parts.vpc_layout import begin, lay_out
from actors.parts.vpc_world import Config as VpcConfig
from actors.protocols.ec2.addresses import PublicAddress
from actors.protocols.ec2.fabric_items import (
    REVISION,
    group_item,
    group_key,
    interface_item,
    interface_key,
    items_of,
)
from actors.protocols.ec2.ids import resource_id
from actors.protocols.ec2.records import NetworkInterface
from actors.protocols.ec2.security_groups import SecurityGroup
from actors.protocols.ec2.state import Ec2State, Vpc
from actors.wire.addresses import Prefix

PUBLIC_ADDRESSES = "public-addresses"
"""The topic of public addresses and the private ones that they stand for."""
TELL_LIMIT_S = 5.0
"""How long an element may take to notice what has changed before a request is answered without it."""

Later = Callable[[], Awaitable[None]]


class Ec2Core:
    """The state of EC2, on disk and in topics."""

    def __init__(self, plane: Plane) -> None:
        self.plane, self.context = plane, plane.context
        self.state = Ec2State(plane.region, plane.account)
        table = plane.store.table
        self.vpcs = table("ec2/vpcs")
        self.pools = table("ec2/public-address-pools")
        self.tokens = table("ec2/client-tokens")
        self._interfaces = table("ec2/network-interfaces")
        self._groups = table("ec2/security-groups")
        self._addresses = table("ec2/addresses")
        self._tags = table("ec2/tags")
        self._touched: dict[str, None] = {}
        self._later: list[Later] = []
        self._revision = 0
        self.context.metrics.on_collect(self._tell_subnets)

    def _tell_subnets(self) -> None:
        interfaces, gauge = self.state.interfaces, self.context.metrics.gauge
        for subnet in interfaces.subnets:
            free = gauge("journey_cni_subnet_free_addresses", subnet=subnet)
            free.value = interfaces.free_addresses(subnet)

    # ---- beginnings ----------------------------------------------------------------------------------------

    def load(self) -> None:
        """What the disk has."""
        for element, kept in self.vpcs.items():
            lay_out(self.state, element, VpcConfig.model_validate(kept["config"]))
        for value in self._groups.values():
            self.state.groups.put(SecurityGroup.from_json(value))
        for value in self._interfaces.values():
            self.state.interfaces.put(NetworkInterface.from_json(value))
        for value in self._addresses.values():
            self.state.addresses.put(PublicAddress.from_json(value))
        for edge in self.pools.values():
            self.state.addresses.pools += map(Prefix.parse, edge["announces"])
        self.state.tags.of.update(self._tags.items())
        for vpc in self.state.vpcs.values():
            self._publish(vpc)
        self._publish_addresses()

    def adopt(self, element: str, config: dict[str, Any]) -> None:
        """A VPC hands over what it begins with; only the first time, or if it begins with something else now."""
        kept = self.vpcs.get(element)
        if kept is not None and kept["config"] == config:
            return
        parsed = VpcConfig.model_validate(config)
        if kept is not None:
            self._forget(resource_id("vpc", element))
        self.vpcs.put(element, {"config": config})
        vpc = lay_out(self.state, element, parsed)
        begin(self.state, vpc, parsed, self.context.unix_ns())
        for group in self.state.groups.by_id.values():
            if group.vpc == vpc.id:
                self._groups.put(group.id, group.to_json())
        for interface in self.state.interfaces.by_id.values():
            if self.state.vpc_of(interface.id) is vpc:
                self._interfaces.put(interface.id, interface.to_json())
        for resource, tags in self.state.tags.of.items():
            self._tags.put(resource, tags)
        self._publish(vpc)

    def adopt_edge(self, edge: str, announces: list[str], elastic_ips: dict[str, str]) -> None:
        """AWS's edge hands over its pool and the Elastic IPs that there are in the beginning."""
        given = {"announces": announces, "elastic_ips": elastic_ips}
        before = self.pools.get(edge)
        if before == given:
            return
        addresses = self.state.addresses
        for public in (before or {}).get("elastic_ips", ()):
            known = next((each for each in addresses.by_id.values() if each.public_ip == public), None)
            if known is not None and public not in elastic_ips:
                self.drop_address(addresses.release(addresses.disassociate(known)))
        self.pools.put(edge, given)
        addresses.pools = [Prefix.parse(text) for each in self.pools.values() for text in each["announces"]]
        for public, private in elastic_ips.items():
            self.keep_address(
                addresses.put(PublicAddress(resource_id("eipalloc", public), public, None, private))
            )

    def _forget(self, vpc: str) -> None:
        """A VPC begins anew, with another config: nothing of it stays."""
        state = self.state
        for interface in [
            each for each in state.interfaces.by_id.values() if state.vpc_of(each.id).id == vpc
        ]:
            state.interfaces.remove(interface.id)
            self._interfaces.delete(interface.id)
        for group in [each for each in state.groups.by_id.values() if each.vpc == vpc]:
            del state.groups.by_id[group.id]
            self._groups.delete(group.id)
        state.interfaces.remove_places(vpc)
        for table in [each for each in state.route_tables.values() if each.vpc == vpc]:
            del state.route_tables[table.id]
        del state.vpcs[vpc]
        for resource in [each for each in state.tags.of if not state.exists(each)]:
            self.keep_tags(resource, {})

    def _publish(self, vpc: Vpc) -> None:
        self._revision = max(self._revision + 1, self.context.unix_ns())
        items = items_of(self.state, vpc.id)
        self.plane.topics.topic(f"vpc/{vpc.element}").replace({**items, REVISION: self._revision})

    def _publish_addresses(self) -> None:
        topic = self.plane.topics.topic(PUBLIC_ADDRESSES)
        topic.replace(
            {
                each.public_ip: each.private_ip
                for each in self.state.addresses.by_id.values()
                if each.private_ip
            }
        )

    # ---- what has changed ----------------------------------------------------------------------------------

    def keep_interface(self, interface: NetworkInterface) -> None:
        """This interface is new, or is not as it was."""
        before = self._interfaces.get(interface.id)
        self._interfaces.put(interface.id, interface.to_json())
        if before is not None:
            self._free(set(before["addresses"]) - set(interface.addresses))
        vpc = self.state.vpc_of(interface.id)
        item = interface_item(self.state, interface)
        if item is None:
            self._change(vpc).delete(interface_key(interface.id))
        else:
            self._change(vpc).put(interface_key(interface.id), item)

    def drop_interface(self, interface: NetworkInterface) -> None:
        """This interface has been deleted."""
        self._interfaces.delete(interface.id)
        self.keep_tags(interface.id, {})
        self._free(set(interface.addresses))

    def _free(self, private: set[str]) -> None:
        """Nobody has these private addresses any longer: what stands for them stands for nothing."""
        for address in list(self.state.addresses.by_id.values()):
            if address.private_ip in private:
                self.keep_address(self.state.addresses.disassociate(address))

    def keep_group(self, group: SecurityGroup) -> None:
        self._groups.put(group.id, group.to_json())
        self._change(self.state.vpcs[group.vpc]).put(group_key(group.id), group_item(self.state, group))

    def drop_group(self, group: SecurityGroup) -> None:
        self._groups.delete(group.id)
        self.keep_tags(group.id, {})
        for rule in group.rules:
            self.keep_tags(rule.id, {})
        self._change(self.state.vpcs[group.vpc]).delete(group_key(group.id))

    def keep_address(self, address: PublicAddress) -> None:
        self._addresses.put(address.id, address.to_json())
        self._publish_addresses()

    def drop_address(self, address: PublicAddress) -> None:
        self._addresses.delete(address.id)
        self.keep_tags(address.id, {})
        self._publish_addresses()

    def keep_tags(self, resource: str, tags: dict[str, str]) -> None:
        """A resource has these tags now."""
        if tags:
            self.state.tags.of[resource] = tags
            self._tags.put(resource, tags)
        else:
            self.state.tags.of.pop(resource, None)
            self._tags.delete(resource)

    def _change(self, vpc: Vpc) -> Any:
        self._touched[vpc.element] = None
        return self.plane.topics.topic(f"vpc/{vpc.element}")

    # ---- before a request is answered ----------------------------------------------------------------------

    def later(self, work: Later) -> None:
        """Do this when the VPC has taken in what this request has changed, before the request is answered."""
        self._later.append(work)

    def settled(self) -> Coroutine[Any, Any, None] | None:
        """When all that has been changed since the last call is in effect; None when nothing was."""
        touched, later = list(self._touched), self._later
        self._touched, self._later = {}, []
        if not touched and not later:
            return None
        revisions = []
        for element in touched:
            self._revision = max(self._revision + 1, self.context.unix_ns())
            self.plane.topics.topic(f"vpc/{element}").put(REVISION, self._revision)
            revisions.append((element, self._revision))
        return self._settle(revisions, later)

    async def _settle(self, revisions: list[tuple[str, int]], later: list[Later]) -> None:
        for element, revision in revisions:
            await self.tell(element, "caught_up", revision=revision)
        for work in later:
            await work()

    async def tell(self, element: str, verb: str, **arguments: Any) -> str:
        """Have an element notice something; returns why it has not ("" if it has). It will ask when it is back."""
        try:
            async with asyncio.timeout(TELL_LIMIT_S):
                await self.context.call(element, verb, **arguments)
        except (CallFailed, TimeoutError) as error:
            return str(error) or f"no answer within {TELL_LIMIT_S:g} s"
        return ""

    def new_id(self, kind: str) -> str:
        """An id that nothing has; after a restart with the same dice it is another one, for time has passed."""
        return resource_id(kind, str(self.context.unix_ns()), str(self.context.random.getrandbits(64)))
