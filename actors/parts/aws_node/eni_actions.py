"""What ipamd asks EC2 for on its node's behalf: addresses, prefixes, and network interfaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from actors.element import CallFailed, Context
from actors.parts.aws.client import REQUEST_ERROR, AwsClient
from actors.protocols.aws.errors import AwsError
from actors.units import MILLISECOND, SECOND

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
    """EC2's API and IMDS for one instance. What EC2 refuses is an `AwsError`."""

    def __init__(self, context: Context, vpc: str, aws_api: str, node: str) -> None:
        self._context, self._vpc, self._node = context, vpc, node
        self._aws = AwsClient(context, aws_api, context.name)

    @contextmanager
    def _timed(self, api: str) -> Iterator[None]:
        """Measure a call of AWS as ipamd does: its `status` is 200, or else the error's code."""
        began_ns = self._context.now_ns()

        def took(error: str, status: str) -> None:
            labels = {"api": api, "error": error, "status": status}
            latency = self._context.metrics.histogram("awscni_aws_api_latency_ms", buckets=(), **labels)
            latency.observe((self._context.now_ns() - began_ns) / MILLISECOND)

        try:
            yield
        except AwsError as error:
            took("true", error.code)
            self._context.metrics.counter("awscni_aws_api_error_count", api=api, error=error.code).value += 1
            raise
        took("false", "200")

    async def _request(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Ask EC2, and count it."""
        counter = self._context.metrics.counter
        counter("awscni_ec2api_req_count", fn=name).value += 1
        try:
            with self._timed(name):
                return await self._aws.request("ec2", name, **parameters)
        except AwsError:
            counter("awscni_ec2api_error_count", fn=name).value += 1
            raise

    async def instance(self) -> Instance:
        """What IMDS says now. Raises `AwsError`."""
        with self._timed("GetMetadata"):
            try:
                told = await self._context.call(self._vpc, "describe_instance", port=self._node)
            except CallFailed as error:
                raise AwsError(REQUEST_ERROR, str(error)) from None
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
        count = "Ipv4PrefixCount" if prefixes else "SecondaryPrivateIpAddressCount"
        answer = await self._request("AssignPrivateIpAddresses", NetworkInterfaceId=eni, **{count: number})
        if prefixes:
            return tuple(each["Ipv4Prefix"] for each in answer["AssignedIpv4Prefixes"])
        return tuple(each["PrivateIpAddress"] for each in answer["AssignedPrivateIpAddresses"])

    async def unassign(self, eni: str, addresses: tuple[str, ...], *, prefixes: bool) -> None:
        """UnassignPrivateIpAddresses."""
        which = "Ipv4Prefixes" if prefixes else "PrivateIpAddresses"
        await self._request("UnassignPrivateIpAddresses", NetworkInterfaceId=eni, **{which: list(addresses)})

    async def add_eni(self, instance: Instance, device: int, number: int, *, prefixes: bool) -> AttachedEni:
        """Create, attach, have it deleted with the instance; returns when IMDS shows it. What fails leaves nothing."""
        primary = next(eni for eni in instance.enis if eni.device == 0)
        count = "Ipv4PrefixCount" if prefixes else "SecondaryPrivateIpAddressCount"
        created = await self._request(
            "CreateNetworkInterface",
            SubnetId=primary.subnet,
            Groups=list(primary.groups),
            Description=f"aws-K8S-{instance.id}",
            TagSpecifications=[{"ResourceType": "network-interface", "Tags": self._tags(instance)}],
            **{count: number},
        )
        eni = created["NetworkInterface"]["NetworkInterfaceId"]
        try:
            attached = await self._request(
                "AttachNetworkInterface", NetworkInterfaceId=eni, InstanceId=instance.id, DeviceIndex=device
            )
        except AwsError:
            await self._request("DeleteNetworkInterface", NetworkInterfaceId=eni)
            raise
        await self._request(
            "ModifyNetworkInterfaceAttribute",
            NetworkInterfaceId=eni,
            Attachment={"AttachmentId": attached["AttachmentId"], "DeleteOnTermination": True},
        )
        return await self._wait_for(eni)

    def _tags(self, instance: Instance) -> list[dict[str, str]]:
        created_s = self._context.unix_ns() // SECOND
        return [{"Key": INSTANCE, "Value": instance.id}, {"Key": CREATED_AT, "Value": str(created_s)}]

    async def _wait_for(self, eni: str) -> AttachedEni:
        wait_s = FIRST_POLL_S
        for _ in range(POLLS):
            for each in (await self.instance()).enis:
                if each.id == eni:
                    return each
            await self._context.sleep(wait_s)
            wait_s = min(2 * wait_s, LAST_POLL_S)
        raise AwsError(REQUEST_ERROR, f"{eni} does not appear in the instance's metadata")

    async def free_eni(self, eni: AttachedEni) -> None:
        """Detach and delete."""
        await self._request("DetachNetworkInterface", AttachmentId=eni.attachment_id)
        await self._request("DeleteNetworkInterface", NetworkInterfaceId=eni.id)

    async def leaked(self, instance_id: str, older_than_s: int) -> list[str]:
        """ENIs that were made for this instance and are attached to none, although they had the time for it."""
        filters = [
            {"Name": "status", "Values": ["available"]},
            {"Name": f"tag:{INSTANCE}", "Values": [instance_id]},
            {"Name": "description", "Values": ["aws-K8S-*"]},
        ]
        answer = await self._request("DescribeNetworkInterfaces", Filters=filters)
        now_s = self._context.unix_ns() // SECOND
        return [
            each["NetworkInterfaceId"]
            for each in answer["NetworkInterfaces"]
            if now_s - _created_s(each["TagSet"]) >= older_than_s
        ]

    async def delete(self, eni: str) -> None:
        await self._request("DeleteNetworkInterface", NetworkInterfaceId=eni)


def _created_s(tags: list[dict[str, str]]) -> int:
    return next((int(tag["Value"]) for tag in tags if tag["Key"] == CREATED_AT), 0)
