"""What ipamd asks EC2 for on its node's behalf: addresses, prefixes, and network interfaces."""

from typing import Any, NamedTuple

from actors.element import CallFailed, Context
from actors.parts.ec2.client import Ec2Client
from actors.protocols.ec2.errors import Ec2Error
from actors.units import SECOND

CREATED_AT = "node.k8s.amazonaws.com/createdAt"
INSTANCE = "node.k8s.amazonaws.com/instance_id"
FIRST_POLL_S, LAST_POLL_S, POLLS = 0.1, 60.0, 12


class AttachedEni(NamedTuple):
    """An ENI as the instance's metadata have it."""

    id: str
    device: int
    attachment_id: str
    subnet: str
    groups: tuple[str, ...]
    primary_address: str
    addresses: tuple[str, ...]
    prefixes: tuple[str, ...]


class Instance(NamedTuple):
    """The instance as its metadata describe it."""

    id: str
    type: str
    vpc_cidrs: tuple[str, ...]
    enis: tuple[AttachedEni, ...]


class EniActions:
    """EC2's API and IMDS for one instance. What EC2 refuses is an `Ec2Error`."""

    def __init__(self, context: Context, vpc: str, node: str) -> None:
        self._context, self._vpc, self._node = context, vpc, node
        self._ec2 = Ec2Client(context, vpc)

    async def _request(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask EC2, and count it."""
        name = "".join(word.capitalize() for word in verb.split("_"))
        counter = self._context.metrics.counter
        counter("awscni_ec2api_req_count", fn=name).value += 1
        try:
            return await self._ec2.request(verb, **arguments)
        except Ec2Error as error:
            counter("awscni_ec2api_error_count", fn=name).value += 1
            counter("awscni_aws_api_error_count", api=name, error=error.code).value += 1
            raise

    async def instance(self) -> Instance:
        """What IMDS says now. Raises `Ec2Error`."""
        try:
            told = await self._context.call(self._vpc, "describe_instance", port=self._node)
        except CallFailed as error:
            raise Ec2Error("RequestError", str(error)) from None
        enis = tuple(
            AttachedEni(
                each["id"],
                each["device"],
                each["attachment_id"],
                each["subnet_id"],
                tuple(each["security_groups"]),
                each["private_ips"][0],
                tuple(each["private_ips"][1:]),
                tuple(each["ipv4_prefixes"]),
            )
            for each in told["metadata"]
        )
        return Instance(told["instance_id"], told["instance_type"], tuple(told["vpc_ipv4_cidr_blocks"]), enis)

    async def assign(self, eni: str, number: int, *, prefixes: bool) -> tuple[str, ...]:
        """AssignPrivateIpAddresses: the new addresses, or prefixes."""
        count = "ipv4_prefix_count" if prefixes else "secondary_private_ip_address_count"
        answer = await self._request(
            "assign_private_ip_addresses", network_interface_id=eni, **{count: number}
        )
        if prefixes:
            return tuple(each["Ipv4Prefix"] for each in answer["AssignedIpv4Prefixes"])
        return tuple(each["PrivateIpAddress"] for each in answer["AssignedPrivateIpAddresses"])

    async def unassign(self, eni: str, addresses: tuple[str, ...], *, prefixes: bool) -> None:
        """UnassignPrivateIpAddresses."""
        which = "ipv4_prefixes" if prefixes else "private_ip_addresses"
        await self._request(
            "unassign_private_ip_addresses", network_interface_id=eni, **{which: list(addresses)}
        )

    async def add_eni(self, instance: Instance, device: int, number: int, *, prefixes: bool) -> AttachedEni:
        """Create, attach, have it deleted with the instance; returns when IMDS shows it. What fails leaves nothing."""
        primary = next(eni for eni in instance.enis if eni.device == 0)
        count = "ipv4_prefix_count" if prefixes else "secondary_private_ip_address_count"
        created = await self._request(
            "create_network_interface",
            subnet_id=primary.subnet,
            groups=list(primary.groups),
            description=f"aws-K8S-{instance.id}",
            tags={INSTANCE: instance.id, CREATED_AT: str(self._context.unix_ns() // SECOND)},
            **{count: number},
        )
        eni = created["NetworkInterface"]["NetworkInterfaceId"]
        try:
            await self._request(
                "attach_network_interface",
                network_interface_id=eni,
                instance_id=instance.id,
                device_index=device,
            )
        except Ec2Error:
            await self._request("delete_network_interface", network_interface_id=eni)
            raise
        await self._request(
            "modify_network_interface_attribute", network_interface_id=eni, delete_on_termination=True
        )
        return await self._wait_for(eni)

    async def _wait_for(self, eni: str) -> AttachedEni:
        wait_s = FIRST_POLL_S
        for _ in range(POLLS):
            for each in (await self.instance()).enis:
                if each.id == eni:
                    return each
            await self._context.sleep(wait_s)
            wait_s = min(2 * wait_s, LAST_POLL_S)
        raise Ec2Error("RequestError", f"{eni} does not appear in the instance's metadata")

    async def free_eni(self, eni: AttachedEni) -> None:
        """Detach and delete."""
        await self._request("detach_network_interface", attachment_id=eni.attachment_id)
        await self._request("delete_network_interface", network_interface_id=eni.id)

    async def leaked(self, instance_id: str, older_than_s: int) -> list[str]:
        """ENIs that were made for this instance and are attached to none, although they had the time for it."""
        filters: dict[str, Any] = {
            "status": ["available"],
            f"tag:{INSTANCE}": [instance_id],
            "description": ["aws-K8S-*"],
        }
        answer = await self._request("describe_network_interfaces", filters=filters)
        now_s = self._context.unix_ns() // SECOND
        return [
            each["NetworkInterfaceId"]
            for each in answer["NetworkInterfaces"]
            if now_s - _created_s(each["TagSet"]) >= older_than_s
        ]

    async def delete(self, eni: str) -> None:
        await self._request("delete_network_interface", network_interface_id=eni)


def _created_s(tags: list[dict[str, str]]) -> int:
    return next((int(tag["Value"]) for tag in tags if tag["Key"] == CREATED_AT), 0)
