"""EC2: what the customer, the CNI and Elastic Load Balancing ask for, carried out and told to VPCs and to the edge.

How this works. VPC elements and AWS's edge hand over what they begin with (`call_adopt_vpc`, `call_adopt_edge`), once;
from then on EC2 owns it, and they follow the topics `vpc/<element>` and `public-addresses`. A request that changes
something is carried out in one piece, kept, written into the journal (`ec2.<operation>`, with what came of it), and
answered when the VPC has taken it in. What is refused changes nothing.
"""

from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any

from actors.parts.aws_api.ec2.addresses import AddressOperations
from actors.parts.aws_api.ec2.core import Ec2Core
from actors.parts.aws_api.ec2.instances import InstanceOperations
from actors.parts.aws_api.ec2.inventory import InventoryOperations
from actors.parts.aws_api.ec2.load_balancers import LoadBalancerInterfaces
from actors.parts.aws_api.ec2.network_interfaces import NetworkInterfaceOperations
from actors.parts.aws_api.ec2.operation import Operation, Output, Parameters, check
from actors.parts.aws_api.ec2.security_groups import SecurityGroupOperations
from actors.parts.aws_api.plane import Handler, Plane

KINDS = {
    "CreateNetworkInterface": "ec2.create_network_interface",
    "AttachNetworkInterface": "ec2.attach_network_interface",
    "DetachNetworkInterface": "ec2.detach_network_interface",
    "DeleteNetworkInterface": "ec2.delete_network_interface",
    "ModifyNetworkInterfaceAttribute": "ec2.modify_network_interface_attribute",
    "AssignPrivateIpAddresses": "ec2.assign_private_ip_addresses",
    "UnassignPrivateIpAddresses": "ec2.unassign_private_ip_addresses",
    "CreateSecurityGroup": "ec2.create_security_group",
    "DeleteSecurityGroup": "ec2.delete_security_group",
    "AuthorizeSecurityGroupIngress": "ec2.authorize_security_group_ingress",
    "AuthorizeSecurityGroupEgress": "ec2.authorize_security_group_egress",
    "RevokeSecurityGroupIngress": "ec2.revoke_security_group_ingress",
    "RevokeSecurityGroupEgress": "ec2.revoke_security_group_egress",
    "UpdateSecurityGroupRuleDescriptionsIngress": "ec2.update_security_group_rule_descriptions_ingress",
    "UpdateSecurityGroupRuleDescriptionsEgress": "ec2.update_security_group_rule_descriptions_egress",
    "AllocateAddress": "ec2.allocate_address",
    "AssociateAddress": "ec2.associate_address",
    "DisassociateAddress": "ec2.disassociate_address",
    "ReleaseAddress": "ec2.release_address",
    "CreateTags": "ec2.create_tags",
    "DeleteTags": "ec2.delete_tags",
}
"""What operations that have changed something are called in the journal."""


class Ec2:
    """The service `ec2`. `load_balancers` is how Elastic Load Balancing uses it."""

    name = "ec2"

    def __init__(self, plane: Plane) -> None:
        self.core = Ec2Core(plane)
        self.load_balancers = LoadBalancerInterfaces(self.core)
        self._operations: dict[str, Operation] = {}
        for each in (
            NetworkInterfaceOperations,
            SecurityGroupOperations,
            AddressOperations,
            InstanceOperations,
            InventoryOperations,
        ):
            self._operations |= each(self.core).operations()
        self.operations: Mapping[str, Handler] = {
            name: partial(self._carry_out, name, operation) for name, operation in self._operations.items()
        }

    def start(self) -> None:
        self.core.load()

    def _carry_out(
        self, name: str, operation: Operation, parameters: Parameters
    ) -> Output | Coroutine[Any, Any, Output]:
        check(name, operation, parameters)
        output = operation.carry_out(parameters)
        if not operation.changes or isinstance(output, Coroutine):
            return output
        request = {key: value for key, value in parameters.items() if key not in ("DryRun", "ClientToken")}
        self.core.context.event(KINDS[name], request=request, result=output)
        settled = self.core.settled()
        return output if settled is None else _when(settled, output)

    # ---- what VPCs and the edge ask ------------------------------------------------------------------------

    async def call_adopt_vpc(self, vpc: str, config: dict[str, Any]) -> None:
        """A VPC's element hands over its config, as JSON has it; again after each start, which changes nothing."""
        with self.core.plane.store.transaction():
            self.core.adopt(vpc, config)

    async def call_adopt_edge(self, edge: str, announces: list[str], elastic_ips: dict[str, str]) -> None:
        """AWS's edge hands over the public prefixes that it announces, and what stands for what in the beginning."""
        with self.core.plane.store.transaction():
            self.core.adopt_edge(edge, announces, elastic_ips)


async def _when(settled: Coroutine[Any, Any, None], output: Output) -> Output:
    await settled
    return output
