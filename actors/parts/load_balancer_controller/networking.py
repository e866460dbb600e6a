"""Lets load balancers in: rules of the security groups of pods' and nodes' network interfaces.

How this works (pkg/targetgroupbinding/networking_manager.go). Each binding says who may come to which ports of its
targets; the targets' interfaces say which security groups that concerns. Rules of ours carry a description; of those,
the ones that no binding wants any more are revoked, but only once every binding has been looked at since the
controller began.
"""

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Any

from actors.parts.load_balancer_controller.aws import Aws
from actors.parts.load_balancer_controller.endpoints import Target, instance_of, is_node
from actors.parts.load_balancer_controller.security_groups import SecurityGroups
from actors.parts.load_balancer_controller.vpc import Vpc
from actors.protocols.load_balancer_controller.permissions import Permission, flat
from actors.protocols.load_balancer_controller.subnets import tags_of

Object = dict[str, Any]

OURS = "elbv2.k8s.aws/targetGroupBinding=shared"


class NetworkingError(Exception):
    """It cannot be said which security groups must let the load balancer in."""


class Networking:
    """Raises `AwsError`, `NetworkingError`."""

    def __init__(self, aws: Aws, vpc: Vpc) -> None:
        self._aws, self._vpc = aws, vpc
        self._groups = SecurityGroups(aws, vpc.cluster)
        self._wanted: dict[str, dict[str, frozenset[Permission]]] = {}
        """By binding: rules by security group."""
        self._applied: dict[str, frozenset[Permission]] | None = None
        self._of_owner: dict[str, str] = {}
        """The security group of a pod or node, by its uid."""
        self._one_at_a_time = asyncio.Lock()

    async def reconcile(
        self,
        key: str,
        binding: Object,
        owners: dict[Target, Object],
        nodes: dict[str, Object],
        others: Iterable[str],
    ) -> None:
        """Have the binding's targets let in whom it says. `others` are all bindings that say anything about that."""
        rules = (binding["spec"].get("networking") or {}).get("ingress") or []
        if not rules:
            await self.release(key, others)
            return
        groups = await self._security_groups(list(owners.values()), nodes)
        wanted: dict[str, set[Permission]] = {}
        for owner in owners.values():
            group = wanted.setdefault(groups[owner["metadata"]["uid"]], set())
            group |= _permissions(rules, owner)
        self._wanted[key] = {id: frozenset(found) for id, found in wanted.items()}
        await self._apply(others)

    def knows(self, key: str) -> bool:
        """Whether the binding has been looked at since the controller began."""
        return key in self._wanted

    async def release(self, key: str, others: Iterable[str]) -> None:
        """The binding wants nothing any more."""
        if self._wanted.pop(key, None) or self._applied is None:
            await self._apply(each for each in others if each != key)

    async def _apply(self, bindings: Iterable[str]) -> None:
        async with self._one_at_a_time:
            is_complete = all(key in self._wanted for key in bindings)
            wanted: dict[str, set[Permission]] = {}
            for by_group in self._wanted.values():
                for id, permissions in by_group.items():
                    wanted.setdefault(id, set()).update(permissions)
            frozen = {id: frozenset(permissions) for id, permissions in sorted(wanted.items()) if permissions}
            if frozen == self._applied:
                return
            for group in await self._vpc.security_groups():
                has = {each for each in flat(group.get("IpPermissions") or ()) if each.description == OURS}
                wants = set(frozen.get(group["GroupId"], ()))
                await self._groups.set_ingress(group["GroupId"], has if is_complete else has & wants, wants)
            self._applied = frozen if is_complete else None

    # ---- whose security group ------------------------------------------------------------------------------

    async def _security_groups(self, owners: list[Object], nodes: dict[str, Object]) -> dict[str, str]:
        """By uid of the pods or nodes."""
        unknown = [each for each in owners if each["metadata"]["uid"] not in self._of_owner]
        if unknown:
            hosts = [each if is_node(each) else nodes.get(each["spec"]["nodeName"]) for each in unknown]
            instances = sorted({instance_of(host) for host in hosts if host is not None} - {""})
            interfaces = await self._interfaces(instances)
            for each in unknown:
                interface = _interface_of(each, interfaces)
                if interface is None:
                    name = f"{each['metadata'].get('namespace', '')}/{each['metadata']['name']}"
                    raise NetworkingError(f"cannot resolve pod ENI for pods: [{name}]")
                self._of_owner[each["metadata"]["uid"]] = await self._one_group(interface)
        return {each["metadata"]["uid"]: self._of_owner[each["metadata"]["uid"]] for each in owners}

    async def _interfaces(self, instances: list[str]) -> list[Object]:
        if not instances:
            return []
        filters = [{"Name": "attachment.instance-id", "Values": instances}]
        return await self._aws.all("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces", Filters=filters)

    async def _one_group(self, interface: Object) -> str:
        """The one group of the interface, or of several the one that is tagged as the cluster's."""
        ids = [each["GroupId"] for each in interface["Groups"]]
        if len(ids) == 1:
            return str(ids[0])
        tag = f"kubernetes.io/cluster/{self._vpc.cluster}"
        known = await self._vpc.security_groups()
        tagged = [each["GroupId"] for each in known if each["GroupId"] in ids and tag in tags_of(each)]
        if len(tagged) != 1:
            eni = interface["NetworkInterfaceId"]
            raise NetworkingError(
                f"expected exactly one securityGroup tagged with {tag} for eni {eni}, got: [{' '.join(tagged)}] "
                f"(clusterName: {self._vpc.cluster})"
            )
        return str(tagged[0])


def _interface_of(owner: Object, interfaces: list[Object]) -> Object | None:
    if is_node(owner):
        mine = [
            each
            for each in interfaces
            if (each.get("Attachment") or {}).get("InstanceId") == instance_of(owner)
        ]
        return min(mine, key=lambda each: int(each["Attachment"].get("DeviceIndex", 0)), default=None)
    address = owner["status"].get("podIP")
    for each in interfaces:
        if any(one["PrivateIpAddress"] == address for one in each.get("PrivateIpAddresses") or ()):
            return each
        for prefix in each.get("Ipv4Prefixes") or ():
            if ipaddress.ip_address(address) in ipaddress.ip_network(prefix["Ipv4Prefix"]):
                return each
    return None


def _permissions(rules: list[Object], owner: Object) -> set[Permission]:
    found = set()
    for rule in rules:
        for port in rule.get("ports") or [{}]:
            protocol = (port.get("protocol") or "TCP").lower()
            numbers = _numbers(port.get("port"), owner)
            for peer in rule.get("from") or ():
                source = {
                    "cidr": (peer.get("ipBlock") or {}).get("cidr", ""),
                    "group_id": (peer.get("securityGroup") or {}).get("groupID", ""),
                }
                found.add(Permission(protocol, *numbers, **source, description=OURS))
    return found


def _numbers(port: int | str | None, owner: Object) -> tuple[int, int]:
    """A name is that of a container's port, which may have another number in each pod."""
    if port is None:
        return 0, 65_535
    if isinstance(port, int):
        return port, port
    for container in owner["spec"].get("containers") or ():
        for each in container.get("ports") or ():
            if each.get("name") == port:
                return each["containerPort"], each["containerPort"]
    raise NetworkingError(f"unable to find port {port} on pod {owner['metadata']['name']}")
