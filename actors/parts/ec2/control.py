"""EC2's control plane for one VPC: management calls that take their time, and change what packets meet.

How this works. A request waits as long as EC2 would take, is then carried out in one piece (record, disk, fabric),
written into the journal, and answered. Killed before that, nothing has happened. A refusal is an answer too:
`{"error": {"code", "message"}}`. An attachment is told to the instance, if it runs; one that boots asks for itself.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

from actors.element import CallFailed, Context
from actors.parts.ec2.config import ControlPlane
from actors.parts.ec2.store import InterfaceStore
from actors.protocols.ec2.errors import Ec2Error
from actors.protocols.ec2.filters import matches
from actors.protocols.ec2.network_interfaces import NetworkInterfaces, Wanted
from actors.protocols.ec2.records import NetworkInterface
from actors.units import SECOND
from actors.wire.addresses import ip_text

Answer = dict[str, Any]
TELL_LIMIT_S = 5.0
"""How long an instance may take to notice that something was plugged in."""


class Ec2Control:
    """EC2's verbs. `changed(interface)` and `gone(eni)` let packets know."""

    def __init__(
        self,
        context: Context,
        delays: ControlPlane,
        interfaces: NetworkInterfaces,
        store: InterfaceStore,
        cidr: str,
        changed: Callable[[NetworkInterface], None],
        unplugged: Callable[[str], None],
    ) -> None:
        self._context, self._delays = context, delays
        self._interfaces, self._store, self._cidr = interfaces, store, cidr
        self._changed, self._unplugged = changed, unplugged

    # ---- interfaces ----------------------------------------------------------------------------------------

    async def call_create_network_interface(
        self,
        subnet_id: str,
        groups: list[str],
        description: str = "",
        private_ip_addresses: list[str] | None = None,
        secondary_private_ip_address_count: int = 0,
        ipv4_prefix_count: int = 0,
        tags: dict[str, str] | None = None,
    ) -> Answer:
        """CreateNetworkInterface."""

        def carry_out() -> Answer:
            wanted = Wanted(private_ip_addresses or (), secondary_private_ip_address_count, ipv4_prefix_count)
            eni = self._new_id("eni")
            created = self._interfaces.create(eni, subnet_id, groups, wanted, description, tags)
            self._store.put(created)
            return {"NetworkInterface": self._described(created)}

        return await self._request(
            "ec2.create_network_interface",
            carry_out,
            subnet_id=subnet_id,
            secondary_private_ip_address_count=secondary_private_ip_address_count,
            ipv4_prefix_count=ipv4_prefix_count,
        )

    async def call_attach_network_interface(
        self, network_interface_id: str, instance_id: str, device_index: int
    ) -> Answer:
        """AttachNetworkInterface."""

        def carry_out() -> Answer:
            now_ns, attachment_id = self._context.unix_ns(), self._new_id("eni-attach")
            attached = self._interfaces.attach(
                network_interface_id, instance_id, device_index, attachment_id, now_ns
            )
            self._store.put(attached)
            self._changed(attached)
            return {"AttachmentId": attachment_id, "NetworkCardIndex": 0}

        answer = await self._request(
            "ec2.attach_network_interface",
            carry_out,
            network_interface_id=network_interface_id,
            instance_id=instance_id,
            device_index=device_index,
        )
        if "error" not in answer:
            plugged = self._interfaces.by_id.get(network_interface_id)
            if plugged is not None and plugged.attachment is not None:
                port = self._interfaces.instance(instance_id).port
                await self._tell(port, "attach_interface", **self._on_instance(plugged))
        return answer

    async def call_detach_network_interface(self, attachment_id: str, force: bool = False) -> Answer:
        """DetachNetworkInterface; `force` (an instance that does not let go) makes no difference: ours do."""
        told: list[tuple[str, str]] = []

        def carry_out() -> Answer:
            attached = self._interfaces.attached(attachment_id)
            detached = self._interfaces.detach(attachment_id)
            assert attached.attachment is not None
            told.append((attached.attachment.port, detached.id))
            self._store.put(detached)
            self._unplugged(detached.id)
            return {"Return": True}

        answer = await self._request(
            "ec2.detach_network_interface", carry_out, attachment_id=attachment_id, force=force
        )
        for port, eni in told:
            await self._tell(port, "detach_interface", id=eni)
        return answer

    async def call_delete_network_interface(self, network_interface_id: str) -> Answer:
        """DeleteNetworkInterface."""

        def carry_out() -> Answer:
            self._store.delete(self._interfaces.delete(network_interface_id).id)
            return {"Return": True}

        return await self._request(
            "ec2.delete_network_interface", carry_out, network_interface_id=network_interface_id
        )

    async def call_modify_network_interface_attribute(
        self,
        network_interface_id: str,
        groups: list[str] | None = None,
        delete_on_termination: bool | None = None,
        source_dest_check: bool | None = None,
    ) -> Answer:
        """ModifyNetworkInterfaceAttribute. DeleteOnTermination is kept and shown; instances here never terminate."""

        def carry_out() -> Answer:
            self._keep(
                self._interfaces.modify(
                    network_interface_id, groups, delete_on_termination, source_dest_check
                )
            )
            return {"Return": True}

        return await self._request(
            "ec2.modify_network_interface_attribute",
            carry_out,
            network_interface_id=network_interface_id,
            groups=groups,
            delete_on_termination=delete_on_termination,
        )

    # ---- addresses -----------------------------------------------------------------------------------------

    async def call_assign_private_ip_addresses(
        self,
        network_interface_id: str,
        private_ip_addresses: list[str] | None = None,
        secondary_private_ip_address_count: int = 0,
        ipv4_prefix_count: int = 0,
    ) -> Answer:
        """AssignPrivateIpAddresses: secondary addresses by name or by number, or /28 prefixes."""

        def carry_out() -> Answer:
            wanted = Wanted(private_ip_addresses or (), secondary_private_ip_address_count, ipv4_prefix_count)
            interface, addresses, prefixes = self._interfaces.assign(network_interface_id, wanted)
            self._keep(interface)
            return {
                "NetworkInterfaceId": interface.id,
                "AssignedPrivateIpAddresses": [{"PrivateIpAddress": address} for address in addresses],
                "AssignedIpv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in prefixes],
            }

        return await self._request(
            "ec2.assign_private_ip_addresses",
            carry_out,
            network_interface_id=network_interface_id,
            private_ip_addresses=private_ip_addresses,
            secondary_private_ip_address_count=secondary_private_ip_address_count,
            ipv4_prefix_count=ipv4_prefix_count,
        )

    async def call_unassign_private_ip_addresses(
        self,
        network_interface_id: str,
        private_ip_addresses: list[str] | None = None,
        ipv4_prefixes: list[str] | None = None,
    ) -> Answer:
        """UnassignPrivateIpAddresses."""

        def carry_out() -> Answer:
            self._keep(
                self._interfaces.unassign(
                    network_interface_id, private_ip_addresses or (), ipv4_prefixes or ()
                )
            )
            return {"Return": True}

        return await self._request(
            "ec2.unassign_private_ip_addresses",
            carry_out,
            network_interface_id=network_interface_id,
            private_ip_addresses=private_ip_addresses,
            ipv4_prefixes=ipv4_prefixes,
        )

    # ---- looking -------------------------------------------------------------------------------------------

    async def call_describe_network_interfaces(
        self, network_interface_ids: list[str] | None = None, filters: dict[str, list[str]] | None = None
    ) -> Answer:
        """DescribeNetworkInterfaces; `filters` by the API's names (`status`, `attachment.instance-id`, `tag:...`)."""
        await self._take("describe")
        try:
            chosen = [self._interfaces.known(eni) for eni in network_interface_ids or self._interfaces.by_id]
            described = [self._described(interface) for interface in chosen]
            return {"NetworkInterfaces": [each for each in described if matches(each, filters or {})]}
        except Ec2Error as error:
            return error.described()

    async def call_describe_subnets(self, subnet_ids: list[str] | None = None) -> Answer:
        """DescribeSubnets."""
        await self._take("describe")
        subnets = self._interfaces.subnets
        for name in subnet_ids or ():
            if name not in subnets:
                return Ec2Error(
                    "InvalidSubnetID.NotFound", f"The subnet ID '{name}' does not exist"
                ).described()
        return {
            "Subnets": [
                {
                    "SubnetId": name,
                    "CidrBlock": str(subnets[name].prefix),
                    "AvailabilityZone": subnets[name].availability_zone,
                    "AvailableIpAddressCount": self._interfaces.free_addresses(name),
                }
                for name in subnet_ids or subnets
            ]
        }

    async def call_describe_instance(self, instance_id: str | None = None, port: str | None = None) -> Answer:
        """What the instance with this id, or at this port, finds in its own metadata (IMDS), at once.

        Fails for an instance that there is not."""
        try:
            ids = [each.id for each in self._interfaces.instances.values() if each.port == port]
            instance = self._interfaces.instance(instance_id or (ids[0] if ids else f"at {port}"))
        except Ec2Error as error:
            raise CallFailed(str(error)) from None
        mine = self._interfaces.of_instance(instance.id)
        return {
            "instance_id": instance.id,
            "instance_type": instance.type,
            "availability_zone": instance.availability_zone,
            "vpc_ipv4_cidr_blocks": [self._cidr],
            "network_interfaces": [self._on_instance(each) for each in mine],
            "metadata": [self._metadata(each) for each in mine],
        }

    # ---- help ----------------------------------------------------------------------------------------------

    async def _take(self, verb: str) -> None:
        await self._context.sleep(getattr(self._delays, verb) / SECOND)

    async def _request(self, kind: str, carry_out: Callable[[], Answer], **request: Any) -> Answer:
        began_ns = self._context.now_ns()
        await self._take(kind.removeprefix("ec2."))
        try:
            answer = carry_out()
        except Ec2Error as error:
            answer = error.described()
        asked = {name: value for name, value in request.items() if value not in (None, 0, False)}
        result = {"error": answer["error"]} if "error" in answer else {"result": answer}
        duration_ms = (self._context.now_ns() - began_ns) / 1e6
        self._context.event(kind, request=asked, **result, duration_ms=duration_ms)
        return answer

    def _keep(self, interface: NetworkInterface) -> None:
        self._store.put(interface)
        if interface.attachment is not None:
            self._changed(interface)

    async def _tell(self, port: str, verb: str, **arguments: Any) -> None:
        """An instance that is down will ask what it has when it boots."""
        try:
            async with asyncio.timeout(TELL_LIMIT_S):
                await self._context.call(port, verb, **arguments)
        except (CallFailed, TimeoutError) as error:
            self._context.event("ec2.instance_away", instance=port, verb=verb, error=str(error))

    def _described(self, interface: NetworkInterface) -> Answer:
        return interface.described(self._interfaces.subnets[interface.subnet].availability_zone)

    def _on_instance(self, interface: NetworkInterface) -> Answer:
        """What its kernel must know of an interface."""
        assert interface.attachment is not None
        prefix = self._interfaces.subnets[interface.subnet].prefix
        return {
            "id": interface.id,
            "device": interface.attachment.device_index,
            "address": f"{interface.addresses[0]}/{prefix.length}",
            "gateway": ip_text((prefix.network + 1).to_bytes(4)),
        }

    def _metadata(self, interface: NetworkInterface) -> Answer:
        """What IMDS has under `network/interfaces/macs/`."""
        assert interface.attachment is not None
        return {
            "id": interface.id,
            "device": interface.attachment.device_index,
            "attachment_id": interface.attachment.id,
            "subnet_id": interface.subnet,
            "subnet_cidr": str(self._interfaces.subnets[interface.subnet].prefix),
            "private_ips": list(interface.addresses),
            "ipv4_prefixes": list(interface.prefixes),
            "security_groups": list(interface.groups),
            "mac": interface.mac,
        }

    def _new_id(self, kind: str) -> str:
        """An id that nothing has; after a restart with the same dice it is another one, for time has passed."""
        dice = f"{kind}/{self._context.unix_ns()}/{self._context.random.getrandbits(64)}"
        return f"{kind}-{hashlib.sha256(dice.encode()).hexdigest()[:17]}"
