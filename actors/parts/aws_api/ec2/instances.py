"""EC2's operations that describe instances."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from actors.element import CallFailed
from actors.parts.aws_api.ec2.core import Ec2Core
from actors.parts.aws_api.ec2.inventory import reservation_id
from actors.parts.aws_api.ec2.operation import PAGED, Operation, Output, Parameters, looking, wanted
from actors.protocols.ec2.filters import filtered
from actors.protocols.ec2.inventory import RUNNING, instance_document
from actors.protocols.ec2.pages import page

FILTERS = {
    "architecture": "Architecture",
    "availability-zone": "Placement.AvailabilityZone",
    "instance-id": "InstanceId",
    "instance-state-code": "State.Code",
    "instance-state-name": "State.Name",
    "instance-type": "InstanceType",
    "instance.group-id": "SecurityGroups.GroupId",
    "instance.group-name": "SecurityGroups.GroupName",
    "ip-address": "PublicIpAddress",
    "network-interface.network-interface-id": "NetworkInterfaces.NetworkInterfaceId",
    "network-interface.addresses.private-ip-address": "NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress",
    "network-interface.subnet-id": "NetworkInterfaces.SubnetId",
    "private-dns-name": "PrivateDnsName",
    "private-ip-address": "PrivateIpAddress",
    "reservation-id": "ReservationId",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}

STATUS_FILTERS = {
    "availability-zone": "AvailabilityZone",
    "instance-state-code": "InstanceState.Code",
    "instance-state-name": "InstanceState.Name",
    "instance-status.reachability": "InstanceStatus.Details.Status",
    "instance-status.status": "InstanceStatus.Status",
    "system-status.reachability": "SystemStatus.Details.Status",
    "system-status.status": "SystemStatus.Status",
}
REACHABILITY_LIMIT_S = 1.0

Document = dict[str, Any]


class InstanceOperations:
    """Instances are what the VPC was handed over with: they are always running."""

    def __init__(self, core: Ec2Core) -> None:
        self._core, self._state = core, core.state

    def operations(self) -> Mapping[str, Operation]:
        return {
            "DescribeInstances": looking(self._describe, "InstanceIds", *PAGED),
            "DescribeInstanceStatus": looking(self._status, "InstanceIds", "IncludeAllInstances", *PAGED),
        }

    def _documents(self, parameters: Parameters) -> list[Document]:
        interfaces = self._state.interfaces
        chosen = wanted(interfaces.instances, parameters.get("InstanceIds"), interfaces.instance)
        found = []
        for each in chosen:
            primary = interfaces.of_instance(each)[0].attachment
            launched_ns = primary.attached_ns if primary else 0
            document = instance_document(self._state, interfaces.instances[each], launched_ns)
            found.append({"ReservationId": reservation_id(each), **document})
        return found

    def _describe(self, parameters: Parameters) -> Output:
        found = filtered(self._documents(parameters), parameters.get("Filters") or (), FILTERS)
        shown, more = page(found, "InstanceId", parameters, "InstanceIds")
        return {"Reservations": [self._reservation(each) for each in shown], **more}

    def _reservation(self, instance: Document) -> Document:
        reservation = instance.pop("ReservationId")
        return {
            "ReservationId": reservation,
            "OwnerId": self._state.account,
            "Groups": [],
            "Instances": [instance],
        }

    def _status(self, parameters: Parameters) -> Coroutine[Any, Any, Output]:
        """What is asked of the instances themselves takes its time."""
        return self._statuses(parameters)

    async def _statuses(self, parameters: Parameters) -> Output:
        instances = self._state.interfaces.instances
        found = []
        for document in self._documents(parameters):
            reached = await self._reaches(instances[document["InstanceId"]].port)
            found.append(_status_document(document, reached))
        shown, more = page(
            filtered(found, parameters.get("Filters") or (), STATUS_FILTERS),
            "InstanceId",
            parameters,
            "InstanceIds",
        )
        return {"InstanceStatuses": shown, **more}

    async def _reaches(self, port: str) -> bool:
        """Whether the instance's software answers."""
        try:
            async with asyncio.timeout(REACHABILITY_LIMIT_S):
                await self._core.context.call(port, "node_status")
        except (CallFailed, TimeoutError):
            return False
        return True


def _status_document(instance: Document, reached: bool) -> Document:
    ok = {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}
    bad = {"Status": "impaired", "Details": [{"Name": "reachability", "Status": "failed"}]}
    return {
        "InstanceId": instance["InstanceId"],
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"],
        "InstanceState": RUNNING,
        "InstanceStatus": ok if reached else bad,
        "SystemStatus": ok,
    }
